// SPDX-License-Identifier: GPL-2.0
// rest CARD...: what is left of a mapping without its first page must show what it showed.
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <libdrm/drm.h>

int main(int argc, char **argv)
{
	int wrong = 0, seen = 0;

	for (int i = 1; i < argc; i++) {
		struct drm_mode_create_dumb dumb = { .width = 1024, .height = 2, .bpp = 32 };
		struct drm_mode_map_dumb map = { };
		int card = open(argv[i], O_RDWR), both = PROT_READ | PROT_WRITE;

		if (card < 0 || ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
			continue;
		map.handle = dumb.handle;
		if (ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &map))
			continue;
		unsigned int *all = mmap(0, 8192, both, MAP_SHARED, card, map.offset);
		unsigned int *rest = mmap(0, 8192, both, MAP_SHARED, card, map.offset);
		if (all == MAP_FAILED || rest == MAP_FAILED)
			continue;
		seen = 1;
		all[0] = 0x11111111;
		all[1024] = 0x22222222;
		munmap(rest, 4096);
		printf("%s: the second page is %#x\n", argv[i], rest[1024]);
		wrong |= rest[1024] != 0x22222222;
	}
	return seen ? wrong : 77;
}
