// SPDX-License-Identifier: MIT
/*
 * The ways in to a mapping of a DMA buffer. A new one is a function and a line
 * in the table.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <xf86drm.h>

#include "dmabuf.h"
#include "dmabuf_calib.h"
#include "dmabuf_contract.h"
#include "exporters/drm.h"
#include "igt.h"

static void *map_fd(const struct dmabuf *buf, void *addr, size_t length, int prot,
			int flags, off_t offset)
{
	return mmap(addr, length, prot, flags, buf->fd, offset);
}

static const struct dmabuf_way way_fd = {
	.name = "fd",
	.clause = "",
	.description = "mmap() of the dma-buf's own file descriptor",
	.map = map_fd,
};

static const char *no_native(const struct dmabuf_exporter *e)
{
	return e->kind->native_offset ? NULL : "this exporter has no GEM mmap of its own";
}

static bool native_maps_parts(const struct dmabuf_exporter *e)
{
	return e->kind->native_parts;
}

static void *map_native(const struct dmabuf *buf, void *addr, size_t length, int prot,
			int flags, off_t offset)
{
	uint64_t base;

	dmabuf_require(buf->exporter->kind->native_offset(buf, &base),
		       "%s gives no mmap offset for its own buffer: %s",
		       buf->exporter->name, strerror(errno));
	return mmap(addr, length, prot, flags, buf->dev, base + offset);
}

static const struct dmabuf_way way_native = {
	.name = "native",
	.clause = "BO",
	.description = "the exporting driver's own GEM mmap",
	.why_not = no_native,
	.maps_parts = native_maps_parts,
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

/*
 * The calibration module's importer, for machines without such a driver; or what
 * DMABUF_IMPORTER names and answers the same ioctl.
 */
static const char *test_importer(void)
{
	const char *path = getenv("DMABUF_IMPORTER") ?: DMA_CALIB_IMPORT;

	return access(path, R_OK | W_OK) ? NULL : path;
}

struct offset_request {
	uint32_t handle;
	uint32_t pad;
	uint64_t offset;
};

/*
 * The first card that redirects, and its ioctl. Not the exporting card: it would
 * give back its own object.
 */
static const struct drm_card *importer_for(const struct dmabuf_exporter *e,
					   unsigned int *nr)
{
	for_each_drm_card(card)
		for (size_t i = 0; i < sizeof(offset_ioctls) / sizeof(offset_ioctls[0]); i++)
			if (!strcmp(card->driver, offset_ioctls[i].driver) &&
			    strcmp(card->path, e->path)) {
				*nr = offset_ioctls[i].nr;
				return card;
			}
	return NULL;
}

static const char *no_import(const struct dmabuf_exporter *e)
{
	unsigned int nr;

	return test_importer() || importer_for(e, &nr) ? NULL :
	       "no other device here redirects the mmap of an imported buffer to dma_buf_mmap()";
}

/* What is imported must live by its mapping alone. */
static void *map_and_close(void *addr, size_t length, int prot, int flags, int fd,
			   off_t offset)
{
	void *p = mmap(addr, length, prot, flags, fd, offset);
	int err = errno;

	close(fd);
	errno = err;
	return p;
}

static void *map_test_import(const char *path, const struct dmabuf *buf, void *addr,
			     size_t length, int prot, int flags, off_t offset)
{
	struct dma_calib_fd data = { .fd = buf->fd };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	dmabuf_require(fd >= 0 && !ioctl(fd, DMA_CALIB_IOCTL_IMPORT, &data),
		       "%s does not import the buffer: %s", path, strerror(errno));
	return map_and_close(addr, length, prot, flags, fd, offset);
}

static void *map_import(const struct dmabuf *buf, void *addr, size_t length, int prot,
			int flags, off_t offset)
{
	struct offset_request request = { };
	const struct drm_card *card;
	unsigned int nr;
	int fd;

	if (test_importer())
		return map_test_import(test_importer(), buf, addr, length, prot, flags,
				       offset);
	card = importer_for(buf->exporter, &nr);
	fd = drm_open_card(card->path);
	dmabuf_require(fd >= 0 && !drmPrimeFDToHandle(fd, buf->fd, &request.handle),
		       "%s does not import the buffer: %s", card->driver, strerror(errno));
	dmabuf_require(!drmIoctl(fd, DRM_IOWR(DRM_COMMAND_BASE + nr, struct offset_request),
				 &request),
		       "%s gives no mmap offset for an imported buffer: %s", card->driver,
		       strerror(errno));
	return map_and_close(addr, length, prot, flags, fd, request.offset + offset);
}

static const struct dmabuf_way way_import = {
	.name = "import",
	.clause = "ENTRY",
	.of_importer = true,
	.description = "the GEM mmap of another device that imported the buffer",
	.why_not = no_import,
	.map = map_import,
};

const struct dmabuf_way *const dmabuf_ways[] = {
	&way_fd,
	&way_native,
	&way_import,
	NULL,
};
