// SPDX-License-Identifier: MIT
/*
 * xe: user memory that is bound into a GPU's address space, for which it is looked up
 * (xe_userptr.c, drm_gpusvm.c: hmm_range_fault) and follows MMU notifiers. What cannot be
 * coherent with the CPU is refused; which index of the page attributes that is, differs.
 */
#include <xf86drm.h>

#include "drm_abi.h"
#include "exporters/drm.h"
#include "igt.h"
#include "users.h"

#define DRIVER "xe"

static int dev;

static void setup(size_t length)
{
	dev = drm_open_driver(DRIVER);
}

/* More than any platform has. */
#define INDICES 32

static int bind(uint32_t vm, unsigned int index, void *addr, size_t length)
{
	struct drm_xe_vm_bind bind = {
		.vm_id = vm,
		.num_binds = 1,
		.bind = {
			.pat_index = index,
			.userptr = (uintptr_t)addr,
			.addr = 1 << 30,
			.range = length,
			.op = DRM_XE_VM_BIND_OP_MAP_USERPTR,
		},
	};

	return drmIoctl(dev, DRM_IOCTL_XE_VM_BIND, &bind) ? errno : 0;
}

static ssize_t attempt(void *addr, size_t length)
{
	struct drm_xe_vm_create vm = { };
	struct drm_xe_vm_destroy destroy = { };
	int err = 0;

	if (drmIoctl(dev, DRM_IOCTL_XE_VM_CREATE, &vm))
		return -errno;
	for (unsigned int index = 0; index < INDICES; index++) {
		err = bind(vm.vm_id, index, addr, length);
		if (err != EINVAL)
			break;
	}
	destroy.vm_id = vm.vm_id;
	drmIoctl(dev, DRM_IOCTL_XE_VM_DESTROY, &destroy);	/* ends the binding */
	return err ? -err : (ssize_t)length;
}

const struct gup_user gup_xe_userptr = {
	.name = "xe-userptr",
	.description = "DRM_IOCTL_XE_VM_BIND of user memory (mirrored by hmm_range_fault)",
	.mirrors = true,
	.by_fd_alone = true,
	.driver = DRIVER,
	.setup = setup,
	.attempt = attempt,
};
