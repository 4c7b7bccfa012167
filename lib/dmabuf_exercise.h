/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_EXERCISE_H
#define DMABUF_EXERCISE_H

/*
 * The exerciser's steps: everything that an exporter can see of its user, on a model
 * that knows what each word of the buffer and each mapping must be. dmabuf_walk.h makes
 * walks of them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dmabuf_exporter;
struct dmabuf_way;

/* What is exercised. */
struct exercise {
	const struct dmabuf_exporter *exporter;
	const struct dmabuf_way *const *ways;	/* up to a NULL; the first is the fd's */

	/*
	 * What is mapped is ordinary memory, made up by a unit test: the rule, which it
	 * cannot keep, is not asked, the rest is.
	 */
	bool ordinary;
};

#define EXERCISE_ARGS 6
#define EXERCISE_MOST_OPS 64

/*
 * A step: what, by whom, and with which arguments. It means the same whatever came
 * before it, and is nothing if that made it impossible, so that a walk can be shortened.
 * An argument that is 0 asks for the plainest.
 */
struct exercise_step {
	uint8_t op;		/* of exercise_ops[] */
	uint8_t who;		/* a process, and EXERCISE_THREAD: a thread of it */
	uint32_t arg[EXERCISE_ARGS];
};

#define EXERCISE_THREAD 0x80
#define EXERCISE_PROCESSES 4	/* process 0 begins, the others are made by steps */

/* A new one is a struct in lib/exercise/ and a line in the table. */
struct exercise_op {
	const char *name;
	const char *description;
	unsigned int weight;	/* how often it is drawn; 0: only where nothing else can be */
	bool main;		/* always by process 0 */
	bool unthreaded;	/* never by a thread */
	bool begins;		/* a walk may begin with it, whatever came before */
	bool before;		/* it is done before a buffer's life */
	bool ends;		/* the buffer's life ends with it */
	bool needed;		/* no buffer's life is without it */

	/* What undoes it, or is nothing without it: where it comes often, so does that. */
	const struct exercise_op *with;

	/* Draws who and the arguments; false: it is impossible now. */
	bool (*draw)(struct exercise_step *step);

	void (*run)(const struct exercise_step *step);
};

extern const struct exercise_op *const exercise_ops[];	/* up to a NULL */

/* How often what was done in a walk, for dmabuf_saw(). */
struct exercise_counts {
	unsigned int steps, buffers, mappings, words, pins, moves, processes, syncs, freed;
};

/*
 * exercise_begin, exercise_draw, exercise_take, exercise_end:
 *
 * One walk, in a dmabuf_trial(). exercise_begin() makes the model, of which draws are the
 * seed's; exercise_draw() draws the next step; exercise_take() takes a step and then asks for
 * the rule and for contents where it went, and for warnings: what is broken is a
 * violation. exercise_end() compares all that is known, lets go of everything, and
 * judges whether the buffer goes with it. It skips if nothing could be mapped.
 */
void exercise_begin(const struct exercise *exercise, uint64_t seed);
struct exercise_step exercise_draw(void);
void exercise_take(const struct exercise_step *step);
void exercise_end(void);

/*
 * exercise_share:
 *
 * Memory for what walks tell of themselves, which outlives them; once, before the first.
 */
void exercise_share(void);

/* What was counted in all walks since exercise_share(), of all processes. */
const struct exercise_counts *exercise_counts(void);

/* In words, what the step did that was taken as the n-th (0 is the first); static. */
const char *exercise_said(unsigned int n);

#endif /* DMABUF_EXERCISE_H */
