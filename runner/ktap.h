/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_KTAP_H
#define RUNNER_KTAP_H

#include <stdio.h>

struct run_results;

/*
 * ktap_print:
 *
 * As KTAP, version 1 (the kernel's Documentation/dev-tools/ktap.rst): tests, in them
 * subtests, in them dynamic subtests. In front of what failed are its message, evidence
 * and command, as diagnostic lines.
 */
void ktap_print(FILE *f, const struct run_results *run);

#endif /* RUNNER_KTAP_H */
