// SPDX-License-Identifier: MIT
/*
 * Buffers by a DRM driver's own ioctl, as the table of drm_drivers.c says.
 */
#include <sys/ioctl.h>
#include <xf86drm.h>

#include "dmabuf_memory.h"
#include "drm.h"
#include "drm_gem.h"
#include "exporters.h"
#include "igt.h"

/* The largest argument there is has less than that. */
union argument {
	uint64_t align;
	char bytes[256];
};

static void put(union argument *arg, struct drm_field field, uint64_t value)
{
	const uint32_t value32 = value;
	const uint16_t value16 = value;

	memcpy(arg->bytes + field.at, field.bytes == 8 ? (const void *)&value :
	       field.bytes == 4 ? (const void *)&value32 : &value16, field.bytes);
}

static uint64_t get(const union argument *arg, struct drm_field field)
{
	uint64_t value = 0;
	uint32_t value32;

	if (field.bytes == sizeof(value32)) {
		memcpy(&value32, arg->bytes + field.at, sizeof(value32));
		return value32;
	}
	memcpy(&value, arg->bytes + field.at, field.bytes);
	return value;
}

static bool create(int fd, const struct drm_gem_driver *d, const void *template, size_t size,
		   struct dmabuf *buf)
{
	const unsigned int unit = d->unit ?: 1;
	const uint64_t units = (size + unit - 1) / unit;
	union argument arg = { };

	if (units >> (8 * d->create.size.bytes - 1)) {
		errno = EFBIG;
		return false;
	}
	if (template)
		memcpy(arg.bytes, template, _IOC_SIZE(d->create.request));
	put(&arg, d->create.size, units);
	if (drmIoctl(fd, d->create.request, &arg))
		return false;
	buf->handle = get(&arg, d->create.handle);
	buf->offset = get(&arg, d->told);
	return true;
}

static bool ask_offset(const struct drm_gem_driver *d, int fd, uint32_t handle,
		       uint64_t *offset)
{
	union argument arg = { };

	put(&arg, d->offset.handle, handle);
	if (drmIoctl(fd, d->offset.request, &arg))
		return false;
	*offset = get(&arg, d->offset.offset);
	return true;
}

static const struct drm_gem_driver *with_offset(const char *driver)
{
	for (const struct drm_gem_driver *d = drm_gem_drivers; d->driver; d++)
		if (!strcmp(d->driver, driver) && d->offset.request)
			return d;
	return NULL;
}

bool drm_gem_offset(const char *driver, int fd, uint32_t handle, uint64_t *offset)
{
	const struct drm_gem_driver *d = with_offset(driver);

	errno = ENOTTY;
	return d && ask_offset(d, fd, handle, offset);
}

bool drm_gem_imports(const char *driver)
{
	const struct drm_gem_driver *d = with_offset(driver);

	return d && d->imports;
}

/* A placement that this kernel or this device does not have. */
static bool never(int err)
{
	return err == EINVAL || err == ENODEV || err == ENOSYS || err == EOPNOTSUPP ||
	       err == ENOTTY;
}

/* By trying: which of them a device has, no other ioctl tells. */
static void find_buffers(const struct dmabuf_exporter_kind *kind, const struct drm_card *card,
			 const struct drm_gem_driver *d)
{
	for (size_t i = 0; i < sizeof(d->buffers) / sizeof(d->buffers[0]); i++) {
		struct dmabuf buf = { .dev = card->fd };
		const char *name = d->buffers[i].name;
		struct dmabuf_exporter *e;

		if (!name)
			break;
		if (!create(card->fd, d, d->buffers[i].arg, page_size(), &buf)) {
			dmabuf_exporter_missing(card->path, !never(errno),
						"%s (%s) makes no buffer of the kind \"%s\": %s",
						card->path, card->driver, name, strerror(errno));
			continue;
		}
		drm_close_handle(&buf);
		e = dmabuf_exporter_add(kind, i, card->path, "%s-%s", d->name ?: d->driver, name);
		e->data = d;
	}
}

static void find(const struct dmabuf_exporter_kind *kind)
{
	for_each_drm_card(card)
		for (const struct drm_gem_driver *d = drm_gem_drivers; d->driver; d++)
			if (!strcmp(card->driver, d->driver))
				find_buffers(kind, card, d);
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	const struct drm_gem_driver *d = e->data;

	if (d->logs)
		igt_emit_ignore_dmesg_regex(d->logs);
	buf->dev = drm_open_card(e->path);
	return buf->dev >= 0 && create(buf->dev, d, d->buffers[e->type].arg, size, buf) &&
	       drm_export(buf);
}

static bool native_offset(const struct dmabuf *buf, uint64_t *offset)
{
	const struct drm_gem_driver *d = buf->exporter->data;

	if (d->offset.request)
		return ask_offset(d, buf->dev, buf->handle, offset);
	*offset = buf->offset;
	return d->told.bytes || drm_dumb_offset(buf->dev, buf->handle, offset);
}

const struct dmabuf_exporter_kind dmabuf_drm_gem = {
	.name = "drm_gem",
	.description = "buffers by the own ioctls of the DRM drivers in drm_drivers.c",
	.find = find,
	.alloc = alloc,
	.read_only = true,
	.native_offset = native_offset,
	.close_handle = drm_close_handle,
};
