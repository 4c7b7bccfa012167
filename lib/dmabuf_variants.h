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

	/*
	 * Maps the buffer by m->way and fills in the rest of m. touch: every page is
	 * read before whatever makes the variant special is done to the mapping. May
	 * fork: what returns is what is to be judged. Skips if it is not to be had.
	 */
	void (*make)(struct dmabuf_mapping *m, bool touch);

	/* The buffer's size: the largest of these. */
	size_t pages;
	size_t huge;		/* in huge pages */
	size_t bytes;
	bool of_a_part;		/* it maps one that does not begin at the buffer's start */
};

/*
 * dmabuf_variant_size:
 *
 * How many bytes a variant's buffer has where pages and huge pages are of this size.
 */
size_t dmabuf_variant_size(const struct dmabuf_variant *v, size_t page, size_t huge);

/*
 * dmabuf_looked_at:
 *
 * The offset in the buffer of the first page, from this offset on, that is looked at: each
 * is; in a buffer of many huge pages those where one would begin are, and the last.
 */
size_t dmabuf_looked_at(const struct dmabuf *buf, size_t from);
#define for_each_looked_at(buf, at, from, to) \
	for (size_t at = dmabuf_looked_at((buf), (from)); at < (to); \
	     at = dmabuf_looked_at((buf), at + 1))

/*
 * dmabuf_write_stamps, dmabuf_stamps_must_be_there:
 *
 * Write its number to each page that is looked at, by the buffer's own file descriptor or, where
 * that cannot be mapped, by way, and compare what a mapping has of them. A difference is a violation
 * of WHOLE.
 */
void dmabuf_write_stamps(const struct dmabuf *buf, const struct dmabuf_way *way);
void dmabuf_stamps_must_be_there(const struct dmabuf_mapping *m);

extern const struct dmabuf_variant dmabuf_variants[];
#define for_each_dmabuf_variant(v) \
	for (const struct dmabuf_variant *v = dmabuf_variants; v->name; v++)

#endif /* DMABUF_VARIANTS_H */
