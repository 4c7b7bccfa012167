/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_JUNIT_H
#define RUNNER_JUNIT_H

#include <stdbool.h>

struct run_results;

/*
 * junit_write:
 *
 * Writes junit.xml in the results directory, by the rules of junit.xsd: a suite a
 * binary, a testcase a dynamic subtest (or a subtest that has none). False and
 * errno if that fails.
 */
bool junit_write(const struct run_results *run, int dirfd);

#endif /* RUNNER_JUNIT_H */
