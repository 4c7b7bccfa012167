// SPDX-License-Identifier: MIT
#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_pattern.h"
#include "igt.h"

/* There are no smaller ones. */
#define A_PAGE 4096

/* A multiplication by an odd number: every offset has its own word. */
static uint32_t word_at(size_t offset, uint32_t seed)
{
	return (uint32_t)(offset / 4) * 2654435761u ^ seed;
}

void pattern_fill(void *addr, size_t length, uint32_t seed)
{
	volatile uint32_t *word = addr;

	for (size_t at = 0; at < length; at += 4) {
		if (at % A_PAGE == 0)
			dmabuf_goes_on();
		word[at / 4] = word_at(at, seed);
	}
}

bool pattern_differs(const void *addr, size_t offset, size_t length, uint32_t seed,
		     char *why, size_t len)
{
	const volatile uint32_t *word = addr;

	for (size_t at = 0; at < length; at += 4) {
		uint32_t is, must;

		if (at % A_PAGE == 0)
			dmabuf_goes_on();
		is = word[at / 4];
		must = word_at(offset + at, seed);
		if (is == must)
			continue;
		snprintf(why, len, "the word at byte %zu (page %zu) is %#x, not %#x",
			 offset + at, (offset + at) / page_size(), is, must);
		return true;
	}
	return false;
}

void pattern_must_be_at(const char *clause, const void *addr, size_t offset,
			size_t length, uint32_t seed, const char *what)
{
	char why[128];

	dmabuf_must(clause, !pattern_differs(addr, offset, length, seed, why, sizeof(why)),
		    "%s: %s\n", what, why);
	dmabuf_saw(clause, "%zu words as they were written, %s", length / 4, what);
}

void pattern_must_be(const char *clause, const void *addr, size_t length,
		     uint32_t seed, const char *what)
{
	pattern_must_be_at(clause, addr, 0, length, seed, what);
}
