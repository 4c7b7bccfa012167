/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_RESULTGEN_H
#define RUNNER_RESULTGEN_H

#include <stdbool.h>
#include <stddef.h>

#include "expect.h"
#include "settings.h"

/* igt_results' verdicts, by its rules. */
enum verdict {
	PASS, SKIP, FAIL, WARN, DMESG_WARN, DMESG_FAIL, CRASH, TIMEOUT, INCOMPLETE, ABORT,
	NOTRUN, NUM_VERDICTS
};

extern const char *const verdict_names[NUM_VERDICTS];

/* Whether it is a verdict that someone must look into. */
bool verdict_is_bad(enum verdict verdict);

struct job;

struct result {
	size_t job;		/* its line of joblist.txt, counted from 0 */
	char *binary, *subtest;	/* subtest: NULL for a binary without any */
	char *dynamic;		/* NULL for the subtest itself */
	enum verdict verdict;
	double time;		/* in seconds */
	char *out, *err;	/* its part of what was printed */
	char *dmesg;		/* what the kernel said that made the verdict worse, or "" */

	char *clauses;		/* by the test's line "Clause:", or "" */
	char *broken;		/* the one that a failure names, or "" */
	char *cause;		/* the one that the evidence names behind that, or the same */
	char *message;		/* in one line: what broke, or why it was skipped */
	char *evidence;		/* the lines behind it, or "" */

	unsigned int tries;	/* how often it was run again, for a flake */
	bool passed_again;	/* one of these times */
	enum expected expected;
	const char *fault;	/* the known one, if it is of one */
	bool pruned;		/* by --prune-mode: not to be reported */
};

/* A whole results directory, in the order of its joblist.txt. */
struct run_results {
	struct settings settings;
	struct result *results;
	size_t count;
	size_t kept;		/* bytes of what was printed that are in memory */
	const struct job_list *jobs;	/* while it is read; NULL: all that there is is one job */
	char *uname;		/* uname.txt, or "" */
	char *release, *arch;	/* of the kernel, by uname.txt; "unknown" without it */
	char *machine;		/* machine.txt, or NULL */
	double start, end;	/* seconds since the epoch; end is 0 if there is none */
	const char *expectations;	/* what the files of these begin with, or NULL */
	char *aborted;		/* what aborted.txt says, or NULL */
};

/*
 * results_read:
 *
 * Reads what a runner, igt_runner or ours, left in a directory, however it ended.
 * False if it is no results directory.
 */
bool results_read(struct run_results *run, int dirfd);

/*
 * results_prune:
 *
 * Takes away what is marked as pruned. results.json has to be written before, for what is
 * left out of it shows where the output of others ends.
 */
void results_prune(struct run_results *run);

/*
 * results_status:
 *
 * The exit status that the results ask for: 0, 1 or 2, with what is missing on
 * stderr in the last case. What is a known fault does not count; what is expected to
 * fail and passed does.
 */
int results_status(const struct run_results *run);

/*
 * job_results_read:
 *
 * Adds the results of one job, from the files in its directory whose names begin with
 * prefix.
 */
void job_results_read(struct run_results *run, const struct job *job, int dir,
		      const char *prefix);

/* The kernel messages that a test expects, by what it wrote to the kernel's log. */
void find_ignored(struct regex_list *ignored, const char *dmesg);

/* By which a person knows it: the dynamic subtest's name, or the subtest's. */
const char *result_name(const struct result *r);

/* Whether a subtest's dynamic parts, which follow it, tell the whole story. */
bool result_is_told_by_parts(const struct run_results *run, size_t i);

#endif /* RUNNER_RESULTGEN_H */
