// SPDX-License-Identifier: MIT
/*
 * amdgpu: a buffer object of user memory, which is looked up at once if that is asked for
 * (amdgpu_hmm.c, amdgpu_hmm_range_get_pages: hmm_range_fault) and follows MMU notifiers.
 */
#include <xf86drm.h>

#include "drm_abi.h"
#include "exporters/drm.h"
#include "igt.h"
#include "users.h"

#define DRIVER "amdgpu"

static int dev;

static void setup(size_t length)
{
	dev = drm_open_driver(DRIVER);
}

static ssize_t attempt(void *addr, size_t length)
{
	struct drm_amdgpu_gem_userptr userptr = {
		.addr = (uintptr_t)addr,
		.size = length,
		.flags = AMDGPU_GEM_USERPTR_READONLY | AMDGPU_GEM_USERPTR_VALIDATE |
			 AMDGPU_GEM_USERPTR_REGISTER,
	};

	if (drmIoctl(dev, DRM_IOCTL_AMDGPU_GEM_USERPTR, &userptr))
		return -errno;
	drmCloseBufferHandle(dev, userptr.handle);	/* drops the mirror */
	return length;
}

const struct gup_user gup_amdgpu_userptr = {
	.name = "amdgpu-userptr",
	.description = "DRM_IOCTL_AMDGPU_GEM_USERPTR, validated (mirrored by hmm_range_fault)",
	.mirrors = true,
	.by_fd_alone = true,
	.driver = DRIVER,
	.setup = setup,
	.attempt = attempt,
};
