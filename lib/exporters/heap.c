// SPDX-License-Identifier: MIT
/*
 * DMA heaps: every character device in /dev/dma_heap (linux/dma-heap.h, Linux 5.6).
 */
#include <fcntl.h>
#include <glob.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>

#include "exporters.h"
#include "igt.h"

static void find(const struct dmabuf_exporter_kind *kind)
{
	glob_t g;

	/* Sorted, so that the names are given in the same order every time. */
	if (glob("/dev/dma_heap/*", 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		dmabuf_exporter_add(kind, 0, g.gl_pathv[i], "heap-%s",
				    strrchr(g.gl_pathv[i], '/') + 1);
	globfree(&g);
}

bool dmabuf_heap_alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	struct dma_heap_allocation_data data = {
		.len = size,
		.fd_flags = (buf->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC,
	};

	buf->dev = open(e->path, O_RDWR | O_CLOEXEC);
	if (buf->dev < 0 || ioctl(buf->dev, DMA_HEAP_IOCTL_ALLOC, &data))
		return false;
	buf->fd = data.fd;
	return true;
}

const struct dmabuf_exporter_kind dmabuf_heap = {
	.name = "heap",
	.description = "DMA heaps in /dev/dma_heap",
	.find = find,
	.alloc = dmabuf_heap_alloc,
	.read_only = true,
};
