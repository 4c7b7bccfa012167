// SPDX-License-Identifier: MIT
/*
 * radeon: a buffer object of user memory, which is pinned at once if that is asked for
 * (radeon_ttm.c, radeon_ttm_tt_pin_userptr: get_user_pages). To write it may be anonymous
 * memory alone; to read it, any, from the R600 on.
 */
#include <xf86drm.h>

#include "drm_abi.h"
#include "exporters/drm.h"
#include "igt.h"
#include "users.h"

#define DRIVER "radeon"

static int dev;

static void setup(size_t length)
{
	dev = drm_open_driver(DRIVER);
	igt_emit_ignore_dmesg_regex("failed to pin userptr");
}

static ssize_t attempt(void *addr, size_t length)
{
	struct drm_radeon_gem_userptr userptr = {
		.addr = (uintptr_t)addr,
		.size = length,
		.flags = RADEON_GEM_USERPTR_READONLY | RADEON_GEM_USERPTR_VALIDATE,
	};

	if (drmIoctl(dev, DRM_IOCTL_RADEON_GEM_USERPTR, &userptr))
		return -errno;
	drmCloseBufferHandle(dev, userptr.handle);	/* drops the references */
	return length;
}

const struct gup_user gup_radeon_userptr = {
	.name = "radeon-userptr",
	.description = "DRM_IOCTL_RADEON_GEM_USERPTR, validated (references by get_user_pages)",
	.by_fd_alone = true,
	.driver = DRIVER,
	.setup = setup,
	.attempt = attempt,
};
