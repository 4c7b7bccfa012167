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
#include "exporters/drm_gem.h"
#include "igt.h"

static void *map_fd(const struct dmabuf *buf, void *addr, size_t length, int prot,
			int flags, off_t offset)
{
	return mmap(addr, length, prot, flags, buf->fd, offset);
}

static const char *no_fd(const struct dmabuf_exporter *e)
{
	return e->imports ? "the buffer is another exporter's" : NULL;
}

static const struct dmabuf_way way_fd = {
	.name = "fd",
	.clause = "",
	.description = "mmap() of the dma-buf's own file descriptor",
	.why_not = no_fd,
	.map = map_fd,
};

static const char *no_native(const struct dmabuf_exporter *e)
{
	return no_fd(e) ?: e->kind->native_offset || e->kind->native_map ? NULL :
	       "this exporter has no GEM mmap of its own";
}

static bool native_maps_parts(const struct dmabuf_exporter *e)
{
	return e->native_parts;
}

static void *map_native(const struct dmabuf *buf, void *addr, size_t length, int prot,
			int flags, off_t offset)
{
	uint64_t base;

	if (buf->exporter->kind->native_map)
		return buf->exporter->kind->native_map(buf, addr, length, prot, flags, offset);
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
 * The calibration module's importer, for machines without such a driver; or what
 * DMABUF_IMPORTER names and answers the same ioctl.
 */
static const char *test_importer(void)
{
	const char *path = getenv("DMABUF_IMPORTER") ?: DMA_CALIB_IMPORT;

	return access(path, R_OK | W_OK) ? NULL : path;
}

/*
 * The first card whose own offset ioctl takes imported objects. Not the exporting card: it
 * would give back its own object; nor one that maps by itself, if there is another: what is
 * wrong with that is found by DRIVER-import, and no fault of this exporter. Other drivers are
 * left alone: DRM_IOCTL_MODE_MAP_DUMB refuses imported objects, and an import costs some of
 * them (radeon without a GART) a warning.
 */
static const struct drm_card *importer_for(const struct dmabuf_exporter *e)
{
	const struct drm_card *found = NULL;

	for_each_drm_card(card) {
		const struct drm_gem_driver *d = drm_gem_importer(card->driver);

		if (d && strcmp(card->path, e->path) &&
		    (!found || (drm_gem_importer(found->driver)->by_itself && !d->by_itself)))
			found = card;
	}
	return found;
}

static const char *no_import(const struct dmabuf_exporter *e)
{
	return e->imports || test_importer() || importer_for(e) ? NULL :
	       "no other device here redirects the mmap of an imported buffer to dma_buf_mmap()";
}

/* GEM maps whole objects; the module's importer passes on what it is asked. */
static bool import_maps_parts(const struct dmabuf_exporter *e)
{
	return !e->imports && test_importer();
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
	const struct drm_card *card;
	const char *why;
	uint64_t base = 0;
	uint32_t handle;
	int fd;

	if (buf->exporter->imports)
		return map_native(buf, addr, length, prot, flags, offset);
	if (test_importer())
		return map_test_import(test_importer(), buf, addr, length, prot, flags,
				       offset);
	card = importer_for(buf->exporter);
	fd = drm_open_card(card->path);
	dmabuf_require(fd >= 0, "%s: %s", card->path, strerror(errno));
	why = dmabuf_prime_import(buf->exporter, fd, buf->fd, &handle);
	dmabuf_must("WARN", !why || errno != ECANCELED, "it has killed the kernel before:\n%s\n",
		    why);
	dmabuf_require(!why, "%s does not import the buffer: %s", card->driver, why);
	dmabuf_require(drm_gem_offset(drm_gem_importer(card->driver), fd, handle, &base),
		       "%s gives no mmap offset for an imported buffer: %s", card->driver,
		       strerror(errno));
	return map_and_close(addr, length, prot, flags, fd, base + offset);
}

static const struct dmabuf_way way_import = {
	.name = "import",
	.clause = "ENTRY",
	.of_importer = true,
	.description = "the GEM mmap of another device that imported the buffer",
	.why_not = no_import,
	.maps_parts = import_maps_parts,
	.map = map_import,
};

const struct dmabuf_way *const dmabuf_ways[] = {
	&way_fd,
	&way_native,
	&way_import,
	NULL,
};
