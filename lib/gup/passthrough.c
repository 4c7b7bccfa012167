// SPDX-License-Identifier: MIT
/*
 * Passthrough: a command that user space sends to a disk by itself has its data in
 * user memory, on whose pages the block layer takes references if they are whole
 * (block/blk-map.c, bio_map_user_iov). The command is to identify itself, which
 * only reads, and answers less than there is room for.
 */
#include <fcntl.h>
#include <glob.h>
#include <linux/bsg.h>
#include <linux/nvme_ioctl.h>
#include <scsi/sg.h>
#include <sys/ioctl.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

/* What every device takes in one command (SCSI's length has 16 bits). */
#define MAX_LENGTH (32u << 10)

static int dev = -1;

static int identify_nvme(void *addr, size_t length)
{
	struct nvme_admin_cmd cmd = {
		.opcode = 0x06,		/* Identify */
		.cdw10 = 0x01,		/* the controller */
		.addr = (uintptr_t)addr,
		.data_len = length,
	};
	int ret = ioctl(dev, NVME_IOCTL_ADMIN_CMD, &cmd);

	/* Above 0 is a status of the device's own. */
	return ret < 0 ? -errno : ret ? -EIO : 0;
}

static int inquire_scsi(void *addr, size_t length)
{
	uint8_t cdb[6] = { 0x12, 0, 0, length >> 8, length };	/* INQUIRY */
	struct sg_io_v4 cmd = {
		.guard = 'Q',
		.protocol = BSG_PROTOCOL_SCSI,
		.subprotocol = BSG_SUB_PROTOCOL_SCSI_CMD,
		.request = (uintptr_t)cdb,
		.request_len = sizeof(cdb),
		.din_xferp = (uintptr_t)addr,
		.din_xfer_len = length,
		.timeout = 5000,
	};

	if (ioctl(dev, SG_IO, &cmd))
		return -errno;
	return cmd.device_status || cmd.transport_status || cmd.driver_status ? -EIO : 0;
}

static ssize_t in_commands(int (*identify)(void *addr, size_t length), char *addr,
			   size_t length)
{
	size_t taken = 0;

	while (taken < length) {
		size_t next = length - taken < MAX_LENGTH ? length - taken : MAX_LENGTH;
		int ret = identify(addr + taken, next);

		if (ret)
			return taken ?: ret;
		taken += next;
	}
	return taken;
}

/* The first device that answers to its name. */
static void find(const char *pattern, int (*identify)(void *addr, size_t length))
{
	void *p = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char why[128];
	glob_t g;

	dmabuf_require(p != MAP_FAILED, "no memory");
	dmabuf_require(!glob(pattern, 0, NULL, &g), "no device %s", pattern);
	dmabuf_require_disruptive("sends a disk a command of its own");
	for (size_t i = 0; dev < 0 && i < g.gl_pathc; i++) {
		int ret;

		dev = open(g.gl_pathv[i], O_RDWR | O_CLOEXEC);
		ret = dev < 0 ? -errno : identify(p, sysconf(_SC_PAGESIZE));
		if (!ret)
			break;
		snprintf(why, sizeof(why), "%.64s: %s", g.gl_pathv[i], strerror(-ret));
		close(dev);
		dev = -1;
	}
	globfree(&g);
	munmap(p, sysconf(_SC_PAGESIZE));
	dmabuf_require(dev >= 0, "no device %s does as it is told (%s)", pattern, why);
}

static void setup_nvme(size_t length)
{
	find("/dev/nvme[0-9]", identify_nvme);
}

static void setup_scsi(size_t length)
{
	find("/dev/bsg/*:*", inquire_scsi);
}

static ssize_t attempt_nvme(void *addr, size_t length)
{
	return in_commands(identify_nvme, addr, length);
}

static ssize_t attempt_scsi(void *addr, size_t length)
{
	return in_commands(inquire_scsi, addr, length);
}

const struct gup_user gup_nvme = {
	.name = "nvme-passthrough",
	.description = "NVME_IOCTL_ADMIN_CMD of an Identify command (references by bio_map_user_iov)",
	.fast = true,
	.writes = true,
	.by_fd_alone = true,
	.setup = setup_nvme,
	.attempt = attempt_nvme,
};

const struct gup_user gup_scsi = {
	.name = "scsi-passthrough",
	.description = "SG_IO of an INQUIRY command to a bsg device (references by bio_map_user_iov)",
	.fast = true,
	.writes = true,
	.by_fd_alone = true,
	.setup = setup_scsi,
	.attempt = attempt_scsi,
};
