// SPDX-License-Identifier: MIT
/*
 * Dumb buffers of every card that makes and exports them (drm/drm.h,
 * drm/drm_mode.h).
 */
#include <sys/stat.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "drm.h"
#include "exporters.h"
#include "igt.h"

/* 1024 pixels of 32 bits are a page, so that a buffer has just the size asked. */
#define WIDTH 1024
#define PITCH (WIDTH * 4)

static bool create_dumb(int fd, unsigned int lines, uint32_t *handle)
{
	struct drm_mode_create_dumb create = { .width = WIDTH, .height = lines, .bpp = 32 };

	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return false;
	*handle = create.handle;
	return true;
}

/* More lines, where a driver refuses so few, or an odd number. */
static bool create_usual(int fd, size_t size, uint32_t *handle)
{
	const unsigned int least = (size + PITCH - 1) / PITCH;
	unsigned int lines = 16;

	if (create_dumb(fd, least, handle))
		return true;
	if (errno != EINVAL)
		return false;
	while (lines < least)
		lines *= 2;
	return create_dumb(fd, lines, handle);
}

/*
 * By trying: a card without a display engine (vgem) answers no question about
 * dumb buffers and makes them nevertheless.
 */
static bool makes_dumb_buffers(int fd)
{
	struct drm_mode_destroy_dumb destroy = { };

	if (!create_usual(fd, 1, &destroy.handle))
		return false;
	drmIoctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	return true;
}

/*
 * Drivers on the GEM VRAM helper, by which a buffer goes to video memory when it
 * is scanned out, and not before. (bochs is on it up to Linux 6.12 or later.)
 * Other drivers are not made to show anything: nothing would move.
 */
static const char *const scanout_moves[] = { "bochs-drm", "hibmc", "vboxvideo" };

static bool moves_on_scanout(const char *driver)
{
	for (size_t i = 0; i < sizeof(scanout_moves) / sizeof(scanout_moves[0]); i++)
		if (!strcmp(driver, scanout_moves[i]))
			return true;
	return false;
}

static void find(const struct dmabuf_exporter_kind *kind)
{
	for_each_drm_card(card) {
		struct dmabuf_exporter *e;

		if (!makes_dumb_buffers(card->fd)) {
			const bool never = errno == ENOSYS || errno == EOPNOTSUPP;

			dmabuf_exporter_missing(card->path, !never,
						never ? "%s (%s) makes no dumb buffers (%s): add an exporter (docs/adding-an-exporter.md)" :
						"%s (%s) made no dumb buffer (%s): try again when it is free",
						card->path, card->driver, strerror(errno));
			continue;
		}
		e = dmabuf_exporter_add(kind, 0, card->path, "%s-dumb", card->driver);
		e->moves = moves_on_scanout(card->driver);
		if (!strcmp(card->driver, "radeon")) {
			e->max_size = drm_radeon_vram(card->fd);
			e->no_import = true;
			e->video = true;
		}
	}
}

/* Lines of which none ends with a page, nor the last, and other pixels; where a driver has such. */
static bool create_odd(int fd, size_t size, uint32_t *handle)
{
	static const unsigned int bytes[] = { 1, 2, 4 };	/* vmwgfx warns of 3 */
	const unsigned int n = bytes[size / page_size() % 3];
	struct drm_mode_create_dumb create = {
		.width = 1000, .height = size / (1000 * n), .bpp = 8 * n,
	};

	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return false;
	*handle = create.handle;
	if (create.size >= size)
		return true;
	drmCloseBufferHandle(fd, create.handle);
	return false;
}

/*
 * Buffers of an odd number of pages are odd in all that a driver may look at: their form, and
 * who makes them, which is the display's master, where it is not somebody else.
 */
static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	const bool odd = size / page_size() % 2;

	buf->dev = drm_open_card(e->path);
	if (buf->dev < 0)
		return false;
	if (odd && dmabuf_is_disruptive() && !e->moves)
		drmSetMaster(buf->dev);
	if (!(odd && create_odd(buf->dev, size, &buf->handle)) &&
	    !create_usual(buf->dev, size, &buf->handle))
		return false;
	return drm_export(buf);
}

static bool native_offset(const struct dmabuf *buf, uint64_t *offset)
{
	return drm_dumb_offset(buf->dev, buf->handle, offset);
}

/* A connector that shows something, and the first of its modes that fits. */
static bool pick_mode(int fd, const drmModeRes *res, size_t size,
		      uint32_t *connector, drmModeModeInfo *mode)
{
	bool found = false;

	for (int i = 0; i < res->count_connectors && !found; i++) {
		drmModeConnectorPtr c = drmModeGetConnector(fd, res->connectors[i]);

		for (int j = 0; c && c->connection == DRM_MODE_CONNECTED &&
		     j < c->count_modes && !found; j++) {
			*connector = c->connector_id;
			*mode = c->modes[j];
			found = mode->hdisplay <= WIDTH &&
				(size_t)mode->vdisplay * PITCH <= size;
		}
		drmModeFreeConnector(c);
	}
	return found;
}

/* More video memory than this takes too long to show others in. */
#define MAX_VRAM (256ul << 20)

struct display {
	uint32_t crtc, connector;
	drmModeModeInfo mode;
};

static void show(const struct dmabuf *buf, uint32_t handle, struct display *display)
{
	uint32_t fb;

	dmabuf_require(!drmModeAddFB(buf->dev, WIDTH, buf->size / PITCH, 24, 32, PITCH,
				     handle, &fb),
		       "%s makes no framebuffer of the buffer: %s",
		       buf->exporter->name, strerror(errno));
	dmabuf_require(!drmModeSetCrtc(buf->dev, display->crtc, fb, 0, 0, &display->connector, 1,
				       &display->mode),
		       "%s does not show the buffer: %s", buf->exporter->name,
		       strerror(errno));
}

/* Of the cards that move what they show: their first BAR is the video memory. */
static size_t video_memory(const struct dmabuf_exporter *e)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/class/drm/%.32s/device/resource0",
		 strrchr(e->path, '/') + 1);
	return stat(path, &st) ? 0 : st.st_size;
}

/*
 * Shows others until there is no place left for the least recently shown one. They stay
 * until the device is closed.
 */
static void show_others(const struct dmabuf *buf, struct display *display)
{
	const size_t vram = video_memory(buf->exporter);

	dmabuf_require(vram, "%s does not say how much video memory it has",
		       buf->exporter->name);
	dmabuf_require(vram <= MAX_VRAM, "evicting a buffer means showing %zu MiB of others",
		       vram >> 20);
	for (size_t filled = 0; filled <= vram; filled += buf->size) {
		struct drm_mode_create_dumb create = {
			.width = WIDTH, .height = buf->size / PITCH, .bpp = 32,
		};

		dmabuf_require(!drmIoctl(buf->dev, DRM_IOCTL_MODE_CREATE_DUMB, &create),
			       "only %zu of %zu bytes of video memory could be filled: %s",
			       filled, vram, strerror(errno));
		show(buf, create.handle, display);
	}
}

/* To video memory by being shown, back when others are. */
static bool move(struct dmabuf *buf)
{
	struct display display;
	drmModeResPtr res;

	dmabuf_require_disruptive("sets a display mode");
	res = drmModeGetResources(buf->dev);
	dmabuf_require(res && res->count_crtcs, "%s has no display engine",
		       buf->exporter->name);
	/* Only its master may ask a card what its displays can show. */
	dmabuf_require(!drmSetMaster(buf->dev), "%s is somebody else's display: %s",
		       buf->exporter->name, strerror(errno));
	dmabuf_require(pick_mode(buf->dev, res, buf->size, &display.connector, &display.mode),
		       "%s has no connected display with a mode that the buffer can fill",
		       buf->exporter->name);
	display.crtc = res->crtcs[0];
	drmModeFreeResources(res);
	if (buf->moves % 2)
		show_others(buf, &display);
	else
		show(buf, buf->handle, &display);
	return false;
}

const struct dmabuf_exporter_kind dmabuf_drm_dumb = {
	.name = "drm_dumb",
	.description = "dumb buffers of every card that exports them",
	.find = find,
	.alloc = alloc,
	.read_only = true,
	.native_offset = native_offset,
	.close_handle = drm_close_handle,
	.lend = drm_lend,
	.move = move,
};
