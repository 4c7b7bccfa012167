// SPDX-License-Identifier: GPL-2.0
// Maps a dma-buf from its second page on, and must find that page there.
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>

int main(void)
{
	int wrong = 0, seen = 0;

	for (int i = 0; i < 8; i++) {
		struct drm_mode_create_dumb dumb = { .width = 1024, .height = 2, .bpp = 32 };
		struct drm_prime_handle prime = { .flags = DRM_RDWR };
		unsigned int *all, *rest;
		char path[32];
		int card;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		card = open(path, O_RDWR);
		if (card < 0 || ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
			continue;
		prime.handle = dumb.handle;
		if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
			continue;
		all = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
		rest = mmap(0, 4096, PROT_READ, MAP_SHARED, prime.fd, 4096);
		if (all == MAP_FAILED)
			continue;
		seen = 1;
		all[0] = 0x11111111;
		all[1024] = 0x22222222;
		printf("%s: the second page is %#x\n", path, rest == MAP_FAILED ? 0 : *rest);
		wrong |= rest == MAP_FAILED || *rest != 0x22222222;
	}
	return seen ? wrong : 77;
}
