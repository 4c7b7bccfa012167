/* SPDX-License-Identifier: MIT */
#ifndef EXPORTERS_H
#define EXPORTERS_H

#include "dmabuf.h"

extern const struct dmabuf_exporter_kind dmabuf_heap;
extern const struct dmabuf_exporter_kind dmabuf_calib;
extern const struct dmabuf_exporter_kind dmabuf_udmabuf;
extern const struct dmabuf_exporter_kind dmabuf_drm_gem;
extern const struct dmabuf_exporter_kind dmabuf_drm_dumb;
extern const struct dmabuf_exporter_kind dmabuf_drm_import;
extern const struct dmabuf_exporter_kind dmabuf_drm_radeon;
extern const struct dmabuf_exporter_kind dmabuf_v4l2;

/* The .alloc of what answers DMA_HEAP_IOCTL_ALLOC. */
bool dmabuf_heap_alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf);

/*
 * dmabuf_others_move, dmabuf_move_by_others:
 *
 * Whether a way of movers.c serves this exporter, and the .move of such a one: true if a page
 * of the buffer faulted again, or if nothing else is possible. Skips with the reason of a way
 * that cannot be gone.
 */
bool dmabuf_others_move(const struct dmabuf_exporter *e);
bool dmabuf_move_by_others(struct dmabuf *buf);

#endif /* EXPORTERS_H */
