// SPDX-License-Identifier: MIT
/*
 * The ways in to a mapping of a DMA buffer. A new one is a function and a line
 * in the table.
 */
#include <sys/ioctl.h>
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
 * redirects to dma_buf_mmap() (through the GEM shmem or the driver's own
 * object functions). They all take a handle and answer an offset in the same
 * 16 bytes; the numbers are from drm/{etnaviv,lima,panthor,v3d}_drm.h.
 */
struct offset_ioctl {
	const char *driver;
	unsigned int nr;
};

struct offset_request {
	uint32_t handle;
	uint32_t pad;
	uint64_t offset;
};

static const struct offset_ioctl offset_ioctls[] = {
	{ "etnaviv", 0x03 },
	{ "lima", 0x02 },
	{ "panthor", 0x06 },
	{ "v3d", 0x03 },
};

struct import {
	const struct dmabuf *buf;
	size_t length;
	int prot, flags;
	off_t offset;
	void *p;
	char refusals[512];
};

static bool imported_offset(int fd, const char *driver, uint32_t handle,
			    uint64_t *offset)
{
	struct offset_request request = { .handle = handle };

	for (size_t i = 0; i < sizeof(offset_ioctls) / sizeof(offset_ioctls[0]); i++) {
		if (strcmp(driver, offset_ioctls[i].driver))
			continue;
		if (drmIoctl(fd, DRM_IOWR(DRM_COMMAND_BASE + offset_ioctls[i].nr,
					  struct offset_request), &request))
			return false;
		*offset = request.offset;
		return true;
	}
	return drm_dumb_offset(fd, handle, offset);
}

static void try_import(int fd, const char *path, const char *driver, void *data)
{
	struct import *import = data;
	size_t used = strlen(import->refusals);
	const char *what = "PRIME import";
	uint32_t handle;
	uint64_t base;

	/* Importing into the exporting device gives back its own object. */
	if (import->p != MAP_FAILED || !strcmp(path, import->buf->exporter->path))
		return;

	if (!drmPrimeFDToHandle(fd, import->buf->fd, &handle)) {
		what = "mmap offset of an imported object";
		if (imported_offset(fd, driver, handle, &base)) {
			what = "mmap of an imported object";
			import->p = mmap(NULL, import->length, import->prot, import->flags,
					 fd, base + import->offset);
			if (import->p != MAP_FAILED)
				return;
		}
	}
	snprintf(import->refusals + used, sizeof(import->refusals) - used,
		 "%s%s: %s: %s", used ? "; " : "", driver, what, strerror(errno));
}

static void *map_import(const struct dmabuf *buf, size_t length, int prot, int flags,
			off_t offset)
{
	struct import import = {
		.buf = buf, .length = length, .prot = prot, .flags = flags,
		.offset = offset, .p = MAP_FAILED,
	};

	drm_for_each_card(try_import, &import);
	dmabuf_require(import.p != MAP_FAILED,
		       "no other card maps an imported object (%s)",
		       import.refusals[0] ? import.refusals : "there is none");
	return import.p;
}

static const struct dmabuf_way way_import = {
	.name = "import",
	.clause = "ENTRY",
	.description = "the GEM mmap of another device that imported the buffer",
	.map = map_import,
};

const struct dmabuf_way *const dmabuf_ways[] = {
	&way_fd,
	&way_native,
	&way_import,
	NULL,
};
