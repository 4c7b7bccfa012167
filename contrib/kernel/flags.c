// SPDX-License-Identifier: GPL-2.0
// flags CARD...: what a dumb buffer's dma-buf is mapped with; it must be VM_PFNMAP (pf in VmFlags).
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <libdrm/drm.h>

int main(int argc, char **argv)
{
	int wrong = 0, seen = 0;

	for (int i = 1; i < argc; i++) {
		struct drm_mode_create_dumb dumb = { .width = 1024, .height = 1, .bpp = 32 };
		struct drm_prime_handle prime = { .flags = DRM_RDWR };
		int card = open(argv[i], O_RDWR);
		char line[256], start[32];
		void *map;

		if (card < 0 || ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
			continue;
		prime.handle = dumb.handle;
		if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
			continue;
		map = mmap(0, 4096, PROT_READ, MAP_SHARED, prime.fd, 0);
		snprintf(start, sizeof(start), "%08lx-", (unsigned long)map);
		for (FILE *f = fopen("/proc/self/smaps", "r"); fgets(line, sizeof(line), f); )
			if (!strncmp(line, start, strlen(start))) {
				while (strncmp(line, "VmFlags", 7) && fgets(line, sizeof(line), f))
					;
				printf("%s: %s", argv[i], line);
				seen = 1;
				wrong |= !strstr(line, " pf ");
			}
	}
	return seen ? wrong : 77;
}
