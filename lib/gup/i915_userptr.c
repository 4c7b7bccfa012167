// SPDX-License-Identifier: MIT
/*
 * i915: a buffer object of user memory, which is pinned when its domain is set
 * (i915_gem_userptr.c, i915_gem_object_userptr_submit_init: pin_user_pages_fast).
 */
#include <xf86drm.h>

#include "drm_abi.h"
#include "exporters/drm.h"
#include "igt.h"
#include "users.h"

#define DRIVER "i915"

static int dev;

static void setup(size_t length)
{
	dev = drm_open_driver(DRIVER);
}

static ssize_t attempt(void *addr, size_t length)
{
	struct drm_i915_gem_userptr userptr = {
		.user_ptr = (uintptr_t)addr,
		.user_size = length,
	};
	struct drm_i915_gem_set_domain domain = { .read_domains = I915_GEM_DOMAIN_CPU };
	ssize_t ret = length;

	if (drmIoctl(dev, DRM_IOCTL_I915_GEM_USERPTR, &userptr))
		return -errno;
	domain.handle = userptr.handle;
	if (drmIoctl(dev, DRM_IOCTL_I915_GEM_SET_DOMAIN, &domain))
		ret = -errno;
	drmCloseBufferHandle(dev, userptr.handle);	/* drops the pins */
	return ret;
}

const struct gup_user gup_i915_userptr = {
	.name = "i915-userptr",
	.description = "DRM_IOCTL_I915_GEM_USERPTR and SET_DOMAIN (pins by pin_user_pages_fast)",
	.writes = true,
	.fast = true,
	.by_fd_alone = true,
	.driver = DRIVER,
	.setup = setup,
	.attempt = attempt,
};
