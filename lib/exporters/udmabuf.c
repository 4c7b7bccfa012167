// SPDX-License-Identifier: MIT
/*
 * udmabuf: a DMA buffer of the pages of a memfd (linux/udmabuf.h, Linux 4.20;
 * hugetlb memfds since 5.15, with a gap of a few releases).
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "dmabuf_memory.h"
#include "exporters.h"
#include "igt.h"

#define DEVICE "/dev/udmabuf"

/* The exporters' types. */
#define MEMFD	0u
#define HUGETLB	MFD_HUGETLB
#define LIST	~0u

static void find(const struct dmabuf_exporter_kind *kind)
{
	if (access(DEVICE, F_OK))
		return;
	dmabuf_exporter_add(kind, MEMFD, DEVICE, "udmabuf-memfd");
	dmabuf_exporter_add(kind, HUGETLB, DEVICE, "udmabuf-hugetlb");
	dmabuf_exporter_add(kind, LIST, DEVICE, "udmabuf-list");
}

/* A memfd as udmabuf takes it, of size bytes, which becomes a multiple of its page's size. */
static int memfd_of(unsigned int flags, uint64_t *size)
{
	int memfd = memfd_create("dmabuf-contract", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	struct statfs fs;

	if (memfd < 0 || fstatfs(memfd, &fs))
		return -1;
	/* hugetlbfs says its page's size there (hugetlbfs_statfs() in fs/hugetlbfs/inode.c). */
	*size = (*size + fs.f_bsize - 1) / fs.f_bsize * fs.f_bsize;
	return ftruncate(memfd, *size) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) ? -1 : memfd;
}

static int create(int dev, unsigned int flags, size_t size)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
	uint64_t bytes = size;
	int memfd = memfd_of(flags, &bytes), fd;

	if (memfd < 0)
		return -1;
	create.memfd = memfd;
	create.size = bytes;
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	close(memfd);
	return fd;
}

/*
 * Of two memfds in turn, a quarter of it at a time, from the back to the front of each: no
 * page is where it would be in a single one.
 */
static int create_list(int dev, size_t size)
{
	enum { ITEMS = 4 };
	char room[sizeof(struct udmabuf_create_list) +
		  ITEMS * sizeof(struct udmabuf_create_item)] = { };
	struct udmabuf_create_list *list = (void *)room;
	const size_t page = page_size(), pages = size / page;
	uint64_t bytes = size;
	const int memfd[2] = { memfd_of(0, &bytes), memfd_of(0, &bytes) };
	size_t done = 0;
	int fd;

	if (memfd[0] < 0 || memfd[1] < 0)
		return -1;
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	for (unsigned int i = 0; i < ITEMS; i++) {
		const size_t end = pages * (i + 1) / ITEMS;
		struct udmabuf_create_item *item = &list->list[list->count];

		if (end == done)
			continue;
		item->memfd = memfd[i % 2];
		item->offset = (pages - end) * page;
		item->size = (end - done) * page;
		list->count++;
		done = end;
	}
	fd = ioctl(dev, UDMABUF_CREATE_LIST, list);
	close(memfd[0]);
	close(memfd[1]);
	return fd;
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	buf->dev = open(e->path, O_RDWR | O_CLOEXEC);
	if (buf->dev >= 0)
		buf->fd = e->type == LIST ? create_list(buf->dev, size) :
			create(buf->dev, e->type, size);
	return buf->fd >= 0;
}

const struct dmabuf_exporter_kind dmabuf_udmabuf = {
	.name = "udmabuf",
	.description = "udmabuf on a memfd, on a hugetlb memfd, and on pieces of two memfds",
	.find = find,
	.alloc = alloc,
};
