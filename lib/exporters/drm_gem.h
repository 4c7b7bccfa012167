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

struct drm_gem_driver {
	const char *driver;	/* as DRM_IOCTL_VERSION has it */
	const char *name;	/* in the names of exporters; NULL: as driver */
	struct drm_gem_create create;
	unsigned int unit;	/* how many bytes a 1 in create's size is; 0: one */
	/* None: by DRM_IOCTL_MODE_MAP_DUMB; or create's answer has it, in the field told. */
	struct drm_gem_offset offset;
	struct drm_field told;
	bool imports;		/* offset takes imported objects, too */
	const char *logs;	/* what the kernel says to create and is no fault, as a regex */

	/*
	 * Each placement and caching mode with memory or mmap code of its own is an
	 * exporter, DRIVER-NAME: what create's argument has beside the size. NULL: nothing.
	 */
	struct {
		const char *name;
		const void *arg;
	} buffers[5];
};

/* The table; the last has no driver. */
extern const struct drm_gem_driver drm_gem_drivers[];

/*
 * drm_gem_offset:
 *
 * Asks the driver of fd, a name, for the offset of handle by the ioctl that the table has.
 * False and a reason in errno otherwise: ENOTTY if it has none.
 */
bool drm_gem_offset(const char *driver, int fd, uint32_t handle, uint64_t *offset);

/* Whether that takes objects which were imported. */
bool drm_gem_imports(const char *driver);

#endif /* DRM_GEM_H */
