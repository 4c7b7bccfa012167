/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_UTIL_H
#define RUNNER_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

/* Prints to stderr and ends the program with status 2: it could not run. */
void die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2))) __attribute__((noreturn));

/* As their namesakes; out of memory, they end the program. */
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Appends one more zeroed element to an array of *n; returns its place. */
#define grow(array, n) \
	((array) = xrealloc((array), ((n) + 1) * sizeof(*(array))), \
	 memset(&(array)[n], 0, sizeof(*(array))), &(array)[(n)++])

/*
 * slurp:
 *
 * The contents of a file below dirfd as a string; NULL if it cannot be read. NUL
 * bytes, which a dying test may print, come as '?', so that nothing is cut off.
 */
char *slurp(int dirfd, const char *path);

/*
 * slurp_output:
 *
 * The same of what a test printed, which may be more than there is memory for. Of a file
 * above 4 MiB it is the first and the last MiB, and between them the lines by which a
 * test says where it is, and how much is left out. Dies where there is a file that cannot
 * be read: that it is empty would be a verdict.
 */
char *slurp_output(int dirfd, const char *path);

/* Writes a whole file below dirfd, or none; false and errno if that fails. */
bool spew(int dirfd, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Each once, in the order of their first appearance. */
struct words {
	char **words;
	size_t count;
};

/* The index of a word, which is added if it is new. */
size_t word(struct words *list, const char *s, size_t len);

/* The same, without adding it: list->count if it is not there. */
size_t find_word(const struct words *list, const char *s, size_t len);

void free_words(struct words *list);

/* All of them, with this between each two. */
char *join_words(const struct words *list, const char *between);

/* What a test printed must not drive the terminal: \xNN for each byte that may. */
void put_printable(FILE *f, const char *text);

/*
 * create_file:
 *
 * A file below dirfd that has its name only once it is whole: replace_file() closes it
 * and gives it that. NULL or false, and errno, if that fails.
 */
FILE *create_file(int dirfd, const char *name);
bool replace_file(FILE *f, int dirfd, const char *name);

/* Until the program ends; dies if another one has it. */
void lock_results(int dirfd, const char *path);

/* Whether the line at s begins with prefix; *rest is what follows it. */
bool starts_with(const char *s, const char *prefix, const char **rest);

/* The start of the next line, or the final NUL. */
const char *next_line(const char *s);

/*
 * printable_length:
 *
 * The length of the character at text; 0 if its first byte is to be written as
 * \xNN, for it begins no well-formed UTF-8, or is a control character.
 */
size_t printable_length(const char *text);

/* Seconds of CLOCK_MONOTONIC. */
double now(void);

#endif /* RUNNER_UTIL_H */
