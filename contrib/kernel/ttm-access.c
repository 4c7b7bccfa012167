// SPDX-License-Identifier: GPL-2.0
// ttm-access CARD...: writes to a buffer of which it has nothing but a read-only dma-buf.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <libdrm/drm.h>

int main(int argc, char **argv)
{
	int wrong = 0, seen = 0, mem = open("/proc/self/mem", O_RDWR);

	for (int i = 1; i < argc; i++) {
		struct drm_mode_create_dumb dumb = { .width = 1024, .height = 1, .bpp = 32 };
		struct drm_prime_handle prime = { .flags = 0 };
		const unsigned int *map, word = 0x22222222;
		int card = open(argv[i], O_RDWR);

		if (card < 0 || ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
			continue;
		prime.handle = dumb.handle;
		if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
			continue;
		map = mmap(0, 4096, PROT_READ, MAP_SHARED, prime.fd, 0);
		if (map == MAP_FAILED)
			continue;
		seen = 1;
		pwrite(mem, &word, sizeof(word), (off_t)map);
		printf("%s: the first word is %#x\n", argv[i], *(volatile const unsigned int *)map);
		wrong |= *(volatile const unsigned int *)map == word;
	}
	return seen ? wrong : 77;
}
