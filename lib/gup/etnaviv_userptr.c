// SPDX-License-Identifier: MIT
/*
 * etnaviv: a buffer object of user memory, which is pinned for long when the CPU is to use it
 * (etnaviv_gem.c, etnaviv_gem_userptr_get_pages: pin_user_pages_fast).
 */
#include <xf86drm.h>

#include "drm_abi.h"
#include "exporters/drm.h"
#include "igt.h"
#include "users.h"

#define DRIVER "etnaviv"

static int dev;

static void setup(size_t length)
{
	dev = drm_open_driver(DRIVER);
}

static ssize_t attempt(void *addr, size_t length)
{
	struct drm_etnaviv_gem_userptr userptr = {
		.user_ptr = (uintptr_t)addr,
		.user_size = length,
		.flags = ETNA_USERPTR_READ | ETNA_USERPTR_WRITE,
	};
	struct drm_etnaviv_gem_cpu_prep prep = { .op = ETNA_PREP_READ | ETNA_PREP_NOSYNC };
	ssize_t ret = length;

	if (drmIoctl(dev, DRM_IOCTL_ETNAVIV_GEM_USERPTR, &userptr))
		return -errno;
	prep.handle = userptr.handle;
	if (drmIoctl(dev, DRM_IOCTL_ETNAVIV_GEM_CPU_PREP, &prep))
		ret = -errno;
	drmCloseBufferHandle(dev, userptr.handle);	/* drops the pins */
	return ret;
}

const struct gup_user gup_etnaviv_userptr = {
	.name = "etnaviv-userptr",
	.description = "DRM_IOCTL_ETNAVIV_GEM_USERPTR and CPU_PREP (long-term pins by pin_user_pages_fast)",
	.writes = true,
	.by_fd_alone = true,
	.driver = DRIVER,
	.setup = setup,
	.attempt = attempt,
};
