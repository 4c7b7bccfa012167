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

#endif /* EXPORTERS_H */
