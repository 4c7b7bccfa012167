// SPDX-License-Identifier: MIT
/*
 * WARN: what the kernel says of its own state and in its log while a block runs.
 */
#include <fcntl.h>

#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_options.h"
#include "dmabuf_outcome.h"
#include "igt.h"

/*
 * What the kernel says of its own state (admin-guide/tainted-kernels.rst), less
 * what loading a module does: machine check, bad page, userspace, oops, warning,
 * soft lockup.
 */
#define WARNED (1ul << 9)
#define TAINTS (1ul << 4 | 1ul << 5 | 1ul << 6 | 1ul << 7 | WARNED | 1ul << 14)

static unsigned long kernel_taints(void)
{
	static int fd = -1;
	char mask[32] = "";

	if (fd < 0)
		fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, mask, sizeof(mask) - 1, 0) <= 0)
		return 0;
	return strtoul(mask, NULL, 10) & TAINTS;
}

/* Of a report that is one of the page allocator's about a size, as a regex and in a line. */
/* Without a backslash, which the kernel log has as \x5c. */
#define OF_A_SIZE	"^WARNING: .*mm/page_alloc[.]c:[0-9]+ .*__alloc_"

static bool is_of_a_size(const char *line)
{
	const char *place = strstr(line, "mm/page_alloc.c:");

	return place && strstr(place, "__alloc_");
}

void dmabuf_excuse_allocator(void)
{
	dmabuf_outcome->too_large = true;
	igt_emit_ignore_dmesg_regex(OF_A_SIZE);
}

static unsigned long taints_before;
static int kernel_log = -1;
static bool warns_again = true;

/*
 * What warns once in a kernel's life may have done so for another exporter, if the kernel
 * warned at all: then it is asked to do so again. (Others who read this machine's log would
 * wonder.) It takes an emulated CPU 40 ms.
 */
static bool warn_again(void)
{
	return dmabuf_is_disruptive() && write_to("/sys/kernel/debug/clear_warn_once", "1");
}

void dmabuf_watch_kernel(void)
{
	taints_before = kernel_taints();
	if (kernel_log < 0) {
		kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (taints_before & WARNED)
			warns_again = warn_again();
	}
	if (kernel_log >= 0)
		lseek(kernel_log, 0, SEEK_END);
}

/*
 * A WARN() or BUG() since then whose report says that it was in a process of this
 * test ("Comm:"): its first line; NULL if there is none. What others provoke, or
 * write to the log, is not for a verdict. excused: whether there was one about a buffer's
 * size, which is none.
 */
static const char *kernel_complaint(bool *excused)
{
	static char record[8192], first[512];
	char comm[32];
	bool inside = false, ours = false;
	ssize_t n;

	/* As the kernel cuts it off. */
	snprintf(comm, sizeof(comm), "Comm: %.15s", igt_test_name());
	while (kernel_log >= 0 && ((n = read(kernel_log, record, sizeof(record) - 1)) > 0 ||
				   (n < 0 && errno == EPIPE))) {
		const char *text;

		record[n < 0 ? 0 : n] = 0;
		record[strcspn(record, "\n")] = 0;
		text = strchr(record, ';');
		/* The facility above the level's three bits: 0 is the kernel's own. */
		if (!text || ours || atoi(record) > 7)
			continue;
		if (!strncmp(text, ";WARNING: ", 10) || !strncmp(text, ";BUG: ", 6)) {
			snprintf(first, sizeof(first), "%s", text + 1);
			inside = true;
		}
		ours = inside && strstr(text, comm);
		if (ours && dmabuf_outcome->too_large && is_of_a_size(first)) {
			*excused = true;
			ours = inside = false;
		}
		if (!strncmp(text, ";---[ end trace", 15))
			inside = false;
	}
	return ours ? first : NULL;
}

/*
 * No part of a test gets away with it, whatever else it was about. Without the log, a
 * taint that the kernel had before tells of nothing new.
 */
void dmabuf_kernel_must_be_quiet(void)
{
	bool excused = false;
	const char *complaint = kernel_complaint(&excused);
	unsigned long is_new = kernel_taints() & ~taints_before;

	if (excused && !complaint) {
		is_new &= ~WARNED;
		taints_before |= WARNED;
	}
	if (complaint || is_new)
		warn_again();
	/* By whatever way. */
	dmabuf_enter_by("", NULL);
	dmabuf_must("WARN", !complaint, "the kernel log has: %s\n", complaint);
	dmabuf_must("WARN", !is_new, "/proc/sys/kernel/tainted has the new bits %#lx\n", is_new);
	if (kernel_log >= 0)
		dmabuf_saw("WARN", "no warning in the kernel log%s",
			   warns_again ? "" : ", of those that come more than once");
	else if (!(taints_before & WARNED))
		dmabuf_saw("WARN", "the kernel is not tainted by a warning");
	else
		dmabuf_unseen("WARN", "/dev/kmsg cannot be read, and the kernel was tainted by a warning before: be root, or boot it anew");
}
