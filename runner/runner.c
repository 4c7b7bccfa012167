// SPDX-License-Identifier: MIT
/*
 * dmabuf_runner: runs the tests on machines that have no igt_runner.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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
	"joblist.txt", "hooks.txt", "uname.txt", "starttime.txt", "endtime.txt",
	"aborted.txt", "environment.txt", "machine.txt", "report.txt", "junit.xml", "results.json", NULL
};
static const char *const job_files[] = {
	"out.txt", "err.txt", "dmesg.txt", "journal.txt", "comms", NULL
};

enum level { RESULTS, JOB, ATTACHMENTS };

static bool is_file(const char *name, enum level level)
{
	const char *const *known = level == RESULTS ? files : job_files, *rest;

	/* What was not whole when the runner was killed is its own, too. */
	if (starts_with(name, "metadata.txt.new", NULL))
		return true;
	while (*known && !(starts_with(name, *known, &rest) && (!*rest || !strcmp(rest, ".new"))))
		known++;
	return level == ATTACHMENTS || *known;
}

static bool is_dir(const char *name, enum level level)
{
	return level == RESULTS ? !name[strspn(name, "0123456789")] :
	       level == JOB && !strcmp(name, "attachments");
}

/*
 * Goes over an earlier run below dirfd, and deletes it or only makes sure that
 * this can be done: that what has to go is a runner's, and may be deleted. Other
 * things beside the jobs stay. Returns how many jobs there were.
 */
static size_t clear(int dirfd, const char *path, enum level level, bool delete)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t jobs = 0;

	if (!dir || faccessat(dirfd, ".", W_OK, AT_EACCESS))
		die("%s, from an earlier run, cannot be deleted: %s", path, strerror(errno));
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		char *below = xasprintf("%s/%s", path, name);
		/* Where the file system says what it is, it need not be tried. */
		int sub = entry->d_type == DT_REG ? -1 :
			  openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		bool known = sub < 0 ? is_file(name, level) : is_dir(name, level);

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			known = false;
		else if (!known && (level != RESULTS || is_dir(name, level)))
			die("%s is in the way, and no runner made it; nothing was deleted",
			    below);
		if (known && sub >= 0) {
			clear(sub, below, level + 1, delete);
			jobs++;
		}
		if (known && delete && unlinkat(dirfd, name, sub < 0 ? 0 : AT_REMOVEDIR))
			die("%s, from an earlier run, cannot be deleted: %s", below,
			    strerror(errno));
		if (sub >= 0)
			close(sub);
		free(below);
	}
	closedir(dir);
	return jobs;
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
	lock_results(dirfd, path);
	if (!settings->overwrite && (!faccessat(dirfd, "metadata.txt", F_OK, 0) ||
				     clear(dirfd, path, RESULTS, false)))
		die("%s already has results; --overwrite deletes them", path);
	if (settings->overwrite) {
		clear(dirfd, path, RESULTS, false);
		clear(dirfd, path, RESULTS, true);
		/* Last, for without it one could not tell that there was a run. */
		unlinkat(dirfd, "metadata.txt", 0);
	}
	return dirfd;
}

int main(int argc, char **argv)
{
	struct settings settings;
	struct job_list list;
	int dirfd;

	settings_parse(&settings, argc, argv);
	settings_expect(&settings);
	job_list_create(&list, &settings);
	if (settings.list_all) {
		for (size_t i = 0; i < list.count; i++)
			printf("igt@%s%s%s\n", list.jobs[i].binary,
			       list.jobs[i].subtests ? "@" : "", list.jobs[i].subtests ?: "");
		return 0;
	}
	if (settings.multiple_mode)
		job_list_join(&list);
	if (geteuid() && !settings.allow_non_root)
		die("tests run as root; --allow-non-root runs what can be run without");

	dirfd = open_results(&settings);
	if (!settings_write(&settings, dirfd) || !job_list_write(&list, dirfd))
		die("%s: %s", settings.results_path, strerror(errno));
	if (settings.dry_run) {
		printf("%zu jobs; dmabuf_resume %s runs them\n", list.count,
		       settings.results_path);
		return 0;
	}
	return run_and_report(&settings, &list, dirfd);
}
