/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_WALK_H
#define DMABUF_WALK_H

/*
 * Walks of the exerciser's steps: drawn from a seed, written as a line and read back,
 * taken in child processes, and shortened where they fail.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmabuf_exercise.h"

#define WALK_MOST_STEPS 4096

struct walk {
	unsigned int count;
	struct exercise_step step[WALK_MOST_STEPS];
};

/*
 * walk_parse:
 *
 * Reads a line: steps with a comma between, each "NAME[@WHO][:ARGUMENT]...", where WHO
 * is the number of a process and "t" for a thread of it, and arguments at the end that
 * are left out are 0. False with a reason in why if it is none.
 */
bool walk_parse(const char *line, struct walk *walk, char *why, size_t len);

/* Writes it as walk_parse() reads it, into memory from malloc(). */
char *walk_line(const struct walk *walk);

/* How far to go. */
struct walk_limits {
	uint64_t seed;
	unsigned int steps;	/* at most so many in a walk */
	double seconds;		/* stop after that; 0: never */
	bool again;		/* another walk, of the next seed, until the time is over */
	double shrink;		/* seconds in which a failure is shortened */
};

/*
 * walk_judge:
 *
 * For a dynamic subtest: takes walks, or the given one if it is not NULL, in child
 * processes with fresh buffers. The first that fails is shortened and fails the subtest,
 * with what its steps did and the line that replays it. False, with the reason in why, if
 * nothing could be mapped. Says what was seen.
 */
bool walk_judge(const struct exercise *exercise, const struct walk *given,
		const struct walk_limits *limits, char *why, size_t len);

/* Of the last walk that it took, how many steps. */
unsigned int walk_taken(void);

#endif /* DMABUF_WALK_H */
