/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_FINDINGS_H
#define RUNNER_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "util.h"

struct result;
struct run_results;

/* What has one cause, as far as tests tell. */
struct finding {
	char *clause;			/* or what happened, if no clause was named */
	struct words names;		/* whom it is about: dynamic subtests */
	struct words clauses;		/* that are broken by it */
	size_t *counts;			/* how many results for each of these */
	size_t count;			/* how many results in all */
	const struct result *lead;	/* the one whose evidence says most */
};

struct findings {
	struct finding *list;
	size_t count;
};

/*
 * findings_of:
 *
 * Makes findings of the results that are wanted: one for each dynamic subtest and
 * clause. A clause that follows from another one, by what the test said ("Follows: A
 * from B"), goes with that where it is broken too. Dynamic subtests of which the same
 * is said share one. Those that explain most come first.
 */
void findings_of(struct findings *findings, const struct run_results *run,
		 bool (*wanted)(const struct run_results *run, size_t i));

/* Each with its evidence, how much follows and the command that shows it again. */
void findings_print(FILE *f, const struct findings *findings);

/* The command's words that run a result alone. */
char *result_command(const struct result *r);

#endif /* RUNNER_FINDINGS_H */
