// SPDX-License-Identifier: MIT
/*
 * vmsplice: puts references to user pages into a pipe (fs/splice.c,
 * iov_iter_get_pages). Its own return value is what counts.
 */
#include <fcntl.h>
#include <sys/uio.h>

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

static void setup(size_t length)
{
}

static ssize_t attempt(void *addr, size_t length)
{
	struct iovec iov = { .iov_base = addr, .iov_len = length };
	ssize_t taken = 0, ret = 0;
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	/* A page a slot: make as many slots as there are pages, or as may be. */
	fcntl(pipefd[0], F_SETPIPE_SZ, length);
	while (iov.iov_len) {
		ret = vmsplice(pipefd[1], &iov, 1, SPLICE_F_NONBLOCK);
		if (ret <= 0)
			break;
		taken += ret;
		iov.iov_base = (char *)iov.iov_base + ret;
		iov.iov_len -= ret;
	}
	ret = taken ?: ret < 0 ? -errno : 0;
	close(pipefd[0]);	/* drops the references */
	close(pipefd[1]);
	return ret;
}

const struct gup_user gup_vmsplice = {
	.name = "vmsplice",
	.description = "vmsplice() into a pipe (references by iov_iter_get_pages)",
	.fast = true,
	.stands_for_others = true,
	.setup = setup,
	.attempt = attempt,
};
