/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_JOB_LIST_H
#define RUNNER_JOB_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct settings;

/* One process: a binary and what it is asked to run. */
struct job {
	char *binary;
	char *subtests;		/* between commas, as igt_runner -m has them; one may be
				 * SUBTEST@DYNAMIC if it is alone; or NULL */
};

struct job_list {
	struct job *jobs;
	size_t count;
};

/*
 * job_list_create:
 *
 * From TEST_ROOT/test-list.txt and what each binary lists, through the filters.
 * Says what is wrong and exits 2, also if nothing is left to run.
 */
void job_list_create(struct job_list *list, const struct settings *settings);

/* Puts subtests of a binary that follow each other into one job. */
void job_list_join(struct job_list *list);

/*
 * job_list_split:
 *
 * Leaves to the job with this index what its process began, by its journal, and makes the
 * rest of its subtests a job behind it: a process that died has not run them. A process that
 * began nothing has to do with its first one.
 */
void job_list_split(struct job_list *list, size_t index, const char *journal);

/* joblist.txt in a results directory; false and errno if that fails. */
bool job_list_write(const struct job_list *list, int dirfd);
bool job_list_read(struct job_list *list, int dirfd);

#endif /* RUNNER_JOB_LIST_H */
