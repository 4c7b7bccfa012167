// SPDX-License-Identifier: MIT
/*
 * Buffers by a DRM driver's own ioctl, as the table of drm_drivers.c says.
 */
#include <sys/ioctl.h>
#include <xf86drm.h>

#include "dmabuf_contract.h"
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
	const unsigned int unit = d->unit ?: 1, align = d->align ?: 1;
	const uint64_t units = ((size + align - 1) / align * align + unit - 1) / unit;
	union argument arg = { };

	if (units >> (8 * d->create.size.bytes - 1)) {
		errno = EFBIG;
		return false;
	}
	if (template)
		memcpy(&arg, template, _IOC_SIZE(d->create.request));
	if (d->complete)
		d->complete(&arg);
	put(&arg, d->create.size, units);
	if (d->logs)
		igt_emit_ignore_dmesg_regex(d->logs);
	if (drmIoctl(fd, d->create.request, &arg))
		return false;
	buf->handle = get(&arg, d->create.handle);
	buf->offset = get(&arg, d->told);
	return true;
}

bool drm_gem_offset(const struct drm_gem_driver *d, int fd, uint32_t handle, uint64_t *offset)
{
	union argument arg = { };

	if (d->offset_arg)
		memcpy(&arg, d->offset_arg, _IOC_SIZE(d->offset.request));
	put(&arg, d->offset.handle, handle);
	if (drmIoctl(fd, d->offset.request, &arg))
		return false;
	*offset = get(&arg, d->offset.offset);
	return true;
}

const struct drm_gem_driver *drm_gem_importer(const char *driver)
{
	for (const struct drm_gem_driver *d = drm_gem_drivers; d->driver; d++)
		if (!strcmp(d->driver, driver) && d->imports)
			return d;
	return NULL;
}

static bool native_offset(const struct dmabuf *buf, const struct drm_gem_driver *d,
			  uint64_t *offset)
{
	*offset = buf->offset;
	return d->told.bytes || (d->offset.request ?
				 drm_gem_offset(d, buf->dev, buf->handle, offset) :
				 drm_dumb_offset(buf->dev, buf->handle, offset));
}

static void *map_by_ioctl(const struct dmabuf *buf, const struct drm_gem_driver *d,
			  size_t length, off_t offset)
{
	union argument arg = { };

	put(&arg, d->mmap.handle, buf->handle);
	put(&arg, d->mmap.offset, offset);
	put(&arg, d->mmap.size, length);
	return drmIoctl(buf->dev, d->mmap.request, &arg) ? MAP_FAILED :
		(void *)(uintptr_t)get(&arg, d->mmap.addr);
}

static void *native_map(const struct dmabuf *buf, void *addr, size_t length, int prot,
			int flags, off_t offset)
{
	const struct drm_gem_driver *d = buf->exporter->data;
	uint64_t base;
	void *p;

	if (!d->mmap.request)
		return native_offset(buf, d, &base) ?
			mmap(addr, length, prot, flags, buf->dev, base + offset) : MAP_FAILED;
	dmabuf_require(flags == MAP_SHARED, "%s maps by an ioctl that knows no flags",
		       buf->exporter->name);
	p = map_by_ioctl(buf, d, length, offset);
	if (p != MAP_FAILED && prot != (PROT_READ | PROT_WRITE) && mprotect(p, length, prot)) {
		munmap(p, length);
		return MAP_FAILED;
	}
	return p;
}

/* A placement that this kernel or this device does not have. */
static bool never(int err)
{
	return err == EINVAL || err == ENODEV || err == ENOSYS || err == EOPNOTSUPP ||
	       err == ENOTTY;
}

/* Whether it can be had and mapped, of a page. */
static bool works(int fd, const struct drm_gem_driver *d, const void *arg)
{
	struct dmabuf buf = { .dev = fd };
	uint64_t offset;
	bool maps;
	int err;

	if (!create(fd, d, arg, page_size(), &buf))
		return false;
	if (d->mmap.request) {
		void *p = map_by_ioctl(&buf, d, page_size(), 0);

		maps = p != MAP_FAILED && !munmap(p, page_size());
	} else {
		maps = native_offset(&buf, d, &offset);
	}
	err = errno;
	drm_close_handle(&buf);
	errno = err;
	return maps;
}

/* By trying: which of them a device has, no other ioctl tells. */
static void find_buffers(const struct dmabuf_exporter_kind *kind, const struct drm_card *card,
			 const struct drm_gem_driver *d)
{
	for (size_t i = 0; i < sizeof(d->buffers) / sizeof(d->buffers[0]); i++) {
		const char *name = d->buffers[i].name;
		struct dmabuf_exporter *e;

		if (!name)
			break;
		if (!works(card->fd, d, d->buffers[i].arg)) {
			dmabuf_exporter_missing(card->path, !never(errno),
						"%s (%s) makes no buffer of the kind \"%s\": %s",
						card->path, card->driver, name, strerror(errno));
			continue;
		}
		e = dmabuf_exporter_add(kind, i, card->path, "%s-%s", d->name ?: d->driver, name);
		e->data = d;
		e->native_parts = d->parts;
		e->video = d->buffers[i].video;
	}
}

static void find(const struct dmabuf_exporter_kind *kind)
{
	for_each_drm_card(card)
		for (const struct drm_gem_driver *d = drm_gem_drivers; d->driver; d++)
			if (!strcmp(card->driver, d->driver) && (!d->ready || d->ready(card->fd)))
				find_buffers(kind, card, d);
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	const struct drm_gem_driver *d = e->data;

	buf->dev = drm_open_card(e->path);
	return buf->dev >= 0 && (!d->ready || d->ready(buf->dev)) &&
	       create(buf->dev, d, d->buffers[e->type].arg, size, buf) && drm_export(buf);
}

const struct dmabuf_exporter_kind dmabuf_drm_gem = {
	.name = "drm_gem",
	.description = "buffers by the own ioctls of the DRM drivers in drm_drivers.c",
	.find = find,
	.alloc = alloc,
	.read_only = true,
	.native_map = native_map,
	.close_handle = drm_close_handle,
	.lend = drm_lend,
};
