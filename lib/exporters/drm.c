// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "dmabuf_contract.h"
#include "drm.h"
#include "exporters.h"
#include "igt.h"

int drm_open_card(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	/* Who opens a card first becomes its master, and a compositor could not. */
	if (fd >= 0)
		drmDropMaster(fd);
	return fd;
}

static bool driver_name(struct drm_card *card)
{
	drmVersionPtr version = drmGetVersion(card->fd);

	if (!version)
		return false;
	snprintf(card->driver, sizeof(card->driver), "%s", version->name);
	drmFreeVersion(version);
	return true;
}

/* ".../0000:00:02.0/drm/card0", without the card's number, which changes. */
static void find_place(struct drm_card *card)
{
	char link[64];
	struct stat st;
	ssize_t len;

	if (fstat(card->fd, &st))
		return;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	len = readlink(link, card->place, sizeof(card->place) - 1);
	card->place[len < 0 ? 0 : len] = 0;
	if (strrchr(card->place, '/'))
		*strrchr(card->place, '/') = 0;
}

static int by_place(const void *a, const void *b)
{
	return strcmp(((const struct drm_card *)a)->place,
		      ((const struct drm_card *)b)->place);
}

static struct drm_card *cards;

const struct drm_card *drm_cards(void)
{
	size_t count = 0;
	glob_t g;

	if (cards)
		return cards;
	/* Compute accelerators are DRM devices, too. */
	glob("/dev/dri/card*", 0, NULL, &g);
	glob("/dev/accel/accel*", GLOB_APPEND, NULL, &g);
	cards = calloc(g.gl_pathc + 1, sizeof(*cards));
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct drm_card *card = &cards[count];

		snprintf(card->path, sizeof(card->path), "%s", g.gl_pathv[i]);
		card->fd = drm_open_card(card->path);
		if (card->fd < 0) {
			dmabuf_exporter_missing(card->path, true,
						"%s cannot be opened (%s): be root, or of the node's group, and see dmesg if it has no device",
						card->path, strerror(errno));
			continue;
		}
		if (driver_name(card)) {
			find_place(card);
			count++;
		} else {
			dmabuf_exporter_missing(card->path, true,
						"%s does not tell its driver's name (%s): see dmesg",
						card->path, strerror(errno));
			close(card->fd);
		}
	}
	globfree(&g);
	memset(&cards[count], 0, sizeof(*cards));
	qsort(cards, count, sizeof(*cards), by_place);
	return cards;
}

void drm_cards_were_looked_at(void)
{
	for (struct drm_card *card = cards; card && card->driver[0]; card++) {
		int fd = drm_open_card(card->path);

		if (fd >= 0) {
			close(fd);
		} else if (errno == EBUSY) {
			close(card->fd);
			card->fd = -1;
		}
	}
}

const struct drm_card *drm_card_of(const struct dmabuf_exporter *e)
{
	for_each_drm_card(card)
		if (!strcmp(card->path, e->path))
			return card;
	return NULL;
}

const char *drm_lacks_driver(const char *driver)
{
	static char why[64];

	for_each_drm_card(card)
		if (!strcmp(card->driver, driver))
			return NULL;
	snprintf(why, sizeof(why), "no device of the driver %s", driver);
	return why;
}

int drm_open_driver(const char *driver)
{
	const char *why_not = drm_lacks_driver(driver);
	int fd = -1;

	dmabuf_require(!why_not, "%s", why_not);
	for_each_drm_card(card)
		if (fd < 0 && !strcmp(card->driver, driver))
			fd = drm_open_card(card->path);
	dmabuf_require(fd >= 0, "no device of the driver %s can be opened: %s", driver,
		       strerror(errno));
	return fd;
}

bool drm_export(struct dmabuf *buf)
{
	if (buf->unexported)
		return true;
	return !drmPrimeHandleToFD(buf->dev, buf->handle,
				   DRM_CLOEXEC | (buf->read_only ? 0 : DRM_RDWR),
				   &buf->fd);
}

bool drm_dumb_offset(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_mode_map_dumb map = { .handle = handle };

	if (drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		return false;
	*offset = map.offset;
	return true;
}

void drm_close_handle(struct dmabuf *buf)
{
	struct drm_gem_close close = { .handle = buf->handle };

	drmIoctl(buf->dev, DRM_IOCTL_GEM_CLOSE, &close);
}

#define FB_PITCH 4096

bool drm_lend(const struct dmabuf *buf)
{
	uint32_t fb;

	return !drmModeAddFB(buf->dev, FB_PITCH / 4, buf->size / FB_PITCH, 24, 32, FB_PITCH,
			     buf->handle, &fb) && !drmModeRmFB(buf->dev, fb);
}
