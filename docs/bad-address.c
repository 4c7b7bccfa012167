// SPDX-License-Identifier: MIT
/*
 * What refuses the mapping of a DMA buffer, and what works instead: docs/bad-address.md.
 * Each way is a function of its own, short enough to be copied.
 *
 * bad-address [HEAP]: prints a line a way; exit status 1 if one of them does what the page does not say.
 */
#define _GNU_SOURCE
#include <drm.h>
#include <drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <infiniband/verbs.h>
#include <liburing.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <linux/videodev2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SIZE 16384		/* of the buffer; fits into a pipe */
#define ABSENT (-100000)	/* this machine does not have what it takes */

static int dmabuf = -1;		/* the buffer */
static char *map;		/* its mapping, by mmap(dmabuf) */
static char *memory;		/* as much ordinary memory */
static int direct, buffered;	/* the same file, with and without O_DIRECT */

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* A buffer of the heap, or else a dumb buffer of a DRM card. */
static int make_buffer(const char *path_of_heap)
{
	struct dma_heap_allocation_data heap = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
	int dev = open(path_of_heap, O_RDWR | O_CLOEXEC);

	if (dev >= 0)
		return ioctl(dev, DMA_HEAP_IOCTL_ALLOC, &heap) ? -1 : (int)heap.fd;
	for (int i = 0; i < 16; i++) {
		struct drm_mode_create_dumb dumb = { .width = SIZE / 4, .height = 1, .bpp = 32 };
		struct drm_prime_handle prime = { .flags = DRM_RDWR | DRM_CLOEXEC };
		char path[32];

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		dev = open(path, O_RDWR | O_CLOEXEC);
		if (dev < 0 || ioctl(dev, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
			continue;
		prime.handle = dumb.handle;
		if (!ioctl(dev, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) &&
		    mmap(NULL, SIZE, PROT_READ, MAP_SHARED, prime.fd, 0) != MAP_FAILED)
			return prime.fd;
	}
	return -1;
}

/* Other words each time; what is expected to arrive somewhere. */
static void fill(char *p)
{
	static unsigned int word;

	for (size_t i = 0; i < SIZE; i += sizeof(word), word += 0x01010107)
		memcpy(p + i, &word, sizeof(word));
}

/* What came of it: EBADMSG if the bytes are not those of from. */
static long arrived(long ret, const char *to, const char *from)
{
	return ret == SIZE && memcmp(to, from, SIZE) ? -EBADMSG : ret;
}

/* Of a file with O_DIRECT. */
static long direct_read(void)
{
	return result(pread(direct, map, SIZE, 0));
}

static long direct_write(void)
{
	return result(pwrite(direct, map, SIZE, 0));
}

static long direct_copy(void)
{
	long ret;

	fill(memory);
	ret = result(pwrite(direct, memory, SIZE, 0));
	if (ret != SIZE)
		return ret;
	memset(memory, 0, SIZE);
	ret = result(pread(direct, memory, SIZE, 0));
	memcpy(map, memory, SIZE);
	return arrived(ret, map, memory);
}

/* Of a file without. */
static long file_read(void)
{
	fill(memory);
	if (pwrite(buffered, memory, SIZE, 0) != SIZE)
		return -errno;
	return arrived(result(pread(buffered, map, SIZE, 0)), map, memory);
}

static long file_write(void)
{
	long ret;

	fill(map);
	ret = result(pwrite(buffered, map, SIZE, 0));
	return pread(buffered, memory, SIZE, 0) < 0 ? -errno : arrived(ret, memory, map);
}

/* io_uring. */
static long uring_register(void)
{
	struct iovec iov = { map, SIZE };
	struct io_uring ring;
	int ret = io_uring_queue_init(1, &ring, 0);

	if (ret)
		return ABSENT;
	ret = io_uring_register_buffers(&ring, &iov, 1);
	io_uring_queue_exit(&ring);
	return ret ?: SIZE;
}

static long uring_read(int fd)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	long ret;

	fill(memory);
	if (pwrite(buffered, memory, SIZE, 0) != SIZE)
		return -errno;
	if (io_uring_queue_init(1, &ring, 0))
		return ABSENT;
	io_uring_prep_read(io_uring_get_sqe(&ring), fd, map, SIZE, 0);
	io_uring_submit(&ring);
	ret = io_uring_wait_cqe(&ring, &cqe) ?: cqe->res;
	io_uring_queue_exit(&ring);
	return arrived(ret, map, memory);
}

static long uring_read_direct(void)
{
	return uring_read(direct);
}

static long uring_read_buffered(void)
{
	return uring_read(buffered);
}

/* Pipes. */
static long vmsplice_pipe(void)
{
	struct iovec iov = { map, SIZE };
	int p[2];
	long ret;

	if (pipe(p))
		return -errno;
	ret = result(vmsplice(p[1], &iov, 1, SPLICE_F_NONBLOCK));
	close(p[0]);
	close(p[1]);
	return ret;
}

static long write_pipe_splice(void)
{
	int p[2];
	long ret;

	fill(map);
	if (pipe(p) || lseek(buffered, 0, SEEK_SET))
		return -errno;
	ret = result(write(p[1], map, SIZE));
	close(p[1]);
	while (ret > 0 && splice(p[0], NULL, buffered, NULL, SIZE, 0) > 0)
		;
	close(p[0]);
	return pread(buffered, memory, SIZE, 0) < 0 ? -errno : arrived(ret, memory, map);
}

static long splice_read_pipe(void)
{
	loff_t at = 0;
	int p[2];
	long ret;

	fill(memory);
	if (pipe(p) || pwrite(buffered, memory, SIZE, 0) != SIZE)
		return -errno;
	ret = result(splice(buffered, &at, p[1], NULL, SIZE, 0));
	if (ret > 0)
		ret = result(read(p[0], map, ret));
	close(p[0]);
	close(p[1]);
	return arrived(ret, map, memory);
}

/* Of the fd itself, for which there is no read or write. */
static long fd_read(void)
{
	return result(read(dmabuf, memory, SIZE));
}

static long fd_sendfile_from(void)
{
	return result(sendfile(buffered, dmabuf, NULL, SIZE));
}

static long fd_sendfile_to(void)
{
	off_t at = 0;

	return result(sendfile(dmabuf, buffered, &at, SIZE));
}

static long fd_copy_file_range(void)
{
	loff_t from = 0, to = 0;

	return result(copy_file_range(dmabuf, &from, buffered, &to, SIZE, 0));
}

/* Sockets: UDP, to itself. */
static long send_flags(int flags)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
	socklen_t length = sizeof(to);
	long ret;

	fill(map);
	if (s < 0 || bind(s, (void *)&to, sizeof(to)) || getsockname(s, (void *)&to, &length) ||
	    setsockopt(s, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return ABSENT;
	ret = result(sendto(s, map, SIZE, flags, (void *)&to, sizeof(to)));
	if (ret > 0)
		ret = result(recv(s, memory, SIZE, 0));
	close(s);
	return arrived(ret, memory, map);
}

static long send_zerocopy(void)
{
	return send_flags(MSG_ZEROCOPY);
}

static long send_copy(void)
{
	return send_flags(0);
}

/* Another process's memory; here its own. */
static long process_vm(void)
{
	struct iovec to = { memory, SIZE }, from = { map, SIZE };

	return result(process_vm_readv(getpid(), &to, 1, &from, 1, 0));
}

/* RDMA. */
static struct ibv_pd *rdma(void)
{
	static struct ibv_pd *pd;
	struct ibv_device **devices = pd ? NULL : ibv_get_device_list(NULL);

	for (int i = 0; devices && devices[i] && !pd; i++) {
		struct ibv_context *context = ibv_open_device(devices[i]);

		pd = context ? ibv_alloc_pd(context) : NULL;
	}
	return pd;
}

static long registered(struct ibv_mr *mr)
{
	if (!mr)
		return -errno;
	ibv_dereg_mr(mr);
	return SIZE;
}

static long rdma_mapping(void)
{
	return rdma() ? registered(ibv_reg_mr(rdma(), map, SIZE, IBV_ACCESS_REMOTE_READ)) : ABSENT;
}

static long rdma_fd(void)
{
	return rdma() ? registered(ibv_reg_dmabuf_mr(rdma(), 0, SIZE, 0, dmabuf,
						     IBV_ACCESS_REMOTE_READ)) : ABSENT;
}

/* V4L2: the metadata queue that vivid has takes a buffer of any size. */
static long v4l2(enum v4l2_memory how)
{
	long ret = ABSENT;

	for (int i = 0; i < 64 && ret == ABSENT; i++) {
		struct v4l2_requestbuffers request = {
			.count = 1, .type = V4L2_BUF_TYPE_META_CAPTURE, .memory = how,
		};
		struct v4l2_buffer buf = {
			.type = request.type, .memory = how, .length = SIZE,
		};
		char path[32];
		int dev;

		if (how == V4L2_MEMORY_DMABUF)
			buf.m.fd = dmabuf;
		else
			buf.m.userptr = (unsigned long)map;
		snprintf(path, sizeof(path), "/dev/video%d", i);
		dev = open(path, O_RDWR | O_CLOEXEC);
		if (dev >= 0 && !ioctl(dev, VIDIOC_REQBUFS, &request))
			ret = ioctl(dev, VIDIOC_QBUF, &buf) ? -errno : SIZE;
		if (dev >= 0)
			close(dev);
	}
	return ret;
}

static long v4l2_userptr(void)
{
	return v4l2(V4L2_MEMORY_USERPTR);
}

static long v4l2_fd(void)
{
	return v4l2(V4L2_MEMORY_DMABUF);
}

/* radeon warns in the kernel's log if its GPU does not run, as in a virtual machine. */
static int is_radeon(int dev)
{
	char name[32] = "";
	struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };

	return !ioctl(dev, DRM_IOCTL_VERSION, &version) && !strcmp(name, "radeon");
}

/* A DRM device: the first that imports. */
static long drm_fd(void)
{
	struct drm_prime_handle prime = { .fd = dmabuf };
	long ret = ABSENT;

	for (int i = 0; i < 16 && ret < 0; i++) {
		char path[32];
		int dev;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		dev = open(path, O_RDWR | O_CLOEXEC);
		if (dev < 0)
			continue;
		if (!is_radeon(dev))
			ret = ioctl(dev, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) ? -errno : SIZE;
		close(dev);
	}
	return ret;
}

/*
 * The other way round: ordinary memory, of which udmabuf makes a DMA buffer. The
 * memfd's own mapping may be pinned; what goes in there is in the buffer.
 */
static long from_memfd(int (*use)(char *p))
{
	struct udmabuf_create create = { .size = SIZE, .flags = UDMABUF_FLAGS_CLOEXEC };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memfd, fd, ret;
	char *own, *seen;

	if (dev < 0)
		return ABSENT;
	memfd = memfd_create("frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(memfd, SIZE) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	create.memfd = memfd;
	fd = ioctl(dev, UDMABUF_CREATE, &create);	/* this is for devices */
	own = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);	/* and this for us */
	seen = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || own == MAP_FAILED || seen == MAP_FAILED)
		return -errno;
	fill(own);
	ret = use(own);
	ret = arrived(ret, seen, own);
	munmap(own, SIZE);
	munmap(seen, SIZE);
	close(fd);
	close(memfd);
	close(dev);
	return ret;
}

static int read_into(char *p)
{
	fill(memory);
	if (pwrite(direct, memory, SIZE, 0) != SIZE)
		return -errno;
	return arrived(result(pread(direct, p, SIZE, 0)), p, memory);
}

static int register_with_uring(char *p)
{
	struct iovec iov = { p, SIZE };
	struct io_uring ring;
	int ret;

	if (io_uring_queue_init(1, &ring, 0))
		return ABSENT;
	ret = io_uring_register_buffers(&ring, &iov, 1);
	io_uring_queue_exit(&ring);
	return ret ?: SIZE;
}

static int register_with_rdma(char *p)
{
	return rdma() ? registered(ibv_reg_mr(rdma(), p, SIZE, IBV_ACCESS_REMOTE_READ)) : ABSENT;
}

static long memfd_direct(void)
{
	return from_memfd(read_into);
}

static long memfd_uring(void)
{
	return from_memfd(register_with_uring);
}

static long memfd_rdma(void)
{
	return from_memfd(register_with_rdma);
}

static const struct {
	const char *what;
	long (*way)(void);
	long want, or;
} ways[] = {
	{ "mapping: read() of a file with O_DIRECT", direct_read, -EFAULT },
	{ "mapping: write() of a file with O_DIRECT", direct_write, -EFAULT },
	{ "mapping: io_uring, read of a file with O_DIRECT", uring_read_direct, -EFAULT },
	{ "mapping: io_uring_register_buffers()", uring_register, -EFAULT },
	{ "mapping: vmsplice()", vmsplice_pipe, -EFAULT },
	{ "mapping: send() with MSG_ZEROCOPY", send_zerocopy, -EFAULT },
	{ "mapping: process_vm_readv()", process_vm, -EFAULT },
	{ "mapping: ibv_reg_mr()", rdma_mapping, -EFAULT },
	{ "mapping: VIDIOC_QBUF with V4L2_MEMORY_USERPTR", v4l2_userptr, -EFAULT },

	{ "copy: read() of a file without O_DIRECT", file_read, SIZE },
	{ "copy: write() of a file without O_DIRECT", file_write, SIZE },
	{ "copy: O_DIRECT of ordinary memory, memcpy()", direct_copy, SIZE },
	{ "copy: io_uring, read of a file without O_DIRECT", uring_read_buffered, SIZE },
	{ "copy: write() into a pipe, splice() to a file", write_pipe_splice, SIZE },
	{ "copy: splice() from a file, read() of the pipe", splice_read_pipe, SIZE },
	{ "copy: send() without MSG_ZEROCOPY", send_copy, SIZE },

	{ "fd: a DRM device, DRM_IOCTL_PRIME_FD_TO_HANDLE", drm_fd, SIZE },
	{ "fd: a V4L2 device, V4L2_MEMORY_DMABUF", v4l2_fd, SIZE },
	/* Where the provider has it; rxe has not. */
	{ "fd: an RDMA device, ibv_reg_dmabuf_mr()", rdma_fd, SIZE, -EOPNOTSUPP },

	{ "memfd of a udmabuf: read() of a file with O_DIRECT", memfd_direct, SIZE },
	{ "memfd of a udmabuf: io_uring_register_buffers()", memfd_uring, SIZE },
	{ "memfd of a udmabuf: ibv_reg_mr()", memfd_rdma, SIZE },

	{ "fd: read()", fd_read, -EINVAL },
	{ "fd: sendfile() from it", fd_sendfile_from, -EINVAL },
	{ "fd: sendfile() to it", fd_sendfile_to, -EINVAL },
	{ "fd: copy_file_range() from it", fd_copy_file_range, -EINVAL },
};

int main(int argc, char **argv)
{
	struct dma_buf_sync start = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct dma_buf_sync end = { DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW };
	char path[4096];
	int status = 0;

	/* On a file system that does O_DIRECT by pinning, such as ext4 or xfs. */
	snprintf(path, sizeof(path), "%s/bad-address-XXXXXX", getenv("TMPDIR") ?: "/var/tmp");
	buffered = mkostemp(path, O_CLOEXEC);
	direct = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	unlink(path);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dmabuf = make_buffer(argc > 1 ? argv[1] : "/dev/dma_heap/system");
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	if (direct < 0 || memory == MAP_FAILED || dmabuf < 0 || map == MAP_FAILED ||
	    pwrite(direct, memory, SIZE, 0) != SIZE) {
		perror("no file with O_DIRECT, or no DMA buffer");
		return 2;
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		long ret;

		/* A copy by the kernel is CPU access, too. */
		ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &start);
		ret = ways[i].way();
		ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &end);
		printf("%-55s%s", ways[i].what, ret == ABSENT ? "not here" : ret < 0 ?
		       strerror(-ret) : ret == SIZE ? "works" : "in part");
		if (ret != ABSENT && ret != ways[i].want && (!ways[i].or || ret != ways[i].or)) {
			printf(": not what is to be expected");
			status = 1;
		}
		putchar('\n');
	}
	return status;
}
