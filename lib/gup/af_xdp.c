// SPDX-License-Identifier: MIT
/*
 * AF_XDP: the packet buffers of a socket are user memory that it holds long-term
 * pins on (net/xdp/xdp_umem.c, xdp_umem_pin_pages: pin_user_pages). No interface
 * is needed for that.
 */
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

static ssize_t register_memory(void *addr, size_t length)
{
	struct xdp_umem_reg umem = {
		.addr = (uintptr_t)addr,
		.len = length,
		.chunk_size = sysconf(_SC_PAGESIZE),
	};
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	ssize_t ret = length;

	if (fd < 0 || setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)))
		ret = -errno;
	if (fd >= 0)
		close(fd);	/* drops the pins */
	return ret;
}

static void setup(size_t length)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	dmabuf_require(fd >= 0, "no AF_XDP socket: %s", strerror(errno));
	close(fd);
}

/* Where it got a part only it says ENOMEM: then each page answers for itself. */
static ssize_t attempt(void *addr, size_t length)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	ssize_t ret = register_memory(addr, length);

	if (ret != -ENOMEM)
		return ret;
	for (size_t at = 0; at < length; at += page) {
		ret = register_memory((char *)addr + at, page);
		if (ret < 0)
			return at ?: ret;
	}
	return length;
}

const struct gup_user gup_af_xdp = {
	.name = "af-xdp-umem",
	.description = "XDP_UMEM_REG on an AF_XDP socket (long-term pins by pin_user_pages)",
	.writes = true,
	.by_fd_alone = true,
	.setup = setup,
	.attempt = attempt,
};
