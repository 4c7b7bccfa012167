/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_SETTINGS_H
#define RUNNER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "expect.h"
#include "regex_list.h"

enum log_level { LOG_LEVEL_NORMAL, LOG_LEVEL_QUIET, LOG_LEVEL_VERBOSE };

/* What is left of the results, by igt_runner's numbers of it. */
enum prune_mode { KEEP_DYNAMIC, KEEP_SUBTESTS, KEEP_ALL, KEEP_REQUESTED };

#define ABORT_TAINT (1 << 0)
#define ABORT_LOCKDEP (1 << 1)
#define ABORT_ALL (ABORT_TAINT | ABORT_LOCKDEP)

/* What igt_runner's options of the same names mean. Times are in seconds. */
struct settings {
	char *name;
	bool dry_run, allow_non_root, sync, overwrite, list_all, no_report;
	bool resume;		/* pass over the jobs that have results */
	bool multiple_mode;	/* subtests of a binary that follow each other share a process */
	enum prune_mode prune_mode;
	enum log_level log_level;
	unsigned int abort_mask;
	char *test_list;
	struct regex_list include, exclude;
	int shard, shards;	/* of the subtests, every shards'th from the shard'th on; 0: all */
	char *expectations;	/* see expectations_read(), or NULL */
	struct expectations known;	/* by that, of the kernel that runs */
	int inactivity_timeout, per_test_timeout, overall_timeout;
	int dmesg_warn_level;
	long long disk_usage_limit;	/* of a test's output and the kernel's, in bytes; 0: none */
	char *test_root, *results_path;
	char **env;		/* KEY=VALUE */
	size_t num_env;
	char **hooks;		/* for the --hook of each test */
	size_t num_hooks;
	int argc;
	char **argv;
};

/*
 * settings_parse:
 *
 * From the command line; --help and --version exit 0, an error says what is
 * wrong and exits 2.
 */
void settings_parse(struct settings *settings, int argc, char **argv);

/* Writes metadata.txt in igt_runner's form; false and errno if that fails. */
bool settings_write(const struct settings *settings, int dirfd);

/*
 * settings_read:
 *
 * From a results directory, ours or igt_runner's, as far as it is needed to read
 * or to continue it. False if there is no metadata.txt.
 */
bool settings_read(struct settings *settings, int dirfd);

/*
 * settings_exclude:
 *
 * Whether this subtest, or dynamic subtest, is not to be run. "igt@BINARY@SUBTEST" and,
 * behind another "@", the dynamic one or nothing.
 */
bool settings_exclude(const struct settings *settings, const char *name);

/* Whether there is anything that may exclude a dynamic subtest. */
bool settings_choose(const struct settings *settings);

/* Reads the expectations of the kernel that runs, if they were asked for. */
void settings_expect(struct settings *settings);

#endif /* RUNNER_SETTINGS_H */
