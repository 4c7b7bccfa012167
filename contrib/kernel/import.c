// SPDX-License-Identifier: GPL-2.0
// import CARD...: forks while etnaviv shows a heap's buffer, by which the kernel must not be tainted.
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <libdrm/drm.h>
#include <linux/dma-heap.h>

int main(int argc, char **argv)
{
	struct { __u32 handle, pad; __u64 offset; } info = { };
	struct dma_heap_allocation_data heap = { .len = 4096, .fd_flags = O_RDWR };
	struct drm_prime_handle prime = { };
	int seen = 0, before = 0, after = 0;

	fscanf(fopen("/proc/sys/kernel/tainted", "r"), "%d", &before);
	if (ioctl(open("/dev/dma_heap/system", O_RDWR), DMA_HEAP_IOCTL_ALLOC, &heap))
		return 77;
	prime.fd = heap.fd;
	for (int i = 1; i < argc; i++) {
		int card = open(argv[i], O_RDWR);

		if (ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
			continue;
		info.handle = prime.handle;
		seen |= !ioctl(card, DRM_IOWR(DRM_COMMAND_BASE + 3, info), &info) &&
			mmap(0, 4096, PROT_READ, MAP_SHARED, card, info.offset) != MAP_FAILED;
		ioctl(card, DRM_IOCTL_GEM_CLOSE, &info);
	}
	if (!fork())
		return 0;
	wait(NULL);
	fscanf(fopen("/proc/sys/kernel/tainted", "r"), "%d", &after);
	return seen ? before != after : 77;
}
