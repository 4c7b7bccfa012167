// SPDX-License-Identifier: MIT
/*
 * io_uring holds long-term pins on buffers that are registered, one by one or all
 * at once (io_uring/rsrc.c, io_sqe_buffer_register), and on user memory that is to
 * be a ring itself (io_uring/memmap.c, io_pin_pages): the ring of provided buffers
 * and the submission queue. All by pin_user_pages_fast with FOLL_LONGTERM.
 *
 * IORING_REGISTER_CLONE_BUFFERS is none of these: it shares what another ring had
 * pinned, so where registration is refused there is nothing to be cloned.
 */
#include <liburing.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1u << 14)		/* since Linux 6.5 */
#endif

/* The last member of either, which liburing 2.3 calls resv2 and later ones user_addr. */
#define USER_ADDR(offsets) (*((__u64 *)(&(offsets) + 1) - 1))

/* The longest ring of provided buffers, and of submissions, has 2^15 entries. */
#define MAX_ENTRIES (1u << 15)

static struct io_uring ring;

static void setup(size_t length)
{
	int ret = io_uring_queue_init(1, &ring, 0);

	dmabuf_require(!ret, "no io_uring: %s", strerror(-ret));
}

static ssize_t attempt_register(void *addr, size_t length)
{
	struct iovec iov = { .iov_base = addr, .iov_len = length };
	int ret = io_uring_register_buffers(&ring, &iov, 1);

	if (ret)
		return ret;
	io_uring_unregister_buffers(&ring);
	return length;
}

static void setup_update(size_t length)
{
	int ret;

	setup(length);
	ret = io_uring_register_buffers_sparse(&ring, 1);
	dmabuf_require(!ret, "no empty table of buffers (Linux has it since 5.19): %s",
		       strerror(-ret));
}

static ssize_t attempt_update(void *addr, size_t length)
{
	struct iovec iov = { .iov_base = addr, .iov_len = length }, none = { };
	__u64 tag = 0;
	int ret = io_uring_register_buffers_update_tag(&ring, 0, &iov, &tag, 1);

	if (ret < 0)
		return ret;
	io_uring_register_buffers_update_tag(&ring, 0, &none, &tag, 1);
	return ret ? length : 0;
}

/* Takes memory as rings of a power of two of entries, as large as they can be. */
static ssize_t in_rings(int (*take)(void *addr, unsigned int entries), size_t entry,
			char *addr, size_t length)
{
	size_t taken = 0;

	while (taken < length) {
		unsigned int entries = MAX_ENTRIES;
		int ret;

		while (entries * entry > length - taken)
			entries /= 2;
		ret = take(addr + taken, entries);
		if (ret < 0)
			return taken ?: ret;
		taken += entries * entry;
	}
	return taken;
}

static int take_as_buffer_ring(void *addr, unsigned int entries)
{
	struct io_uring_buf_reg reg = {
		.ring_addr = (uintptr_t)addr,
		.ring_entries = entries,
	};
	int ret = io_uring_register_buf_ring(&ring, &reg, 0);

	if (!ret)
		io_uring_unregister_buf_ring(&ring, 0);
	return ret;
}

static ssize_t attempt_buffer_ring(void *addr, size_t length)
{
	return in_rings(take_as_buffer_ring, sizeof(struct io_uring_buf), addr, length);
}

/* Room for the completions of the largest ring, which no one is to refuse. */
#define COMPLETIONS (64 * MAX_ENTRIES)
static char *completions;

static int take_as_submission_queue(void *addr, unsigned int entries)
{
	struct io_uring_params params = { .flags = IORING_SETUP_NO_MMAP };
	int fd;

	USER_ADDR(params.sq_off) = (uintptr_t)addr;
	USER_ADDR(params.cq_off) = (uintptr_t)completions;
	fd = syscall(SYS_io_uring_setup, entries, &params);
	if (fd < 0)
		return -errno;
	close(fd);	/* a worker drops the pins soon after */
	return 0;
}

static void setup_queue(size_t length)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	int ret;

	completions = mmap(NULL, COMPLETIONS + page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dmabuf_require(completions != MAP_FAILED, "no memory for a ring");
	ret = take_as_submission_queue(completions + COMPLETIONS, page / sizeof(struct io_uring_sqe));
	dmabuf_require(!ret, "no IORING_SETUP_NO_MMAP, which Linux has since 6.5: %s",
		       strerror(-ret));
}

static ssize_t attempt_queue(void *addr, size_t length)
{
	return in_rings(take_as_submission_queue, sizeof(struct io_uring_sqe), addr, length);
}

const struct gup_user gup_io_uring = {
	.name = "io-uring-fixed",
	.description = "io_uring_register_buffers() (long-term pins by pin_user_pages)",
	.writes = true,
	.stands_for_others = true,
	.setup = setup,
	.attempt = attempt_register,
};

const struct gup_user gup_io_uring_update = {
	.name = "io-uring-update",
	.description = "IORING_REGISTER_BUFFERS_UPDATE (long-term pins by pin_user_pages)",
	.writes = true,
	.by_fd_alone = true,
	.setup = setup_update,
	.attempt = attempt_update,
};

const struct gup_user gup_io_uring_buffer_ring = {
	.name = "io-uring-buf-ring",
	.description = "IORING_REGISTER_PBUF_RING in user memory (long-term pins by io_pin_pages)",
	.writes = true,
	.by_fd_alone = true,
	.setup = setup,
	.attempt = attempt_buffer_ring,
};

const struct gup_user gup_io_uring_queue = {
	.name = "io-uring-no-mmap",
	.description = "IORING_SETUP_NO_MMAP, the submission queue in user memory (long-term pins by io_pin_pages)",
	.writes = true,
	.by_fd_alone = true,
	.setup = setup_queue,
	.attempt = attempt_queue,
};
