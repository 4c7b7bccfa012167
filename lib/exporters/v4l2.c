// SPDX-License-Identifier: MIT
/*
 * V4L2: the capture and output queues of every video device, exported by
 * VIDIOC_EXPBUF (linux/videodev2.h). VIDIOC_CREATE_BUFS makes a buffer of our
 * size without touching the format that the device's user has set.
 */
#include "igt.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>

#include "exporters.h"

static const struct queue {
	enum v4l2_buf_type type;
	uint32_t capability;
	const char *name;
} queues[] = {
	{ V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE, "capture" },
	{ V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_CAP_VIDEO_OUTPUT, "output" },
	{ V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, V4L2_CAP_VIDEO_CAPTURE_MPLANE, "capture-mplane" },
	{ V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_CAP_VIDEO_OUTPUT_MPLANE, "output-mplane" },
	/* A memory-to-memory device has two queues and says so in one bit. */
	{ V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_CAP_VIDEO_M2M, "capture" },
	{ V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_CAP_VIDEO_M2M, "output" },
	{ V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, V4L2_CAP_VIDEO_M2M_MPLANE, "capture-mplane" },
	{ V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_CAP_VIDEO_M2M_MPLANE, "output-mplane" },
};

static void find(const struct dmabuf_exporter_kind *kind)
{
	glob_t g;

	if (glob("/dev/video*", 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct v4l2_capability cap = { };
		int fd = open(g.gl_pathv[i], O_RDWR | O_CLOEXEC | O_NONBLOCK);
		bool known = fd >= 0 && !ioctl(fd, VIDIOC_QUERYCAP, &cap);

		if (fd >= 0)
			close(fd);
		if (!known || !(cap.device_caps & V4L2_CAP_STREAMING))
			continue;
		for (size_t j = 0; j < sizeof(queues) / sizeof(queues[0]); j++)
			if (cap.device_caps & queues[j].capability)
				dmabuf_exporter_add(kind, queues[j].type, g.gl_pathv[i],
						    "%s-%s", cap.driver, queues[j].name);
	}
	globfree(&g);
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	struct v4l2_create_buffers create = {
		.count = 1,
		.memory = V4L2_MEMORY_MMAP,
		.format.type = e->type,
	};
	struct v4l2_exportbuffer export = {
		.type = e->type,
		.flags = (buf->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC,
	};
	struct v4l2_pix_format *pix = &create.format.fmt.pix;
	struct v4l2_plane_pix_format *plane = &create.format.fmt.pix_mp.plane_fmt[0];

	buf->dev = open(e->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (buf->dev < 0 || ioctl(buf->dev, VIDIOC_G_FMT, &create.format))
		return false;
	if (V4L2_TYPE_IS_MULTIPLANAR(e->type))
		plane->sizeimage = plane->sizeimage < size ? size : plane->sizeimage;
	else
		pix->sizeimage = pix->sizeimage < size ? size : pix->sizeimage;
	if (ioctl(buf->dev, VIDIOC_CREATE_BUFS, &create))
		return false;
	export.index = create.index;
	if (ioctl(buf->dev, VIDIOC_EXPBUF, &export))
		return false;
	buf->fd = export.fd;
	return true;
}

const struct dmabuf_exporter_kind dmabuf_v4l2 = {
	.name = "v4l2",
	.description = "V4L2 capture and output queues by VIDIOC_EXPBUF",
	.find = find,
	.alloc = alloc,
	.read_only = true,
};
