// SPDX-License-Identifier: MIT
/*
 * The ways in to a mapping of a DMA buffer. A new one is a function and a line
 * in the table.
 */
#include <xf86drm.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "exporters/drm.h"
#include "igt.h"

static void *map_fd(const struct dmabuf *buf, size_t length, int prot, int flags,
		    off_t offset)
{
	return mmap(NULL, length, prot, flags, buf->fd, offset);
}

static const struct dmabuf_way way_fd = {
	.name = "fd",
	.clause = "",
	.description = "mmap() of the dma-buf's own file descriptor",
	.map = map_fd,
};

static void *map_native(const struct dmabuf *buf, size_t length, int prot, int flags,
			off_t offset)
{
	uint64_t base;

	dmabuf_require(buf->exporter->kind->native_offset,
		       "%s has no GEM mmap of its own", buf->exporter->name);
	dmabuf_require(buf->exporter->kind->native_offset(buf, &base),
		       "%s gives no mmap offset for its own buffer: %s",
		       buf->exporter->name, strerror(errno));
	return mmap(NULL, length, prot, flags, buf->dev, base + offset);
}

static const struct dmabuf_way way_native = {
	.name = "native",
	.clause = "BO",
	.description = "the exporting driver's own GEM mmap",
	.map = map_native,
};

/*
 * Drivers whose own offset ioctl takes imported objects and whose mmap then
 * redirects to dma_buf_mmap(). They all take a handle and answer an offset in
 * the same 16 bytes; the numbers are from drm/{etnaviv,lima,panthor,v3d}_drm.h.
 * Other drivers are left alone: DRM_IOCTL_MODE_MAP_DUMB refuses imported
 * objects, and an import costs some of them (radeon without a GART) a warning.
 */
static const struct {
	const char *driver;
	unsigned int nr;
} offset_ioctls[] = {
	{ "etnaviv", 0x03 },
	{ "lima", 0x02 },
	{ "panthor", 0x06 },
	{ "v3d", 0x03 },
};

struct offset_request {
	uint32_t handle;
	uint32_t pad;
	uint64_t offset;
};

static struct importer {
	char path[64];
	char driver[32];
	unsigned int nr;
} importers[8];
static unsigned int num_importers;

static void add_importer(int fd, const char *path, const char *driver, void *data)
{
	for (size_t i = 0; i < sizeof(offset_ioctls) / sizeof(offset_ioctls[0]); i++) {
		struct importer *importer = &importers[num_importers];

		if (strcmp(driver, offset_ioctls[i].driver) ||
		    num_importers == sizeof(importers) / sizeof(importers[0]))
			continue;
		snprintf(importer->path, sizeof(importer->path), "%s", path);
		snprintf(importer->driver, sizeof(importer->driver), "%s", driver);
		importer->nr = offset_ioctls[i].nr;
		num_importers++;
	}
}

static void find_importers(void)
{
	num_importers = 0;
	drm_for_each_card(add_importer, NULL);
}

static void *map_import(const struct dmabuf *buf, size_t length, int prot, int flags,
			off_t offset)
{
	for (unsigned int i = 0; i < num_importers; i++) {
		struct importer *importer = &importers[i];
		struct offset_request request = { };
		int fd;

		/* Importing into the exporting device gives back its own object. */
		if (!strcmp(importer->path, buf->exporter->path))
			continue;
		fd = drm_open_card(importer->path);
		dmabuf_require(fd >= 0 && !drmPrimeFDToHandle(fd, buf->fd, &request.handle),
			       "%s does not import the buffer: %s", importer->driver,
			       strerror(errno));
		dmabuf_require(!drmIoctl(fd, DRM_IOWR(DRM_COMMAND_BASE + importer->nr,
						      struct offset_request), &request),
			       "%s gives no mmap offset for an imported buffer: %s",
			       importer->driver, strerror(errno));
		return mmap(NULL, length, prot, flags, fd, request.offset + offset);
	}
	dmabuf_skip("no other device here redirects the mmap of an imported buffer to dma_buf_mmap()");
}

static const struct dmabuf_way way_import = {
	.name = "import",
	.clause = "ENTRY",
	.description = "the GEM mmap of another device that imported the buffer",
	.find = find_importers,
	.map = map_import,
};

const struct dmabuf_way *const dmabuf_ways[] = {
	&way_fd,
	&way_native,
	&way_import,
	NULL,
};
