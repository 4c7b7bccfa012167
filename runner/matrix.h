/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_MATRIX_H
#define RUNNER_MATRIX_H

struct run_results;

/*
 * matrix_print:
 *
 * What a person wants to see at the end, in 100 columns: each failure with what
 * broke, the evidence and the command that runs it alone; a matrix of dynamic
 * subtests down and clauses across; the sums.
 */
void matrix_print(const struct run_results *run);

#endif /* RUNNER_MATRIX_H */
