// SPDX-License-Identifier: MIT
/*
 * radeon: buffers in video memory by the driver's own ioctl, on TTM
 * (drm/radeon_drm.h). They are evicted to system memory when others need the
 * place, which is a real move.
 */
#include <xf86drm.h>

#include "dmabuf_contract.h"
#include "drm.h"
#include "drm_abi.h"
#include "exporters.h"
#include "igt.h"

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
		e->video = true;
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

const struct dmabuf_exporter_kind dmabuf_drm_radeon = {
	.name = "drm_radeon",
	.description = "radeon buffers in video memory",
	.find = find,
	.alloc = alloc,
	.read_only = true,
	.native_offset = native_offset,
	.close_handle = drm_close_handle,
	.lend = drm_lend,
};
