// SPDX-License-Identifier: MIT
/*
 * The calibration module (tests/kmod): an exporter a row, each of which keeps the
 * contract or breaks it in one way. They allocate as heaps do; some move on request.
 */
#include <fcntl.h>
#include <glob.h>
#include <sys/ioctl.h>

#include "dmabuf_calib.h"
#include "dmabuf_contract.h"
#include "exporters.h"
#include "igt.h"

static bool device_moves(const char *path)
{
	struct dma_calib_fd none = { .fd = -1 };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool ret = fd >= 0 && ioctl(fd, DMA_CALIB_IOCTL_MOVE, &none) && errno != ENOTTY;

	if (fd >= 0)
		close(fd);
	return ret;
}

static void find(const struct dmabuf_exporter_kind *kind)
{
	glob_t g;

	if (glob(DMA_CALIB_DIR "/*", 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *path = g.gl_pathv[i];
		struct dmabuf_exporter *e = dmabuf_exporter_add(kind, 0, path, "calib-%s",
								strrchr(path, '/') + 1);

		e->moves = device_moves(path);
		e->native_parts = true;
	}
	globfree(&g);
}

static bool move(struct dmabuf *buf)
{
	struct dma_calib_fd data = { .fd = buf->fd };
	/* Any file of the device will do. */
	int dev = buf->dev < 0 ? open(buf->exporter->path, O_RDWR | O_CLOEXEC) : buf->dev;
	int ret = ioctl(dev, DMA_CALIB_IOCTL_MOVE, &data) ? errno : 0;

	if (dev >= 0 && buf->dev < 0)
		close(dev);
	/* Nothing but the CPU mapping is left that could hold it in place. */
	dmabuf_must("PIN", ret != EBUSY,
		    "%s cannot move the buffer: something holds it in place\n",
		    buf->exporter->name);
	dmabuf_require(!ret, "%s cannot move the buffer: %s", buf->exporter->name, strerror(ret));
	return true;
}

static bool native_offset(const struct dmabuf *buf, uint64_t *offset)
{
	struct dma_calib_fd data = { .fd = buf->fd };

	*offset = 0;
	return !ioctl(buf->dev, DMA_CALIB_IOCTL_NATIVE, &data);
}

const struct dmabuf_exporter_kind dmabuf_calib = {
	.name = "calib",
	.description = "the exporters of the calibration module",
	.find = find,
	.alloc = dmabuf_heap_alloc,
	.read_only = true,
	.native_offset = native_offset,
	.move = move,
};
