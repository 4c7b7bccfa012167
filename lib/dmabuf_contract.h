/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_CONTRACT_H
#define DMABUF_CONTRACT_H

/*
 * The contract's clauses, and how a test says what became of them. The ids are
 * stable; docs/contract.md has the sources.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dmabuf_clause {
	const char *id;
	const char *rule;	/* in words a driver author can act on */
};

/*
 * dmabuf_clause:
 *
 * Looks a clause up by its id; an unknown id is a bug in the caller (aborts).
 */
const struct dmabuf_clause *dmabuf_clause(const char *id);

/*
 * dmabuf_judges:
 *
 * Says which clauses the current (dynamic) subtest judges, ids separated by
 * blanks; the matrix is made from this line. Empty ids are allowed.
 */
void dmabuf_judges(const char *ids, const char *more_ids);

/*
 * dmabuf_limited:
 *
 * `dmabuf_limited(seconds) { ... }` runs the block in a child process. Whatever
 * it provokes stays its own: mappings, pins and file descriptors end with it, a
 * SIGBUS is a verdict with an address, and a system call that never returns is
 * a failure that names the stage it was in. The child's verdict becomes that of
 * the current (dynamic) subtest. Do not use igt_require() or igt_skip() in it
 * (upstream forbids them in children); dmabuf_require() works everywhere.
 */
#define dmabuf_limited(seconds) \
	for (; __dmabuf_limited_enter(seconds); __dmabuf_limited_leave())

/*
 * The time that a pin attempt, an mmap or a pass over a small buffer gets, in
 * seconds: a thousand times what each needs on emulated hardware.
 */
#define DMABUF_LIMIT 10

bool __dmabuf_limited_enter(int seconds);
void __dmabuf_limited_leave(void) __attribute__((noreturn));

/*
 * dmabuf_stage:
 *
 * Names what is about to be tried, for the message if it never returns or
 * crashes.
 */
void dmabuf_stage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * dmabuf_load_faults, dmabuf_store_faults:
 *
 * Whether a load or a store of 32 bits ends in SIGSEGV or SIGBUS. Only in a
 * dmabuf_limited() block, where any other access that faults is a violation.
 */
bool dmabuf_load_faults(const void *addr);
bool dmabuf_store_faults(void *addr, uint32_t value);

/* Ends the current subtest as skipped: nothing can be said, and this is why. */
void dmabuf_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2))) __attribute__((noreturn));
#define dmabuf_require(expr, ...) \
	do { if (!(expr)) dmabuf_skip(__VA_ARGS__); } while (0)

/*
 * dmabuf_skips:
 *
 * Calls fn and returns whether it wanted to skip, with the reason in why, instead
 * of doing so: for a facility of which a test needs any, not this one.
 */
bool dmabuf_skips(void (*fn)(const void *arg), const void *arg, char *why, size_t len);

/* Ends the current subtest as failed: the clause, in words, and the evidence. */
void dmabuf_violation(const char *clause, const char *fmt, ...)
	__attribute__((format(printf, 2, 3))) __attribute__((noreturn));
#define dmabuf_must(clause, expr, ...) \
	do { if (!(expr)) dmabuf_violation(clause, __VA_ARGS__); } while (0)

/*
 * dmabuf_blame:
 *
 * From here on a violation of any clause is one of this clause, for it comes of how
 * the mapping was made, said in a few words, which is told with it. clause is NULL:
 * it stays what it is; how is NULL: nothing is told.
 */
void dmabuf_blame(const char *clause, const char *how);

/*
 * dmabuf_fork:
 *
 * As fork(), in a dmabuf_limited() block. The new process dies with this one, even if
 * that is gone before the new one first runs: what is left would hold the mapping,
 * and a runner's pipes. -1 and errno if there can be none.
 */
pid_t dmabuf_fork(void);

/*
 * dmabuf_inherit_verdict:
 *
 * For a process of a dmabuf_limited() block that forked and waited: ends it too
 * if its child came to a verdict.
 */
void dmabuf_inherit_verdict(void);

#endif /* DMABUF_CONTRACT_H */
