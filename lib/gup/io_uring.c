// SPDX-License-Identifier: MIT
/*
 * io_uring fixed buffers: IORING_REGISTER_BUFFERS takes long-term pins
 * (io_uring/rsrc.c, pin_user_pages with FOLL_LONGTERM).
 */
#include <liburing.h>

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

static struct io_uring ring;

static void setup(size_t length)
{
	int ret = io_uring_queue_init(1, &ring, 0);

	dmabuf_require(!ret, "no io_uring: %s", strerror(-ret));
}

static ssize_t attempt(void *addr, size_t length)
{
	struct iovec iov = { .iov_base = addr, .iov_len = length };
	int ret = io_uring_register_buffers(&ring, &iov, 1);

	if (ret)
		return ret;
	io_uring_unregister_buffers(&ring);
	return length;
}

const struct gup_user gup_io_uring = {
	.name = "io-uring-fixed",
	.description = "io_uring_register_buffers() (long-term pins by pin_user_pages)",
	.writes = true,
	.stands_for_others = true,
	.setup = setup,
	.attempt = attempt,
};
