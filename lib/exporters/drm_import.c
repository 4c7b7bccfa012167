// SPDX-License-Identifier: MIT
/*
 * Importers that map what they imported (ENTRY): of each card, the mmap of a buffer that an
 * exporter which obeys made. The mapping must be the exporter's own, by dma_buf_mmap().
 */
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "drm.h"
#include "drm_gem.h"
#include "exporters.h"
#include "igt.h"

/*
 * Drivers without an offset ioctl for imported objects that make an offset for them all the
 * same (__drm_gem_shmem_init(), exynos_drm_gem_init()), and to which an import is nothing.
 */
static const char *const by_place[] = { "vgem", "vkms", "exynos" };

static bool has_a_place(const char *driver)
{
	for (size_t i = 0; i < sizeof(by_place) / sizeof(by_place[0]); i++)
		if (!strcmp(driver, by_place[i]))
			return true;
	return false;
}

static bool make_dumb(int fd, size_t size, uint32_t *handle, uint64_t *offset)
{
	struct drm_mode_create_dumb create = {
		.width = page_size() / 4, .height = size / page_size(), .bpp = 32,
	};

	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return false;
	*handle = create.handle;
	return drm_dumb_offset(fd, *handle, offset);
}

#define TRIES 32

/*
 * Offsets are given away like memory, of which what fits best is taken first (mm/drm_mm.c):
 * once the gaps of this size are used up, what is made in a row is in a row. So where two
 * buffers have a place for just one between, that is the one which was imported between.
 * They are closed in the end: nobody is to meet them behind the last page.
 */
static bool import_between(int fd, struct dmabuf *buf, size_t size)
{
	uint32_t handles[2 * TRIES] = { };
	uint64_t before = 0, after = 0;
	bool between = false;
	unsigned int made = 0;
	int err;

	for (unsigned int i = 0; i < TRIES && !between; i++) {
		if (i)
			drmCloseBufferHandle(fd, buf->handle);
		if (!make_dumb(fd, size, &handles[made++], &before) ||
		    drmPrimeFDToHandle(fd, buf->fd, &buf->handle) ||
		    !make_dumb(fd, size, &handles[made++], &after))
			break;
		between = after == before + 2 * size;
		errno = ENOSPC;
	}
	buf->offset = before + size;
	err = errno;
	while (made--)
		drmCloseBufferHandle(fd, handles[made]);
	errno = err;
	return between;
}

/* Imports buf->fd into the card at fd and finds out where that maps it. */
static bool import(int fd, const char *driver, struct dmabuf *buf)
{
	const struct drm_gem_driver *d = drm_gem_importer(driver);
	struct dmabuf_exporter unknown = { .imports = true };

	if (has_a_place(driver))
		return import_between(fd, buf, lseek(buf->fd, 0, SEEK_END));
	if (d)
		return !drmPrimeFDToHandle(fd, buf->fd, &buf->handle) &&
		       drm_gem_offset(d, fd, buf->handle, &buf->offset);
	/* Who knows: it may be the end, and is tried once then. */
	snprintf(unknown.name, sizeof(unknown.name), "%s-import", driver);
	return !dmabuf_prime_import(&unknown, fd, buf->fd, &buf->handle) &&
	       drm_dumb_offset(fd, buf->handle, &buf->offset);
}

/*
 * A driver that no table has may have an ioctl for dumb buffers that takes imported ones, which
 * the core's refuses (drm_gem_dumb_map_offset()). To import costs some drivers a warning.
 */
static bool may_be_tried(const struct drm_card *card)
{
	for (const struct drm_gem_driver *d = drm_gem_drivers; d->driver; d++)
		if (!strcmp(d->driver, card->driver))
			return false;
	for_each_dmabuf_exporter(e)
		if (e->no_import && !strcmp(e->path, card->path))
			return false;
	return dmabuf_is_disruptive();
}

/* Who obeys, as far as a mapping of the whole buffer goes, and is no card of these. */
static const struct dmabuf_exporter *origin(void)
{
	for_each_dmabuf_exporter(e)
		if (e->kind == &dmabuf_heap)
			return e;
	for_each_dmabuf_exporter(e)
		if (e->kind == &dmabuf_udmabuf)
			return e;
	return NULL;
}

/* By trying: no card tells whether it can. */
static bool imports(const struct dmabuf_exporter *from, const struct drm_card *card)
{
	struct dmabuf buf = { .fd = -1, .dev = -1 };
	bool made = from->kind->alloc(from, page_size(), &buf);
	int fd = drm_open_card(card->path);
	bool done = made && fd >= 0 && import(fd, card->driver, &buf);

	if (fd >= 0)
		close(fd);
	if (buf.dev >= 0)
		close(buf.dev);
	if (buf.fd >= 0)
		close(buf.fd);
	return done;
}

static void find(const struct dmabuf_exporter_kind *kind)
{
	const struct dmabuf_exporter *from = origin();

	for_each_drm_card(card) {
		const struct drm_gem_driver *d = drm_gem_importer(card->driver);
		struct dmabuf_exporter *e;

		if (!from || (!d && !has_a_place(card->driver) && !may_be_tried(card)) ||
		    !imports(from, card))
			continue;
		e = dmabuf_exporter_add(kind, 0, card->path, "%s-import",
					d && d->name ? d->name : card->driver);
		e->data = from;
		e->imports = true;
	}
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	const struct dmabuf_exporter *from = e->data;
	const struct drm_card *card = drm_card_of(e);
	const struct drm_gem_driver *d = drm_gem_importer(card->driver);

	if (d && d->wild)
		dmabuf_require_disruptive("maps memory of others, if the driver does not obey");
	errno = EOPNOTSUPP;
	if ((buf->read_only && !from->kind->read_only) || !from->kind->alloc(from, size, buf))
		return false;
	close(buf->dev);
	buf->dev = drm_open_card(e->path);
	return buf->dev >= 0 && import(buf->dev, card->driver, buf);
}

static bool native_offset(const struct dmabuf *buf, uint64_t *offset)
{
	*offset = buf->offset;
	return true;
}

const struct dmabuf_exporter_kind dmabuf_drm_import = {
	.name = "drm_import",
	.description = "the GEM mmap of cards that imported the buffer of a heap or of udmabuf",
	.find = find,
	.alloc = alloc,
	.read_only = true,
	.native_offset = native_offset,
	.close_handle = drm_close_handle,
};
