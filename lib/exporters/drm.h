/* SPDX-License-Identifier: MIT */
#ifndef DRM_COMMON_H
#define DRM_COMMON_H

#include <stdbool.h>
#include <stdint.h>

struct dmabuf;

/* Opens a card without becoming its master; -1 and errno if that fails. */
int drm_open_card(const char *path);

/* Copies the name of a card's driver; false if it is no DRM device. */
bool drm_driver_name(int fd, char *name, int len);

/*
 * drm_for_each_card:
 *
 * Calls fn for every card in /dev/dri, in the order of their places on the
 * bus, so that names given in this order are the same on every boot.
 */
void drm_for_each_card(void (*fn)(int fd, const char *path, const char *driver,
				  void *data), void *data);

/* Exports handle on buf->dev for reading and writing and sets buf->fd. */
bool drm_export(struct dmabuf *buf);

/* The .native_offset by DRM_IOCTL_MODE_MAP_DUMB; any GEM handle will do. */
bool drm_dumb_offset(int fd, uint32_t handle, uint64_t *offset);

/* The .close_handle of every GEM driver. */
void drm_close_handle(struct dmabuf *buf);

#endif /* DRM_COMMON_H */
