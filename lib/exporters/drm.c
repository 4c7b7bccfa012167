// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <xf86drm.h>

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

bool drm_driver_name(int fd, char *name, int len)
{
	drmVersionPtr version = drmGetVersion(fd);

	if (!version)
		return false;
	snprintf(name, len, "%s", version->name);
	drmFreeVersion(version);
	return true;
}

struct card {
	char path[64];
	char place[PATH_MAX];	/* in sysfs */
};

static int by_place(const void *a, const void *b)
{
	return strcmp(((const struct card *)a)->place, ((const struct card *)b)->place);
}

void drm_for_each_card(void (*fn)(int fd, const char *path, const char *driver,
				  void *data), void *data)
{
	struct card *cards;
	glob_t g;

	if (glob("/dev/dri/card*", 0, NULL, &g))
		return;
	cards = calloc(g.gl_pathc, sizeof(*cards));
	for (size_t i = 0; i < g.gl_pathc; i++) {
		char link[64];
		struct stat st;

		snprintf(cards[i].path, sizeof(cards[i].path), "%s", g.gl_pathv[i]);
		if (stat(cards[i].path, &st))
			continue;
		snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device",
			 major(st.st_rdev), minor(st.st_rdev));
		if (!realpath(link, cards[i].place))
			cards[i].place[0] = 0;
	}
	qsort(cards, g.gl_pathc, sizeof(*cards), by_place);

	for (size_t i = 0; i < g.gl_pathc; i++) {
		int fd = drm_open_card(cards[i].path);
		char driver[64];

		if (fd < 0)
			continue;
		if (drm_driver_name(fd, driver, sizeof(driver)))
			fn(fd, cards[i].path, driver, data);
		close(fd);
	}
	free(cards);
	globfree(&g);
}

bool drm_export(struct dmabuf *buf)
{
	return !drmPrimeHandleToFD(buf->dev, buf->handle, DRM_CLOEXEC | DRM_RDWR,
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
