// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xf86drm.h>

#include "dmabuf.h"
#include "dmabuf_calib.h"
#include "exporters/drm.h"

static bool import_by_module(int fd, struct dmabuf_importer *importer)
{
	struct dma_calib_fd data = { .fd = fd };

	importer->dev = open(DMA_CALIB_IMPORT_BROKEN, O_RDWR | O_CLOEXEC);
	return importer->dev >= 0 && !ioctl(importer->dev, DMA_CALIB_IOCTL_IMPORT, &data);
}

/* One to which an import is nothing but that. */
static bool import_by_card(const struct dmabuf_exporter *e, const struct drm_card *card, int fd,
			   struct dmabuf_importer *importer)
{
	if (strcmp(card->driver, "vgem") && strcmp(card->driver, "vkms"))
		return false;
	importer->dev = drm_open_card(card->path);
	return importer->dev >= 0 &&
	       !dmabuf_prime_import(e, importer->dev, fd, &importer->handle);
}

bool dmabuf_import(const struct dmabuf_exporter *e, int fd, struct dmabuf_importer *importer)
{
	importer->handle = 0;
	errno = ENODEV;
	if (import_by_module(fd, importer))
		return true;
	dmabuf_release(importer);
	for_each_drm_card(card) {
		if (!strcmp(card->path, e->path))
			continue;
		if (import_by_card(e, card, fd, importer))
			return true;
		dmabuf_release(importer);
	}
	return false;
}

void dmabuf_release(struct dmabuf_importer *importer)
{
	int err = errno;

	if (importer->handle)
		drmCloseBufferHandle(importer->dev, importer->handle);
	if (importer->dev >= 0)
		close(importer->dev);
	importer->handle = 0;
	importer->dev = -1;
	errno = err;
}
