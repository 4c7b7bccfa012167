// SPDX-License-Identifier: MIT
/*
 * Zero-copy send: a packet is made of references to the user's pages
 * (net/core/datagram.c, zerocopy_fill_skb_from_iter: iov_iter_get_pages), by
 * send() with MSG_ZEROCOPY or by io_uring's IORING_OP_SEND_ZC. Datagrams to a
 * socket on the loopback interface, which nobody reads: that copies what it gets,
 * so the references are gone when the call returns, and drops what it has no room
 * for. That they were there is shown by the refusal of gup_kept_page(): copying,
 * as is done for interfaces without scatter-gather, would take it.
 */
#include <liburing.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

/* What fits in a datagram, and its pages in a packet (MAX_SKB_FRAGS). */
#define MAX_PAGES 8

static struct io_uring ring;
static int from, to;

/* Two sockets that are connected; skips if there is no network on loopback. */
static void setup_send(size_t length)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	dmabuf_require(to >= 0 && from >= 0 &&
		       !bind(to, (struct sockaddr *)&address, sizeof(address)) &&
		       !getsockname(to, (struct sockaddr *)&address, &len) &&
		       !connect(from, (struct sockaddr *)&address, len),
		       "no UDP on the loopback interface (is it up?): %s", strerror(errno));
	dmabuf_require(!setsockopt(from, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)),
		       "no SO_ZEROCOPY: %s", strerror(errno));
}

static void setup_send_zc(size_t length)
{
	struct io_uring_probe *probe;
	int ret = io_uring_queue_init(1, &ring, 0);

	dmabuf_require(!ret, "no io_uring: %s", strerror(-ret));
	probe = io_uring_get_probe_ring(&ring);
	dmabuf_require(probe && io_uring_opcode_supported(probe, IORING_OP_SEND_ZC),
		       "no IORING_OP_SEND_ZC: Linux has it since 6.0");
	setup_send(length);
}

static ssize_t send_datagram(void *addr, size_t length)
{
	ssize_t ret = send(from, addr, length, MSG_ZEROCOPY);

	return ret < 0 ? -errno : ret;
}

static ssize_t send_datagram_by_ring(void *addr, size_t length)
{
	struct io_uring_cqe *cqe;
	bool notified = false;
	ssize_t ret = 0;

	io_uring_prep_send_zc(io_uring_get_sqe(&ring), from, addr, length, 0, 0);
	io_uring_submit(&ring);
	/* First what became of it, then, if there were references, that they are gone. */
	for (int i = 0; i < 2 && !notified; i++) {
		int error = io_uring_wait_cqe(&ring, &cqe);

		if (error)
			return error;
		if (i == 0)
			ret = cqe->res;
		notified = !(cqe->flags & IORING_CQE_F_MORE);
		io_uring_cqe_seen(&ring, cqe);
	}
	return ret;
}

static ssize_t in_datagrams(ssize_t (*one)(void *addr, size_t length), char *addr,
			    size_t length)
{
	const size_t most = MAX_PAGES * sysconf(_SC_PAGESIZE);
	size_t sent = 0;

	while (sent < length) {
		size_t next = length - sent < most ? length - sent : most;
		ssize_t ret = one(addr + sent, next);

		if (ret <= 0)
			return sent ?: ret;
		sent += ret;
	}
	return sent;
}

static ssize_t attempt_send(void *addr, size_t length)
{
	return in_datagrams(send_datagram, addr, length);
}

static ssize_t attempt_send_zc(void *addr, size_t length)
{
	return in_datagrams(send_datagram_by_ring, addr, length);
}

const struct gup_user gup_msg_zerocopy = {
	.name = "msg-zerocopy",
	.description = "send() with MSG_ZEROCOPY (references by iov_iter_get_pages)",
	.fast = true,
	.by_fd_alone = true,
	.setup = setup_send,
	.attempt = attempt_send,
};

const struct gup_user gup_send_zc = {
	.name = "io-uring-send-zc",
	.description = "IORING_OP_SEND_ZC (references by iov_iter_get_pages)",
	.fast = true,
	.by_fd_alone = true,
	.setup = setup_send_zc,
	.attempt = attempt_send_zc,
};
