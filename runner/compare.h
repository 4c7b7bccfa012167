/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_COMPARE_H
#define RUNNER_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

struct regex_list;
struct run_results;

/*
 * compare_print:
 *
 * Prints what turned from one run to the next, by dynamic subtest and clause, and nothing
 * else: for the worse, for the better, otherwise. Left out are results that flakes names,
 * and what one of the runs was not asked for: a subtest, or the dynamic ones of a subtest
 * that did not run. Returns whether anything turned for the worse: a pass was lost, or
 * something broke.
 */
bool compare_print(FILE *f, const struct run_results *old, const struct run_results *new,
		   const struct regex_list *flakes);

#endif /* RUNNER_COMPARE_H */
