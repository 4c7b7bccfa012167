// SPDX-License-Identifier: MIT
/*
 * get_mempolicy asks the page at an address for its node and takes a reference on
 * it meanwhile (mm/mempolicy.c, lookup_node: get_user_pages_fast).
 */
#include <linux/mempolicy.h>
#include <sys/syscall.h>

#include "igt.h"
#include "users.h"

static void setup(size_t length)
{
}

static ssize_t attempt(void *addr, size_t length)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	int node;

	for (size_t at = 0; at < length; at += page)
		if (syscall(SYS_get_mempolicy, &node, NULL, 0, (char *)addr + at,
			    MPOL_F_NODE | MPOL_F_ADDR) < 0)
			return at ?: -errno;
	return length;
}

const struct gup_user gup_get_mempolicy = {
	.name = "get-mempolicy",
	.description = "get_mempolicy() for the node of each page (references by get_user_pages_fast)",
	.fast = true,
	.by_fd_alone = true,
	.setup = setup,
	.attempt = attempt,
};
