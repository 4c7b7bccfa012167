// SPDX-License-Identifier: MIT
/*
 * dmabuf_runner: runs the tests on machines that have no igt_runner.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor.h"
#include "job_list.h"
#include "report.h"
#include "settings.h"
#include "util.h"

/* What a runner writes, and so what --overwrite may delete. */
static const char *const files[] = {
	"metadata.txt", "joblist.txt", "uname.txt", "starttime.txt", "endtime.txt",
	"aborted.txt", "junit.xml", "results.json",
};
static const char *const job_files[] = {
	"out.txt", "err.txt", "dmesg.txt", "journal.txt", "comms", "attachments",
};

static void delete_earlier_run(int dirfd)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(dirfd, files[i], 0);
	for (size_t i = 0; ; i++) {
		char dir[32];
		int fd;

		snprintf(dir, sizeof(dir), "%zu", i);
		fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return;
		for (size_t j = 0; j < sizeof(job_files) / sizeof(job_files[0]); j++)
			if (unlinkat(fd, job_files[j], 0) && errno == EISDIR)
				unlinkat(fd, job_files[j], AT_REMOVEDIR);
		close(fd);
		if (unlinkat(dirfd, dir, AT_REMOVEDIR))
			die("%s, from an earlier run, cannot be deleted: %s", dir,
			    strerror(errno));
	}
}

static int open_results(const struct settings *settings)
{
	const char *path = settings->results_path;
	int dirfd;

	if (mkdir(path, 0777) && errno != EEXIST)
		die("%s: %s", path, strerror(errno));
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		die("%s: %s", path, strerror(errno));
	if (settings->overwrite)
		delete_earlier_run(dirfd);
	else if (!faccessat(dirfd, "metadata.txt", F_OK, 0))
		die("%s already has results; --overwrite deletes them", path);
	return dirfd;
}

int main(int argc, char **argv)
{
	struct settings settings;
	struct job_list list;
	int dirfd;

	settings_parse(&settings, argc, argv);
	job_list_create(&list, &settings);
	if (settings.list_all) {
		for (size_t i = 0; i < list.count; i++)
			printf("igt@%s%s%s\n", list.jobs[i].binary,
			       list.jobs[i].subtests ? "@" : "", list.jobs[i].subtests ?: "");
		return 0;
	}
	if (geteuid() && !settings.allow_non_root)
		die("tests run as root; --allow-non-root runs what can be run without");

	dirfd = open_results(&settings);
	if (!settings_write(&settings, dirfd) || !job_list_write(&list, dirfd))
		die("%s: %s", settings.results_path, strerror(errno));
	if (settings.dry_run) {
		printf("%zu subtests; dmabuf_resume %s runs them\n", list.count,
		       settings.results_path);
		return 0;
	}
	return run_and_report(&settings, &list, dirfd);
}
