/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_EXECUTOR_H
#define RUNNER_EXECUTOR_H

#include <stdbool.h>

struct job_list;
struct settings;

/*
 * execute:
 *
 * Runs the jobs, to resume only those that have no directory in the results yet,
 * one after the other, and keeps what each says as it says it. Returns whether the run came to its
 * end; if not, dmabuf_resume continues it. A job whose process ended before it came to all
 * of its subtests becomes two, in joblist.txt as well.
 */
bool execute(const struct settings *settings, struct job_list *list, int dirfd);

#endif /* RUNNER_EXECUTOR_H */
