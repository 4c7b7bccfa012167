/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_PATTERN_H
#define DMABUF_PATTERN_H

/*
 * Contents that no other page, and no other seed, has: each 32-bit word is made
 * of its own offset. What comes back wrong tells where it came from.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes the pattern of seed into length bytes (a multiple of 4) at addr. */
void pattern_fill(void *addr, size_t length, uint32_t seed);

/*
 * pattern_differs:
 *
 * Whether what is at addr is not what was filled as the length bytes from this offset on,
 * with the first difference in why. Judges nothing: for controls.
 */
bool pattern_differs(const void *addr, size_t offset, size_t length, uint32_t seed,
		     char *why, size_t len);

/*
 * pattern_must_be:
 *
 * Compares every word; a difference is a violation of clause, with the offset
 * and both words, and none is seen. "what" says what was read after what.
 */
void pattern_must_be(const char *clause, const void *addr, size_t length,
		     uint32_t seed, const char *what);

/*
 * pattern_must_be_at:
 *
 * The same for a part: what is at addr was filled as what is at this offset.
 */
void pattern_must_be_at(const char *clause, const void *addr, size_t offset,
			size_t length, uint32_t seed, const char *what);

#endif /* DMABUF_PATTERN_H */
