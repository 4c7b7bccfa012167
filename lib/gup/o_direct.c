// SPDX-License-Identifier: MIT
/*
 * O_DIRECT read and write, and the same by Linux AIO: the block layer takes
 * references on the user's pages (block/bio.c, bio_iov_iter_get_pages). Not every file system does: tmpfs
 * copies, btrfs falls back to copying. So a file that pins is looked for: one that
 * refuses what the core kernel keeps from get_user_pages.
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

static int file = -1;
static size_t file_length;

/*
 * A file in dir of which O_DIRECT pins; -1 with a reason in why. Its blocks are
 * written, not merely allocated: reading a hole copies zeroes and pins nothing.
 */
static int pinning_file(const char *dir, size_t length, char *why, size_t why_len)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	int fd = -1, buffered;
	char path[256];
	void *p;

	snprintf(path, sizeof(path), "%s/dmabuf-contract-XXXXXX", dir);
	buffered = mkostemp(path, O_CLOEXEC);
	if (buffered >= 0) {
		fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		unlink(path);
		close(buffered);
	}
	if (fd < 0) {
		snprintf(why, why_len, "%s: %s", dir, strerror(errno));
		return -1;
	}

	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || pwrite(fd, p, length, 0) != (ssize_t)length)
		snprintf(why, why_len, "%s: writing a file: %s", dir, strerror(errno));
	else if (pwrite(fd, gup_kept_page(), page, 0) >= 0 || errno != EFAULT)
		snprintf(why, why_len, "%s copies instead of pinning", dir);
	else
		why[0] = 0;
	if (p != MAP_FAILED)
		munmap(p, length);
	if (why[0]) {
		close(fd);
		return -1;
	}
	return fd;
}

static void setup(size_t length)
{
	const char *dirs[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
	char reasons[512] = "";

	if (file >= 0 && length > file_length) {
		close(file);
		file = -1;
	}
	for (size_t i = 0; file < 0 && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		size_t used = strlen(reasons);
		char why[128];

		if (!dirs[i])
			continue;
		file = pinning_file(dirs[i], length, why, sizeof(why));
		file_length = length;
		if (file < 0)
			snprintf(reasons + used, sizeof(reasons) - used, "%s%s",
				 used ? "; " : "", why);
	}
	dmabuf_require(file >= 0, "no directory where O_DIRECT pins, set TMPDIR to one on ext4 or xfs (%s)",
		       reasons);
}

static ssize_t read_into(void *addr, size_t length)
{
	ssize_t ret = pread(file, addr, length, 0);

	return ret < 0 ? -errno : ret;
}

static ssize_t write_from(void *addr, size_t length)
{
	ssize_t ret = pwrite(file, addr, length, 0);

	return ret < 0 ? -errno : ret;
}

static aio_context_t aio;

static void setup_aio(size_t length)
{
	/* Another one: it belongs to a process, and this may be a child. */
	aio = 0;
	dmabuf_require(!syscall(SYS_io_setup, 1, &aio), "no Linux AIO: %s", strerror(errno));
	setup(length);
}

/*
 * One direction will do: the pages are taken where read() and write() take them, and
 * to end a process that used AIO takes a grace period of RCU.
 *
 * What io_submit() makes of it comes as an event, at once or when the disk is done.
 */
static ssize_t submit_read_into(void *addr, size_t length)
{
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = file,
		.aio_buf = (uintptr_t)addr,
		.aio_nbytes = length,
	}, *iocbs = &iocb;
	struct io_event event;

	if (syscall(SYS_io_submit, aio, 1, &iocbs) != 1 ||
	    syscall(SYS_io_getevents, aio, 1, 1, &event, NULL) != 1)
		return -errno;
	return event.res;
}

const struct gup_user gup_o_direct_read = {
	.name = "o-direct-read",
	.description = "read() from a file opened with O_DIRECT (references for writing)",
	.fast = true,
	.writes = true,
	.stands_for_others = true,
	.may_hang = true,
	.setup = setup,
	.lasts = true,
	.attempt = read_into,
};

const struct gup_user gup_o_direct_write = {
	.name = "o-direct-write",
	.description = "write() to a file opened with O_DIRECT (references for reading)",
	.fast = true,
	.stands_for_others = true,
	.may_hang = true,
	.setup = setup,
	.lasts = true,
	.attempt = write_from,
};

const struct gup_user gup_aio_read = {
	.name = "aio-read",
	.description = "IOCB_CMD_PREAD by io_submit() from a file opened with O_DIRECT (references for writing)",
	.fast = true,
	.writes = true,
	.by_fd_alone = true,
	.setup = setup_aio,
	.attempt = submit_read_into,
};
