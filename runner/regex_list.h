/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_REGEX_LIST_H
#define RUNNER_REGEX_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Regular expressions of Perl's kind, as igt_runner takes them (by glib, which has them
 * of the same library) and its block lists have them: "(?!...)" works.
 */
struct regex_list {
	struct regex {
		void *code;
		char *text;
	} *regexes;
	size_t count;
};

enum regex_kind {
	REGEX_CASELESS = 1,
	REGEX_WHOLE = 2,	/* it matches all of a text, or nothing */
};

/* What is wrong with the pattern, which is not added then; NULL if nothing. */
char *regex_list_add(struct regex_list *list, const char *pattern, int kind);

bool regex_match(const struct regex *regex, const char *s);

/* Whether a text that begins with s may match, by what there is of it. */
bool regex_may_match(const struct regex *regex, const char *s);

/* The first that matches; NULL if none does. */
const struct regex *regex_list_match(const struct regex_list *list, const char *s);

/* Whether there is one whose match goes further than so many bytes of the text. */
bool regex_list_reaches(const struct regex_list *list, const char *s, size_t offset);

void regex_list_free(struct regex_list *list);

#endif /* RUNNER_REGEX_LIST_H */
