// SPDX-License-Identifier: MIT
#include <sys/wait.h>

#include "dmabuf_contract.h"
#include "dmabuf_variants.h"
#include "igt.h"

#define USUAL (64 << 10)
#define PMD_SIZE (2ul << 20)

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

size_t dmabuf_stride(const struct dmabuf *buf)
{
	return buf->size > 2 * PMD_SIZE ? PMD_SIZE : page_size();
}

/* Maps a part of the buffer, at addr if that is not NULL. */
static void map(struct dmabuf_mapping *m, char *addr, size_t offset, size_t length,
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
	for (size_t at = 0; touch && at < length; at += dmabuf_stride(m->buf))
		*(const volatile char *)(m->addr + at);
}

static void map_whole(struct dmabuf_mapping *m, bool touch)
{
	map(m, NULL, 0, m->buf->size, PROT_READ | PROT_WRITE, MAP_SHARED, touch);
}

static void last_page(struct dmabuf_mapping *m, bool touch)
{
	map(m, NULL, m->buf->size - page_size(), page_size(), PROT_READ | PROT_WRITE,
	    MAP_SHARED, touch);
}

static void middle(struct dmabuf_mapping *m, bool touch)
{
	size_t third = m->buf->size / 3 / page_size() * page_size();

	map(m, NULL, third, third, PROT_READ | PROT_WRITE, MAP_SHARED, touch);
}

static void read_only(struct dmabuf_mapping *m, bool touch)
{
	map(m, NULL, 0, m->buf->size, PROT_READ, MAP_SHARED, touch);
}

static void private(struct dmabuf_mapping *m, bool touch)
{
	m->addr = m->way->map(m->buf, NULL, m->buf->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE, 0);
	if (m->addr == MAP_FAILED) {
		dmabuf_saw("WHOLE", "MAP_PRIVATE is refused, as it may be (%s)",
			   strerrorname_np(errno));
		m->refused = true;
		return;
	}
	munmap(m->addr, m->buf->size);
	map(m, NULL, 0, m->buf->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, touch);
}

static void second(struct dmabuf_mapping *m, bool touch)
{
	map_whole(m, true);
	map_whole(m, touch);
}

static void again(struct dmabuf_mapping *m, bool touch)
{
	map_whole(m, true);
	munmap(m->addr, m->length);
	map_whole(m, touch);
}

static void fork_child(struct dmabuf_mapping *m, bool touch)
{
	pid_t pid;

	map_whole(m, touch);
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
	pid = dmabuf_fork();
	dmabuf_require(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return;
	/* It has the mapping for as long as it is judged. */
	while (true)
		pause();
}

/* Takes away a part of the whole mapping and goes on with another one. */
static void keep(struct dmabuf_mapping *m, size_t start, size_t length)
{
	m->addr += start;
	m->offset = start;
	m->length = length;
}

static void munmap_first(struct dmabuf_mapping *m, bool touch)
{
	map_whole(m, touch);
	munmap(m->addr, page_size());
	keep(m, page_size(), m->length - page_size());
}

static void munmap_last(struct dmabuf_mapping *m, bool touch)
{
	map_whole(m, touch);
	munmap(m->addr + m->length - page_size(), page_size());
	keep(m, 0, m->length - page_size());
}

static void munmap_middle(struct dmabuf_mapping *m, bool touch)
{
	size_t half = m->buf->size / 2 / page_size() * page_size();

	map_whole(m, touch);
	munmap(m->addr + half - page_size(), page_size());
	keep(m, half, m->length - half);
}

static void protect(struct dmabuf_mapping *m, size_t start, int prot)
{
	dmabuf_require(!mprotect(m->addr + start, page_size(), prot),
		       "mprotect of a page in the middle: %s", strerror(errno));
}

/* The page alone has other rights, and with them a VMA of its own. */
static void mprotect_page(struct dmabuf_mapping *m, bool touch)
{
	size_t half = m->buf->size / 2 / page_size() * page_size();

	map_whole(m, touch);
	protect(m, half, PROT_READ);
	keep(m, half, page_size());
	m->prot = PROT_READ;
}

static void mprotect_rest(struct dmabuf_mapping *m, bool touch)
{
	size_t half = m->buf->size / 2 / page_size() * page_size();

	map_whole(m, touch);
	protect(m, half, PROT_READ);
	keep(m, half + page_size(), m->length - half - page_size());
}

static void mprotect_back(struct dmabuf_mapping *m, bool touch)
{
	size_t half = m->buf->size / 2 / page_size() * page_size();

	map_whole(m, touch);
	protect(m, half, PROT_NONE);
	protect(m, half, PROT_READ | PROT_WRITE);
}

static void *reserve(size_t length)
{
	void *area = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);

	dmabuf_require(area != MAP_FAILED, "no room for %zu bytes: %s", length,
		       strerror(errno));
	return area;
}

static void moved(struct dmabuf_mapping *m, bool touch)
{
	void *to, *p;

	map_whole(m, touch);
	to = reserve(m->length);
	p = mremap(m->addr, m->length, m->length, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	dmabuf_require(p != MAP_FAILED, "mremap() to another address: %s", strerror(errno));
	m->addr = p;
}

/* At an address where whole page-table entries of the next level would fit. */
static void aligned(struct dmabuf_mapping *m, bool touch)
{
	char *area = reserve(m->buf->size + PMD_SIZE);

	map(m, area + (-(uintptr_t)area & (PMD_SIZE - 1)), 0, m->buf->size,
	    PROT_READ | PROT_WRITE, MAP_SHARED, touch);
}

const struct dmabuf_variant dmabuf_variants[] = {
	{ "last-page", "WHOLE", "the last page is mapped alone", USUAL, last_page,
	  true },
	{ "middle", "WHOLE", "a part in the middle is mapped", USUAL, middle, true },
	{ "read-only", NULL, "it is mapped for reading only", USUAL, read_only },
	{ "private", NULL, "it is mapped MAP_PRIVATE, where that is not refused", USUAL,
	  private },
	{ "second", NULL, "it is mapped a second time", USUAL, second },
	{ "again", NULL, "it is mapped, unmapped and mapped again", USUAL, again },
	{ "fork-child", NULL, "it is mapped before a fork, and judged in the child", USUAL,
	  fork_child },
	{ "fork-parent", NULL, "it is mapped before a fork, and judged in the parent", USUAL,
	  fork_parent },
	{ "munmap-first", "WHOLE", "the first page of the mapping is unmapped", USUAL,
	  munmap_first },
	{ "munmap-last", "WHOLE", "the last page of the mapping is unmapped", USUAL,
	  munmap_last },
	{ "munmap-middle", "WHOLE", "a page in the middle is unmapped, what is behind it judged",
	  USUAL, munmap_middle },
	{ "mprotect-page", "WHOLE", "mprotect() makes a page read-only, and it is judged",
	  USUAL, mprotect_page },
	{ "mprotect-rest", "WHOLE", "mprotect() makes a page read-only, what is behind it judged",
	  USUAL, mprotect_rest },
	{ "mprotect-back", "WHOLE", "mprotect() takes a page all rights and gives them back",
	  USUAL, mprotect_back },
	{ "mremap", NULL, "mremap() moves the mapping to another address", USUAL, moved },
	{ "one-page", "WHOLE", "the buffer is a page", 4 << 10, map_whole },
	{ "odd-size", "WHOLE", "the buffer's size is no power of two", 37 * (4 << 10),
	  map_whole },
	{ "large", "WHOLE", "the buffer is of 3 MiB", 3 << 20, map_whole },
	{ "huge-2m", "HUGE", "a buffer of 2 MiB is mapped at an address of that alignment",
	  2 << 20, aligned },
	{ "huge-64m", "HUGE", "a buffer of 64 MiB is mapped at a 2 MiB-aligned address",
	  64 << 20, aligned },
	{ }
};
