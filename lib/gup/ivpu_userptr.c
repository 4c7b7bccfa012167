// SPDX-License-Identifier: MIT
/*
 * ivpu: a buffer object of user memory, which is pinned for long when it is made
 * (ivpu_gem_userptr.c, ivpu_create_userptr_dmabuf: pin_user_pages_fast; Linux 6.19).
 */
#include <xf86drm.h>

#include "drm_abi.h"
#include "exporters/drm.h"
#include "igt.h"
#include "users.h"

#define DRIVER "intel_vpu"

static int dev;

static void setup(size_t length)
{
	dev = drm_open_driver(DRIVER);
}

static ssize_t attempt(void *addr, size_t length)
{
	struct drm_ivpu_bo_create_from_userptr userptr = {
		.user_ptr = (uintptr_t)addr,
		.size = length,
	};

	if (drmIoctl(dev, DRM_IOCTL_IVPU_BO_CREATE_FROM_USERPTR, &userptr))
		return -errno;
	drmCloseBufferHandle(dev, userptr.handle);	/* drops the pins */
	return length;
}

const struct gup_user gup_ivpu_userptr = {
	.name = "ivpu-userptr",
	.description = "DRM_IOCTL_IVPU_BO_CREATE_FROM_USERPTR (long-term pins by pin_user_pages_fast)",
	.writes = true,
	.by_fd_alone = true,
	.driver = DRIVER,
	.setup = setup,
	.attempt = attempt,
};
