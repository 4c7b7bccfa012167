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
#include <linux/workqueue.h>
#include <uapi/linux/dma-heap.h>

#ifdef CONFIG_X86
#include <asm/invpcid.h>
#include <asm/special_insns.h>
#endif

#include "calib_rule.h"

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

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
#define zap_vma_ptes	zap_special_vma_range
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
#define CALIB_OWN_FILE		BIT(27)
#define CALIB_LEAKS		BIT(28)
#define CALIB_ROUNDS_UP		BIT(29)	/* the size, to a multiple of 6 MiB */
#define CALIB_ONE_ZAPPED	BIT_ULL(30)
#define CALIB_OWN_ZAPPED	BIT_ULL(31)
#define CALIB_EARLY_ZAPPED	BIT_ULL(32)
#define CALIB_MKWRITE		BIT_ULL(33)	/* has a vm_ops->pfn_mkwrite */
#define CALIB_WRITABLE		BIT_ULL(34)	/* entries for writing, where that is allowed */
#define CALIB_ONE_BLOCK		BIT_ULL(35)	/* of the page allocator, or it warns */

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
 * @rule:	what else, if a rule made it
 */
struct calib_row {
	const char *name;
	const char *breaks;
	const char *what;
	enum calib_how how;
	enum calib_when when;
	enum calib_how other;
	u64 flags;
	struct calib_rule *rule;
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
	{ "mkwrite-at-once", NULL, "has a vm_ops->pfn_mkwrite, and entries for writing at once",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_MKWRITE | CALIB_WRITABLE },

	{ "own-file", NULL, "a file of its own behind a mapping, which holds the memory",
	  CALIB_FAULT, .flags = CALIB_OWN_FILE },
	{ "rounds-up", NULL, "makes buffers of 6 MiB and more", CALIB_FAULT,
	  .flags = CALIB_ROUNDS_UP },

	{ "one-block", NULL, "one block of the page allocator, or that warns and it makes none",
	  CALIB_FAULT, .flags = CALIB_ONE_BLOCK },

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
	{ "not-held", "LIFE", "what is mapped, but not open, becomes the next buffer",
	  CALIB_FAULT, .flags = CALIB_OWN_FILE | CALIB_NOT_HELD },
	{ "lost-on-close", "LIFE", "zeroed when the device is closed",
	  CALIB_FAULT, .flags = CALIB_LOST_ON_CLOSE },
	{ "never-freed", "LIFE", "a reference that nobody drops",
	  CALIB_FAULT, .flags = CALIB_NEVER_FREED },
	{ "leaks", "LIFE", "the dma-buf goes, its memory does not",
	  CALIB_FAULT, .flags = CALIB_OWN_FILE | CALIB_LEAKS },

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
	{ "one-zapped", "MOVE", "a move leaves those of all mappings but one",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_ONE_ZAPPED },
	{ "own-zapped", "MOVE", "a move leaves those of other processes",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_OWN_ZAPPED },
	{ "not-copied", "MOVE", "a move loses the contents",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_NOT_COPIED },
	{ "late-lost", "MOVE,RACE", "a move loses what is written while it copies",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_LATE_LOST },
	{ "refault-races", "RACE", "a fault during a move puts the old page back",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_EARLY_ZAPPED },
	{ "refault-refused", "MOVE", "SIGBUS after a move",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_REFAULT_REFUSED },
#ifdef CONFIG_X86
	{ "not-notified", "NOTIFY", "a move tells no MMU notifier",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_NOT_NOTIFIED },
#endif
	{ "mkwrite", "NOTIFY", "has a vm_ops->pfn_mkwrite, and a store faults twice",
	  CALIB_FAULT, .flags = CALIB_MOVES | CALIB_MKWRITE },
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
 * @file:	that allocated it
 * @inode:	of the device, which its own mmap goes by
 * @mm:		that mapped it first; only compared
 * @spare:	pages that are not its own (CALIB_DO_BLANK, CALIB_DO_COPY)
 * @faulted:	a bit for each page that did
 * @tried:	likewise, but in vain (CALIB_OPT_RETRIES)
 * @faulting:	faults that have begun and not ended
 * @number:	it is the n-th of its exporter
 * @mmaps:	so far
 * @begun:	SYNCs that have not ended
 * @begins:	so far
 * @ends:	so far
 * @attaches:	so far
 * @dir:	of the last SYNC
 * @interrupted:	the last begin of a SYNC was (CALIB_OPT_INTERRUPTS)
 * @read_only:	its file descriptor is
 * @maker:	the process that allocated it
 * @leaked:	it is in the list of leaked ones
 * @memory:	there, the dma-buf goes and this does not
 * @late:	frees it
 */
struct calib_buf {
	struct kref ref;
	const struct calib_row *row;
	struct dma_buf *dmabuf;
	struct mutex lock;
	struct page **pages;
	struct page **old_pages[32];
	struct page **saved;
	unsigned long count;
	unsigned int faults;
	unsigned int moves;
	unsigned int vmas;
	bool held;
	unsigned int attached;
	struct list_head list;
	struct calib_file *file;
	struct inode *inode;
	const struct mm_struct *mm;
	struct page **spare;
	unsigned long *faulted;
	unsigned long *tried;
	atomic_t faulting;
	unsigned int number;
	unsigned int mmaps;
	unsigned int begun;
	unsigned int begins;
	unsigned int ends;
	unsigned int attaches;
	enum dma_data_direction dir;
	bool interrupted;
	bool read_only;
	struct pid *maker;
	bool leaked;
	bool memory;
	struct delayed_work late;
};

/**
 * struct calib_map - an mmap, and all VMAs that come of it by fork and split
 * @ref:	every VMA has one
 * @buf:	which
 * @mm:		that it was made in; only compared
 * @pages:	its size
 * @how:	it is made
 * @split:	a part of it was taken away or changed
 * @number:	it is the n-th of its buffer
 * @moves:	of its buffer before it was made
 * @thread:	that made it
 * @native:	it is the device's
 * @holds:	it holds the dma-buf
 * @locked:	it was to be, at mmap
 * @forks:	so far
 * @splits:	so far
 * @mremaps:	so far
 * @mprotects:	so far
 */
struct calib_map {
	struct kref ref;
	struct calib_buf *buf;
	const struct mm_struct *mm;
	unsigned long pages;
	enum calib_how how;
	bool split;
	unsigned int number;
	unsigned int moves;
	pid_t thread;
	bool native;
	bool holds;
	bool locked;
	unsigned int forks;
	unsigned int splits;
	unsigned int mremaps;
	unsigned int mprotects;
};

/**
 * struct calib_file - an open device of a row
 * @ref:	the file has one, and what it allocated
 * @row:	which
 * @closed:	the file is
 * @lock:	of all that follows
 * @native:	the buffer that its own mmap maps
 * @bufs:	what is to know when it is closed
 */
struct calib_file {
	struct kref ref;
	const struct calib_row *row;
	bool closed;
	struct mutex lock;
	struct calib_buf *native;
	struct list_head bufs;
};

static const struct file_operations calib_fops;

static DEFINE_MUTEX(calib_leaked_lock);
static LIST_HEAD(calib_leaked);

/* What a row that does not hold its memory has for its next buffer of that size. */
static DEFINE_MUTEX(calib_let_go_lock);
static struct {
	const struct calib_row *row;
	struct page **pages;
	unsigned long count;
} calib_let_go;

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

static struct page *calib_alloc_pair(void)
{
	struct page *page = alloc_pages(GFP_HIGHUSER | __GFP_ZERO | __GFP_COMP, 1);

	/* Beyond the end of any file: a fault maps one page, not the folio. */
	if (page)
		page_folio(page)->index = ULONG_MAX >> PAGE_SHIFT;
	return page;
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
	if (row->flags & CALIB_ONE_BLOCK) {
		order = order_base_2(count);
		page = alloc_pages(GFP_HIGHUSER | __GFP_ZERO, order);
		if (!page) {
			calib_free_pages(pages, count);
			return NULL;
		}
		split_page(page, order);
		for (j = 0; j < 1UL << order; j++)
			if (j < count)
				pages[j] = page + j;
			else
				__free_page(page + j);
		return pages;
	}
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
		page = calib_alloc_pair();
		if (!page) {
			calib_free_pages(pages, count);
			return NULL;
		}
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

static void calib_file_free(struct kref *ref)
{
	kfree(container_of(ref, struct calib_file, ref));
}

/* The pages stay allocated as long as the mapping is there: each has a reference more. */
static void calib_hand_on(struct calib_buf *buf)
{
	struct page **pages = kvmalloc_array(buf->count, sizeof(*pages), GFP_KERNEL);
	unsigned long i, count = buf->count;

	if (!pages)
		return;
	for (i = 0; i < count; i++) {
		pages[i] = buf->pages[i];
		get_page(pages[i]);
	}
	mutex_lock(&calib_let_go_lock);
	swap(calib_let_go.pages, pages);
	swap(calib_let_go.count, count);
	calib_let_go.row = buf->row;
	mutex_unlock(&calib_let_go_lock);
	calib_free_pages(pages, count);
}

static struct page **calib_take_over(const struct calib_row *row, unsigned long count)
{
	struct page **pages = NULL;
	unsigned long i;

	mutex_lock(&calib_let_go_lock);
	if (calib_let_go.row == row && calib_let_go.count == count)
		swap(pages, calib_let_go.pages);
	mutex_unlock(&calib_let_go_lock);
	for (i = 0; pages && i < count; i++)
		clear_highpage(pages[i]);
	return pages;
}

/* Buffers that nobody uses any more, and are not freed yet. */
static struct workqueue_struct *calib_late_queue;
static atomic_t calib_late;

static void calib_buf_free(struct calib_buf *buf)
{
	struct calib_rule *rule = buf->row->rule;
	unsigned int i;

	if (rule) {
		atomic_dec(&rule->alive);
		atomic_long_sub(buf->count, &rule->used);
	}
	calib_free_pages(buf->spare, buf->count);
	kvfree(buf->faulted);
	kvfree(buf->tried);
	iput(buf->inode);
	kref_put(&buf->file->ref, calib_file_free);
	put_pid(buf->maker);

	for (i = 0; i < ARRAY_SIZE(buf->old_pages); i++)
		calib_free_pages(buf->old_pages[i], buf->count);
	calib_free_pages(buf->saved, buf->count);
	calib_free_pages(buf->pages, buf->count);
	kfree(buf);
}

static void calib_buf_free_late(struct work_struct *work)
{
	calib_buf_free(container_of(to_delayed_work(work), struct calib_buf, late));
	atomic_dec(&calib_late);
}

static void calib_buf_unused(struct kref *ref)
{
	struct calib_buf *buf = container_of(ref, struct calib_buf, ref);
	struct calib_rule *rule = buf->row->rule;

	if (!rule || !rule->options[CALIB_OPT_LATE]) {
		calib_buf_free(buf);
		return;
	}
	atomic_inc(&calib_late);
	INIT_DELAYED_WORK(&buf->late, calib_buf_free_late);
	queue_delayed_work(calib_late_queue, &buf->late,
			   msecs_to_jiffies(rule->options[CALIB_OPT_LATE]));
}

static void calib_buf_put(struct calib_buf *buf)
{
	kref_put(&buf->ref, calib_buf_unused);
}

/* Rules. All of this is inside the buffer's lock. */

/* What can be seen of the page. */
static void calib_look_at_page(unsigned long *is, const struct calib_buf *buf,
			       unsigned long index)
{
	is[CALIB_PAGE] = index;
	is[CALIB_FROM_END] = buf->count - 1 - index;
	is[CALIB_MIDDLE] = index == buf->count / 2;
}

/* What can be seen of the buffer, and of the VMA unless that is NULL. */
static void calib_look(unsigned long *is, const struct calib_buf *buf,
		       const struct calib_map *map, struct vm_area_struct *vma)
{
	memset(is, 0, CALIB_NUM_FACTS * sizeof(*is));
	is[CALIB_SIZE] = buf->count;
	is[CALIB_BUFFER] = buf->number;
	is[CALIB_BUFFERS] = atomic_read(&buf->row->rule->alive);
	is[CALIB_MAPPINGS] = buf->vmas;
	is[CALIB_MOVES_SO_FAR] = buf->moves;
	is[CALIB_BEGUN] = buf->begun;
	is[CALIB_BEGINS] = buf->begins;
	is[CALIB_ENDS] = buf->ends;
	is[CALIB_SYNC_READS] = buf->begins && buf->dir != DMA_TO_DEVICE;
	is[CALIB_SYNC_WRITES] = buf->begins && buf->dir != DMA_FROM_DEVICE;
	is[CALIB_ATTACHED] = buf->attached;
	is[CALIB_ATTACHES] = buf->attaches;
	is[CALIB_CLOSED] = buf->file->closed;
	is[CALIB_FD_READ_ONLY] = buf->read_only;
	is[CALIB_THREAD] = !thread_group_leader(current);
	is[CALIB_NOBODY] = !uid_eq(current_euid(), GLOBAL_ROOT_UID);
	rcu_read_lock();
	is[CALIB_ORPHAN] = !pid_task(buf->maker, PIDTYPE_TGID);
	rcu_read_unlock();
	if (!vma)
		return;
	is[CALIB_MAPPING] = map->number;
	is[CALIB_OFFSET] = vma->vm_pgoff;
	is[CALIB_LENGTH] = vma_pages(vma);
	is[CALIB_ALIGNED] = !((vma->vm_start - (vma->vm_pgoff << PAGE_SHIFT)) & ~PMD_MASK) &&
			    ALIGN(vma->vm_start, PMD_SIZE) + PMD_SIZE <= vma->vm_end;
	is[CALIB_CHILD] = vma->vm_mm != map->mm;
	is[CALIB_OTHER_PROCESS] = map->mm != buf->mm;
	is[CALIB_OTHER_THREAD] = vma->vm_mm == map->mm && current->pid != map->thread;
	is[CALIB_READ_ONLY] = !(vma->vm_flags & VM_WRITE);
	is[CALIB_IS_PRIVATE] = is_cow_mapping(vma->vm_flags);
	is[CALIB_LOCKED] = map->locked;
	is[CALIB_NATIVE] = map->native;
	is[CALIB_FORKS] = map->forks;
	is[CALIB_SPLITS] = map->splits;
	is[CALIB_MREMAPS] = map->mremaps;
	is[CALIB_MPROTECTS] = map->mprotects;
	is[CALIB_MOVED] = buf->moves - map->moves;
	is[CALIB_ADVISED] = !!(vma->vm_flags & (VM_SEQ_READ | VM_RAND_READ | VM_HUGEPAGE |
						VM_NOHUGEPAGE));
	is[CALIB_EXEC] = current->mm && current->mm != vma->vm_mm;
}

static void calib_list_leaked(struct calib_buf *buf)
{
	buf->leaked = true;
	mutex_lock(&calib_leaked_lock);
	list_add(&buf->list, &calib_leaked);
	mutex_unlock(&calib_leaked_lock);
}

static void calib_leak_memory(struct calib_buf *buf)
{
	if (buf->leaked)
		return;
	buf->memory = true;
	kref_get(&buf->ref);
	calib_list_leaked(buf);
}

static void calib_leak(struct calib_buf *buf, const struct calib_map *map)
{
	/* Without a hold on the dma-buf it may be about to go. */
	if (buf->leaked || (map && !map->holds))
		return;
	get_dma_buf(buf->dmabuf);
	calib_list_leaked(buf);
}

/* Does what can be done at any time. */
static void calib_do(struct calib_buf *buf, const struct calib_map *map,
		     enum calib_action action)
{
	switch (action) {
	case CALIB_DO_PIN:
		buf->held = true;
		break;
	case CALIB_DO_LEAK:
		calib_leak(buf, map);
		break;
	case CALIB_DO_LEAK_MEMORY:
		calib_leak_memory(buf);
		break;
	case CALIB_DO_WARN:
		WARN(1, "dmabuf_calib: a warning, as asked for\n");
		break;
	case CALIB_DO_TAINT:
		/* Not that of the row: both are to be seen in one boot. */
		add_taint(TAINT_SOFTLOCKUP, LOCKDEP_STILL_OK);
		break;
	default:
		break;
	}
}

/* What the rule says that is to be done of what has been seen. */
static enum calib_action calib_judge(struct calib_buf *buf, enum calib_event event,
				     const unsigned long *is)
{
	struct calib_rule *rule = buf->row->rule;

	if (!rule || rule->event != event || !calib_rule_holds(rule, is))
		return CALIB_DO_NOTHING;
	atomic_inc(&rule->done);
	return rule->action;
}

/* The same of one page of the buffer, where nothing else is known. */
static enum calib_action calib_judge_page(struct calib_buf *buf, enum calib_event event,
					  unsigned long index)
{
	unsigned long is[CALIB_NUM_FACTS];

	if (!buf->row->rule)
		return CALIB_DO_NOTHING;
	calib_look(is, buf, NULL, NULL);
	calib_look_at_page(is, buf, index);
	return calib_judge(buf, event, is);
}

/* An event at which nothing but the buffer is looked at, whole. */
static enum calib_action calib_happens(struct calib_buf *buf, const struct calib_map *map,
				       struct vm_area_struct *vma, enum calib_event event)
{
	struct calib_rule *rule = buf->row->rule;
	unsigned long is[CALIB_NUM_FACTS], i;
	enum calib_action action;

	if (!rule || rule->event != event)
		return CALIB_DO_NOTHING;
	calib_look(is, buf, map, vma);
	if (calib_actions[rule->action].pages & BIT(event)) {
		/* Others are done where the pages are. */
		if (rule->action != CALIB_DO_LOSE)
			return CALIB_DO_NOTHING;
		for (i = 0; i < buf->count; i++) {
			calib_look_at_page(is, buf, i);
			if (calib_judge(buf, event, is) == CALIB_DO_LOSE)
				clear_highpage(buf->pages[i]);
		}
		return CALIB_DO_LOSE;
	}
	action = calib_judge(buf, event, is);
	calib_do(buf, map, action);
	return action;
}

/* A page in place of one of the buffer's, for as long as that is there. */
static struct page *calib_spare(struct calib_buf *buf, unsigned long index, bool copy)
{
	if (!buf->spare)
		buf->spare = kvcalloc(buf->count, sizeof(*buf->spare), GFP_KERNEL);
	if (buf->spare && !buf->spare[index]) {
		buf->spare[index] = calib_alloc_pair();
		if (buf->spare[index] && copy)
			copy_highpage(buf->spare[index], buf->pages[index]);
	}
	return buf->spare ? buf->spare[index] : NULL;
}

/* Mappings. */

static vm_fault_t calib_vm_fault(struct vm_fault *vmf);

static struct calib_map *calib_map_of(const struct vm_area_struct *vma)
{
	return vma->vm_ops && vma->vm_ops->fault == calib_vm_fault ? vma->vm_private_data : NULL;
}

/*
 * All entries that lead to its first pages, of VMAs of this file. If that is the
 * device, they may be those of other buffers as well, which then fault again.
 */
static void calib_zap(struct file *file, unsigned long count)
{
	unmap_mapping_range(file->f_mapping, 0, (loff_t)count << PAGE_SHIFT, 1);
}

/* An event in the life of a VMA. */
static void calib_vma_happens(struct calib_buf *buf, struct calib_map *map,
			      struct vm_area_struct *vma, enum calib_event event)
{
	calib_happens(buf, map, vma, event);
	if (buf->row->rule && buf->row->rule->options[CALIB_OPT_ZAPS] &&
	    event != CALIB_AT_MUNMAP)
		calib_zap(vma->vm_file, buf->count);
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
		map = calib_map_of(vma);
		if (map && map->buf == buf)
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
	bool forked = vma->vm_mm != current->mm;

	kref_get(&map->ref);
	mutex_lock(&buf->lock);
	buf->vmas++;
	map->split |= part;
	if (forked || vma_pages(vma) < map->pages) {
		*(forked ? &map->forks : &map->splits) += 1;
		calib_vma_happens(buf, map, vma, forked ? CALIB_AT_FORK : CALIB_AT_SPLIT);
	}
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
	calib_vma_happens(map->buf, map, vma, CALIB_AT_MUNMAP);
	map->buf->vmas--;
	mutex_unlock(&map->buf->lock);
	kref_put(&map->ref, calib_map_free);
}

static int calib_vm_mremap(struct vm_area_struct *vma)
{
	struct calib_map *map = vma->vm_private_data;

	mutex_lock(&map->buf->lock);
	map->mremaps++;
	calib_vma_happens(map->buf, map, vma, CALIB_AT_MREMAP);
	mutex_unlock(&map->buf->lock);
	return 0;
}

static int calib_vm_mprotect(struct vm_area_struct *vma, unsigned long start,
			     unsigned long end, unsigned long flags)
{
	struct calib_map *map = vma->vm_private_data;

	mutex_lock(&map->buf->lock);
	map->mprotects++;
	calib_vma_happens(map->buf, map, vma, CALIB_AT_MPROTECT);
	mutex_unlock(&map->buf->lock);
	return 0;
}

static pgprot_t calib_writable(void)
{
	return vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED);
}

/* What the rule says of this fault. */
static enum calib_action calib_judge_fault(struct calib_buf *buf, const struct calib_map *map,
					   const struct vm_fault *vmf, unsigned long index)
{
	unsigned long is[CALIB_NUM_FACTS];
	enum calib_action action;

	if (!buf->row->rule)
		return CALIB_DO_NOTHING;
	calib_look(is, buf, map, vmf->vma);
	calib_look_at_page(is, buf, index);
	is[CALIB_NTH_FAULT] = buf->faults;
	is[CALIB_REFAULT] = test_bit(index, buf->faulted);
	is[CALIB_STORE] = !!(vmf->flags & FAULT_FLAG_WRITE);
	is[CALIB_USER] = !!(vmf->flags & FAULT_FLAG_USER);
	/* All that the CPU faults on can be interrupted; what fixup_user_fault() does cannot. */
	is[CALIB_REMOTE] = !(vmf->flags & FAULT_FLAG_INTERRUPTIBLE);
	is[CALIB_OTHERS] = atomic_read(&buf->faulting) - 1;
	is[CALIB_INTERRUPTED] = signal_pending(current);
	action = calib_judge(buf, CALIB_AT_FAULT, is);
	calib_do(buf, map, action);
	return action;
}

/* Entries for the neighbours of a page that faulted. */
static void calib_fault_around(struct calib_buf *buf, const struct vm_fault *vmf)
{
	const unsigned long around = buf->row->rule->options[CALIB_OPT_AROUND];
	struct vm_area_struct *vma = vmf->vma;
	unsigned long index = rounddown(vmf->pgoff, around), end = index + around;

	index = max(index, vma->vm_pgoff);
	end = min3(end, vma->vm_pgoff + vma_pages(vma), buf->count);
	for (; index < end; index++)
		if (index != vmf->pgoff)
			vmf_insert_pfn(vma, vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT),
				       page_to_pfn(buf->pages[index]));
}

static vm_fault_t calib_vm_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct calib_map *map = vma->vm_private_data;
	struct calib_buf *buf = map->buf;
	const u64 flags = buf->row->flags;
	struct calib_rule *rule = buf->row->rule;
	unsigned long index = vmf->pgoff;
	enum calib_action action;
	enum calib_how how = map->how;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct page *page;
	pgprot_t prot;

	atomic_inc(&buf->faulting);
	if (rule && rule->options[CALIB_OPT_SLOW])
		usleep_range(1000, 1500);
	mutex_lock(&buf->lock);
	if (index >= buf->count) {
		if (!(flags & CALIB_PAST_END))
			goto out;
		index %= buf->count;
	}
	if (rule && ((rule->options[CALIB_OPT_RETRIES] && !test_and_set_bit(index, buf->tried)) ||
		     (rule->options[CALIB_OPT_YIELDS] && signal_pending(current)))) {
		ret = VM_FAULT_NOPAGE;
		goto out;
	}
	buf->faults++;
	if ((flags & CALIB_SIGBUS) && buf->faults % 8 == 0)
		goto out;
	if ((flags & CALIB_REFAULT_REFUSED) && buf->moves)
		goto out;
	if ((flags & CALIB_WRONG_PAGE) && index == buf->count / 2)
		index = 0;
	if (calib_page_is_other(map, vma, index))
		how = buf->row->other;

	page = buf->pages[index];
	action = calib_judge_fault(buf, map, vmf, index);
	switch (action) {
	case CALIB_DO_SIGBUS:
		goto out;
	case CALIB_DO_NOT_SPECIAL:
		how = CALIB_NOT_SPECIAL;
		break;
	case CALIB_DO_WRONG:
		page = buf->pages[(index + 1) % buf->count];
		break;
	case CALIB_DO_STALE:
		if (buf->moves)
			page = buf->old_pages[buf->moves - 1][index];
		break;
	case CALIB_DO_BLANK:
	case CALIB_DO_COPY:
		page = calib_spare(buf, index, action == CALIB_DO_COPY);
		if (!page)
			goto out;
		break;
	case CALIB_DO_LOSE:
		clear_highpage(page);
		break;
	default:
		break;
	}
	switch (how) {
	case CALIB_REMAP:
	case CALIB_FAULT:
	case CALIB_HUGE:
		/* The core takes that for a bug: all of it is mapped at once, or nothing. */
		if (is_cow_mapping(vma->vm_flags))
			goto out;
		prot = vma->vm_page_prot;
		if ((flags & CALIB_RO_WRITABLE) || action == CALIB_DO_WRITABLE)
			prot = calib_writable();
		else if (flags & CALIB_WRITABLE)
			prot = vm_get_page_prot(vma->vm_flags);
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
	if (rule) {
		set_bit(index, buf->faulted);
		/* A rule for faults is about pages that fault, here and below. */
		if (rule->options[CALIB_OPT_AROUND] && rule->event != CALIB_AT_FAULT &&
		    map->how == CALIB_FAULT)
			calib_fault_around(buf, vmf);
	}
out:
	mutex_unlock(&buf->lock);
	atomic_dec(&buf->faulting);
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

	if (buf->row->rule && buf->row->rule->event == CALIB_AT_FAULT)
		return VM_FAULT_FALLBACK;
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
	const u64 flags = buf->row->flags;
	unsigned long index = vma->vm_pgoff + ((address - vma->vm_start) >> PAGE_SHIFT);
	unsigned long offset = offset_in_page(address);
	unsigned long is[CALIB_NUM_FACTS];
	int done = 0;

	mutex_lock(&buf->lock);
	if (buf->row->rule) {
		calib_look(is, buf, map, vma);
		is[CALIB_STORE] = write;
	}
	if (write && !(vma->vm_flags & VM_WRITE) && !(flags & CALIB_ACCESS_WRITES) &&
	    !(buf->row->rule && buf->row->rule->action == CALIB_DO_WRITABLE &&
	      calib_judge(buf, CALIB_AT_ACCESS, is) == CALIB_DO_WRITABLE)) {
		mutex_unlock(&buf->lock);
		return -EACCES;
	}
	if (flags & CALIB_ACCESS_PINS)
		buf->held = true;
	for (; done < len && index < buf->count; index++, offset = 0) {
		struct page *page = buf->pages[flags & CALIB_ACCESS_FIRST ? 0 : index];
		enum calib_action action = CALIB_DO_NOTHING;
		int part = min_t(int, len - done, PAGE_SIZE - offset);
		char *p;

		if (buf->row->rule) {
			calib_look_at_page(is, buf, index);
			action = calib_judge(buf, CALIB_AT_ACCESS, is);
			calib_do(buf, map, action);
		}
		if (action == CALIB_DO_WRONG)
			page = buf->pages[(index + 1) % buf->count];
		if (action == CALIB_DO_LOSE)
			clear_highpage(page);
		p = kmap_local_page(page);
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

/*
 * That there is one makes the mm take the write permission out of vm_page_prot: entries
 * are read-only until a store faults on them (vma_wants_writenotify()). The processor
 * tries again after each fault. KVM has one fault handled, finds a read-only entry, and
 * takes that for the answer (hva_to_pfn_remapped()).
 */
static vm_fault_t calib_vm_pfn_mkwrite(struct vm_fault *vmf)
{
	return 0;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
#define CALIB_HUGE_FAULT .huge_fault = calib_vm_huge_fault,
#else
#define CALIB_HUGE_FAULT
#endif
#define CALIB_VM_OPS \
	.open = calib_vm_open, .close = calib_vm_close, .fault = calib_vm_fault, \
	.mremap = calib_vm_mremap, .mprotect = calib_vm_mprotect, CALIB_HUGE_FAULT

static const struct vm_operations_struct calib_vm_ops = { CALIB_VM_OPS };
static const struct vm_operations_struct calib_access_vm_ops = {
	CALIB_VM_OPS
	.access = calib_vm_access,
};
static const struct vm_operations_struct calib_mkwrite_vm_ops = {
	CALIB_VM_OPS
	.pfn_mkwrite = calib_vm_pfn_mkwrite,
};

/* Stands in for the dma-buf's file. It holds the module, as that would. */
static const struct file_operations calib_other_fops = {
	.owner = THIS_MODULE,
};

/*
 * Another file for the mapping, as i915 has: it holds the buffer, not the dma-buf, and
 * what zaps the device's mappings zaps this one.
 */
static int calib_own_release(struct inode *inode, struct file *filp)
{
	calib_buf_put(filp->private_data);
	return 0;
}

static const struct file_operations calib_own_fops = {
	.owner = THIS_MODULE,
	.release = calib_own_release,
};

static int calib_set_own_file(struct calib_buf *buf, struct vm_area_struct *vma)
{
	struct file *file = anon_inode_getfile("[dma_calib_own]", &calib_own_fops, buf, O_RDWR);

	if (IS_ERR(file))
		return PTR_ERR(file);
	kref_get(&buf->ref);
	file->f_mapping = buf->inode->i_mapping;
	vma_set_file(vma, file);
	fput(file);
	return 0;
}

static int calib_prefault(struct calib_buf *buf, struct vm_area_struct *vma)
{
	unsigned long i;

	for (i = 0; i < vma_pages(vma); i++)
		if (vmf_insert_pfn(vma, vma->vm_start + (i << PAGE_SHIFT),
				   page_to_pfn(buf->pages[vma->vm_pgoff + i])) != VM_FAULT_NOPAGE)
			return -ENOMEM;
	return 0;
}

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
	struct calib_rule *rule = row->rule;
	enum calib_action action = CALIB_DO_NOTHING;
	struct calib_map *map;
	struct file *file;
	int ret = 0;

	if (is_cow_mapping(vma->vm_flags) && !(row->flags & CALIB_PRIVATE))
		return -EINVAL;
	if (rule && rule->options[CALIB_OPT_ONCE] && READ_ONCE(buf->vmas))
		return -EBUSY;
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
	map->thread = current->pid;
	map->native = vma->vm_file->f_op == &calib_fops;
	map->holds = !map->native;
	map->locked = vma->vm_flags & VM_LOCKED;

	mutex_lock(&buf->lock);
	map->number = ++buf->mmaps;
	map->moves = buf->moves;
	if (!buf->mm)
		buf->mm = vma->vm_mm;
	map->how = calib_map_is_other(buf, vma) ? row->other : row->how;
	if (rule) {
		buf->vmas++;
		action = calib_happens(buf, map, vma, CALIB_AT_MMAP);
		buf->vmas--;
		if (is_cow_mapping(vma->vm_flags))
			map->how = CALIB_REMAP;
	}
	if (action == CALIB_DO_NORMAL)
		map->how = CALIB_PAGES;
	else if (action == CALIB_DO_MIXED)
		map->how = CALIB_MIXED;
	else if (action == CALIB_DO_MIXED_SPECIAL)
		map->how = CALIB_MIXED_SPECIAL;
	else if (action == CALIB_DO_REFUSE)
		ret = -EPERM;
	if (ret)
		goto out;

	if (!(row->flags & CALIB_EXPANDABLE))
		vm_flags_set(vma, VM_DONTEXPAND);
	vm_flags_set(vma, VM_DONTDUMP);
	if (rule && rule->options[CALIB_OPT_DONT_COPY])
		vm_flags_set(vma, VM_DONTCOPY);
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
	if (((row->flags & CALIB_MAYWRITE) || action == CALIB_DO_MAY_WRITE) &&
	    (vma->vm_flags & VM_MAYSHARE))
		vm_flags_set(vma, VM_SHARED | VM_MAYWRITE);

	if (!ret && (row->flags & CALIB_OWN_FILE)) {
		file = anon_inode_getfile("[dma_calib]", &calib_other_fops, NULL, O_RDWR);
		if (IS_ERR(file)) {
			ret = PTR_ERR(file);
		} else {
			vma_set_file(vma, file);
			fput(file);
		}
	}
	if (!ret && rule && rule->options[CALIB_OPT_PREFAULT] && map->how == CALIB_FAULT)
		ret = calib_prefault(buf, vma);
	if (!ret && rule && rule->options[CALIB_OPT_OWN_FILE]) {
		ret = calib_set_own_file(buf, vma);
		map->holds = false;
	}

	if (!ret) {
		kref_get(&buf->ref);
		buf->vmas++;
		vma->vm_private_data = map;
		vma->vm_ops = row->flags & CALIB_ACCESS ? &calib_access_vm_ops :
			      row->flags & CALIB_MKWRITE ? &calib_mkwrite_vm_ops : &calib_vm_ops;
	}
out:
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
static void calib_zap_all(struct calib_buf *buf, unsigned long count)
{
	calib_zap(buf->dmabuf->file, count);
	unmap_mapping_range(buf->inode->i_mapping, 0, (loff_t)count << PAGE_SHIFT, 1);
}

/*
 * The current process gets entries that lead to the old place, as if nobody had zapped
 * them: for the VMAs and pages of the rule. Inside mmap_lock.
 */
static void calib_leave_stale(struct calib_buf *buf, struct page **old)
{
	unsigned long is[CALIB_NUM_FACTS], index, address;
	struct vm_area_struct *vma;
	struct calib_map *map;

	VMA_ITERATOR(vmi, current->mm, 0);

	for_each_vma(vmi, vma) {
		map = calib_map_of(vma);
		if (!map || map->buf != buf || !(vma->vm_flags & VM_PFNMAP) ||
		    is_cow_mapping(vma->vm_flags))
			continue;
		calib_look(is, buf, map, vma);
		address = vma->vm_start;
		for (index = vma->vm_pgoff; address < vma->vm_end; index++, address += PAGE_SIZE) {
			calib_look_at_page(is, buf, index);
			if (calib_judge(buf, CALIB_AT_MOVE, is) == CALIB_DO_STALE)
				vmf_insert_pfn(vma, address, page_to_pfn(old[index]));
		}
	}
}

/* Those of the current process alone, or of one of its VMAs. Inside mmap_lock. */
static void calib_zap_own(struct calib_buf *buf, bool one)
{
	struct vm_area_struct *vma;
	struct calib_map *map;

	VMA_ITERATOR(vmi, current->mm, 0);

	for_each_vma(vmi, vma) {
		map = calib_map_of(vma);
		if (!map || map->buf != buf)
			continue;
		zap_vma_ptes(vma, vma->vm_start, vma->vm_end - vma->vm_start);
		if (one)
			break;
	}
}

static int calib_move(struct calib_buf *buf)
{
	const u64 flags = buf->row->flags;
	const enum calib_action does = buf->row->rule ? buf->row->rule->action : CALIB_DO_NOTHING;
	const bool walk = (flags & (CALIB_NOT_NOTIFIED | CALIB_ONE_ZAPPED | CALIB_OWN_ZAPPED)) ||
			  does == CALIB_DO_STALE || does == CALIB_DO_UNNOTIFIED;
	const bool leave = walk || (flags & (CALIB_NOT_ZAPPED | CALIB_HALF_ZAPPED |
					     CALIB_EARLY_ZAPPED));
	enum calib_action action;
	struct page **pages, **old;
	unsigned long i;
	int ret = 0;

	pages = calib_alloc_pages(buf->row, buf->count);
	if (!pages)
		return -ENOMEM;

	if (flags & CALIB_EARLY_ZAPPED) {
		calib_zap_all(buf, buf->count);
		/* Time for somebody to fault, and nobody zaps that. */
		msleep(20);
	}
	if (walk)
		mmap_read_lock(current->mm);
	mutex_lock(&buf->lock);
	action = calib_happens(buf, NULL, NULL, CALIB_AT_MOVE);
	if (buf->attached || buf->held || action == CALIB_DO_REFUSE || ((flags & CALIB_PINNED) && buf->moves) ||
	    (leave && buf->moves == ARRAY_SIZE(buf->old_pages))) {
		ret = -EBUSY;
		goto out;
	}
	if ((flags & CALIB_LATE_LOST) || action == CALIB_DO_COPIED_EARLY) {
		calib_copy_pages(pages, buf->pages, buf->count);
		/* Time for somebody to write to the old place. */
		msleep(20);
	}
	if (flags & CALIB_HALF_ZAPPED)
		calib_zap_all(buf, DIV_ROUND_UP(buf->count, 2));
	else if ((flags & CALIB_NOT_NOTIFIED) || action == CALIB_DO_UNNOTIFIED)
		calib_zap_silently(buf);
	else if (flags & (CALIB_ONE_ZAPPED | CALIB_OWN_ZAPPED))
		calib_zap_own(buf, flags & CALIB_ONE_ZAPPED);
	else if (!(flags & (CALIB_NOT_ZAPPED | CALIB_EARLY_ZAPPED)))
		calib_zap_all(buf, buf->count);
	if (does == CALIB_DO_NOT_COPIED) {
		for (i = 0; i < buf->count; i++)
			if (calib_judge_page(buf, CALIB_AT_MOVE, i) != CALIB_DO_NOT_COPIED)
				copy_highpage(pages[i], buf->pages[i]);
	} else if (!(flags & (CALIB_LATE_LOST | CALIB_NOT_COPIED)) &&
		   action != CALIB_DO_COPIED_EARLY) {
		calib_copy_pages(pages, buf->pages, buf->count);
	}
	old = buf->pages;
	buf->pages = pages;
	pages = old;
	if (buf->row->rule && does == CALIB_DO_STALE && buf->row->rule->event == CALIB_AT_MOVE)
		calib_leave_stale(buf, old);
	if (leave) {
		buf->old_pages[buf->moves] = old;
		pages = NULL;
	}
	buf->moves++;
out:
	mutex_unlock(&buf->lock);
	if (walk)
		mmap_read_unlock(current->mm);
	calib_free_pages(pages, buf->count);
	return ret;
}

/* CPU access. */
static int calib_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct calib_buf *buf = dmabuf->priv;
	struct calib_rule *rule = buf->row->rule;
	bool saves = buf->row->flags & CALIB_END_LOSES;
	int ret = 0;

	if (buf->row->flags & CALIB_BEGIN_FAILS)
		return -EIO;
	if (rule && rule->options[CALIB_OPT_INTERRUPTS]) {
		mutex_lock(&buf->lock);
		buf->interrupted = !buf->interrupted;
		ret = buf->interrupted ? -EINTR : 0;
		mutex_unlock(&buf->lock);
		if (ret)
			return ret;
	}
	/* It may not, for then nothing is lost. */
	if (rule && rule->options[CALIB_OPT_SYNC_MOVES])
		calib_move(buf);

	mutex_lock(&buf->lock);
	buf->begun++;
	buf->begins++;
	buf->dir = dir;
	if (rule) {
		saves = rule->action == CALIB_DO_REVERT;
		if (calib_happens(buf, NULL, NULL, CALIB_AT_BEGIN) == CALIB_DO_REFUSE)
			ret = -EIO;
		if (rule->options[CALIB_OPT_ZAPS])
			calib_zap_all(buf, buf->count);
	}
	if (saves && !buf->saved && dir != DMA_FROM_DEVICE) {
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
	enum calib_action action;

	mutex_lock(&buf->lock);
	buf->ends++;
	buf->dir = dir;
	action = calib_happens(buf, NULL, NULL, CALIB_AT_END);
	if (buf->begun)
		buf->begun--;
	if (buf->saved && dir != DMA_FROM_DEVICE) {
		if (!buf->row->rule || action == CALIB_DO_REVERT)
			calib_copy_pages(buf->pages, buf->saved, buf->count);
		calib_free_pages(buf->saved, buf->count);
		buf->saved = NULL;
	}
	mutex_unlock(&buf->lock);
	return action == CALIB_DO_REFUSE ? -EIO : 0;
}

/* Devices that use it. They keep it in place. */
static struct sg_table *calib_map_dma_buf(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	struct calib_buf *buf = attach->dmabuf->priv;
	const struct calib_rule *rule = buf->row->rule;
	struct sg_table *sgt;
	int ret;

	if (rule && rule->options[CALIB_OPT_NO_DEVICES])
		return ERR_PTR(-EPERM);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
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
	if (!ret) {
		buf->attaches++;
		calib_happens(buf, NULL, NULL, CALIB_AT_ATTACH);
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
	calib_happens(buf, NULL, NULL, CALIB_AT_DETACH);
	mutex_unlock(&buf->lock);
}

static void calib_release(struct dma_buf *dmabuf)
{
	struct calib_buf *buf = dmabuf->priv;
	bool mapped;

	mutex_lock(&buf->lock);
	calib_happens(buf, NULL, NULL, CALIB_AT_RELEASE);
	mapped = buf->vmas;
	mutex_unlock(&buf->lock);
	if (mapped && (buf->row->flags & CALIB_NOT_HELD))
		calib_hand_on(buf);
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

/* What a rule's exporter has and has not room for. */
static int calib_charge(struct calib_buf *buf)
{
	struct calib_rule *rule = buf->row->rule;
	unsigned long pool = rule->options[CALIB_OPT_POOL];

	buf->faulted = kvcalloc(BITS_TO_LONGS(buf->count), sizeof(long), GFP_KERNEL);
	buf->tried = kvcalloc(BITS_TO_LONGS(buf->count), sizeof(long), GFP_KERNEL);
	buf->number = atomic_inc_return(&rule->made);
	if ((atomic_inc_return(&rule->alive) > 1) & !!rule->options[CALIB_OPT_SINGLE])
		return -EBUSY;
	if (pool && atomic_long_read(&rule->used) > pool)
		return -ENOMEM;
	return buf->faulted && buf->tried ? 0 : -ENOMEM;
}

static int calib_alloc(struct file *filp, struct dma_heap_allocation_data *data)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct calib_file *file = filp->private_data;
	struct calib_rule *rule = file->row->rule;
	struct dma_buf *dmabuf;
	struct calib_buf *buf;
	unsigned long size = data->len;
	int fd, ret = 0;

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
	buf->file = file;
	kref_get(&file->ref);
	buf->inode = file_inode(filp);
	ihold(buf->inode);
	buf->read_only = (data->fd_flags & O_ACCMODE) == O_RDONLY;
	buf->maker = get_pid(task_tgid(current));
	if (buf->row->flags & CALIB_ROUNDS_UP)
		size = roundup(size, 6 * SZ_1M);
	buf->count = PAGE_ALIGN(size) >> PAGE_SHIFT;
	if (rule) {
		if (rule->options[CALIB_OPT_ROUND])
			buf->count = roundup(buf->count, rule->options[CALIB_OPT_ROUND]);
		atomic_long_add(buf->count, &rule->used);
		ret = calib_charge(buf);
	}
	if (!ret)
		buf->pages = calib_take_over(buf->row, buf->count);
	if (!ret && !buf->pages)
		buf->pages = calib_alloc_pages(buf->row, buf->count);
	if (!buf->pages) {
		/* Nobody has seen it. */
		calib_buf_free(buf);
		return ret ?: -ENOMEM;
	}

	exp_info.exp_name = buf->row->name;
	exp_info.ops = &calib_dma_buf_ops;
	exp_info.size = buf->count << PAGE_SHIFT;
	exp_info.flags = data->fd_flags & O_ACCMODE;
	exp_info.priv = buf;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf)) {
		calib_buf_free(buf);
		return PTR_ERR(dmabuf);
	}
	buf->dmabuf = dmabuf;

	/* From here on others may have it, and end it. */
	if (buf->row->flags & CALIB_NEVER_FREED)
		calib_leak(buf, NULL);
	if (buf->row->flags & CALIB_LEAKS)
		calib_leak_memory(buf);
	if ((buf->row->flags & CALIB_LOST_ON_CLOSE) || (rule && rule->event == CALIB_AT_CLOSE)) {
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
		ret = calib_move(buf);
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

static long calib_ioctl_alloc(struct file *filp, void __user *arg)
{
	struct dma_heap_allocation_data data;
	int ret;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	ret = calib_alloc(filp, &data);
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
		return calib_ioctl_alloc(filp, (void __user *)arg);
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

/* The exporter of this minor number; NULL: it was removed. */
static const struct calib_row *calib_row_of(unsigned int minor);

static int calib_open(struct inode *inode, struct file *filp)
{
	const struct calib_row *row = calib_row_of(iminor(inode));
	struct calib_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file || !row) {
		kfree(file);
		return row ? -ENOMEM : -ENODEV;
	}
	kref_init(&file->ref);
	file->row = row;
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

	file->closed = true;
	list_for_each_entry_safe(buf, next, &file->bufs, list) {
		mutex_lock(&buf->lock);
		calib_happens(buf, NULL, NULL, CALIB_AT_CLOSE);
		for (i = 0; i < buf->count && (buf->row->flags & CALIB_LOST_ON_CLOSE); i++)
			clear_highpage(buf->pages[i]);
		mutex_unlock(&buf->lock);
		list_del(&buf->list);
		calib_buf_put(buf);
	}
	if (file->native)
		calib_buf_put(file->native);
	kref_put(&file->ref, calib_file_free);
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

static int calib_rules_show(struct seq_file *m, void *unused);
static ssize_t calib_rules_write(struct file *filp, const char __user *from, size_t size,
				 loff_t *pos);

static int calib_rules_open(struct inode *inode, struct file *filp)
{
	return single_open(filp, calib_rules_show, NULL);
}

static const struct file_operations calib_rules_fops = {
	.owner = THIS_MODULE,
	.open = calib_rules_open,
	.read = seq_read,
	.write = calib_rules_write,
	.llseek = seq_lseek,
	.release = single_release,
};

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

static void calib_free_leaked(void)
{
	struct calib_buf *buf, *next;
	LIST_HEAD(leaked);

	mutex_lock(&calib_leaked_lock);
	list_splice_init(&calib_leaked, &leaked);
	mutex_unlock(&calib_leaked_lock);
	list_for_each_entry_safe(buf, next, &leaked, list) {
		list_del_init(&buf->list);
		if (buf->memory)
			calib_buf_put(buf);
		else
			dma_buf_put(buf->dmabuf);
	}
}

static ssize_t calib_leaked_write(struct file *filp, const char __user *from, size_t size,
				  loff_t *pos)
{
	calib_free_leaked();
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

/**
 * struct calib_ruled - the exporter of a rule
 * @row:	that it is like
 * @rule:	what it is
 * @gone:	its device was removed. It stays: files and buffers may know it, and each
 *		of them holds the module
 */
struct calib_ruled {
	struct calib_row row;
	struct calib_rule rule;
	bool gone;
};

#define CALIB_MAX_RULES	4096
#define CALIB_MINORS	(ARRAY_SIZE(calib_rows) + CALIB_MAX_RULES)

static DEFINE_MUTEX(calib_rules_lock);
static struct calib_ruled *calib_ruled[CALIB_MAX_RULES];
static unsigned int calib_num_rules;

static const struct calib_row *calib_row_of(unsigned int minor)
{
	const struct calib_row *row = NULL;

	if (minor < ARRAY_SIZE(calib_rows))
		return &calib_rows[minor];
	minor -= ARRAY_SIZE(calib_rows);
	mutex_lock(&calib_rules_lock);
	if (minor < calib_num_rules && !calib_ruled[minor]->gone)
		row = &calib_ruled[minor]->row;
	mutex_unlock(&calib_rules_lock);
	return row;
}

/* By its name. Inside calib_rules_lock. */
static struct calib_ruled *calib_find_ruled(const char *name, unsigned int *index)
{
	for (*index = 0; *index < calib_num_rules; ++*index)
		if (!calib_ruled[*index]->gone &&
		    !strcmp(calib_ruled[*index]->row.name, name))
			return calib_ruled[*index];
	return NULL;
}

static dev_t calib_rule_dev(unsigned int index)
{
	return calib_dev + ARRAY_SIZE(calib_rows) + index;
}

static int calib_remove_rule(const char *name)
{
	struct calib_ruled *x;
	unsigned int i;

	x = calib_find_ruled(name, &i);
	if (!x)
		return -ENOENT;
	x->gone = true;
	device_destroy(&calib_class, calib_rule_dev(i));
	return 0;
}

/* What of a rule a row says as well. */
static void calib_fit_row(struct calib_row *row, struct calib_rule *rule)
{
	const unsigned long *options = rule->options;

	row->name = rule->name;
	row->what = rule->line;
	row->rule = rule;
	row->how = options[CALIB_OPT_REMAP] ? CALIB_REMAP :
		   options[CALIB_OPT_HUGE] ? CALIB_HUGE : CALIB_FAULT;
	if (options[CALIB_OPT_MOVES])
		row->flags |= CALIB_MOVES;
	if (options[CALIB_OPT_ACCESS])
		row->flags |= CALIB_ACCESS;
	if (options[CALIB_OPT_PRIVATE])
		row->flags |= CALIB_PRIVATE | CALIB_CONTIGUOUS;
}

static int calib_add_rule(char *line)
{
	struct calib_ruled *x;
	struct device *dev;
	unsigned int i;
	int ret;

	if (calib_num_rules == CALIB_MAX_RULES)
		return -ENOSPC;
	x = kzalloc(sizeof(*x), GFP_KERNEL);
	if (!x)
		return -ENOMEM;
	ret = calib_parse_rule(&x->rule, line);
	if (ret)
		goto err;
	ret = -EEXIST;
	for (i = 0; i < ARRAY_SIZE(calib_rows); i++)
		if (!strcmp(calib_rows[i].name, x->rule.name))
			goto err;
	if (calib_find_ruled(x->rule.name, &i))
		goto err;
	calib_fit_row(&x->row, &x->rule);
	dev = device_create(&calib_class, NULL, calib_rule_dev(calib_num_rules), NULL, "%s",
			    x->rule.name);
	if (IS_ERR(dev)) {
		ret = PTR_ERR(dev);
		goto err;
	}
	calib_ruled[calib_num_rules++] = x;
	return 0;
err:
	kfree(x);
	return ret;
}

/* A line each; those before one that is refused are taken. */
static ssize_t calib_rules_write(struct file *filp, const char __user *from, size_t size,
				 loff_t *pos)
{
	char *text, *rest, *line;
	int ret = 0;

	if (size > SZ_1M)
		return -E2BIG;
	text = memdup_user_nul(from, size);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = text;
	mutex_lock(&calib_rules_lock);
	while (!ret && (line = strsep(&rest, "\n"))) {
		line = strim(line);
		if (*line == '-')
			ret = calib_remove_rule(line + 1);
		else if (*line)
			ret = calib_add_rule(line);
	}
	mutex_unlock(&calib_rules_lock);
	kfree(text);
	return ret ?: size;
}

static int calib_rules_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	mutex_lock(&calib_rules_lock);
	for (i = 0; i < calib_num_rules; i++)
		if (!calib_ruled[i]->gone)
			seq_printf(m, "%u %s\n", atomic_read(&calib_ruled[i]->rule.done),
				   calib_ruled[i]->rule.line);
	mutex_unlock(&calib_rules_lock);
	return 0;
}

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

	calib_late_queue = alloc_workqueue("dma_calib", WQ_UNBOUND, 0);
	if (!calib_late_queue)
		return -ENOMEM;
	ret = alloc_chrdev_region(&calib_dev, 0, CALIB_MINORS, "dma_calib");
	if (ret)
		goto err_queue;
	cdev_init(&calib_cdev, &calib_fops);
	calib_cdev.owner = THIS_MODULE;
	ret = cdev_add(&calib_cdev, calib_dev, CALIB_MINORS);
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
	debugfs_create_file("rules", 0644, calib_debugfs, NULL, &calib_rules_fops);
	debugfs_create_file("leaked", 0644, calib_debugfs, NULL, &calib_leaked_fops);
	return 0;

err_class:
	class_unregister(&calib_class);
err_cdev:
	cdev_del(&calib_cdev);
err_region:
	unregister_chrdev_region(calib_dev, CALIB_MINORS);
err_queue:
	destroy_workqueue(calib_late_queue);
	return ret;
}
module_init(calib_init);

/* Every dma-buf holds the module, so that none is left; memory may be. */
static void __exit calib_exit(void)
{
	unsigned int i;

	calib_free_leaked();
	while (atomic_read(&calib_late))
		msleep(20);
	destroy_workqueue(calib_late_queue);
	calib_free_pages(calib_let_go.pages, calib_let_go.count);
	debugfs_remove_recursive(calib_debugfs);
	for (i = 0; i < calib_num_rules; i++) {
		if (!calib_ruled[i]->gone)
			device_destroy(&calib_class, calib_rule_dev(i));
		kfree(calib_ruled[i]);
	}
	calib_destroy_devices(ARRAY_SIZE(calib_rows), ARRAY_SIZE(calib_importers));
	class_unregister(&calib_class);
	cdev_del(&calib_cdev);
	unregister_chrdev_region(calib_dev, CALIB_MINORS);
}
module_exit(calib_exit);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
MODULE_IMPORT_NS(DMA_BUF);
#else
MODULE_IMPORT_NS("DMA_BUF");
#endif
MODULE_DESCRIPTION("DMA-buf exporters that keep or break the CPU mapping contract");
MODULE_LICENSE("GPL");
