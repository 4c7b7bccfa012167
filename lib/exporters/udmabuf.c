// SPDX-License-Identifier: MIT
/*
 * udmabuf: a DMA buffer of the pages of a memfd (linux/udmabuf.h, Linux 4.20;
 * hugetlb memfds since 5.15, with a gap of a few releases).
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

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

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
	int memfd = memfd_create("dmabuf-contract", MFD_CLOEXEC | MFD_ALLOW_SEALING | e->type);
	struct statfs fs;
	size_t unit;

	buf->dev = open(e->path, O_RDWR | O_CLOEXEC);
	if (memfd < 0 || buf->dev < 0 || fstatfs(memfd, &fs))
		return false;
	/* hugetlbfs says its page's size there (hugetlbfs_statfs() in fs/hugetlbfs/inode.c). */
	unit = fs.f_bsize;
	create.size = (size + unit - 1) / unit * unit;
	if (ftruncate(memfd, create.size) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
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
