/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_MEMORY_H
#define DMABUF_MEMORY_H

/*
 * What a machine's memory is like, and memory to compare a buffer with.
 */

#include <stdbool.h>
#include <stddef.h>

/* In bytes: of a page. */
size_t page_size(void);

/*
 * huge_page_size:
 *
 * In bytes, what an entry of the next level of page tables maps: by
 * /sys/kernel/mm/transparent_hugepage/hpage_pmd_size, or as many pages as there are
 * 64-bit entries in one (x86 and arm64; 32-bit ARM's hold as much in two halves).
 */
size_t huge_page_size(void);

/* The same for pages of this size, where the kernel does not say. */
size_t huge_page_of(size_t page);

/*
 * largest_block:
 *
 * In bytes, the largest block of the page allocator, by /proc/buddyinfo, which has a column
 * for each size, in powers of two; 0 if it does not say. To ask it for more warns.
 */
size_t largest_block(void);

/*
 * reserve:
 *
 * An area of length bytes of the address space with nothing in it. Skips if there is none.
 */
void *reserve(size_t length);

/*
 * map_control:
 *
 * A memfd of as many bytes, mapped shared for reading and writing: ordinary memory, for a
 * control. No page of it is touched. Skips if there is none.
 */
void *map_control(size_t length);

/* The same, every page of it written. */
void *map_touched_control(size_t length);

/*
 * for_each_named_page:
 *
 * The first, the middle and the last page of length bytes, by name and offset: what is
 * wrong with one of a mapping's pages is seldom wrong with each.
 */
struct named_page {
	const char *name;	/* "first page" and so on; NULL behind the last */
	size_t at;		/* bytes from the start */
	unsigned int index;
};

struct named_page named_page(unsigned int index, size_t length);
#define for_each_named_page(pg, length) \
	for (struct named_page pg = named_page(0, (length)); pg.name; \
	     pg = named_page(pg.index + 1, (length)))

/* Writes a line to a file of the kernel's; false and errno if it does not take it. */
bool write_to(const char *path, const char *text);

#endif /* DMABUF_MEMORY_H */
