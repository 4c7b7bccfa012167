// SPDX-License-Identifier: MIT
/*
 * radeon: buffers in video memory by the driver's own ioctl, on TTM
 * (drm/radeon_drm.h). They are evicted to system memory when others need the
 * place, which is a real move.
 */
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "dmabuf_contract.h"
#include "drm.h"
#include "drm_abi.h"
#include "exporters.h"
#include "igt.h"

/* More video memory than this takes too long to fill. */
#define MAX_VRAM (1ull << 30)

/*
 * What does not fit in video memory goes through the GART, and a kernel with a card
 * whose GART does not work (QEMU's) warns of that.
 */
size_t drm_radeon_vram(int fd)
{
	struct drm_radeon_gem_info info = { };

	return drmIoctl(fd, DRM_IOCTL_RADEON_GEM_INFO, &info) ? 0 : info.vram_size;
}

static void find(const struct dmabuf_exporter_kind *kind)
{
	for_each_drm_card(card) {
		struct dmabuf_exporter *e;

		if (strcmp(card->driver, "radeon"))
			continue;
		e = dmabuf_exporter_add(kind, 0, card->path, "radeon-vram");
		e->moves = true;
		e->no_import = true;	/* other devices reach it through the GART, too */
		e->max_size = drm_radeon_vram(card->fd);
	}
}

static bool create(int fd, size_t size, uint32_t *handle)
{
	struct drm_radeon_gem_create create = {
		.size = size,
		.alignment = 4096,
		.initial_domain = RADEON_GEM_DOMAIN_VRAM,
	};

	if (drmIoctl(fd, DRM_IOCTL_RADEON_GEM_CREATE, &create))
		return false;
	*handle = create.handle;
	return true;
}

static bool gem_offset(int fd, uint32_t handle, size_t size, uint64_t *offset)
{
	struct drm_radeon_gem_mmap map = { .handle = handle, .size = size };

	if (drmIoctl(fd, DRM_IOCTL_RADEON_GEM_MMAP, &map))
		return false;
	*offset = map.addr_ptr;
	return true;
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	buf->dev = drm_open_card(e->path);
	return buf->dev >= 0 && create(buf->dev, size, &buf->handle) && drm_export(buf);
}

static bool native_offset(const struct dmabuf *buf, uint64_t *offset)
{
	return gem_offset(buf->dev, buf->handle, buf->size, offset);
}

/*
 * What is to be a cursor is put into video memory (radeon_cursor.c,
 * radeon_crtc_cursor_set2()), also while nothing is shown. A fault does not do that, and
 * a command would need acceleration.
 */
static bool move_back(struct dmabuf *buf)
{
	drmModeResPtr res = drmModeGetResources(buf->dev);

	dmabuf_require(res && res->count_crtcs, "%s has no display engine, which would move it back",
		       buf->exporter->name);
	dmabuf_require(!drmSetMaster(buf->dev), "%s is somebody else's display: %s",
		       buf->exporter->name, strerror(errno));
	dmabuf_require(!drmModeSetCursor(buf->dev, res->crtcs[0], buf->handle, 64, 64),
		       "%s does not take the buffer for a cursor: %s", buf->exporter->name,
		       strerror(errno));
	drmModeSetCursor(buf->dev, res->crtcs[0], 0, 0, 0);
	drmModeFreeResources(res);
	return false;
}

/* What the others have at least: small ones would be thousands. */
#define OTHER_SIZE (1ul << 20)

/*
 * Allocates and touches other buffers until there is no place left for the
 * least recently used one. They stay until the device is closed. Every second
 * time it comes back.
 */
static bool move(struct dmabuf *buf)
{
	const size_t size = buf->size > OTHER_SIZE ? buf->size : OTHER_SIZE;
	const size_t vram = buf->exporter->max_size;
	uint32_t handle;
	uint64_t offset;

	dmabuf_require_disruptive("fills the video memory, and changes the cursor");
	if (buf->moves % 2)
		return move_back(buf);
	dmabuf_require(vram, "radeon does not say how much video memory it has");
	dmabuf_require(vram <= MAX_VRAM,
		       "evicting a buffer means filling %zu MiB of video memory", vram >> 20);

	for (size_t filled = 0; filled <= vram; filled += size) {
		volatile uint32_t *p;

		dmabuf_require(create(buf->dev, size, &handle) &&
			       gem_offset(buf->dev, handle, size, &offset),
			       "only %zu of %zu bytes of video memory could be filled: %s",
			       filled, vram, strerror(errno));
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buf->dev,
			 offset);
		dmabuf_require(p != MAP_FAILED, "filling the video memory: %s",
			       strerror(errno));
		*p = ~0u;
		munmap((void *)p, size);
	}
	return !buf->moves;
}

const struct dmabuf_exporter_kind dmabuf_drm_radeon = {
	.name = "drm_radeon",
	.description = "radeon buffers in video memory",
	.find = find,
	.alloc = alloc,
	.read_only = true,
	.native_offset = native_offset,
	.close_handle = drm_close_handle,
	.move = move,
};
