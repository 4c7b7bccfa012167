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
 * first, middle and last page are refused to a GUP user that needs nothing but
 * memory (GUP if they are untouched, SPECIAL if they were touched). "which" says
 * what part of the mapping it is, after what. Skips where that GUP user does not
 * work. In a dmabuf_limited() block.
 */
void dmabuf_must_obey(const struct dmabuf *buf, const struct dmabuf_way *way,
		      enum page_state state, const char *which, void *addr,
		      size_t length);

/* Only reads: every page of a mapping that cannot be written is touched. */
void dmabuf_touch_reading(const void *addr, size_t length);

#endif /* DMABUF_OBEY_H */
