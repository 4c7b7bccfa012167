// SPDX-License-Identifier: GPL-2.0
/*
 * Exporters that keep the contract, and exporters that break it in one way each,
 * to prove a conformance suite against. For tests only: it hands out memory to
 * whoever may open its devices, and most of it is wrong on purpose.
 *
 * Every exporter is a row of calib_rows[] and a device /dev/dma_calib/NAME that
 * allocates through the ioctl of a DMA heap. What is wrong with it is in the row;
 * the code around it looks for that at the few places where it matters. Whatever
 * a row does, the kernel must survive: what userspace can still reach stays
 * allocated.
 */
#include <linux/anon_inodes.h>
#include <linux/cdev.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <uapi/linux/dma-heap.h>

#ifdef CONFIG_X86
#include <asm/invpcid.h>
#include <asm/special_insns.h>
#endif

#include "dmabuf_calib.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#define calib_pfn(pfn)	pfn_to_pfn_t(pfn)
#else
#define calib_pfn(pfn)	(pfn)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define CALIB_DEVNODE_CONST
#else
#define CALIB_DEVNODE_CONST	const
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* How a mapping gets its page-table entries. */
enum calib_how {
	CALIB_REMAP,		/* remap_pfn_range(), all of them at mmap */
	CALIB_FAULT,		/* vmf_insert_pfn(), at a fault */
	CALIB_HUGE,		/* vmf_insert_pfn_pmd() where address and pages allow */
	CALIB_PAGES,		/* normal pages at a fault, no flag of a PFN mapping */
	CALIB_MIXED,		/* vm_insert_page(), VM_MIXEDMAP */
	CALIB_MIXED_SPECIAL,	/* special entries, but VM_MIXEDMAP */
	CALIB_NOT_SPECIAL,	/* normal pages at a fault, although VM_PFNMAP */
};

/* When a mapping is made in the other way that its row has. */
enum calib_when {
	CALIB_NEVER,
	/* Decided at mmap, for the mapping. */
	CALIB_AT_OFFSET,
	CALIB_IF_LARGE,
	CALIB_IF_ALIGNED,
	CALIB_IF_READONLY,
	CALIB_IF_PRIVATE,
	CALIB_IF_SECOND,
	CALIB_IF_NATIVE,
	/* Decided at a fault, for the page. The VMA still says VM_PFNMAP. */
	CALIB_LAST_PAGE,
	CALIB_IN_CHILD,
	CALIB_AFTER_SPLIT,
	CALIB_AFTER_MOVE,
};

#define CALIB_LARGE_SIZE	SZ_1M

/* What else is special about a row. */
#define CALIB_MOVES		BIT(0)	/* on request */
#define CALIB_PRIVATE		BIT(1)	/* takes MAP_PRIVATE */
#define CALIB_NOT_HELD		BIT(2)
#define CALIB_LOST_ON_CLOSE	BIT(3)
#define CALIB_NEVER_FREED	BIT(4)
#define CALIB_MAYWRITE		BIT(5)
#define CALIB_EXPANDABLE	BIT(6)
#define CALIB_PAST_END		BIT(7)
#define CALIB_BEGIN_FAILS	BIT(8)
#define CALIB_END_LOSES		BIT(9)
#define CALIB_SIGBUS		BIT(10)
#define CALIB_WRONG_PAGE	BIT(11)
#define CALIB_NOT_ZAPPED	BIT(12)
#define CALIB_NOT_COPIED	BIT(13)
#define CALIB_LATE_LOST		BIT(14)
#define CALIB_REFAULT_REFUSED	BIT(15)
#define CALIB_PINNED		BIT(16)
#define CALIB_WARNS		BIT(17)
#define CALIB_TAINTS		BIT(18)
#define CALIB_HALF_ZAPPED	BIT(19)
#define CALIB_ACCESS		BIT(20)	/* has a vm_ops->access */
#define CALIB_ACCESS_FIRST	BIT(21)
#define CALIB_ACCESS_PINS	BIT(22)
#define CALIB_ACCESS_WRITES	BIT(23)
#define CALIB_CONTIGUOUS	BIT(24)	/* where the kernel has memory that is */
#define CALIB_NOT_NOTIFIED	BIT(25)
#define CALIB_RO_WRITABLE	BIT(26)

/**
 * struct calib_row - an exporter
 * @name:	of its device
 * @breaks:	the clauses that it is there to break, or NULL: it obeys
 * @what:	in words
 * @how:	a mapping of it is made
 * @when:	a mapping, or a page of it, is made in the way of @other instead
 * @other:	for a page (CALIB_LAST_PAGE and later) CALIB_NOT_SPECIAL is what
 *		can be done
 * @flags:	CALIB_MOVES and the others
 */
struct calib_row {
	const char *name;
	const char *breaks;
	const char *what;
	enum calib_how how;
	enum calib_when when;
	enum calib_how other;
	unsigned int flags;
};

static const struct calib_row calib_rows[] = {
	/* These obey. */
	{ "remap", NULL, "remap_pfn_range at mmap", CALIB_REMAP },
	{ "remap-private", NULL, "remap_pfn_range at mmap, MAP_PRIVATE too",
	  CALIB_REMAP, .flags = CALIB_CONTIGUOUS | CALIB_PRIVATE },
	{ "fault", NULL, "vmf_insert_pfn at a fault", CALIB_FAULT },
	{ "huge", NULL, "special PMDs where they fit", CALIB_HUGE },
	{ "moving", NULL, "moves on request", CALIB_FAULT,
	  .flags = CALIB_MOVES },
	{ "moving-access", NULL, "moves on request, has a vm_ops->access",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_ACCESS },
	{ "moving-huge", NULL, "special PMDs where they fit, moves on request",
	  CALIB_HUGE, .flags = CALIB_MOVES },

	/* The mapping. */
	{ "pages", "PFNMAP,SPECIAL,GUP,ACCOUNT", "normal pages at a fault",
	  CALIB_PAGES },
	{ "mixed", "PFNMAP,SPECIAL,GUP,ACCOUNT", "vm_insert_page, a mixed map",
	  CALIB_MIXED },
	{ "mixed-special", "PFNMAP", "a mixed map with special entries",
	  CALIB_MIXED_SPECIAL },
	{ "not-special", "SPECIAL,ACCOUNT", "VM_PFNMAP, but entries that are not special",
	  CALIB_NOT_SPECIAL },
	{ "last-page", "SPECIAL,WHOLE", "the last page is a normal one",
	  CALIB_FAULT, CALIB_LAST_PAGE, CALIB_NOT_SPECIAL },
	{ "offset", "WHOLE", "normal pages if not mapped from the start",
	  CALIB_FAULT, CALIB_AT_OFFSET, CALIB_PAGES },
	{ "large", "WHOLE", "normal pages if the buffer is larger than 1 MiB",
	  CALIB_FAULT, CALIB_IF_LARGE, CALIB_PAGES },
	{ "aligned", "HUGE", "normal pages if a whole PMD could map them",
	  CALIB_FAULT, CALIB_IF_ALIGNED, CALIB_PAGES },
	{ "readonly", "PFNMAP,SPECIAL,GUP,ACCOUNT", "normal pages if mapped read-only",
	  CALIB_FAULT, CALIB_IF_READONLY, CALIB_PAGES },
	{ "private", "PFNMAP,SPECIAL,GUP,ACCOUNT", "normal pages if MAP_PRIVATE",
	  CALIB_FAULT, CALIB_IF_PRIVATE, CALIB_PAGES, CALIB_PRIVATE },
	{ "second", "PFNMAP,SPECIAL,GUP,ACCOUNT", "normal pages if mapped already",
	  CALIB_FAULT, CALIB_IF_SECOND, CALIB_PAGES },
	{ "native", "BO", "normal pages if the device is mapped, not the dma-buf",
	  CALIB_FAULT, CALIB_IF_NATIVE, CALIB_PAGES },
	{ "fork", "SPECIAL", "normal pages in a child after fork",
	  CALIB_FAULT, CALIB_IN_CHILD, CALIB_NOT_SPECIAL },
	{ "split", "SPECIAL,WHOLE", "normal pages after a partial munmap or mprotect",
	  CALIB_FAULT, CALIB_AFTER_SPLIT, CALIB_NOT_SPECIAL },
	{ "after-move", "SPECIAL,MOVE", "normal pages after a move",
	  CALIB_FAULT, CALIB_AFTER_MOVE, CALIB_NOT_SPECIAL, CALIB_MOVES },

	/* Its life. */
	{ "not-held", "LIFE", "a mapping does not hold the dma-buf",
	  CALIB_FAULT, .flags = CALIB_NOT_HELD },
	{ "lost-on-close", "LIFE", "zeroed when the device is closed",
	  CALIB_FAULT, .flags = CALIB_LOST_ON_CLOSE },
	{ "never-freed", "LIFE", "a reference that nobody drops",
	  CALIB_FAULT, .flags = CALIB_NEVER_FREED },

	/* Its bounds. */
	{ "ro-mprotect", "RO", "mprotect makes a read-only fd's mapping writable",
	  CALIB_FAULT, .flags = CALIB_MAYWRITE },
	{ "ro-writable", "RO", "entries for writing, also if mapped read-only",
	  CALIB_FAULT, .flags = CALIB_RO_WRITABLE },
	/* The mm lets no PFN mapping grow, whatever the other flags say. */
	{ "expandable", "WHOLE", "mremap grows a mapping past the end",
	  CALIB_PAGES, .flags = CALIB_EXPANDABLE },
	{ "past-end", "WHOLE", "mremap grows a mapping, and there is memory",
	  CALIB_PAGES, .flags = CALIB_EXPANDABLE | CALIB_PAST_END },

	/* CPU access. */
	{ "begin-fails", "WHOLE", "begin_cpu_access fails",
	  CALIB_FAULT, .flags = CALIB_BEGIN_FAILS },
	{ "end-loses", "WHOLE", "end_cpu_access loses what was written",
	  CALIB_FAULT, .flags = CALIB_END_LOSES },
	{ "sigbus", "WHOLE", "every eighth fault gets SIGBUS",
	  CALIB_FAULT, .flags = CALIB_SIGBUS },
	{ "wrong-page", "WHOLE", "the first page again, in the middle",
	  CALIB_FAULT, .flags = CALIB_WRONG_PAGE },

	/* Moves. */
	{ "not-zapped", "MOVE", "a move leaves the old page-table entries",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_NOT_ZAPPED },
	{ "half-zapped", "MOVE,WHOLE", "a move leaves those of the second half",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_HALF_ZAPPED },
	{ "not-copied", "MOVE", "a move loses the contents",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_NOT_COPIED },
	{ "late-lost", "MOVE,RACE", "a move loses what is written while it copies",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_LATE_LOST },
	{ "refault-refused", "MOVE", "SIGBUS after a move",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_REFAULT_REFUSED },
#ifdef CONFIG_X86
	{ "not-notified", "NOTIFY", "a move tells no MMU notifier",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_NOT_NOTIFIED },
#endif
	{ "pinned", "MOVE,PIN", "a second move is refused",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_PINNED },

	/* Access by another process. */
	{ "access-first", "WHOLE", "vm_ops->access takes every page for the first",
	  CALIB_FAULT, .flags = CALIB_ACCESS | CALIB_ACCESS_FIRST },
	{ "access-pins", "PIN", "no move after vm_ops->access",
	  CALIB_FAULT, .flags = CALIB_ACCESS | CALIB_ACCESS_PINS | CALIB_MOVES },
	{ "access-writes", "RO", "vm_ops->access writes to what is read-only",
	  CALIB_FAULT, .flags = CALIB_ACCESS | CALIB_ACCESS_WRITES },

	/* Noise. */
	{ "warn", "WARN", "a warning at mmap", CALIB_FAULT, .flags = CALIB_WARNS },
	{ "taint", "WARN", "a taint at mmap", CALIB_FAULT, .flags = CALIB_TAINTS },
};

/**
 * struct calib_buf - a buffer
 * @ref:	the dma-buf has one, every mapping has one
 * @row:	whose it is
 * @dmabuf:	its dma-buf, as long as somebody holds that
 * @lock:	of all that follows; taken inside mmap_lock
 * @pages:	where it is
 * @old_pages:	where it was, if page-table entries may still lead there
 * @saved:	its contents at begin_cpu_access (CALIB_END_LOSES)
 * @count:	of pages
 * @faults:	so far
 * @moves:	so far
 * @vmas:	that map it
 * @held:	it must not move any more (CALIB_ACCESS_PINS)
 * @attached:	number of devices that use @pages
 * @list:	of the file that allocated it, or of leaked ones
 */
struct calib_buf {
	struct kref ref;
	const struct calib_row *row;
	struct dma_buf *dmabuf;
	struct mutex lock;
	struct page **pages;
	struct page **old_pages[8];
	struct page **saved;
	unsigned long count;
	unsigned int faults;
	unsigned int moves;
	unsigned int vmas;
	bool held;
	unsigned int attached;
	struct list_head list;
};

/**
 * struct calib_map - an mmap, and all VMAs that come of it by fork and split
 * @ref:	every VMA has one
 * @buf:	which
 * @mm:		that it was made in; only compared
 * @pages:	its size
 * @how:	it is made
 * @split:	a part of it was taken away or changed
 */
struct calib_map {
	struct kref ref;
	struct calib_buf *buf;
	const struct mm_struct *mm;
	unsigned long pages;
	enum calib_how how;
	bool split;
};

/**
 * struct calib_file - an open device of a row
 * @row:	which
 * @lock:	of all that follows
 * @native:	the buffer that its own mmap maps
 * @bufs:	what is lost when it is closed (CALIB_LOST_ON_CLOSE)
 */
struct calib_file {
	const struct calib_row *row;
	struct mutex lock;
	struct calib_buf *native;
	struct list_head bufs;
};

static const struct file_operations calib_fops;

static DEFINE_MUTEX(calib_leaked_lock);
static LIST_HEAD(calib_leaked);

/*
 * Memory, in pages with a reference each, so that they can be mapped, counted and
 * freed one by one. They come in pairs: without a VMA that allows it, the lockless
 * get_user_pages() takes only pages of large folios for what they are (single
 * ones could be those of memfd_secret()). Blocks are contiguous if asked for.
 */
static void calib_free_pages(struct page **pages, unsigned long count)
{
	unsigned long i;

	if (!pages)
		return;
	for (i = 0; i < count; i++)
		if (pages[i])
			put_page(pages[i]);
	kvfree(pages);
}

static struct page **calib_alloc_pages(const struct calib_row *row, unsigned long count)
{
	const unsigned int pmd_order = PMD_SHIFT - PAGE_SHIFT;
	unsigned int order = 0;
	struct page **pages = kvcalloc(count, sizeof(*pages), GFP_KERNEL);
	unsigned long i = 0, j;
	struct page *page;

	if (!pages)
		return NULL;
	if (row->how == CALIB_HUGE)
		order = pmd_order;
	else if (row->flags & CALIB_CONTIGUOUS)
		order = min_t(unsigned int, order_base_2(count), pmd_order);
	while (i < count) {
		page = NULL;
		if (order && count - i >= 1UL << order)
			page = alloc_pages(GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN |
					   __GFP_NORETRY, order);
		if (page) {
			split_page(page, order);
			for (j = 0; j < 1UL << order; j++)
				pages[i++] = page + j;
			continue;
		}
		page = alloc_pages(GFP_HIGHUSER | __GFP_ZERO | __GFP_COMP, 1);
		if (!page) {
			calib_free_pages(pages, count);
			return NULL;
		}
		/* Beyond the end of any file: a fault maps one page, not the folio. */
		page_folio(page)->index = ULONG_MAX >> PAGE_SHIFT;
		pages[i++] = page;
		if (i < count) {
			get_page(page);
			pages[i++] = page + 1;
		}
	}
	return pages;
}

static void calib_copy_pages(struct page **to, struct page **from, unsigned long count)
{
	unsigned long i;

	for (i = 0; i < count; i++) {
		copy_highpage(to[i], from[i]);
		cond_resched();
	}
}

static void calib_buf_free(struct kref *ref)
{
	struct calib_buf *buf = container_of(ref, struct calib_buf, ref);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buf->old_pages); i++)
		calib_free_pages(buf->old_pages[i], buf->count);
	calib_free_pages(buf->saved, buf->count);
	calib_free_pages(buf->pages, buf->count);
	kfree(buf);
}

static void calib_buf_put(struct calib_buf *buf)
{
	kref_put(&buf->ref, calib_buf_free);
}

/* Mappings. */

static const struct vm_operations_struct calib_vm_ops;

/*
 * All entries that lead to its first pages, of VMAs of this file. If that is the
 * device, they may be those of other buffers as well, which then fault again.
 */
static void calib_zap(struct file *file, unsigned long count)
{
	unmap_mapping_range(file->f_mapping, 0, (loff_t)count << PAGE_SHIFT, 1);
}

#ifdef CONFIG_X86
static int calib_clear_pte(pte_t *pte, unsigned long address, void *mm)
{
	pte_clear(mm, address, pte);
	return 0;
}

/*
 * What flush_tlb_mm_range() does, which modules cannot have. With page-table
 * isolation, what a CPU remembers of user space is not in the current CR3.
 */
static void calib_flush_tlb(void *unused)
{
	if (boot_cpu_has(X86_FEATURE_INVPCID))
		invpcid_flush_all();
	else
		write_cr3(__read_cr3());
}

/*
 * As calib_zap_all(), of the current process only, and nobody else who goes by its page
 * tables hears of it. Inside mmap_lock.
 */
static void calib_zap_silently(struct calib_buf *buf)
{
	struct vm_area_struct *vma;
	struct calib_map *map;

	VMA_ITERATOR(vmi, current->mm, 0);

	for_each_vma(vmi, vma) {
		map = vma->vm_private_data;
		if (vma->vm_ops == &calib_vm_ops && map->buf == buf)
			apply_to_page_range(vma->vm_mm, vma->vm_start,
					    vma->vm_end - vma->vm_start, calib_clear_pte,
					    vma->vm_mm);
	}
	on_each_cpu(calib_flush_tlb, NULL, 1);
}
#else
static void calib_zap_silently(struct calib_buf *buf)
{
}
#endif

static bool calib_map_is_other(struct calib_buf *buf, const struct vm_area_struct *vma)
{
	switch (buf->row->when) {
	case CALIB_AT_OFFSET:
		return vma->vm_pgoff;
	case CALIB_IF_LARGE:
		return buf->count > CALIB_LARGE_SIZE >> PAGE_SHIFT;
	case CALIB_IF_ALIGNED:
		return !((vma->vm_start - (vma->vm_pgoff << PAGE_SHIFT)) & ~PMD_MASK) &&
		       ALIGN(vma->vm_start, PMD_SIZE) + PMD_SIZE <= vma->vm_end;
	case CALIB_IF_READONLY:
		return !(vma->vm_flags & VM_WRITE);
	case CALIB_IF_PRIVATE:
		return is_cow_mapping(vma->vm_flags);
	case CALIB_IF_SECOND:
		return buf->vmas;
	case CALIB_IF_NATIVE:
		return vma->vm_file->f_op == &calib_fops;
	default:
		return false;
	}
}

static bool calib_page_is_other(const struct calib_map *map,
				const struct vm_area_struct *vma, unsigned long index)
{
	switch (map->buf->row->when) {
	case CALIB_LAST_PAGE:
		return index == map->buf->count - 1;
	case CALIB_IN_CHILD:
		return vma->vm_mm != map->mm;
	case CALIB_AFTER_SPLIT:
		return map->split;
	case CALIB_AFTER_MOVE:
		return map->buf->moves;
	default:
		return false;
	}
}

static void calib_vm_open(struct vm_area_struct *vma)
{
	struct calib_map *map = vma->vm_private_data;
	struct calib_buf *buf = map->buf;
	bool child = vma->vm_mm != map->mm;
	bool part = !child && vma_pages(vma) < map->pages;

	kref_get(&map->ref);
	mutex_lock(&buf->lock);
	buf->vmas++;
	map->split |= part;
	/*
	 * Before fork copies the entries, and before a split takes some away: so
	 * the pages fault again, as normal ones.
	 */
	if ((buf->row->when == CALIB_IN_CHILD && child) ||
	    (buf->row->when == CALIB_AFTER_SPLIT && part))
		calib_zap(vma->vm_file, buf->count);
	mutex_unlock(&buf->lock);
}

static void calib_map_free(struct kref *ref)
{
	struct calib_map *map = container_of(ref, struct calib_map, ref);

	calib_buf_put(map->buf);
	kfree(map);
}

static void calib_vm_close(struct vm_area_struct *vma)
{
	struct calib_map *map = vma->vm_private_data;

	mutex_lock(&map->buf->lock);
	map->buf->vmas--;
	mutex_unlock(&map->buf->lock);
	kref_put(&map->ref, calib_map_free);
}

static vm_fault_t calib_vm_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct calib_map *map = vma->vm_private_data;
	struct calib_buf *buf = map->buf;
	const unsigned int flags = buf->row->flags;
	unsigned long index = vmf->pgoff;
	enum calib_how how = map->how;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct page *page;
	pgprot_t prot;

	mutex_lock(&buf->lock);
	if (index >= buf->count) {
		if (!(flags & CALIB_PAST_END))
			goto out;
		index %= buf->count;
	}
	if ((flags & CALIB_SIGBUS) && ++buf->faults % 8 == 0)
		goto out;
	if ((flags & CALIB_REFAULT_REFUSED) && buf->moves)
		goto out;
	if ((flags & CALIB_WRONG_PAGE) && index == buf->count / 2)
		index = 0;
	if (calib_page_is_other(map, vma, index))
		how = buf->row->other;

	page = buf->pages[index];
	switch (how) {
	case CALIB_REMAP:
	case CALIB_FAULT:
	case CALIB_HUGE:
		prot = flags & CALIB_RO_WRITABLE ?
			vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED) : vma->vm_page_prot;
		ret = vmf_insert_pfn_prot(vma, vmf->address, page_to_pfn(page), prot);
		break;
	case CALIB_MIXED_SPECIAL:
		ret = vmf_insert_mixed(vma, vmf->address, calib_pfn(page_to_pfn(page)));
		break;
	case CALIB_PAGES:
	case CALIB_MIXED:
	case CALIB_NOT_SPECIAL:
		get_page(page);
		vmf->page = page;
		ret = 0;
		break;
	}
out:
	mutex_unlock(&buf->lock);
	return ret;
}

/* There are special PMDs (x86: from 6.12 on). */
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static vm_fault_t calib_vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	const unsigned long count = 1UL << (PMD_SHIFT - PAGE_SHIFT);
	struct vm_area_struct *vma = vmf->vma;
	struct calib_map *map = vma->vm_private_data;
	struct calib_buf *buf = map->buf;
	unsigned long start = vmf->address & PMD_MASK;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	unsigned long index, pfn, i;

	if (map->how != CALIB_HUGE || order != PMD_SHIFT - PAGE_SHIFT ||
	    start < vma->vm_start || start + PMD_SIZE > vma->vm_end)
		return VM_FAULT_FALLBACK;

	index = vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT);
	mutex_lock(&buf->lock);
	if (index + count > buf->count)
		goto out;
	pfn = page_to_pfn(buf->pages[index]);
	if (pfn % count)
		goto out;
	for (i = 1; i < count; i++)
		if (page_to_pfn(buf->pages[index + i]) != pfn + i)
			goto out;
	ret = vmf_insert_pfn_pmd(vmf, calib_pfn(pfn), vmf->flags & FAULT_FLAG_WRITE);
out:
	mutex_unlock(&buf->lock);
	return ret;
}
#endif

/* For /proc/PID/mem and ptrace, which get no page of a VM_PFNMAP mapping. */
static int calib_vm_access(struct vm_area_struct *vma, unsigned long address, void *data,
			   int len, int write)
{
	struct calib_map *map = vma->vm_private_data;
	struct calib_buf *buf = map->buf;
	const unsigned int flags = buf->row->flags;
	unsigned long index = vma->vm_pgoff + ((address - vma->vm_start) >> PAGE_SHIFT);
	unsigned long offset = offset_in_page(address);
	int done = 0;

	if (write && !(vma->vm_flags & VM_WRITE) && !(flags & CALIB_ACCESS_WRITES))
		return -EACCES;

	mutex_lock(&buf->lock);
	if (flags & CALIB_ACCESS_PINS)
		buf->held = true;
	for (; done < len && index < buf->count; index++, offset = 0) {
		struct page *page = buf->pages[flags & CALIB_ACCESS_FIRST ? 0 : index];
		int part = min_t(int, len - done, PAGE_SIZE - offset);
		char *p = kmap_local_page(page);

		if (write)
			memcpy(p + offset, data + done, part);
		else
			memcpy(data + done, p + offset, part);
		kunmap_local(p);
		done += part;
	}
	mutex_unlock(&buf->lock);
	return done ?: -EFAULT;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
#define CALIB_HUGE_FAULT .huge_fault = calib_vm_huge_fault,
#else
#define CALIB_HUGE_FAULT
#endif
#define CALIB_VM_OPS \
	.open = calib_vm_open, .close = calib_vm_close, .fault = calib_vm_fault, CALIB_HUGE_FAULT

static const struct vm_operations_struct calib_vm_ops = { CALIB_VM_OPS };
static const struct vm_operations_struct calib_access_vm_ops = {
	CALIB_VM_OPS
	.access = calib_vm_access,
};

/* Stands in for the dma-buf's file. It holds the module, as that would. */
static const struct file_operations calib_other_fops = {
	.owner = THIS_MODULE,
};

static int calib_fill(struct calib_buf *buf, struct vm_area_struct *vma, enum calib_how how)
{
	unsigned long address = vma->vm_start;
	unsigned long index = vma->vm_pgoff;
	int ret = 0;

	/* The core wants to see all of a private mapping at once. */
	if (how == CALIB_REMAP && is_cow_mapping(vma->vm_flags)) {
		const unsigned long pfn = page_to_pfn(buf->pages[index]);
		unsigned long i;

		for (i = 1; i < vma_pages(vma); i++)
			if (page_to_pfn(buf->pages[index + i]) != pfn + i)
				return -EINVAL;
		return remap_pfn_range(vma, address, pfn, vma_pages(vma) << PAGE_SHIFT,
				       vma->vm_page_prot);
	}
	for (; address < vma->vm_end && !ret; address += PAGE_SIZE, index++) {
		if (how == CALIB_REMAP)
			ret = remap_pfn_range(vma, address, page_to_pfn(buf->pages[index]),
					      PAGE_SIZE, vma->vm_page_prot);
		else
			ret = vm_insert_page(vma, address, buf->pages[index]);
	}
	return ret;
}

static int calib_buf_mmap(struct calib_buf *buf, struct vm_area_struct *vma)
{
	const struct calib_row *row = buf->row;
	struct calib_map *map;
	struct file *file;
	int ret = 0;

	if (is_cow_mapping(vma->vm_flags) && !(row->flags & CALIB_PRIVATE))
		return -EINVAL;
	WARN((row->flags & CALIB_WARNS), "dmabuf_calib: a warning, as asked for\n");
	if (row->flags & CALIB_TAINTS)
		add_taint(TAINT_USER, LOCKDEP_STILL_OK);

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return -ENOMEM;
	kref_init(&map->ref);
	map->buf = buf;
	map->mm = vma->vm_mm;
	map->pages = vma_pages(vma);

	mutex_lock(&buf->lock);
	map->how = calib_map_is_other(buf, vma) ? row->other : row->how;

	if (!(row->flags & CALIB_EXPANDABLE))
		vm_flags_set(vma, VM_DONTEXPAND);
	vm_flags_set(vma, VM_DONTDUMP);
	switch (map->how) {
	case CALIB_FAULT:
	case CALIB_HUGE:
	case CALIB_NOT_SPECIAL:
		vm_flags_set(vma, VM_PFNMAP);
		break;
	case CALIB_MIXED_SPECIAL:
		vm_flags_set(vma, VM_MIXEDMAP);
		break;
	case CALIB_REMAP:
	case CALIB_MIXED:
		ret = calib_fill(buf, vma, map->how);
		break;
	case CALIB_PAGES:
		break;
	}
	/* What do_mmap() took from the mapping of a file that cannot be written. */
	if ((row->flags & CALIB_MAYWRITE) && (vma->vm_flags & VM_MAYSHARE))
		vm_flags_set(vma, VM_SHARED | VM_MAYWRITE);

	if (!ret && (row->flags & CALIB_NOT_HELD)) {
		file = anon_inode_getfile("[dma_calib]", &calib_other_fops, NULL, O_RDWR);
		if (IS_ERR(file)) {
			ret = PTR_ERR(file);
		} else {
			vma_set_file(vma, file);
			fput(file);
		}
	}

	if (!ret) {
		kref_get(&buf->ref);
		buf->vmas++;
		vma->vm_private_data = map;
		vma->vm_ops = row->flags & CALIB_ACCESS ? &calib_access_vm_ops : &calib_vm_ops;
	}
	mutex_unlock(&buf->lock);
	if (ret)
		kfree(map);
	return ret;
}

static int calib_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return calib_buf_mmap(dmabuf->priv, vma);
}

static int calib_native_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct calib_file *file = filp->private_data;
	struct calib_buf *buf;
	int ret = -EINVAL;

	mutex_lock(&file->lock);
	buf = file->native;
	/* As the dma-buf core does for the dma-buf. */
	if (buf && vma->vm_pgoff + vma_pages(vma) >= vma->vm_pgoff &&
	    vma->vm_pgoff + vma_pages(vma) <= buf->count)
		ret = calib_buf_mmap(buf, vma);
	mutex_unlock(&file->lock);
	return ret;
}

/* Moves. */
static void calib_zap_all(struct calib_buf *buf, struct file *filp, unsigned long count)
{
	calib_zap(buf->dmabuf->file, count);
	calib_zap(filp, count);
}

static int calib_move(struct calib_buf *buf, struct file *filp)
{
	const unsigned int flags = buf->row->flags;
	const bool leave = flags & (CALIB_NOT_ZAPPED | CALIB_HALF_ZAPPED | CALIB_NOT_NOTIFIED);
	struct page **pages, **old;
	int ret = 0;

	pages = calib_alloc_pages(buf->row, buf->count);
	if (!pages)
		return -ENOMEM;

	if (flags & CALIB_NOT_NOTIFIED)
		mmap_read_lock(current->mm);
	mutex_lock(&buf->lock);
	if (buf->attached || buf->held || ((flags & CALIB_PINNED) && buf->moves) ||
	    (leave && buf->moves == ARRAY_SIZE(buf->old_pages))) {
		ret = -EBUSY;
		goto out;
	}
	if (flags & CALIB_LATE_LOST) {
		calib_copy_pages(pages, buf->pages, buf->count);
		/* Time for somebody to write to the old place. */
		msleep(20);
	}
	if (flags & CALIB_HALF_ZAPPED)
		calib_zap_all(buf, filp, DIV_ROUND_UP(buf->count, 2));
	else if (flags & CALIB_NOT_NOTIFIED)
		calib_zap_silently(buf);
	else if (!(flags & CALIB_NOT_ZAPPED))
		calib_zap_all(buf, filp, buf->count);
	if (!(flags & (CALIB_LATE_LOST | CALIB_NOT_COPIED)))
		calib_copy_pages(pages, buf->pages, buf->count);
	old = buf->pages;
	buf->pages = pages;
	pages = old;
	if (leave) {
		buf->old_pages[buf->moves] = old;
		pages = NULL;
	}
	buf->moves++;
out:
	mutex_unlock(&buf->lock);
	if (flags & CALIB_NOT_NOTIFIED)
		mmap_read_unlock(current->mm);
	calib_free_pages(pages, buf->count);
	return ret;
}

/* CPU access. */
static int calib_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct calib_buf *buf = dmabuf->priv;
	int ret = 0;

	if (buf->row->flags & CALIB_BEGIN_FAILS)
		return -EIO;
	if (!(buf->row->flags & CALIB_END_LOSES) || dir == DMA_FROM_DEVICE)
		return 0;

	mutex_lock(&buf->lock);
	if (!buf->saved) {
		buf->saved = calib_alloc_pages(buf->row, buf->count);
		if (buf->saved)
			calib_copy_pages(buf->saved, buf->pages, buf->count);
		else
			ret = -ENOMEM;
	}
	mutex_unlock(&buf->lock);
	return ret;
}

static int calib_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct calib_buf *buf = dmabuf->priv;

	mutex_lock(&buf->lock);
	if (buf->saved && dir != DMA_FROM_DEVICE) {
		calib_copy_pages(buf->pages, buf->saved, buf->count);
		calib_free_pages(buf->saved, buf->count);
		buf->saved = NULL;
	}
	mutex_unlock(&buf->lock);
	return 0;
}

/* Devices that use it. They keep it in place. */
static struct sg_table *calib_map_dma_buf(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	struct calib_buf *buf = attach->dmabuf->priv;
	struct sg_table *sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	int ret;

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&buf->lock);
	ret = sg_alloc_table_from_pages(sgt, buf->pages, buf->count, 0,
					buf->count << PAGE_SHIFT, GFP_KERNEL);
	if (!ret) {
		ret = dma_map_sgtable(attach->dev, sgt, dir, 0);
		if (ret)
			sg_free_table(sgt);
		else
			buf->attached++;
	}
	mutex_unlock(&buf->lock);
	if (ret) {
		kfree(sgt);
		return ERR_PTR(ret);
	}
	return sgt;
}

static void calib_unmap_dma_buf(struct dma_buf_attachment *attach, struct sg_table *sgt,
				enum dma_data_direction dir)
{
	struct calib_buf *buf = attach->dmabuf->priv;

	dma_unmap_sgtable(attach->dev, sgt, dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
	mutex_lock(&buf->lock);
	buf->attached--;
	mutex_unlock(&buf->lock);
}

static void calib_release(struct dma_buf *dmabuf)
{
	struct calib_buf *buf = dmabuf->priv;

	calib_buf_put(buf);
}

static const struct dma_buf_ops calib_dma_buf_ops = {
	.map_dma_buf = calib_map_dma_buf,
	.unmap_dma_buf = calib_unmap_dma_buf,
	.begin_cpu_access = calib_begin_cpu_access,
	.end_cpu_access = calib_end_cpu_access,
	.mmap = calib_mmap,
	.release = calib_release,
};

static int calib_alloc(struct calib_file *file, struct dma_heap_allocation_data *data)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct dma_buf *dmabuf;
	struct calib_buf *buf;
	int fd;

	if (data->fd || data->heap_flags || data->fd_flags & ~(O_CLOEXEC | O_ACCMODE) ||
	    !data->len)
		return -EINVAL;
	if (data->len >> PAGE_SHIFT > totalram_pages() / 2)
		return -ENOMEM;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	kref_init(&buf->ref);
	mutex_init(&buf->lock);
	INIT_LIST_HEAD(&buf->list);
	buf->row = file->row;
	buf->count = PAGE_ALIGN(data->len) >> PAGE_SHIFT;
	buf->pages = calib_alloc_pages(buf->row, buf->count);
	if (!buf->pages) {
		calib_buf_put(buf);
		return -ENOMEM;
	}

	exp_info.exp_name = buf->row->name;
	exp_info.ops = &calib_dma_buf_ops;
	exp_info.size = buf->count << PAGE_SHIFT;
	exp_info.flags = data->fd_flags & O_ACCMODE;
	exp_info.priv = buf;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf)) {
		calib_buf_put(buf);
		return PTR_ERR(dmabuf);
	}
	buf->dmabuf = dmabuf;

	/* From here on others may have it, and end it. */
	if (buf->row->flags & CALIB_NEVER_FREED) {
		get_dma_buf(dmabuf);
		mutex_lock(&calib_leaked_lock);
		list_add(&buf->list, &calib_leaked);
		mutex_unlock(&calib_leaked_lock);
	}
	if (buf->row->flags & CALIB_LOST_ON_CLOSE) {
		kref_get(&buf->ref);
		mutex_lock(&file->lock);
		list_add(&buf->list, &file->bufs);
		mutex_unlock(&file->lock);
	}

	fd = dma_buf_fd(dmabuf, data->fd_flags & O_CLOEXEC);
	if (fd < 0) {
		dma_buf_put(dmabuf);
		return fd;
	}
	data->fd = fd;
	return 0;
}

/* On one of this exporter's buffers. */
static long calib_ioctl_on_buf(struct file *filp, unsigned int cmd, void __user *arg)
{
	struct calib_file *file = filp->private_data;
	struct calib_buf *buf, *old;
	struct dma_calib_fd data;
	struct dma_buf *dmabuf;
	long ret = -EINVAL;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	if (data.flags)
		return -EINVAL;
	dmabuf = dma_buf_get(data.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buf = dmabuf->ops == &calib_dma_buf_ops ? dmabuf->priv : NULL;
	if (!buf || buf->row != file->row)
		goto out;

	if (cmd == DMA_CALIB_IOCTL_MOVE) {
		ret = calib_move(buf, filp);
	} else {
		kref_get(&buf->ref);
		mutex_lock(&file->lock);
		old = file->native;
		file->native = buf;
		mutex_unlock(&file->lock);
		if (old)
			calib_buf_put(old);
		ret = 0;
	}
out:
	dma_buf_put(dmabuf);
	return ret;
}

static long calib_ioctl_alloc(struct calib_file *file, void __user *arg)
{
	struct dma_heap_allocation_data data;
	int ret;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	ret = calib_alloc(file, &data);
	if (ret)
		return ret;
	/* As in dma-heap.c: the fd is out already, and stays. */
	if (copy_to_user(arg, &data, sizeof(data)))
		return -EFAULT;
	return 0;
}

static long calib_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	const struct calib_file *file = filp->private_data;

	switch (cmd) {
	case DMA_HEAP_IOCTL_ALLOC:
		return calib_ioctl_alloc(filp->private_data, (void __user *)arg);
	case DMA_CALIB_IOCTL_MOVE:
		if (!(file->row->flags & CALIB_MOVES))
			return -ENOTTY;
		fallthrough;
	case DMA_CALIB_IOCTL_NATIVE:
		return calib_ioctl_on_buf(filp, cmd, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static int calib_open(struct inode *inode, struct file *filp)
{
	struct calib_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	file->row = &calib_rows[iminor(inode)];
	mutex_init(&file->lock);
	INIT_LIST_HEAD(&file->bufs);
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int calib_close(struct inode *inode, struct file *filp)
{
	struct calib_file *file = filp->private_data;
	struct calib_buf *buf, *next;
	unsigned long i;

	list_for_each_entry_safe(buf, next, &file->bufs, list) {
		mutex_lock(&buf->lock);
		for (i = 0; i < buf->count; i++)
			clear_highpage(buf->pages[i]);
		mutex_unlock(&buf->lock);
		list_del(&buf->list);
		calib_buf_put(buf);
	}
	if (file->native)
		calib_buf_put(file->native);
	kfree(file);
	return 0;
}

static const struct file_operations calib_fops = {
	.owner = THIS_MODULE,
	.open = calib_open,
	.release = calib_close,
	.unlocked_ioctl = calib_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = calib_native_mmap,
};

/* The importers. */

/**
 * struct calib_import - an open importer
 * @lock:	of all that follows
 * @dev:	that attaches, if it is the broken one
 * @dmabuf:	what was imported
 * @attach:	by the broken one
 * @sgt:	of it
 */
struct calib_import {
	struct mutex lock;
	struct device *dev;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
};

static void calib_import_drop(struct calib_import *import)
{
	if (import->attach) {
		dma_buf_unmap_attachment_unlocked(import->attach, import->sgt,
						  DMA_BIDIRECTIONAL);
		dma_buf_detach(import->dmabuf, import->attach);
	}
	if (import->dmabuf)
		dma_buf_put(import->dmabuf);
	import->dmabuf = NULL;
	import->attach = NULL;
	import->sgt = NULL;
}

static int calib_import_take(struct calib_import *import, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	if (import->dev) {
		attach = dma_buf_attach(dmabuf, import->dev);
		if (IS_ERR(attach))
			return PTR_ERR(attach);
		sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
		if (IS_ERR(sgt)) {
			dma_buf_detach(dmabuf, attach);
			return PTR_ERR(sgt);
		}
	}
	calib_import_drop(import);
	import->dmabuf = dmabuf;
	if (import->dev) {
		import->attach = attach;
		import->sgt = sgt;
	}
	return 0;
}

static long calib_import_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct calib_import *import = filp->private_data;
	struct dma_calib_fd data;
	struct dma_buf *dmabuf;
	int ret;

	if (cmd != DMA_CALIB_IOCTL_IMPORT)
		return -ENOTTY;
	if (copy_from_user(&data, (void __user *)arg, sizeof(data)))
		return -EFAULT;
	if (data.flags)
		return -EINVAL;
	dmabuf = dma_buf_get(data.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	mutex_lock(&import->lock);
	ret = calib_import_take(import, dmabuf);
	mutex_unlock(&import->lock);
	if (ret)
		dma_buf_put(dmabuf);
	return ret;
}

/*
 * By dma_buf_mmap(), or by vm_insert_page(). An sg table has no pages to give (and
 * with CONFIG_DMABUF_DEBUG it has wrong ones), but without an IOMMU the device's
 * addresses are those of the memory.
 */
static int calib_import_insert(struct calib_import *import, struct vm_area_struct *vma)
{
	unsigned long address = vma->vm_start;
	struct sg_dma_page_iter iter;
	unsigned long pfn;
	int ret;

	if (vma->vm_pgoff + vma_pages(vma) > import->dmabuf->size >> PAGE_SHIFT ||
	    is_cow_mapping(vma->vm_flags))
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	for_each_sgtable_dma_page(import->sgt, &iter, vma->vm_pgoff) {
		if (address == vma->vm_end)
			return 0;
		pfn = PHYS_PFN(sg_page_iter_dma_address(&iter));
		if (!pfn_valid(pfn) || PageReserved(pfn_to_page(pfn)))
			return -EFAULT;
		ret = vm_insert_page(vma, address, pfn_to_page(pfn));
		if (ret)
			return ret;
		address += PAGE_SIZE;
	}
	return address == vma->vm_end ? 0 : -EFAULT;
}

static int calib_import_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct calib_import *import = filp->private_data;
	int ret;

	mutex_lock(&import->lock);
	if (!import->dmabuf)
		ret = -ENODEV;
	else if (import->dev)
		ret = calib_import_insert(import, vma);
	else
		ret = dma_buf_mmap(import->dmabuf, vma, vma->vm_pgoff);
	mutex_unlock(&import->lock);
	return ret;
}

static int calib_import_open(struct inode *inode, struct file *filp);

static int calib_import_close(struct inode *inode, struct file *filp)
{
	struct calib_import *import = filp->private_data;

	calib_import_drop(import);
	kfree(import);
	return 0;
}

static const struct file_operations calib_import_fops = {
	.owner = THIS_MODULE,
	.open = calib_import_open,
	.release = calib_import_close,
	.unlocked_ioctl = calib_import_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = calib_import_mmap,
};

static struct miscdevice calib_importers[] = {
	{ .minor = MISC_DYNAMIC_MINOR, .name = "dma_calib_import",
	  .fops = &calib_import_fops },
	{ .minor = MISC_DYNAMIC_MINOR, .name = "dma_calib_import_broken",
	  .fops = &calib_import_fops },
};

static int calib_import_open(struct inode *inode, struct file *filp)
{
	/* misc_open() left the device there. */
	struct miscdevice *misc = filp->private_data;
	struct calib_import *import = kzalloc(sizeof(*import), GFP_KERNEL);

	if (!import)
		return -ENOMEM;
	mutex_init(&import->lock);
	if (misc == &calib_importers[1])
		import->dev = misc->this_device;
	filp->private_data = import;
	return nonseekable_open(inode, filp);
}

/* What the module says of itself. */
static void calib_show_row(struct seq_file *m, const char *name, const char *breaks,
			   const char *what)
{
	if (breaks)
		seq_printf(m, "%s breaks %s %s\n", name, breaks, what);
	else
		seq_printf(m, "%s obeys %s\n", name, what);
}

static int calib_list_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calib_rows); i++)
		calib_show_row(m, calib_rows[i].name, calib_rows[i].breaks,
			       calib_rows[i].what);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(calib_list);

static int calib_importer_list_show(struct seq_file *m, void *unused)
{
	calib_show_row(m, calib_importers[0].name, NULL, "dma_buf_mmap");
	calib_show_row(m, calib_importers[1].name, "ENTRY", "maps the pages by itself");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(calib_importer_list);

static int calib_leaked_show(struct seq_file *m, void *unused)
{
	struct calib_buf *buf;
	unsigned int count = 0;

	mutex_lock(&calib_leaked_lock);
	list_for_each_entry(buf, &calib_leaked, list)
		count++;
	mutex_unlock(&calib_leaked_lock);
	seq_printf(m, "%u\n", count);
	return 0;
}

static int calib_leaked_open(struct inode *inode, struct file *filp)
{
	return single_open(filp, calib_leaked_show, NULL);
}

static ssize_t calib_leaked_write(struct file *filp, const char __user *from, size_t size,
				  loff_t *pos)
{
	struct calib_buf *buf, *next;
	LIST_HEAD(leaked);

	mutex_lock(&calib_leaked_lock);
	list_splice_init(&calib_leaked, &leaked);
	mutex_unlock(&calib_leaked_lock);
	list_for_each_entry_safe(buf, next, &leaked, list) {
		list_del_init(&buf->list);
		dma_buf_put(buf->dmabuf);
	}
	return size;
}

static const struct file_operations calib_leaked_fops = {
	.owner = THIS_MODULE,
	.open = calib_leaked_open,
	.read = seq_read,
	.write = calib_leaked_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static char *calib_devnode(CALIB_DEVNODE_CONST struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "dma_calib/%s", dev_name(dev));
}

static struct class calib_class = {
	.name = "dma_calib",
	.devnode = calib_devnode,
};

static struct dentry *calib_debugfs;
static struct cdev calib_cdev;
static dev_t calib_dev;

static void calib_destroy_devices(unsigned int rows, unsigned int importers)
{
	while (importers--)
		misc_deregister(&calib_importers[importers]);
	while (rows--)
		device_destroy(&calib_class, calib_dev + rows);
}

static int calib_create_devices(void)
{
	unsigned int rows, importers = 0;
	struct device *dev;
	int ret;

	for (rows = 0; rows < ARRAY_SIZE(calib_rows); rows++) {
		dev = device_create(&calib_class, NULL, calib_dev + rows, NULL, "%s",
				    calib_rows[rows].name);
		if (IS_ERR(dev)) {
			ret = PTR_ERR(dev);
			goto err;
		}
	}
	for (; importers < ARRAY_SIZE(calib_importers); importers++) {
		ret = misc_register(&calib_importers[importers]);
		if (ret)
			goto err;
	}
	dev = calib_importers[1].this_device;
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		goto err;
	dma_set_max_seg_size(dev, UINT_MAX);
	return 0;
err:
	calib_destroy_devices(rows, importers);
	return ret;
}

static int __init calib_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&calib_dev, 0, ARRAY_SIZE(calib_rows), "dma_calib");
	if (ret)
		return ret;
	cdev_init(&calib_cdev, &calib_fops);
	calib_cdev.owner = THIS_MODULE;
	ret = cdev_add(&calib_cdev, calib_dev, ARRAY_SIZE(calib_rows));
	if (ret)
		goto err_region;
	ret = class_register(&calib_class);
	if (ret)
		goto err_cdev;
	ret = calib_create_devices();
	if (ret)
		goto err_class;

	calib_debugfs = debugfs_create_dir("dma_calib", NULL);
	debugfs_create_file("rows", 0444, calib_debugfs, NULL, &calib_list_fops);
	debugfs_create_file("importers", 0444, calib_debugfs, NULL,
			    &calib_importer_list_fops);
	debugfs_create_file("leaked", 0644, calib_debugfs, NULL, &calib_leaked_fops);
	return 0;

err_class:
	class_unregister(&calib_class);
err_cdev:
	cdev_del(&calib_cdev);
err_region:
	unregister_chrdev_region(calib_dev, ARRAY_SIZE(calib_rows));
	return ret;
}
module_init(calib_init);

/* Every buffer holds the module, so that none is left. */
static void __exit calib_exit(void)
{
	debugfs_remove_recursive(calib_debugfs);
	calib_destroy_devices(ARRAY_SIZE(calib_rows), ARRAY_SIZE(calib_importers));
	class_unregister(&calib_class);
	cdev_del(&calib_cdev);
	unregister_chrdev_region(calib_dev, ARRAY_SIZE(calib_rows));
}
module_exit(calib_exit);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
MODULE_IMPORT_NS(DMA_BUF);
#else
MODULE_IMPORT_NS("DMA_BUF");
#endif
MODULE_DESCRIPTION("DMA-buf exporters that keep or break the CPU mapping contract");
MODULE_LICENSE("GPL");
