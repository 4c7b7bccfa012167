// SPDX-License-Identifier: MIT
#include <sys/wait.h>

#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_proc.h"
#include "dmabuf_variants.h"
#include "igt.h"

/*
 * Bytes from one page that is looked at to the next: in a large buffer there are too many
 * for all.
 */
static size_t stamp_stride(const struct dmabuf *buf)
{
	const size_t huge = huge_page_size();

	return buf->size >= 8 * huge ? huge : page_size();
}

size_t dmabuf_looked_at(const struct dmabuf *buf, size_t from)
{
	const size_t step = stamp_stride(buf), last = buf->size - page_size();
	size_t at = (from + step - 1) / step * step;

	return from <= last && at > last ? last : at;
}

size_t dmabuf_variant_size(const struct dmabuf_variant *v, size_t page, size_t huge)
{
	size_t size = v->pages * page > v->huge * huge ? v->pages * page : v->huge * huge;

	size = size > v->bytes ? size : v->bytes;
	return (size + page - 1) / page * page;
}

/* In each page its number: enough to tell whether the right one is there. */
static uint32_t stamp_of(size_t offset)
{
	return 0x5eed0000 ^ (offset / page_size());
}

void dmabuf_write_stamps(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	char *p = dmabuf_map_first(buf, way);

	dmabuf_stage("writing to every page of %s", buf->exporter->name);
	for_each_looked_at(buf, at, 0, buf->size)
		*(volatile uint32_t *)(p + at) = stamp_of(at);
	munmap(p, buf->size);
}

void dmabuf_stamps_must_be_there(const struct dmabuf_mapping *m)
{
	const char *what = dmabuf_mapping_name(m->buf, m->way);
	size_t compared = 0;

	dmabuf_stage("reading every page of %s", what);
	for_each_looked_at(m->buf, at, m->offset, m->offset + m->length) {
		uint32_t is = *(volatile uint32_t *)(m->addr + at - m->offset);

		dmabuf_must("WHOLE", is == stamp_of(at),
			    "%s: the page at the offset %zu has %#x in it, not %#x\n",
			    what, at, is, stamp_of(at));
		compared++;
	}
	if (compared)
		dmabuf_saw("WHOLE", "the right words on %zu pages", compared);
}

/* So many n-ths of the buffer, where a page begins that is looked at. */
static size_t fraction_of(const struct dmabuf *buf, unsigned int n)
{
	return buf->size / n / stamp_stride(buf) * stamp_stride(buf);
}

/* Maps a part of the buffer, at addr if that is not NULL. */
static void map_part(struct dmabuf_mapping *m, char *addr, size_t offset, size_t length,
		int prot, int flags, bool touch)
{
	if (addr)
		flags |= MAP_FIXED;
	m->addr = m->way->map(m->buf, addr, length, prot, flags, offset);
	dmabuf_require(m->addr != MAP_FAILED,
		       "%s: %zu bytes at the offset %zu cannot be mapped (prot %#x, flags %#x): %s",
		       dmabuf_mapping_name(m->buf, m->way), length, offset, prot, flags,
		       strerror(errno));
	m->length = length;
	m->offset = offset;
	m->prot = prot;
	m->shared = flags & MAP_SHARED;
	if (touch)
		for_each_looked_at(m->buf, at, offset, offset + length)
			(void)*(const volatile char *)(m->addr + at - offset);
}

static void map_whole(struct dmabuf_mapping *m, bool touch)
{
	map_part(m, NULL, 0, m->buf->size, PROT_READ | PROT_WRITE, MAP_SHARED, touch);
}

static void map_last_page(struct dmabuf_mapping *m, bool touch)
{
	map_part(m, NULL, m->buf->size - page_size(), page_size(), PROT_READ | PROT_WRITE,
	    MAP_SHARED, touch);
}

static void map_middle(struct dmabuf_mapping *m, bool touch)
{
	size_t third = fraction_of(m->buf, 3);

	map_part(m, NULL, third, third, PROT_READ | PROT_WRITE, MAP_SHARED, touch);
}

static void map_read_only(struct dmabuf_mapping *m, bool touch)
{
	map_part(m, NULL, 0, m->buf->size, PROT_READ, MAP_SHARED, touch);
}

static void map_private(struct dmabuf_mapping *m, bool touch)
{
	const char *death = dmabuf_private_kills(m->buf, m->way);

	dmabuf_must("WARN", !death, "it has killed the kernel before:\n%s\n", death);
	m->addr = m->way->map(m->buf, NULL, m->buf->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE, 0);
	if (m->addr == MAP_FAILED) {
		dmabuf_saw("WHOLE", "MAP_PRIVATE is refused, as it may be (%s)",
			   strerrorname_np(errno));
		m->refused = true;
		return;
	}
	munmap(m->addr, m->buf->size);
	map_part(m, NULL, 0, m->buf->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, touch);
}

static void map_twice(struct dmabuf_mapping *m, bool touch)
{
	map_whole(m, true);
	map_whole(m, touch);
}

static void map_again(struct dmabuf_mapping *m, bool touch)
{
	map_whole(m, true);
	munmap(m->addr, m->length);
	map_whole(m, touch);
}

static void fork_child(struct dmabuf_mapping *m, bool touch)
{
	pid_t pid;

	map_whole(m, touch);
	proc_must_be_inherited(m->addr);
	pid = dmabuf_fork();
	dmabuf_require(pid >= 0, "fork: %s", strerror(errno));
	if (!pid)
		return;
	waitpid(pid, NULL, 0);
	dmabuf_inherit_verdict();
	dmabuf_skip("the child in which it was to be judged died without a word");
}

static void fork_parent(struct dmabuf_mapping *m, bool touch)
{
	pid_t pid;

	map_whole(m, touch);
	proc_must_be_inherited(m->addr);
	pid = dmabuf_fork();
	dmabuf_require(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return;
	/* It has the mapping for as long as it is judged. */
	while (true)
		pause();
}

/* Takes away a part of the whole mapping and goes on with another one. */
static void judge_only(struct dmabuf_mapping *m, size_t start, size_t length)
{
	m->addr += start;
	m->offset = start;
	m->length = length;
}

static void munmap_first(struct dmabuf_mapping *m, bool touch)
{
	map_whole(m, touch);
	munmap(m->addr, page_size());
	judge_only(m, page_size(), m->length - page_size());
}

static void munmap_last(struct dmabuf_mapping *m, bool touch)
{
	map_whole(m, touch);
	munmap(m->addr + m->length - page_size(), page_size());
	judge_only(m, 0, m->length - page_size());
}

static void munmap_middle(struct dmabuf_mapping *m, bool touch)
{
	size_t half = fraction_of(m->buf, 2);

	map_whole(m, touch);
	munmap(m->addr + half - page_size(), page_size());
	judge_only(m, half, m->length - half);
}

static void protect_from(struct dmabuf_mapping *m, size_t start, int prot)
{
	dmabuf_require(!mprotect(m->addr + start, page_size(), prot),
		       "mprotect of a page in the middle: %s", strerror(errno));
}

/* The page alone has other rights, and with them a VMA of its own. */
static void mprotect_page(struct dmabuf_mapping *m, bool touch)
{
	size_t half = fraction_of(m->buf, 2);

	map_whole(m, touch);
	protect_from(m, half, PROT_READ);
	judge_only(m, half, page_size());
	m->prot = PROT_READ;
}

static void mprotect_rest(struct dmabuf_mapping *m, bool touch)
{
	size_t half = fraction_of(m->buf, 2);

	map_whole(m, touch);
	protect_from(m, half, PROT_READ);
	judge_only(m, half + page_size(), m->length - half - page_size());
}

static void mprotect_back(struct dmabuf_mapping *m, bool touch)
{
	size_t half = fraction_of(m->buf, 2);

	map_whole(m, touch);
	protect_from(m, half, PROT_NONE);
	protect_from(m, half, PROT_READ | PROT_WRITE);
}

static void map_and_move(struct dmabuf_mapping *m, bool touch)
{
	void *to, *p;

	map_whole(m, touch);
	to = reserve(m->length);
	p = mremap(m->addr, m->length, m->length, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	dmabuf_require(p != MAP_FAILED, "mremap() to another address: %s", strerror(errno));
	m->addr = p;
}

/* At an address where whole page-table entries of the next level would fit. */
static void map_aligned(struct dmabuf_mapping *m, bool touch)
{
	const size_t huge = huge_page_size();
	char *area = reserve(m->buf->size + huge);

	map_part(m, area + (-(uintptr_t)area & (huge - 1)), 0, m->buf->size,
	    PROT_READ | PROT_WRITE, MAP_SHARED, touch);
}

#define USUAL .pages = 16

const struct dmabuf_variant dmabuf_variants[] = {
	{ "last-page", "WHOLE", "the last page is mapped alone", map_last_page, USUAL,
	  .of_a_part = true },
	{ "middle", "WHOLE", "a part in the middle is mapped", map_middle, USUAL,
	  .of_a_part = true },
	{ "read-only", NULL, "it is mapped for reading only", map_read_only, USUAL },
	{ "private", NULL, "it is mapped MAP_PRIVATE, where that is not refused", map_private,
	  USUAL },
	{ "second", NULL, "it is mapped a second time", map_twice, USUAL },
	{ "again", NULL, "it is mapped, unmapped and mapped again", map_again, USUAL },
	{ "fork-child", NULL, "it is mapped before a fork, and judged in the child",
	  fork_child, USUAL },
	{ "fork-parent", NULL, "it is mapped before a fork, and judged in the parent",
	  fork_parent, USUAL },
	{ "munmap-first", "WHOLE", "the first page of the mapping is unmapped", munmap_first,
	  USUAL },
	{ "munmap-last", "WHOLE", "the last page of the mapping is unmapped", munmap_last,
	  USUAL },
	{ "munmap-middle", "WHOLE", "a page in the middle is unmapped, what is behind it judged",
	  munmap_middle, USUAL },
	{ "mprotect-page", "WHOLE", "mprotect() makes a page read-only, and it is judged",
	  mprotect_page, USUAL },
	{ "mprotect-rest", "WHOLE", "mprotect() makes a page read-only, what is behind it judged",
	  mprotect_rest, USUAL },
	{ "mprotect-back", "WHOLE", "mprotect() takes a page all rights and gives them back",
	  mprotect_back, USUAL },
	{ "mremap", NULL, "mremap() moves the mapping to another address", map_and_move, USUAL },
	{ "one-page", "WHOLE", "the buffer is a page", map_whole, .pages = 1 },
	{ "odd-size", "WHOLE", "the buffer's size is no power of two", map_whole, .pages = 37 },
	{ "large", "WHOLE", "the buffer is of 3 MiB", map_whole, .bytes = 3 << 20 },
	/* The names are those of 4 KiB pages. */
	{ "huge-2m", "HUGE", "a buffer of a huge page is mapped at an address of that alignment",
	  map_aligned, .huge = 1 },
	{ "huge-64m", "HUGE", "a buffer of 64 MiB, or two huge pages, is mapped at an address of their alignment",
	  map_aligned, .huge = 2, .bytes = 64 << 20 },
	{ }
};
