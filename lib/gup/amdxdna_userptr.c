// SPDX-License-Identifier: MIT
/*
 * amdxdna: a buffer object of a table of user memory, which is pinned for long when it is
 * made (amdxdna_ubuf.c, amdxdna_get_ubuf: pin_user_pages_fast).
 */
#include <xf86drm.h>

#include "drm_abi.h"
#include "exporters/drm.h"
#include "igt.h"
#include "users.h"

#define DRIVER "amdxdna_accel_driver"

static int dev;

static void setup(size_t length)
{
	dev = drm_open_driver(DRIVER);
	igt_emit_ignore_dmesg_regex("Failed to pin pages|Partially pinned pages");
}

static ssize_t attempt(void *addr, size_t length)
{
	struct {
		struct amdxdna_drm_va_tbl table;
		struct amdxdna_drm_va_entry entry;
	} user = {
		.table = { .dmabuf_fd = -1, .num_entries = 1 },
		.entry = { .vaddr = (uintptr_t)addr, .len = length },
	};
	struct amdxdna_drm_create_bo create = {
		.vaddr = (uintptr_t)&user,
		.size = length,
		.type = AMDXDNA_BO_SHMEM,
	};

	if (drmIoctl(dev, DRM_IOCTL_AMDXDNA_CREATE_BO, &create))
		return -errno;
	drmCloseBufferHandle(dev, create.handle);	/* drops the pins */
	return length;
}

const struct gup_user gup_amdxdna_userptr = {
	.name = "amdxdna-userptr",
	.description = "DRM_IOCTL_AMDXDNA_CREATE_BO of user memory (long-term pins by pin_user_pages_fast)",
	.writes = true,
	.by_fd_alone = true,
	.driver = DRIVER,
	.setup = setup,
	.attempt = attempt,
};
