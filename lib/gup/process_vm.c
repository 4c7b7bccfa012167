// SPDX-License-Identifier: MIT
/*
 * process_vm_readv and process_vm_writev take references on the pages of the
 * process that is read or written (mm/process_vm_access.c,
 * pin_user_pages_remote). That may be ourselves.
 */
#include <sys/uio.h>

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

static char *copy;

static void setup(size_t length)
{
	copy = calloc(1, length);
	dmabuf_require(copy, "no memory for %zu bytes", length);
}

static ssize_t read_from(void *addr, size_t length)
{
	struct iovec local = { .iov_base = copy, .iov_len = length };
	struct iovec remote = { .iov_base = addr, .iov_len = length };
	ssize_t ret = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return ret < 0 ? -errno : ret;
}

static ssize_t write_to(void *addr, size_t length)
{
	struct iovec local = { .iov_base = copy, .iov_len = length };
	struct iovec remote = { .iov_base = addr, .iov_len = length };
	ssize_t ret = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);

	return ret < 0 ? -errno : ret;
}

const struct gup_user gup_process_vm_readv = {
	.name = "process-vm-readv",
	.description = "process_vm_readv() of the own process (references for reading by pin_user_pages_remote)",
	.by_fd_alone = true,
	.setup = setup,
	.attempt = read_from,
};

const struct gup_user gup_process_vm_writev = {
	.name = "process-vm-writev",
	.description = "process_vm_writev() to the own process (references for writing by pin_user_pages_remote)",
	.writes = true,
	.by_fd_alone = true,
	.setup = setup,
	.attempt = write_to,
};
