/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_DIFFERENCES_H
#define RUNNER_DIFFERENCES_H

#include <stddef.h>
#include <stdio.h>

struct run_results;

/*
 * differences_print:
 *
 * Where runs differ, by dynamic subtest and clause, a column a run: what one breaks and
 * another does not. Of what only differs in how much was judged there is the number. Who is
 * not in all of the runs is named before.
 */
void differences_print(FILE *f, const struct run_results *runs, char *const *names, size_t count);

#endif /* RUNNER_DIFFERENCES_H */
