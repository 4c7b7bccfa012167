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
 * How many buffers "never-freed" has kept so far. A write to it lets them go,
 * without which the module cannot be unloaded.
 */
#define DMA_CALIB_LEAKED	"/sys/kernel/debug/dma_calib/leaked"

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
