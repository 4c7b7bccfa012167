// SPDX-License-Identifier: MIT
/*
 * udmabuf: a DMA buffer of the pages of a memfd (linux/udmabuf.h, Linux 4.20;
 * hugetlb memfds since 5.15, with a gap of a few releases).
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include "exporters.h"
#include "igt.h"

#define DEVICE "/dev/udmabuf"

static void find(const struct dmabuf_exporter_kind *kind)
{
	if (access(DEVICE, F_OK))
		return;
	dmabuf_exporter_add(kind, 0, DEVICE, "udmabuf-memfd");
	dmabuf_exporter_add(kind, MFD_HUGETLB, DEVICE, "udmabuf-hugetlb");
}

/* Of the default size, in bytes; 0 if this kernel has no huge pages. */
static size_t huge_page_size(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	size_t kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Hugepagesize: %zu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
	size_t unit = e->type == MFD_HUGETLB ? huge_page_size() : 4096;
	int memfd;

	if (!unit) {
		errno = EOPNOTSUPP;
		return false;
	}
	create.size = (size + unit - 1) / unit * unit;
	memfd = memfd_create("dmabuf-contract", MFD_CLOEXEC | MFD_ALLOW_SEALING | e->type);
	buf->dev = open(e->path, O_RDWR | O_CLOEXEC);
	if (memfd < 0 || buf->dev < 0 || ftruncate(memfd, create.size) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return false;
	create.memfd = memfd;
	buf->fd = ioctl(buf->dev, UDMABUF_CREATE, &create);
	close(memfd);
	return buf->fd >= 0;
}

const struct dmabuf_exporter_kind dmabuf_udmabuf = {
	.name = "udmabuf",
	.description = "udmabuf on a memfd and on a hugetlb memfd",
	.find = find,
	.alloc = alloc,
};
