// SPDX-License-Identifier: GPL-2.0
// vb2 VIDEO...: gets at a page of an exported V4L2 buffer, which get_user_pages() must refuse.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <linux/videodev2.h>

int main(int argc, char **argv)
{
	int wrong = 0, seen = 0, fds[2], type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	for (int i = 2; i < 2 * argc; i++) {
		struct v4l2_requestbuffers req = { .count = 1, .memory = V4L2_MEMORY_MMAP };
		struct v4l2_exportbuffer exp = { .flags = O_RDWR };
		struct iovec iov = { .iov_len = 4096 };
		int video = open(argv[i / 2], O_RDWR);

		req.type = exp.type = i % 2 ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : type;
		if (video < 0 || ioctl(video, VIDIOC_REQBUFS, &req) ||
		    ioctl(video, VIDIOC_EXPBUF, &exp))
			continue;
		iov.iov_base = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, exp.fd, 0);
		if (iov.iov_base == MAP_FAILED || pipe(fds))
			continue;
		seen = 1;
		*(volatile char *)iov.iov_base = 1;
		printf("%s: vmsplice() took %zd bytes\n", argv[i / 2], vmsplice(fds[1], &iov, 1, 0));
		wrong |= vmsplice(fds[1], &iov, 1, 0) > 0;
	}
	return seen ? wrong : 77;
}
