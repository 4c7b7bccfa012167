/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_REPORT_H
#define RUNNER_REPORT_H

struct job_list;
struct settings;

/*
 * report:
 *
 * Reads a results directory, prints what was found and the matrix, and writes
 * report.txt, with all of it, junit.xml and results.json. Returns the exit status: 0, 1 or 2,
 * by what is expected of the kernel (expectations_read()), if that is not NULL.
 */
int report(const char *path, int dirfd, const char *expectations);

/* Prints the results as KTAP, and writes nothing; else as report(). */
int report_ktap(const char *path, int dirfd, const char *expectations);

/* Writes one page, html, of as many results directories; the worst of their statuses. */
int report_html(char **paths, int count, const char *html, const char *expectations);

/*
 * report_compare:
 *
 * Prints what turned from one results directory to the other; of the expectations those
 * of the new one's kernel count, and only their flakes, which are left out. Returns 0 if
 * nothing turned for the worse, else 1.
 */
int report_compare(const char *old, const char *new, const char *expectations);

/*
 * report_several:
 *
 * Prints what was found in each of several results directories, by its name, and what
 * differs between them; writes nothing. The worst of their statuses.
 */
int report_several(char **paths, int count, const char *expectations);

/* Runs what has not been run yet and reports on it, unless told not to. */
int run_and_report(const struct settings *settings, struct job_list *list,
		   int dirfd);

#endif /* RUNNER_REPORT_H */
