// SPDX-License-Identifier: MIT
/*
 * A shared futex is known by the page it is in, which takes a reference on that
 * page (kernel/futex/core.c, get_futex_key: get_user_pages_fast). Waiting and
 * waking need the same key; it takes a word of each page.
 *
 * Of a page that belongs to no file, such as a driver's own, it takes the reference
 * and then says EFAULT, too. Only where the page is none to the kernel (pagemap
 * shows none) is the EFAULT a refusal.
 */
#include <linux/futex.h>
#include <sys/syscall.h>

#include "dmabuf_contract.h"
#include "dmabuf_proc.h"
#include "igt.h"
#include "users.h"

static void setup(size_t length)
{
}

static ssize_t attempt(void *addr, size_t length)
{
	const size_t page = sysconf(_SC_PAGESIZE);

	for (size_t at = 0; at < length; at += page) {
		char *p = (char *)addr + at;
		int ret;

		/* Nobody waits there: to wake none is to have found the page. */
		if (syscall(SYS_futex, p, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0)
			continue;
		ret = -errno;
		dmabuf_require(ret != -EFAULT || at || !(proc_pagemap(p) & PAGEMAP_PRESENT),
			       "a futex says EFAULT of any page that belongs to no file, refused or not");
		return at ?: ret;
	}
	return length;
}

const struct gup_user gup_futex = {
	.name = "futex-shared",
	.description = "FUTEX_WAKE, not private, on a word of each page (references by get_user_pages_fast)",
	.fast = true,
	.by_fd_alone = true,
	.setup = setup,
	.attempt = attempt,
};
