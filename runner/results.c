// SPDX-License-Identifier: MIT
/*
 * dmabuf_results: the reports on any results directory, ours or igt_runner's.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "util.h"

static const char help[] =
	"Usage: dmabuf_results [--expectations PATH] [--ktap] RESULTS\n"
	"       dmabuf_results [--expectations PATH] [--html FILE] RESULTS...\n"
	"       dmabuf_results [--expectations PATH] --compare OLD RESULTS\n"
	"Prints what was found and the matrix of a results directory of igt_runner or\n"
	"dmabuf_runner, and writes report.txt, junit.xml and results.json in it. Of several\n"
	"it prints what was found and where they differ, and writes nothing.\n"
	"\n"
	"  --expectations PATH  what is known of the kernel, by PATH-fails.txt and\n"
	"                       PATH-flakes.txt, or by what the directory PATH has for it\n"
	"  --html FILE          write one page of all these runs, and nothing else\n"
	"  --compare OLD        print what turned from the results OLD to these, by exporter\n"
	"                       and clause, and write nothing\n"
	"  --ktap               print KTAP instead, and write nothing\n"
	"\n"
	"Exit status: 0 everything ran and nothing failed that is not known; 1 something\n"
	"failed, or is known to fail and passed, or turned for the worse\n"
	"(--compare); 2 it did not run, or not to the end.\n";

int main(int argc, char **argv)
{
	enum { OPT_EXPECTATIONS = 0x100, OPT_KTAP, OPT_HTML, OPT_COMPARE };
	static const struct option options[] = {
		{ "compare", required_argument, NULL, OPT_COMPARE },
		{ "expectations", required_argument, NULL, OPT_EXPECTATIONS },
		{ "html", required_argument, NULL, OPT_HTML },
		{ "ktap", no_argument, NULL, OPT_KTAP },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *expectations = NULL, *html = NULL, *old = NULL, *path;
	bool ktap = false;
	int opt, dirfd;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case OPT_COMPARE:
			old = optarg;
			break;
		case OPT_EXPECTATIONS:
			expectations = optarg;
			break;
		case OPT_HTML:
			html = optarg;
			break;
		case OPT_KTAP:
			ktap = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			die("see --help");
		}
	}
	if (html && optind < argc)
		return report_html(argv + optind, argc - optind, html, expectations);
	if (optind + 1 < argc && !ktap)
		return report_several(argv + optind, argc - optind, expectations);
	if (optind + 1 != argc)
		die("RESULTS is needed; see --help");
	path = argv[optind];
	if (old)
		return report_compare(old, path, expectations);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		die("%s: %s", path, strerror(errno));
	return ktap ? report_ktap(path, dirfd, expectations) :
		      report(path, dirfd, expectations);
}
