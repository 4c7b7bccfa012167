// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_proc.h"
#include "igt.h"

/* The value of a line of smaps, if it is of this field: "Rss:    16 kB". */
static bool parse_field(const char *line, const char *name, size_t *bytes)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len))
		return false;
	*bytes = strtoul(line + len, NULL, 10) * 1024;
	return true;
}

/*
 * What the VMA at addr looks like; false if smaps does not have it. Few reads, and no
 * scanf() of every line: next to nothing else is asked for as often.
 */
static bool read_vma(const void *addr, struct proc_vma *vma)
{
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	bool inside = false, complete = false;
	static char text[16384];
	size_t len = 0;
	ssize_t n;

	memset(vma, 0, sizeof(*vma));
	while (fd >= 0 && !complete &&
	       (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
		char *line = text, *end;

		len += n;
		text[len] = 0;
		for (; !complete && (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			/* Fields begin with a capital. */
			if (!isupper((unsigned char)line[0])) {
				char *dash;
				uintptr_t start = strtoul(line, &dash, 16);

				inside = (uintptr_t)addr >= start &&
					 (uintptr_t)addr < strtoul(dash + 1, NULL, 16);
			} else if (inside && !strncmp(line, "VmFlags: ", 9)) {
				/* The last line of a VMA. */
				snprintf(vma->flags, sizeof(vma->flags), "%s", line + 9);
				complete = true;
			} else if (inside) {
				(void)(parse_field(line, "Rss:", &vma->rss) ||
				       parse_field(line, "Pss:", &vma->pss) ||
				       parse_field(line, "Locked:", &vma->locked));
			}
		}
		len -= line - text;
		memmove(text, line, len);
	}
	if (fd >= 0)
		close(fd);
	return complete;
}

struct proc_vma proc_vma(const void *addr)
{
	struct proc_vma vma;

	dmabuf_require(read_vma(addr, &vma), "/proc/self/smaps has no VmFlags of %p",
		       addr);
	return vma;
}

bool proc_vma_has(const struct proc_vma *vma, const char *code)
{
	return dmabuf_has_word(vma->flags, code);
}

bool proc_is_inherited(const void *addr)
{
	struct proc_vma vma = proc_vma(addr);

	return !proc_vma_has(&vma, "dc");
}

void proc_must_be_inherited(const void *addr)
{
	dmabuf_require(proc_is_inherited(addr),
		       "a child does not inherit the mapping: the exporter makes it VM_DONTCOPY");
}

bool proc_has_special_entries(void)
{
#ifdef __arm__
	return !access("/sys/kernel/mm/transparent_hugepage", F_OK) ||
	       !access("/sys/kernel/mm/hugepages", F_OK);
#else
	return true;
#endif
}

/* A page of a counter that counts nothing, mapped: VM_PFNMAP on Linux 7.2 (map_range()). */
static void *map_perf_page(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY, .size = sizeof(attr),
		.exclude_kernel = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, page_size(), PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

void *proc_core_pfnmap(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	void *start = NULL, *found = NULL;
	struct proc_vma vma;
	char line[512];

	/* [vvar]; the part of it that Linux 7.2 maps is [vvar_vclock]. */
	while (f && !found && fgets(line, sizeof(line), f))
		if ((strstr(line, "[vvar") || strstr(line, "[perf_event]")) &&
		    sscanf(line, "%p-", &start) == 1 && read_vma(start, &vma) &&
		    proc_vma_has(&vma, "pf"))
			found = start;
	if (f)
		fclose(f);
	if (!found) {
		start = map_perf_page();
		if (start && read_vma(start, &vma) && proc_vma_has(&vma, "pf"))
			found = start;
		else if (start)
			munmap(start, page_size());
	}
	return found;
}

static bool read_u64(const char *path, uint64_t index, uint64_t *value)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && pread(fd, value, sizeof(*value), index * sizeof(*value)) ==
		  sizeof(*value);

	if (fd >= 0)
		close(fd);
	return ok;
}

uint64_t proc_pagemap(const void *addr)
{
	uint64_t entry;

	dmabuf_require(read_u64("/proc/self/pagemap",
				(uintptr_t)addr / page_size(), &entry),
		       "/proc/self/pagemap cannot be read: %s", strerror(errno));
	return entry;
}

long long proc_map_count(uint64_t pagemap)
{
	uint64_t count;

	if (!(pagemap & PAGEMAP_PRESENT) || !(pagemap & PAGEMAP_PFN) ||
	    !read_u64("/proc/kpagecount", pagemap & PAGEMAP_PFN, &count))
		return -1;
	return count;
}

long proc_minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

struct proc_vma proc_must_be_pfnmap(const void *addr, const char *what)
{
	struct proc_vma vma = proc_vma(addr);

	dmabuf_must("PFNMAP", proc_vma_has(&vma, "pf") && !proc_vma_has(&vma, "mm"),
		    "%s: VmFlags has %s 'pf' and %s 'mm'\n%s\n", what,
		    proc_vma_has(&vma, "pf") ? "a" : "no",
		    proc_vma_has(&vma, "mm") ? "a" : "no", proc_evidence(addr));
	dmabuf_saw("PFNMAP", "VmFlags has 'pf' and has not 'mm'");
	return vma;
}

bool proc_is_pfnmap(const void *addr)
{
	struct proc_vma vma = proc_vma(addr);

	return proc_vma_has(&vma, "pf");
}

/* Touched pages of a memfd are accounted, or there is nothing to see here. */
static bool accounts_memfd(void)
{
	const size_t length = 4 * page_size();
	struct proc_vma vma;
	void *p = map_touched_control(length);

	vma = proc_vma(p);
	munmap(p, length);
	return vma.rss == length;
}

void proc_must_not_be_accounted(const void *addr, const char *what)
{
	struct proc_vma vma;

	dmabuf_require(accounts_memfd(), "the kernel does not account a memfd either");
	vma = proc_vma(addr);
	dmabuf_must("ACCOUNT", !vma.rss && !vma.pss,
		    "%s and touched: Rss is %zu and Pss %zu bytes, both must be 0\n%s\n",
		    what, vma.rss, vma.pss, proc_evidence(addr));
	dmabuf_saw("ACCOUNT", "Rss and Pss are 0, of a memfd they are not");
}

/* The kernel's own walker passes over VM_PFNMAP, so that every entry reads 0. */
void proc_must_not_show(const void *addr, size_t length, const char *what)
{
	const size_t page = page_size();
	const size_t size = length / page * sizeof(uint64_t);
	const off_t first = (uintptr_t)addr / page * sizeof(uint64_t);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t *entries = malloc(size);
	static char control;

	control = 1;
	dmabuf_require(proc_pagemap(&control) & PAGEMAP_PRESENT,
		       "pagemap does not show ordinary memory either");
	dmabuf_require(pread(fd, entries, size, first) == (ssize_t)size,
		       "pagemap cannot be read as a whole: %s", strerror(errno));
	for (size_t at = 0; at < length; at += page) {
		uint64_t entry = entries[at / page];

		dmabuf_must("ACCOUNT", !(entry & PAGEMAP_SEEN),
			    "%s: page %zu of %zu has the pagemap entry %#018" PRIx64
			    "%s; its page is mapped %lld times (-1: unknown); no page must show\n%s\n",
			    what, at / page, length / page, entry,
			    entry & PAGEMAP_FILE_OR_SHARED ?
			    ", a file page or shared memory" : "",
			    proc_map_count(entry), proc_evidence(addr));
	}
	free(entries);
	close(fd);
	dmabuf_saw("ACCOUNT", "no page of %zu shows in pagemap", length / page);
}

/*
 * A line of it begins with size, flags, mode, count, exporter and inode
 * (drivers/dma-buf/dma-buf.c, dma_buf_debug_show()).
 */
bool proc_dmabuf_is_listed(ino_t ino)
{
	FILE *f = fopen(PROC_DMABUFS, "re");
	bool found = false;
	char line[512];

	dmabuf_require(f, PROC_DMABUFS " cannot be read: %s", strerror(errno));
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned long is;

		found = sscanf(line, "%*x %*x %*x %*u %*s %lu", &is) == 1 && is == ino;
	}
	fclose(f);
	return found;
}

const char *proc_evidence(const void *addr)
{
	static char line[256];
	struct proc_vma vma;
	uint64_t entry;

	if (!read_vma(addr, &vma))
		return "no VmFlags";
	if (!read_u64("/proc/self/pagemap", (uintptr_t)addr / page_size(),
		      &entry))
		snprintf(line, sizeof(line), "VmFlags: %s; no pagemap", vma.flags);
	else
		snprintf(line, sizeof(line), "VmFlags: %s; pagemap entry: %#018" PRIx64,
			 vma.flags, entry);
	return line;
}
