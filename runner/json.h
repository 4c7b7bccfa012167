/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_JSON_H
#define RUNNER_JSON_H

#include <stdbool.h>

struct run_results;

/*
 * json_write:
 *
 * Writes results.json, piglit's format, with the fields that igt_results has there. False
 * and errno if that fails.
 */
bool json_write(const struct run_results *run, int dirfd);

#endif /* RUNNER_JSON_H */
