/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_MATRIX_H
#define RUNNER_MATRIX_H

#include <stdio.h>

struct result;
struct run_results;

/* What a result says of a clause: a bit each, and all that are set for a clause together. */
enum {
	SKIPPED = 1, HELD = 2, WARNED = 4, BROKEN = 8,
};

/* These bits in a word: FAIL, warn, pass, part, skip or ".". */
const char *matrix_cell_name(unsigned int cell);

/* Goes over the clauses that a result judges; at is one of len bytes. */
#define for_each_clause(at, len, r) \
	for (const char *at = (r)->clauses; \
	     (at += strspn(at, " ")), *at; at += strcspn(at, " ")) \
		for (size_t len = strcspn(at, " "); len; len = 0)

unsigned int matrix_judge(const struct result *r, const char *clause);

/*
 * matrix_print:
 *
 * Dynamic subtests down and clauses across, in 100 columns. Where there are more than
 * most rows, those in which nothing failed are only counted.
 */
void matrix_print(FILE *f, const struct run_results *run, size_t most);

/* What no verdict covers, why, and of whom. Returns how many reasons there are. */
size_t unjudged_print(FILE *f, const struct run_results *run);

#endif /* RUNNER_MATRIX_H */
