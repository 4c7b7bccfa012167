/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_OUTCOME_H
#define DMABUF_OUTCOME_H

/*
 * Between dmabuf_contract.c, which says what a judgement is, dmabuf_limited.c, which
 * has it made in another process, and dmabuf_warn.c, which watches the kernel
 * meanwhile. Not for tests.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict { NONE, HELD, SKIPPED, VIOLATED };

/* What was seen, or was not and why; the same again is counted. */
struct note {
	char clauses[64];
	char text[240];
	unsigned int count;
};

struct notes {
	unsigned int count;
	struct note note[64];
};

/* What the child tells its parent, in memory that both share. */
struct outcome {
	enum verdict verdict;
	volatile bool setting_up;	/* what hangs or dies now is not the exporter's */
	volatile long begun;		/* the stage: milliseconds after start */
	volatile long deadline;		/* of it */
	unsigned int limit;		/* seconds that a stage gets */
	unsigned int extra;		/* and what the size of the buffer adds */
	bool too_large;			/* a buffer's size was more than the page allocator gives */
	struct notes saw, unseen;
	char stage[256];
	char text[4096];
};

extern struct outcome *dmabuf_outcome;	/* NULL before the first limited block */
extern bool dmabuf_in_child;

/* Ends the child with its verdict. */
void dmabuf_conclude(enum verdict verdict, const char *fmt, ...)
	__attribute__((noreturn)) __attribute__((format(printf, 2, 3)));

/* Prints what was violated and how it was seen, each line as a message of its own. */
void dmabuf_print_violation(const char *text);

/*
 * dmabuf_trial:
 *
 * Calls fn in a child like that of dmabuf_limited(), with so many seconds for each stage,
 * and returns what came of it, which is in dmabuf_outcome, instead of acting upon it: for
 * who tries again. NONE: it hung or died while it used the buffer, and why says how.
 */
enum verdict dmabuf_trial(int seconds, void (*fn)(const void *arg), const void *arg, char *why,
			  size_t len);

/* Prints what was seen and what was not. */
void dmabuf_print_notes(void);

/* From here on the kernel is watched; then: whether it complained (WARN). */
void dmabuf_watch_kernel(void);
void dmabuf_kernel_must_be_quiet(void);

/*
 * dmabuf_excuse_allocator:
 *
 * A buffer could not be made, for want of a block as large as the page allocator never gives.
 * Where the driver did not ask it to be silent it warned (WARN_ON_ONCE_GFP() in
 * mm/page_alloc.c): no breach, neither here nor for a runner.
 */
void dmabuf_excuse_allocator(void);

#endif /* DMABUF_OUTCOME_H */
