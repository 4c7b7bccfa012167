// SPDX-License-Identifier: MIT
/*
 * DMA heaps: every character device in /dev/dma_heap, and what the calibration
 * module adds, which answers the same ioctl (linux/dma-heap.h, Linux 5.6).
 */
#include <fcntl.h>
#include <glob.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>

#include "exporters.h"
#include "igt.h"

static void find(const struct dmabuf_exporter_kind *kind)
{
	static const struct { const char *dir, *prefix; } places[] = {
		{ "/dev/dma_heap/*", "heap" },
		{ "/dev/dma_calib/*", "calib" },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		glob_t g;

		/* Sorted, so that the names are given in the same order every time. */
		if (glob(places[i].dir, 0, NULL, &g))
			continue;
		for (size_t j = 0; j < g.gl_pathc; j++)
			dmabuf_exporter_add(kind, 0, g.gl_pathv[j], "%s-%s",
					    places[i].prefix,
					    strrchr(g.gl_pathv[j], '/') + 1);
		globfree(&g);
	}
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	struct dma_heap_allocation_data data = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
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
	.alloc = alloc,
};
