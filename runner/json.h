/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_JSON_H
#define RUNNER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct run_results;

/*
 * json_write:
 *
 * Writes results.json, piglit's format, with the fields that igt_results has there. False
 * and errno if that fails.
 */
bool json_write(const struct run_results *run, int dirfd);

/*
 * A string of JSON, which may be in a page of HTML: there is no "<" in it. What is no UTF-8
 * comes as the character that stands for such.
 */
void json_put_string(FILE *f, const char *s, size_t len);

#endif /* RUNNER_JSON_H */
