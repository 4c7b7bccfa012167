/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_HTML_H
#define RUNNER_HTML_H

#include <stdbool.h>
#include <stddef.h>

struct run_results;

/*
 * html_write:
 *
 * Writes one page of one or many runs that needs nothing else: report.html with their
 * results as JSON in it. False and errno if that fails.
 */
bool html_write(const struct run_results *runs, size_t count, const char *path);

#endif /* RUNNER_HTML_H */
