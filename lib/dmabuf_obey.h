/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_OBEY_H
#define DMABUF_OBEY_H

/*
 * The rule in one call: what tests about something else ask of a mapping after
 * they have done that to it.
 */

#include <stddef.h>

#include "dmabuf_gup.h"

struct dmabuf;
struct dmabuf_way;

/*
 * dmabuf_must_obey:
 *
 * Whether what is mapped at [addr, addr + length) is VM_PFNMAP (PFNMAP) and its
 * first, middle and last page are refused to gup_reader() (GUP if they are untouched,
 * SPECIAL if they were touched; unseen if there is none). "which" says what part of the
 * mapping it is, after what. In a dmabuf_limited() block.
 */
void dmabuf_must_obey(const struct dmabuf *buf, const struct dmabuf_way *way,
		      enum page_state state, const char *which, void *addr,
		      size_t length);

/*
 * dmabuf_map_filled:
 *
 * Maps the whole buffer as dmabuf_map() does, filled with the pattern of seed, which must be
 * read back (WHOLE). In a dmabuf_limited() block.
 */
void *dmabuf_map_filled(const struct dmabuf *buf, const struct dmabuf_way *way, uint32_t seed);

/*
 * dmabuf_must_be_unharmed:
 *
 * No word of a mapping p of all of the buffer, which dmabuf_map_filled() filled, is lost
 * (WHOLE), and it is VM_PFNMAP if it was (PFNMAP). what: that which was done to it.
 * In a dmabuf_limited() block.
 */
void dmabuf_must_be_unharmed(const struct dmabuf *buf, const struct dmabuf_way *way, void *p,
			     uint32_t seed, bool was_pfnmap, const char *what);

/*
 * dmabuf_moves:
 *
 * Makes the exporter move the buffer and says whether it did, by a mapping p of all of
 * it: every page is touched before, and must fault afterwards, for the exporter must have
 * zapped the page-table entries. Returns how many faults this thread had then; 0 if it had
 * none and the exporter was free not to move it. A move that is certain and without a fault is a
 * violation of MOVE. From the move on, clause is blamed for all that is wrong until a
 * buffer is mapped. In a dmabuf_limited() block.
 */
long dmabuf_moves(struct dmabuf *buf, const void *p, const char *clause);

/*
 * dmabuf_must_follow_move:
 *
 * dmabuf_moves() with a mapping p that the pattern of seed fills: MOVE is blamed, and
 * judged by every word. Skips if the buffer did not move.
 */
void dmabuf_must_follow_move(struct dmabuf *buf, const void *p, uint32_t seed);

/*
 * dmabuf_moves_again:
 *
 * dmabuf_moves() for one more time, by which PIN is judged as well: what held the buffer
 * in place would show. From then on the way is blamed. Skips if it did not move.
 */
void dmabuf_moves_again(struct dmabuf *buf, const void *p, const struct dmabuf_way *way);

/* Only reads: every page of a mapping that cannot be written is touched. */
void dmabuf_touch_reading(const void *addr, size_t length);

/* The same; how many minor faults this thread had by it. */
long dmabuf_faults_of_reading(const void *addr, size_t length);

#endif /* DMABUF_OBEY_H */
