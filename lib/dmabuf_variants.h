/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_VARIANTS_H
#define DMABUF_VARIANTS_H

/*
 * The variants of a mapping: ways to make or to change one that a driver may get
 * wrong while the plain one, whole, shared and writable, is right.
 */

#include "dmabuf.h"

/* What is to be judged: a part of a buffer, mapped. */
struct dmabuf_mapping {
	const struct dmabuf *buf;
	const struct dmabuf_way *way;
	char *addr;
	size_t length;		/* in bytes, as is offset, which is addr's in the buffer */
	size_t offset;
	int prot;		/* what may be done through it */
	bool shared;		/* a write reaches the buffer */
	bool refused;		/* which is right, and seen: there is nothing else to judge */
};

/* A new one is a function and a line in the table. */
struct dmabuf_variant {
	const char *name;
	const char *clause;	/* which a violation breaks; NULL: that of the check */
	const char *description;
	size_t size;		/* of the buffer, in bytes */

	/*
	 * Maps the buffer by m->way and fills in the rest of m. touch: every page is
	 * read before whatever makes the variant special is done to the mapping. May
	 * fork: what returns is what is to be judged. Skips if it is not to be had.
	 */
	void (*make)(struct dmabuf_mapping *m, bool touch);

	bool of_a_part;		/* it maps one that does not begin at the buffer's start */
};

/*
 * dmabuf_stride:
 *
 * How many bytes apart pages of a buffer are touched: every page, or in a large
 * buffer one where each huge page would begin, for there are too many.
 */
size_t dmabuf_stride(const struct dmabuf *buf);

extern const struct dmabuf_variant dmabuf_variants[];
#define for_each_dmabuf_variant(v) \
	for (const struct dmabuf_variant *v = dmabuf_variants; v->name; v++)

#endif /* DMABUF_VARIANTS_H */
