// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "executor.h"
#include "junit.h"
#include "matrix.h"
#include "report.h"
#include "resultgen.h"
#include "util.h"

int report(const char *path, int dirfd)
{
	struct run_results run;

	if (!results_read(&run, dirfd))
		die("%s has no results of igt_runner or dmabuf_runner (metadata.txt, joblist.txt)",
		    path);
	matrix_print(&run);
	if (!junit_write(&run, dirfd))
		die("%s/junit.xml cannot be written: %s", path, strerror(errno));
	return results_status(&run);
}

int run_and_report(const struct settings *settings, const struct job_list *list,
		   int dirfd)
{
	bool complete = execute(settings, list, dirfd);

	if (settings->no_report)
		return complete ? 0 : 2;
	return report(settings->results_path, dirfd);
}
