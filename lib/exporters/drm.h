/* SPDX-License-Identifier: MIT */
#ifndef DRM_COMMON_H
#define DRM_COMMON_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct dmabuf;
struct dmabuf_exporter;

/* Opens a card without becoming its master; -1 and errno if that fails. */
int drm_open_card(const char *path);

/* Why there is no card or accelerator of this driver (static); NULL if there is one. */
const char *drm_lacks_driver(const char *driver);

/* Opens the first card or accelerator of this driver; skips if there is none. */
int drm_open_driver(const char *driver);

/* A card or an accelerator, found once and kept open, which makes further opens cheap. */
struct drm_card {
	int fd;
	char path[64];
	char driver[32];
	char place[PATH_MAX];	/* in sysfs */
};

/*
 * drm_cards:
 *
 * Every one in /dev/dri and /dev/accel that can be opened, in the order of their places
 * on the bus, so that names given in this order are the same on every boot. The last has
 * no driver.
 */
const struct drm_card *drm_cards(void);
#define for_each_drm_card(card) \
	for (const struct drm_card *card = drm_cards(); card->driver[0]; card++)

/* All that looks for exporters has: cards that one may have open at a time are closed. */
void drm_cards_were_looked_at(void);

/* The card or accelerator that this is an exporter of; NULL if it is of none. */
const struct drm_card *drm_card_of(const struct dmabuf_exporter *e);

/* Exports handle on buf->dev, as buf->read_only says, and sets buf->fd; not if buf->unexported. */
bool drm_export(struct dmabuf *buf);

/* The .native_offset by DRM_IOCTL_MODE_MAP_DUMB; any GEM handle will do. */
bool drm_dumb_offset(int fd, uint32_t handle, uint64_t *offset);

/* The video memory of a radeon in bytes; 0 if it does not say. */
size_t drm_radeon_vram(int fd);

/* The .close_handle of every GEM driver. */
void drm_close_handle(struct dmabuf *buf);

/* Their .lend: a framebuffer is made of it, which nobody shows. */
bool drm_lend(const struct dmabuf *buf);

#endif /* DRM_COMMON_H */
