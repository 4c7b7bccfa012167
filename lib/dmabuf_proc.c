// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>

#include "dmabuf_contract.h"
#include "dmabuf_proc.h"
#include "igt.h"

/* What the VMA at addr looks like; false if smaps does not have it. */
static bool read_vma(const void *addr, struct proc_vma *vma)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool inside = false, complete = false;
	char line[512];

	memset(vma, 0, sizeof(*vma));
	while (f && !complete && fgets(line, sizeof(line), f)) {
		uintptr_t start, end;
		size_t kib;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
			inside = (uintptr_t)addr >= start && (uintptr_t)addr < end;
		else if (!inside)
			continue;
		else if (sscanf(line, "Rss: %zu kB", &kib) == 1)
			vma->rss = kib * 1024;
		else if (sscanf(line, "Pss: %zu kB", &kib) == 1)
			vma->pss = kib * 1024;
		else if (sscanf(line, "VmFlags: %127[^\n]", vma->flags) == 1)
			complete = true;	/* the last line of a VMA */
	}
	if (f)
		fclose(f);
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
	for (const char *at = vma->flags; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (len == strlen(code) && !strncmp(at, code, len))
			return true;
		at += len;
	}
	return false;
}

void *proc_core_pfnmap(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	void *start = NULL, *found = NULL;
	struct proc_vma vma;
	char line[512];

	/* [vvar]; the part of it that Linux 7.2 maps is [vvar_vclock]. */
	while (f && !found && fgets(line, sizeof(line), f))
		if (strstr(line, "[vvar") && sscanf(line, "%p-", &start) == 1 &&
		    read_vma(start, &vma) && proc_vma_has(&vma, "pf"))
			found = start;
	if (f)
		fclose(f);
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
				(uintptr_t)addr / sysconf(_SC_PAGESIZE), &entry),
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

const char *proc_evidence(const void *addr)
{
	static char line[256];
	struct proc_vma vma;
	uint64_t entry;

	if (!read_vma(addr, &vma))
		return "no VmFlags";
	if (!read_u64("/proc/self/pagemap", (uintptr_t)addr / sysconf(_SC_PAGESIZE),
		      &entry))
		snprintf(line, sizeof(line), "VmFlags: %s; no pagemap", vma.flags);
	else
		snprintf(line, sizeof(line), "VmFlags: %s; pagemap entry: %#" PRIx64,
			 vma.flags, entry);
	return line;
}
