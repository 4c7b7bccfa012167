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
 * dmabuf_must_follow_move:
 *
 * Makes the exporter move the buffer and proves it on the mapping p of all of it, which
 * the pattern of seed fills: to read all pages costs no fault before and some after, for
 * the exporter must have zapped the page-table entries. No fault, or another word, is a
 * violation of MOVE, which is blamed for all that is wrong until a buffer is mapped. Skips if the
 * exporter was free not to move it and did not. In a dmabuf_limited() block.
 */
void dmabuf_must_follow_move(struct dmabuf *buf, const void *p, uint32_t seed);

/* Only reads: every page of a mapping that cannot be written is touched. */
void dmabuf_touch_reading(const void *addr, size_t length);

#endif /* DMABUF_OBEY_H */
