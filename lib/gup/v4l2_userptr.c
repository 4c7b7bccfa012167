// SPDX-License-Identifier: MIT
/*
 * V4L2 buffers in user memory (V4L2_MEMORY_USERPTR): VIDIOC_QBUF takes long-term
 * pins (drivers/media/common/videobuf2/frame_vector.c, get_vaddr_frames:
 * pin_user_pages_fast). Any queue of any video device will do that takes a buffer
 * as small as a page with the format that it has: most often one of metadata.
 */
#include "igt.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "dmabuf_contract.h"
#include "users.h"

static const enum v4l2_buf_type types[] = {
	V4L2_BUF_TYPE_META_CAPTURE,
	V4L2_BUF_TYPE_META_OUTPUT,
	V4L2_BUF_TYPE_SLICED_VBI_CAPTURE,
	V4L2_BUF_TYPE_SLICED_VBI_OUTPUT,
	V4L2_BUF_TYPE_VBI_CAPTURE,
	V4L2_BUF_TYPE_VBI_OUTPUT,
	V4L2_BUF_TYPE_SDR_CAPTURE,
	V4L2_BUF_TYPE_SDR_OUTPUT,
	V4L2_BUF_TYPE_VIDEO_CAPTURE,
	V4L2_BUF_TYPE_VIDEO_OUTPUT,
};

static int dev = -1;
static enum v4l2_buf_type type;

static int request_buffers(unsigned int count)
{
	struct v4l2_requestbuffers request = {
		.count = count,
		.type = type,
		.memory = V4L2_MEMORY_USERPTR,
	};

	return ioctl(dev, VIDIOC_REQBUFS, &request);
}

static ssize_t attempt(void *addr, size_t length)
{
	struct v4l2_buffer buf = {
		.type = type,
		.memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (uintptr_t)addr,
		.length = length,
		.bytesused = length,
	};
	ssize_t ret = length;

	if (request_buffers(1))
		return -errno;
	if (ioctl(dev, VIDIOC_QBUF, &buf))
		ret = -errno;
	request_buffers(0);	/* drops the pins */
	return ret;
}

/* Whether dev has a queue that takes a page of user memory. */
static bool takes_a_page(void *p, size_t page)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		type = types[i];
		if (attempt(p, page) == (ssize_t)page)
			return true;
	}
	return false;
}

static void setup(size_t length)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	glob_t g;

	dmabuf_require(p != MAP_FAILED, "no memory");
	dmabuf_require(!glob("/dev/video*", 0, NULL, &g), "no V4L2 device");
	for (size_t i = 0; i < g.gl_pathc; i++) {
		dev = open(g.gl_pathv[i], O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (dev >= 0 && takes_a_page(p, page))
			break;
		if (dev >= 0)
			close(dev);
		dev = -1;
	}
	globfree(&g);
	munmap(p, page);
	dmabuf_require(dev >= 0, "no V4L2 queue that takes a page of user memory (as the metadata queue of vivid does)");
}

const struct gup_user gup_v4l2_userptr = {
	.name = "v4l2-userptr",
	.description = "VIDIOC_QBUF of a V4L2_MEMORY_USERPTR buffer (long-term pins by get_vaddr_frames)",
	.writes = true,
	.by_fd_alone = true,
	.setup = setup,
	.attempt = attempt,
};
