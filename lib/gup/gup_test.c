// SPDX-License-Identifier: MIT
/*
 * The kernel's own test of get_user_pages (mm/gup_test.c, CONFIG_GUP_TEST) calls
 * every form of it on memory that it is given. The interface is in mm/gup_test.h,
 * which no package has.
 */
#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

#define GUP_TEST "/sys/kernel/debug/gup_test"

struct gup_test {
	uint64_t get_delta_usec;
	uint64_t put_delta_usec;
	uint64_t addr;
	uint64_t size;
	uint32_t nr_pages_per_call;
	uint32_t gup_flags;
	uint32_t test_flags;
	uint32_t which_pages[8];
};

struct pin_longterm_test {
	uint64_t addr;
	uint64_t size;
	uint32_t flags;
};

#define GUP_TEST_IOCTL(nr) _IOWR('g', nr, struct gup_test)
#define PIN_LONGTERM_TEST_START _IOW('g', 7, struct pin_longterm_test)
#define PIN_LONGTERM_TEST_STOP _IO('g', 8)
#define READ 0
#define WRITE 1		/* FOLL_WRITE, and PIN_LONGTERM_TEST_FLAG_USE_WRITE */
#define FAST 2		/* PIN_LONGTERM_TEST_FLAG_USE_FAST */
#define PIN 1		/* GUP_TEST_FLAG_DUMP_PAGES_USE_PIN */

/* Every command with all of its flags. */
static struct {
	const char *name;
	unsigned long cmd;
	uint32_t flags, test_flags;
	bool known;		/* to this kernel */
} calls[] = {
	{ "get_user_pages_fast to read", GUP_TEST_IOCTL(1), READ },
	{ "get_user_pages_fast to write", GUP_TEST_IOCTL(1), WRITE },
	{ "pin_user_pages_fast to read", GUP_TEST_IOCTL(2), READ },
	{ "pin_user_pages_fast to write", GUP_TEST_IOCTL(2), WRITE },
	{ "long-term pin_user_pages to read", GUP_TEST_IOCTL(3), READ },
	{ "long-term pin_user_pages to write", GUP_TEST_IOCTL(3), WRITE },
	{ "get_user_pages to read", GUP_TEST_IOCTL(4), READ },
	{ "get_user_pages to write", GUP_TEST_IOCTL(4), WRITE },
	{ "pin_user_pages to read", GUP_TEST_IOCTL(5), READ },
	{ "pin_user_pages to write", GUP_TEST_IOCTL(5), WRITE },
	{ "get_user_pages to dump what is read", GUP_TEST_IOCTL(6), READ },
	{ "get_user_pages to dump what is written", GUP_TEST_IOCTL(6), WRITE },
	{ "pin_user_pages to dump what is read", GUP_TEST_IOCTL(6), READ, PIN },
	{ "pin_user_pages to dump what is written", GUP_TEST_IOCTL(6), WRITE, PIN },
	{ "lasting pin_user_pages to read", PIN_LONGTERM_TEST_START, READ },
	{ "lasting pin_user_pages to write", PIN_LONGTERM_TEST_START, WRITE },
	{ "lasting pin_user_pages_fast to read", PIN_LONGTERM_TEST_START, FAST | READ },
	{ "lasting pin_user_pages_fast to write", PIN_LONGTERM_TEST_START, FAST | WRITE },
};

#define NUM_CALLS (sizeof(calls) / sizeof(calls[0]))

static int gup_test;

static ssize_t call(size_t i, void *addr, size_t length)
{
	struct pin_longterm_test lasting = {
		.addr = (uintptr_t)addr,
		.size = length,
		.flags = calls[i].flags,
	};
	struct gup_test passing = {
		.addr = (uintptr_t)addr,
		.size = length,
		/* Of several it would not say how many it got. */
		.nr_pages_per_call = 1,
		.gup_flags = calls[i].flags,
		.test_flags = calls[i].test_flags,
	};

	if (calls[i].cmd == PIN_LONGTERM_TEST_START) {
		if (ioctl(gup_test, PIN_LONGTERM_TEST_START, &lasting))
			return -errno;
		ioctl(gup_test, PIN_LONGTERM_TEST_STOP);
		return length;
	}
	if (ioctl(gup_test, calls[i].cmd, &passing))
		return -errno;
	/* It keeps the error to itself: that it got nothing is how it tells. */
	return passing.size ?: -EFAULT;
}

static void setup(size_t length)
{
	void *p;

	gup_test = open(GUP_TEST, O_RDWR | O_CLOEXEC);
	dmabuf_require(gup_test >= 0, "no " GUP_TEST " (CONFIG_GUP_TEST, debugfs, root): %s",
		       strerror(errno));
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	dmabuf_require(p != MAP_FAILED, "no memory for %zu bytes", length);
	for (size_t i = 0; i < NUM_CALLS; i++) {
		ssize_t ret = call(i, p, length);

		/* EINVAL is what a command gives that the kernel does not know. */
		dmabuf_require(ret == (ssize_t)length || ret == -EINVAL,
			       "%s does not work on ordinary memory either: %s", calls[i].name,
			       ret < 0 ? strerror(-ret) : "it took only a part");
		calls[i].known = ret > 0;
	}
	munmap(p, length);
}

/* What one of them takes is taken; refused is what all of them refuse. */
static ssize_t attempt(void *addr, size_t length)
{
	ssize_t error = -EFAULT;

	for (size_t i = 0; i < NUM_CALLS; i++) {
		ssize_t ret = calls[i].known ? call(i, addr, length) : -EFAULT;

		if (ret >= 0) {
			igt_debug("gup-test: taken by %s\n", calls[i].name);
			return ret;
		}
		if (ret != -EFAULT)
			error = ret;
	}
	return error;
}

const struct gup_user gup_gup_test = {
	.name = "gup-test",
	.description = "Every form of get_user_pages() by /sys/kernel/debug/gup_test",
	.fast = true,
	.by_fd_alone = true,
	.setup = setup,
	.attempt = attempt,
};
