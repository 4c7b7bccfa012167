// SPDX-License-Identifier: GPL-2.0
// private CARD...: one load from a private mapping of a buffer of msm or etnaviv, which ends
// the kernel.
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <libdrm/drm.h>
#include <libdrm/msm_drm.h>

int main(int argc, char **argv)
{
	int seen = 0;

	for (int i = 1; i < argc; i++) {
		/* Of etnaviv the number, the structure and the flag are the same. */
		struct drm_msm_gem_new new = { .size = 4096, .flags = MSM_BO_WC };
		struct drm_prime_handle prime = { .flags = DRM_RDWR };
		int card = open(argv[i], O_RDWR);
		volatile char *map;

		if (card < 0 || ioctl(card, DRM_IOCTL_MSM_GEM_NEW, &new))
			continue;
		prime.handle = new.handle;
		if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
			continue;
		seen = 1;
		map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, prime.fd, 0);
		printf("%s: %s\n", argv[i], map == MAP_FAILED ? "refused" : "mapped");
		if (map != MAP_FAILED)
			(void)*map;
	}
	return seen ? 0 : 77;
}
