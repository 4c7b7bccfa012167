/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * What the calibration module answers, beyond DMA_HEAP_IOCTL_ALLOC.
 */
#ifndef DMABUF_CALIB_H
#define DMABUF_CALIB_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* A character device for each row of the module's table: an exporter. */
#define DMA_CALIB_DIR		"/dev/dma_calib"

/*
 * "NAME obeys DESCRIPTION" or "NAME breaks CLAUSE[,CLAUSE...] DESCRIPTION" a
 * line: of the exporters, and of the importers below.
 */
#define DMA_CALIB_ROWS		"/sys/kernel/debug/dma_calib/rows"
#define DMA_CALIB_IMPORTERS	"/sys/kernel/debug/dma_calib/importers"

/*
 * How many buffers "never-freed" and others have kept so far. A write to it lets them go,
 * without which the module cannot be unloaded.
 */
#define DMA_CALIB_LEAKED	"/sys/kernel/debug/dma_calib/leaked"

/*
 * Exporters made at run time. A line that is written makes the device
 * DMA_CALIB_DIR/NAME, "-NAME" removes it; what is wrong with a line that is refused
 * (EINVAL) is in the kernel's log. Read, it has a line for each: how often the rule was
 * obeyed so far, and the line as written.
 *
 *	NAME [OPTION...] [at EVENT [if CONDITION...] do ACTION]
 *
 * NAME is lower case letters, digits and dashes. It is an exporter that maps page frames
 * at faults and obeys, but for what comes behind "at".
 *
 * OPTIONs, all of which are an exporter's right:
 *	remap		all entries at mmap, by remap_pfn_range()
 *	prefault	all entries at mmap, by vmf_insert_pfn()
 *	huge		special PMDs where they fit
 *	around=N	a fault maps the N pages around, too
 *	slow		a fault takes a millisecond
 *	moves		when DMA_CALIB_IOCTL_MOVE asks
 *	sync-moves	at each begin of a SYNC
 *	zaps		all entries at a fork, split, mremap, mprotect and begin of a SYNC
 *	access		has a vm_ops->access
 *	private		takes MAP_PRIVATE, where its memory is contiguous
 *	own-file	puts another file behind the mapping, which holds the memory
 *	round=N		sizes are rounded up to N pages
 *	pool=N		has N pages for all buffers together
 *	single		has one buffer at a time
 *	once		has one mapping of a buffer at a time
 *	late=N		frees a buffer N milliseconds after its last user
 *	dont-copy	keeps its mappings from children (VM_DONTCOPY)
 *	retries		lets the first fault of each page happen again
 *	yields		lets a fault happen again while a signal is pending
 *	interrupts	has every other begin of a SYNC asked for again (EINTR)
 *	no-devices	lets no device map it
 *
 * EVENTs: mmap, fault, access (vm_ops->access), fork (of a process that maps it), split
 * (a VMA becomes two, or another size), mremap, mprotect, munmap (of any VMA); begin and
 * end (of a SYNC); attach and detach (a device maps it); move; close (of the exporter's
 * device); release (of the dma-buf).
 *
 * CONDITIONs must all hold: FACT (is not 0), FACT=N, FACT<N, FACT>N, FACT%N (is a
 * multiple); with "!" in front: does not hold. N counts pages, or times. FACTs of the
 * buffer, at any event:
 *	size, buffer (it is this exporter's n-th), buffers (of this exporter, now),
 *	mappings (VMAs, now), moves (so far), begun (SYNCs that have not ended), begins,
 *	ends (so far), sync-reads, sync-writes (the last SYNC was for this), attached (now),
 *	attaches (so far), closed (the device that made it), fd-read-only, thread (who does
 *	it is not its process's first), orphan (the process that made it has ended), nobody (who
 *	does it is not root)
 * of the mapping, at what happens to a VMA, and for "stale" at a move:
 *	mapping (it is the n-th mmap), offset, length, aligned (a whole PMD could map it),
 *	child (of a fork), other-process (than that of the first mapping), other-thread
 *	(than made it), read-only, private, locked (was asked for by mmap), native (of the
 *	device itself), forks, splits, mremaps, mprotects, moved (since it was mapped),
 *	advised (madvise() said how it will be read, or of huge pages), exec (at munmap: the
 *	process runs another program)
 * of the page, where something is done to a page:
 *	page (its number), from-end (0: the last), middle
 * of the fault:
 *	nth-fault (of this buffer), refault (of this page), store (also of an access), user
 *	(was in user mode), remote (no CPU accesses it: KVM asks), others (faults meanwhile),
 *	interrupted (a signal is pending)
 *
 * ACTIONs, and where:
 *	normal		mmap: normal pages, and no flag of a PFN mapping
 *	mixed		mmap: vm_insert_page(), VM_MIXEDMAP
 *	mixed-special	mmap: special entries, but VM_MIXEDMAP
 *	may-write	mmap: VM_MAYWRITE, whatever the file descriptor allows
 *	refuse		mmap, begin, end, move: an error
 *	not-special	fault: a normal page, although VM_PFNMAP
 *	wrong		fault, access: the next page in place of this
 *	blank		fault: a page of zeroes that is not the buffer's
 *	copy		fault: a copy of the page, made when it is first done
 *	stale		fault: the page of before the last move; move: entries that lead to
 *			the old place are there afterwards, in the process that asked for it
 *	sigbus		fault
 *	writable	fault: an entry for writing, whatever the VMA says; access: likewise
 *	not-copied	move: the page is blank afterwards
 *	copied-early	move: contents are copied some time before the entries are zapped
 *	unnotified	move: no MMU notifier is called (x86)
 *	revert		end: the contents are as at begin, if for writing
 *	lose		all but move: the page is zeroed
 *	pin		all: it does not move any more
 *	leak		all but close, release: the dma-buf is not freed (DMA_CALIB_LEAKED)
 *	leak-memory	the same: it is, and its memory is not
 *	warn, taint	all
 *
 * For instance, a normal page where the second half of a mapping is written first by
 * another thread:
 *
 *	example at fault if page>7 store other-thread do not-special
 */
#define DMA_CALIB_RULES		"/sys/kernel/debug/dma_calib/rules"

/*
 * Once DMA_CALIB_IOCTL_IMPORT has given one of these a dma-buf, mmap() of it maps
 * that buffer: by dma_buf_mmap(), or (broken) by taking its pages.
 */
#define DMA_CALIB_IMPORT	"/dev/dma_calib_import"
#define DMA_CALIB_IMPORT_BROKEN	"/dev/dma_calib_import_broken"

/**
 * struct dma_calib_fd - the argument of all ioctls
 * @fd:		a dma-buf
 * @flags:	must be 0
 */
struct dma_calib_fd {
	__s32 fd;
	__u32 flags;
};

/*
 * On a file of DMA_CALIB_DIR: gives @fd, one of this exporter's buffers, new
 * memory. Returns after it has moved. ENOTTY: this exporter moves nothing; EBUSY:
 * something holds the buffer in place.
 */
#define DMA_CALIB_IOCTL_MOVE	_IOW('c', 0xc0, struct dma_calib_fd)

/* Likewise: mmap() of the device's file maps this buffer from now on. */
#define DMA_CALIB_IOCTL_NATIVE	_IOW('c', 0xc2, struct dma_calib_fd)

/* On an importer: takes @fd, instead of what it had before. */
#define DMA_CALIB_IOCTL_IMPORT	_IOW('c', 0xc1, struct dma_calib_fd)

#endif
