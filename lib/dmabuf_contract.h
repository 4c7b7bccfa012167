/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_CONTRACT_H
#define DMABUF_CONTRACT_H

/*
 * The contract's clauses, and how a test says what became of them. The ids are
 * stable; docs/contract.md has the sources.
 */

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dmabuf_clause {
	const char *id;
	const char *rule;	/* in words a driver author can act on */
	const char *follows;	/* if that one is broken, this one is for the same reason; or NULL */
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
 * Says which clauses the current (dynamic) subtest is to judge, ids separated by
 * blanks; the matrix is made from this line and from what was seen. Empty ids are
 * allowed.
 */
void dmabuf_judges(const char *ids, const char *more_ids);

/* The same ids, of the last call. */
const char *dmabuf_judged(void);

/* Whether a word is one of those that blanks separate. */
bool dmabuf_has_word(const char *words, const char *word);

/*
 * dmabuf_limited:
 *
 * `dmabuf_limited(seconds) { ... }` runs the block in a child process. Whatever
 * it provokes stays its own: mappings, pins and file descriptors end with it, a
 * SIGBUS is a verdict with an address, and a system call that does not return within
 * so many seconds is a failure that names the stage it was in. The child's verdict
 * becomes that of the current (dynamic) subtest: a violation before all else; a pass if
 * something was seen (dmabuf_saw()) and the rest skipped; a skip if nothing was. Do not use
 * igt_require(), igt_skip() or igt_assert() in it (upstream forbids the first two in
 * children); dmabuf_require() works everywhere.
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
 * dmabuf_limited_skips:
 *
 * Calls fn in a child process like that of dmabuf_limited(), with DMABUF_LIMIT seconds,
 * and returns why it skipped, hung or died (static); NULL if it did not. For a facility
 * without which a test need not begin.
 */
const char *dmabuf_limited_skips(void (*fn)(const void *arg), const void *arg);

/*
 * dmabuf_stage, dmabuf_setup:
 *
 * Name what is about to be tried, for the message if it never returns or crashes, and
 * give it the block's time anew. A stage is something done to the buffer, and its exporter
 * answers for it. A set-up or a control is not: what hangs or dies there is skipped.
 */
void dmabuf_stage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void dmabuf_setup(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * dmabuf_limit_for:
 *
 * A stage may go over so many bytes: it gets a second more for each MiB, for there are
 * machines that read no more than 3 MiB of uncached memory in one.
 */
void dmabuf_limit_for(size_t bytes);

/*
 * dmabuf_goes_on:
 *
 * A stage has come to the next page, or to the next buffer: it gets its time anew, but no
 * more than six times, and no more than 90 s. A fault that takes a millisecond takes thirty
 * where others use the machine. Returns whether there is time for more: who can end before
 * the limit has not hung.
 */
bool dmabuf_goes_on(void);

/*
 * dmabuf_saw:
 *
 * A judgement that held: of which clauses, ids separated by blanks, and what was
 * observed. Nothing passes without one. The clause of the way in, and that which is
 * blamed, are judged by it as well. Said twice it is counted. Printed as
 * "Saw: CLAUSES: TEXT".
 */
void dmabuf_saw(const char *clauses, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * dmabuf_unseen:
 *
 * A judgement that could not be made, and what to change to have it: the rest goes on.
 * Printed as "Unseen: CLAUSES: TEXT".
 */
void dmabuf_unseen(const char *clauses, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * dmabuf_part:
 *
 * `dmabuf_part(clauses) { ... }` in a dmabuf_limited() block: a skip in it leaves it for
 * what follows, with dmabuf_unseen() of these clauses. Neither break nor return may leave it.
 */
struct dmabuf_part {
	sigjmp_buf env;
	struct dmabuf_part *outer;
	const char *clauses;
	char why[512];
	bool done;
};

#define dmabuf_part(ids) __dmabuf_part((ids), __COUNTER__)
#define __dmabuf_part(ids, n) ___dmabuf_part((ids), n)
#define ___dmabuf_part(ids, n) \
	for (struct dmabuf_part __part##n = { .done = false }; \
	     !__part##n.done && (__dmabuf_part_enter(&__part##n, (ids)), \
				 sigsetjmp(__part##n.env, 0) == 0); \
	     __dmabuf_part_leave(), __part##n.done = true)

void __dmabuf_part_enter(struct dmabuf_part *new, const char *clauses);
void __dmabuf_part_leave(void);

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
 * dmabuf_enter_by:
 *
 * The way in to the mapping that is judged from here on has this clause, or "": it is
 * blamed for what is wrong there, and judged by what is seen.
 */
void dmabuf_enter_by(const char *clause, const char *how);

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
