// SPDX-License-Identifier: GPL-2.0
// offset CARD...: maps a dma-buf from its second page on, and must find that page there.
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <libdrm/drm.h>
#include <libdrm/msm_drm.h>

int main(int argc, char **argv)
{
	int wrong = 0, seen = 0;

	for (int i = 1; i < argc; i++) {
		struct drm_mode_create_dumb dumb = { .width = 1024, .height = 2, .bpp = 32 };
		struct { __u64 size; __u32 flags, vm, handle, pad; } panthor = { .size = 8192 };
		/* Of etnaviv the number, the structure and the flag are the same. */
		struct drm_msm_gem_new new = { .size = 8192, .flags = MSM_BO_WC };
		struct drm_prime_handle prime = { .flags = DRM_RDWR };
		int card = open(argv[i], O_RDWR);

		if (!ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
			prime.handle = dumb.handle;
		else if (!ioctl(card, DRM_IOCTL_MSM_GEM_NEW, &new))
			prime.handle = new.handle;
		else if (!ioctl(card, DRM_IOWR(DRM_COMMAND_BASE + 5, panthor), &panthor))
			prime.handle = panthor.handle;
		if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
			continue;
		unsigned int *all = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
		unsigned int *rest = mmap(0, 4096, PROT_READ, MAP_SHARED, prime.fd, 4096);
		seen = 1;
		all[0] = 0x11111111;
		all[1024] = 0x22222222;
		printf("%s: the second page is %#x\n", argv[i], rest == MAP_FAILED ? 0 : *rest);
		wrong |= rest == MAP_FAILED || *rest != 0x22222222;
	}
	return seen ? wrong : 77;
}
