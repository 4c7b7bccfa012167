// SPDX-License-Identifier: MIT
/*
 * dmabuf_resume: continues a run that was cut off, behind the subtest in which
 * that happened; its verdict is "incomplete".
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "job_list.h"
#include "report.h"
#include "settings.h"
#include "util.h"

int main(int argc, char **argv)
{
	struct settings settings;
	struct job_list list;
	int dirfd;

	if (argc != 2 || argv[1][0] == '-') {
		printf("Usage: dmabuf_resume RESULTS\n"
		       "Continues a run of dmabuf_runner that was cut off, and reports the whole.\n"
		       "Exit status: as dmabuf_runner.\n");
		return argc == 2 && !strcmp(argv[1], "--help") ? 0 : 2;
	}
	dirfd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		die("%s: %s", argv[1], strerror(errno));
	lock_results(dirfd, argv[1]);
	if (!settings_read(&settings, dirfd) || !job_list_read(&list, dirfd))
		die("%s has no run to continue (metadata.txt, joblist.txt)", argv[1]);
	settings.results_path = argv[1];
	settings.resume = true;
	settings_expect(&settings);
	if (!faccessat(dirfd, "endtime.txt", F_OK, 0))
		die("%s: this run has come to its end", argv[1]);
	if (access(settings.test_root, F_OK))
		die("%s, where its tests were: %s", settings.test_root, strerror(errno));
	if (geteuid() && !settings.allow_non_root)
		die("tests run as root; this run was not started with --allow-non-root");
	return run_and_report(&settings, &list, dirfd);
}
