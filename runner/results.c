// SPDX-License-Identifier: MIT
/*
 * dmabuf_results: the reports on any results directory, ours or
 * igt_runner's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "report.h"
#include "util.h"

int main(int argc, char **argv)
{
	int dirfd;

	if (argc != 2 || argv[1][0] == '-') {
		printf("Usage: dmabuf_results RESULTS\n"
		       "Prints what was found and the matrix of a results directory of igt_runner or\n"
		       "dmabuf_runner, and writes report.txt and junit.xml in it. Exit status: 0\n"
		       "everything ran and nothing failed; 1 something failed; 2 it did not run, or\n"
		       "not to the end.\n");
		return argc == 2 && !strcmp(argv[1], "--help") ? 0 : 2;
	}
	dirfd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		die("%s: %s", argv[1], strerror(errno));
	return report(argv[1], dirfd);
}
