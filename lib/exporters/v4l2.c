// SPDX-License-Identifier: MIT
/*
 * V4L2: the capture and output queues of every video device, exported by
 * VIDIOC_EXPBUF (linux/videodev2.h). VIDIOC_CREATE_BUFS makes a buffer of our
 * size without touching the format that the device's user has set.
 */
#include "igt.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "dmabuf_memory.h"
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

/*
 * The kinds of memory a queue has (linux/videodev2.h): coherent, and, where its user may give
 * hints, cached, which the DMA helpers allocate and map by other code.
 */
static const struct memory {
	const char *name;
	uint32_t flags, capability;
} memories[] = {
	{ "", 0, 0 },
	{ "-noncoherent", V4L2_MEMORY_FLAG_NON_COHERENT, V4L2_BUF_CAP_SUPPORTS_MMAP_CACHE_HINTS },
};

/* To make no buffer asks what kinds there are, and changes nothing. */
static uint32_t capabilities(int fd, enum v4l2_buf_type type)
{
	struct v4l2_create_buffers create = {
		.memory = V4L2_MEMORY_MMAP,
		.format.type = type,
	};

	return ioctl(fd, VIDIOC_G_FMT, &create.format) ||
		ioctl(fd, VIDIOC_CREATE_BUFS, &create) ? 0 : create.capabilities;
}

/*
 * Whether the driver of this node gets buffers from the DMA helpers and nowhere else, as far
 * as modules tell. vivid has both kinds of queues; its hints are for those of the helpers.
 */
static bool is_of_dma_helpers(int fd)
{
	char path[96], module[PATH_MAX];
	const char *name;
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/driver/module",
		 major(st.st_rdev), minor(st.st_rdev));
	len = readlink(path, module, sizeof(module) - 1);
	module[len < 0 ? 0 : len] = 0;
	if (!strrchr(module, '/'))
		return false;
	name = strrchr(module, '/') + 1;
	snprintf(path, sizeof(path), "/sys/module/videobuf2_vmalloc/holders/%.32s", name);
	if (!access(path, F_OK))
		return false;
	snprintf(path, sizeof(path), "/sys/module/videobuf2_dma_contig/holders/%.32s", name);
	return !access(path, F_OK);
}

static void find_queue(const struct dmabuf_exporter_kind *kind, int fd, const char *path,
		       const struct v4l2_capability *cap, const struct queue *queue)
{
	const uint32_t has = capabilities(fd, queue->type);

	for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++) {
		struct dmabuf_exporter *e;

		if ((has & memories[i].capability) != memories[i].capability)
			continue;
		e = dmabuf_exporter_add(kind, queue->type, path, "%s-%s%s", cap->driver,
					queue->name, memories[i].name);
		e->data = &memories[i];
		/* It may have to be in one piece, and to ask for more than there can be warns. */
		if (has & V4L2_BUF_CAP_SUPPORTS_MMAP_CACHE_HINTS || is_of_dma_helpers(fd))
			e->max_size = largest_block();
	}
}

static void find(const struct dmabuf_exporter_kind *kind)
{
	glob_t g;

	if (glob("/dev/video*", 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct v4l2_capability cap = { };
		int fd = open(g.gl_pathv[i], O_RDWR | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0)
			continue;
		if (!ioctl(fd, VIDIOC_QUERYCAP, &cap) && cap.device_caps & V4L2_CAP_STREAMING)
			for (size_t j = 0; j < sizeof(queues) / sizeof(queues[0]); j++)
				if (cap.device_caps & queues[j].capability)
					find_queue(kind, fd, g.gl_pathv[i], &cap, &queues[j]);
		close(fd);
	}
	globfree(&g);
}

/* Whose queue this process had last: to wait for what it holds itself is in vain. */
static struct {
	const struct dmabuf_exporter *e;
	pid_t pid;
	int dev;
} ours;

/* A queue is who first has a buffer of it: who has one still gets another of the same queue. */
static bool has_ours(const struct dmabuf_exporter *e)
{
	struct stat node, st;

	return ours.e == e && ours.pid == getpid() && !stat(e->path, &node) &&
	       !fstat(ours.dev, &st) && st.st_rdev == node.st_rdev;
}

/* Drivers without VIDIOC_CREATE_BUFS have buffers of the format's size, and all at once. */
static bool request(int fd, const struct v4l2_format *format, size_t size, uint32_t *index)
{
	struct v4l2_requestbuffers req = {
		.count = 1, .type = format->type, .memory = V4L2_MEMORY_MMAP,
	};
	const size_t has = V4L2_TYPE_IS_MULTIPLANAR(format->type) ?
		format->fmt.pix_mp.plane_fmt[0].sizeimage : format->fmt.pix.sizeimage;

	if (has < size) {
		errno = EFBIG;
		return false;
	}
	*index = 0;
	return !ioctl(fd, VIDIOC_REQBUFS, &req);
}

/* The number of its queue's buffer, and where the node maps it; of the plane that it is of. */
static bool query(int fd, uint32_t type, uint32_t index, unsigned int plane,
		  uint64_t *offset)
{
	struct v4l2_plane planes[VIDEO_MAX_PLANES] = { };
	struct v4l2_buffer b = {
		.index = index, .type = type, .memory = V4L2_MEMORY_MMAP,
	};

	if (V4L2_TYPE_IS_MULTIPLANAR(type)) {
		b.m.planes = planes;
		b.length = VIDEO_MAX_PLANES;
	}
	if (ioctl(fd, VIDIOC_QUERYBUF, &b))
		return false;
	*offset = V4L2_TYPE_IS_MULTIPLANAR(type) ? planes[plane].m.mem_offset : b.m.offset;
	return true;
}

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	const bool is_ours = ours.e == e && ours.pid == getpid(), shared = has_ours(e);
	const struct memory *memory = e->data;
	struct v4l2_create_buffers create = {
		.count = 1,
		.memory = V4L2_MEMORY_MMAP,
		.flags = memory->flags,
		.format.type = e->type,
	};
	struct v4l2_exportbuffer export = {
		.type = e->type,
		.flags = (buf->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC,
	};
	struct v4l2_pix_format *pix = &create.format.fmt.pix;
	struct v4l2_pix_format_mplane *pix_mp = &create.format.fmt.pix_mp;
	struct v4l2_format format;
	int ret;

	buf->dev = shared ? fcntl(ours.dev, F_DUPFD_CLOEXEC, 0) :
		   open(e->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (buf->dev < 0 || ioctl(buf->dev, VIDIOC_G_FMT, &create.format))
		return false;
	format = create.format;
	if (!V4L2_TYPE_IS_MULTIPLANAR(e->type))
		pix->sizeimage = pix->sizeimage < size ? size : pix->sizeimage;
	for (unsigned int i = 0; V4L2_TYPE_IS_MULTIPLANAR(e->type) && i < pix_mp->num_planes; i++) {
		if (pix_mp->plane_fmt[i].sizeimage < size)
			pix_mp->plane_fmt[i].sizeimage = size;
		/* Of an odd number of pages, the last plane, else the first. */
		export.plane = size / page_size() % 2 ? i : 0;
	}
	/* A queue is one process' at a time, and the one before may be about to end. */
	for (int i = 0; (ret = ioctl(buf->dev, VIDIOC_CREATE_BUFS, &create)) && errno == EBUSY &&
	     !is_ours && i < 50; i++)
		usleep(20000);
	if (ret && (errno != ENOTTY || shared || !request(buf->dev, &format, size, &create.index)))
		return false;
	ours.e = e;
	ours.pid = getpid();
	ours.dev = buf->dev;
	export.index = create.index;
	if (!query(buf->dev, e->type, create.index, export.plane, &buf->offset) ||
	    ioctl(buf->dev, VIDIOC_EXPBUF, &export))
		return false;
	buf->fd = export.fd;
	return true;
}

/* It is prepared for the device, and taken back before that does anything. */
static bool lend(const struct dmabuf *buf)
{
	const uint32_t type = buf->exporter->type;
	struct v4l2_plane planes[VIDEO_MAX_PLANES] = { };
	struct v4l2_buffer b = { .type = type, .memory = V4L2_MEMORY_MMAP };
	uint64_t offset;
	int as_int = type;
	bool lent = false;

	errno = EOPNOTSUPP;
	/* What is to be shown has to have contents. */
	if (V4L2_TYPE_IS_OUTPUT(type))
		return false;
	if (V4L2_TYPE_IS_MULTIPLANAR(type)) {
		b.m.planes = planes;
		b.length = VIDEO_MAX_PLANES;
	}
	/* All that the queue has: which of them this is does not matter. */
	for (; query(buf->dev, type, b.index, 0, &offset); b.index++)
		lent |= !ioctl(buf->dev, VIDIOC_PREPARE_BUF, &b);
	return lent && !ioctl(buf->dev, VIDIOC_STREAMOFF, &as_int);
}

const struct dmabuf_exporter_kind dmabuf_v4l2 = {
	.name = "v4l2",
	.description = "V4L2 capture and output queues by VIDIOC_EXPBUF",
	.find = find,
	.alloc = alloc,
	.read_only = true,
	.node_maps = true,
	.lend = lend,
};
