/* SPDX-License-Identifier: MIT */
#ifndef DRM_GEM_H
#define DRM_GEM_H

/*
 * DRM drivers whose ioctls for buffers differ by numbers alone: what to ask, and where in
 * the argument a field is. The table is drm_drivers.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drm_abi.h"

/* Where a field of an ioctl's argument is; of no bytes: there is none. */
struct drm_field {
	unsigned short at, bytes;
};

#define DRM_FIELD(type, member) \
	{ offsetof(type, member), sizeof(((type *)0)->member) }

/* One that makes a buffer of a size and answers with its handle. */
struct drm_gem_create {
	unsigned long request;
	struct drm_field size, handle;
};

#define GEM_CREATE(name, type, size, handle) \
	{ DRM_IOCTL_ ## name, DRM_FIELD(type, size), DRM_FIELD(type, handle) }

/* One that tells for a handle at which offset the device maps it. */
struct drm_gem_offset {
	unsigned long request;
	struct drm_field handle, offset;
};

#define GEM_OFFSET(name, type, handle, offset) \
	{ DRM_IOCTL_ ## name, DRM_FIELD(type, handle), DRM_FIELD(type, offset) }

/* One that maps by itself, shared and for reading and writing, and tells where. */
struct drm_gem_mmap {
	unsigned long request;
	struct drm_field handle, offset, size, addr;
};

#define GEM_MMAP(name, type, handle, offset, size, addr) \
	{ DRM_IOCTL_ ## name, DRM_FIELD(type, handle), DRM_FIELD(type, offset), \
	  DRM_FIELD(type, size), DRM_FIELD(type, addr) }

/*
 * One that makes buffers and maps them. A driver with two ioctls for either has two. What
 * is NULL or 0 is not needed.
 */
struct drm_gem_driver {
	const char *driver;	/* as DRM_IOCTL_VERSION has it */
	const char *name;	/* in the names of exporters, if that is another one */

	/* Readies a device that was opened; false: it has no such buffers. */
	bool (*ready)(int fd);

	struct drm_gem_create create;
	unsigned int unit;	/* how many bytes a 1 in create's size is */
	unsigned int align;	/* of which a size must be a multiple, in bytes */
	void (*complete)(void *arg);	/* adds to create's argument what is no constant */
	const char *logs;	/* what the kernel says to it and is no fault, as a regex */

	/*
	 * How dev maps a handle: by offset, whose argument may have more than the handle; by
	 * what create answered, in the field told; by mmap. Else by DRM_IOCTL_MODE_MAP_DUMB.
	 */
	struct drm_gem_offset offset;
	const void *offset_arg;
	struct drm_field told;
	struct drm_gem_mmap mmap;

	bool parts;		/* it maps a part of the object, too, not the whole alone */
	bool imports;		/* offset takes imported objects */
	bool by_itself;		/* and maps what it has of them, not by dma_buf_mmap() */
	bool wild;		/* which may be memory of others */

	/*
	 * Each placement and caching mode with memory or mmap code of its own is an
	 * exporter, DRIVER-NAME: what create's argument has beside the size.
	 */
	struct {
		const char *name;
		const void *arg;
		bool video;	/* in memory of the device's own, not the system's */
	} buffers[5];
};

/* The table; the last has no driver. */
extern const struct drm_gem_driver drm_gem_drivers[];

/*
 * drm_gem_importer:
 *
 * The entry of the table by which this driver tells an offset for objects that it imported,
 * or NULL.
 */
const struct drm_gem_driver *drm_gem_importer(const char *driver);

/* The offset of handle on fd by that entry; false and a reason in errno if there is none. */
bool drm_gem_offset(const struct drm_gem_driver *d, int fd, uint32_t handle, uint64_t *offset);

#endif /* DRM_GEM_H */
