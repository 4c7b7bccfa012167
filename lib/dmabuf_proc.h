/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_PROC_H
#define DMABUF_PROC_H

/*
 * What /proc says of a mapping (Documentation/filesystems/proc.rst and
 * admin-guide/mm/pagemap.rst).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A VMA by /proc/self/smaps. */
struct proc_vma {
	char flags[128];	/* the codes of VmFlags, each with a blank behind it */
	size_t rss, pss, locked;	/* in bytes */
};

/*
 * proc_vma:
 *
 * Reads the VMA that holds addr. Skips if the kernel has no smaps
 * (CONFIG_PROC_PAGE_MONITOR).
 */
struct proc_vma proc_vma(const void *addr);

/* Whether VmFlags has this code of two letters, such as "pf". */
bool proc_vma_has(const struct proc_vma *vma, const char *code);

/* Whether the VMA that holds addr is VM_PFNMAP ("pf"). Skips as proc_vma() does. */
bool proc_is_pfnmap(const void *addr);

/*
 * proc_is_inherited, proc_must_be_inherited:
 *
 * Whether a child of fork() has the mapping at addr. An exporter may keep it from
 * children (VM_DONTCOPY, "dc"); the second skips then.
 */
bool proc_is_inherited(const void *addr);
void proc_must_be_inherited(const void *addr);

/*
 * proc_has_special_entries:
 *
 * Whether page-table entries can be marked special here, and there is get_user_pages_fast, which
 * goes by that mark alone: else nothing judges SPECIAL. 32-bit ARM has both with page tables of
 * three levels and neither with two (arch/arm/Kconfig, ARCH_HAS_PTE_SPECIAL, HAVE_GUP_FAST). Which
 * it has shows by huge pages, for which it takes three; without any it counts as two.
 */
bool proc_has_special_entries(void);

/*
 * proc_core_pfnmap:
 *
 * A read-only mapping of at least a page that the core kernel, not a driver,
 * made VM_PFNMAP: the vDSO's data, or a page of perf's, which children do not inherit.
 * Something to prove GUP users on. NULL if there is none.
 */
void *proc_core_pfnmap(void);

#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_FILE_OR_SHARED (1ull << 61)
#define PAGEMAP_PFN ((1ull << 55) - 1)
/* What is left when soft-dirty, a property of the VMA, is taken away. */
#define PAGEMAP_SEEN (PAGEMAP_PRESENT | PAGEMAP_SWAPPED | PAGEMAP_FILE_OR_SHARED | PAGEMAP_PFN)

/*
 * proc_pagemap:
 *
 * The pagemap entry of the page at addr: none of PAGEMAP_SEEN for a page of a VM_PFNMAP VMA,
 * which the page-table walker passes over. The PFN in it is 0 for those who
 * lack CAP_SYS_ADMIN. Skips if there is no pagemap.
 */
uint64_t proc_pagemap(const void *addr);

/* How often the page of a pagemap entry is mapped; -1 if that cannot be known. */
long long proc_map_count(uint64_t pagemap);

/* Page faults of this process so far that needed no I/O. */
long proc_minor_faults(void);

/*
 * proc_must_be_pfnmap, proc_must_not_be_accounted, proc_must_not_show:
 *
 * The clauses PFNMAP (VmFlags has "pf" and has not "mm") and ACCOUNT (Rss and Pss of
 * the VMA at addr are 0; none of the pages from addr on shows in pagemap) of pages
 * that were touched. what: whose mapping it is. They skip where the kernel does not
 * show ordinary memory either. The first returns what it saw.
 */
struct proc_vma proc_must_be_pfnmap(const void *addr, const char *what);
void proc_must_not_be_accounted(const void *addr, const char *what);
void proc_must_not_show(const void *addr, size_t length, const char *what);

#define PROC_DMABUFS "/sys/kernel/debug/dma_buf/bufinfo"

/* Whether debugfs (PROC_DMABUFS) lists a dma-buf of this inode. Skips if it cannot be read. */
bool proc_dmabuf_is_listed(ino_t ino);

/* VmFlags and pagemap entry at addr, as one line of evidence (static). */
const char *proc_evidence(const void *addr);

#endif /* DMABUF_PROC_H */
