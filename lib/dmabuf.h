/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_H
#define DMABUF_H

/*
 * Exporters (who makes a DMA buffer) and the ways in to a mapping of one.
 * What tries to pin it is in dmabuf_gup.h, what /proc says in dmabuf_proc.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "dmabuf_options.h"

struct dmabuf_exporter;

/* A buffer, as its exporter made it. */
struct dmabuf {
	const struct dmabuf_exporter *exporter;
	int fd;			/* the dma-buf itself */
	int dev;		/* the exporter's device, or -1 */
	uint32_t handle;	/* its GEM handle on dev, or 0 */
	uint64_t offset;	/* at which dev maps it, if making it told that */
	size_t size;		/* in bytes, by lseek(): at least what was asked for */
	bool read_only;		/* the file descriptor is to be O_RDONLY */
	bool unexported;	/* drm_export() is to leave it without one */
	unsigned int moves;	/* how often dmabuf_move() came back */
	const char *moved_by;	/* the way of exporters/movers.c that was tried last, or NULL */
};

/* A kind of exporter: one file in lib/exporters/, one line in its table. */
struct dmabuf_exporter_kind {
	const char *name;
	const char *description;

	/*
	 * Looks for what is there and calls dmabuf_exporter_add() for each. Must
	 * not fail, load a module, or change anything.
	 */
	void (*find)(const struct dmabuf_exporter_kind *kind);

	/*
	 * Makes a buffer of at least size bytes (a multiple of the page size) and
	 * sets fd, dev and handle. False with a reason in errno otherwise. fd is
	 * for reading only if buf->read_only is set, for reading and writing else.
	 */
	bool (*alloc)(const struct dmabuf_exporter *e, size_t size,
		      struct dmabuf *buf);

	bool read_only;		/* alloc() can make fd read-only */

	/*
	 * The offset at which dev maps handle (the native GEM mmap). NULL where
	 * the exporter's own mmap is no GEM mmap.
	 */
	bool (*native_offset)(const struct dmabuf *buf, uint64_t *offset);

	/* Instead, where it may be no mmap() of dev: as that of a way, below. */
	void *(*native_map)(const struct dmabuf *buf, void *addr, size_t length, int prot,
			    int flags, off_t offset);

	/*
	 * dev maps the whole buffer at buf->offset. That is no way in of its own, since most drivers
	 * map there by the code that maps the fd: the exerciser looks whether they do.
	 */
	bool node_maps;

	/* Gives up handle, as the last user of the driver's own API would. */
	void (*close_handle)(struct dmabuf *buf);

	/*
	 * Gives the buffer to the device for a moment, as its user does to have it shown or
	 * filled, and nothing comes of it that anybody would notice. False and a reason in errno,
	 * if that is refused.
	 */
	bool (*lend)(const struct dmabuf *buf);

	/*
	 * Makes the exporter move the buffer, there if buf->moves is even and back if it
	 * is odd, where those are not the same: skips if it cannot, with a reason.
	 * True: it certainly moved. False: the exporter was free not to move it.
	 * Called only for an exporter that find() said moves buffers. NULL where exporters/movers.c
	 * has all the ways there are.
	 */
	bool (*move)(struct dmabuf *buf);
};

/* One exporter that was found. */
struct dmabuf_exporter {
	const struct dmabuf_exporter_kind *kind;
	char name[64];		/* the same on every run: the dynamic subtest's name */
	char path[280];		/* of its device node */
	unsigned int type;	/* for the kind's own use */
	const void *data;	/* as well: find() sets it */
	size_t max_size;	/* find() sets it: a larger buffer is not asked for; 0: none is */
	bool moves;		/* there is a way to make it move a buffer: find() sets it of its own */
	bool by_others;		/* which is one of exporters/movers.c */
	bool video;		/* find() sets it: buffers are in memory of the device's own */
	bool no_import;		/* find() sets it: to give it to another device may warn */
	bool native_parts;	/* find() sets it: dev maps a part of the object, too */
	bool imports;		/* find() sets it: it is another's buffer, which dev imported */
};

/* A way in to a mapping of a buffer. */
struct dmabuf_way {
	const char *name;
	const char *clause;	/* what it adds to the clauses judged through it */
	bool of_importer;	/* it is the mmap of another driver than the exporter */
	const char *description;

	/*
	 * Why it leads to no buffer of this exporter, as far as that is known without
	 * one; NULL if it may. Must not fail.
	 */
	const char *(*why_not)(const struct dmabuf_exporter *e);

	/*
	 * Whether it maps a part that does not begin at the buffer's start; NULL: any
	 * driver should.
	 */
	bool (*maps_parts)(const struct dmabuf_exporter *e);

	/* As mmap() of the buffer's bytes from offset on; skips if it is no way in. */
	void *(*map)(const struct dmabuf *buf, void *addr, size_t length, int prot,
		     int flags, off_t offset);
};

extern const struct dmabuf_way *const dmabuf_ways[];
#define for_each_dmabuf_way(w) \
	for (const struct dmabuf_way *const *__w = dmabuf_ways, *w; (w = *__w); __w++)

/*
 * Those that lead to the exporter's own mmap without another driver between, for what is
 * up to that alone: an importer that passes on what it is asked adds nothing.
 */
#define for_each_dmabuf_own_way(w) \
	for_each_dmabuf_way(w) \
		if ((w)->of_importer) {} else

/*
 * dmabuf_find_devices:
 *
 * Looks for exporters, of which DMABUF_EXPORTERS may choose some: when they are first asked
 * for, since to try all drivers takes longer than to say that a test cannot begin. For a
 * fixture; never skips or fails. A pattern that matches none of them is a warning.
 */
void dmabuf_find_devices(void);

/*
 * dmabuf_choose_exporters:
 *
 * Forgets those whose names match none of the shell patterns in the environment
 * variable DMABUF_EXPORTERS (the option --exporters), which are separated by blanks or
 * commas, and those that match one with "!" in front; none, if it has none.
 * dmabuf_find_devices() does this at its end, when second exporters of a name have got
 * theirs: these names are the same, whatever is chosen.
 */
void dmabuf_choose_exporters(void);

/* Whether the patterns leave an exporter of this name. */
bool dmabuf_exporter_is_chosen(const char *name);

const struct dmabuf_exporter *dmabuf_exporter_get(unsigned int i);
#define for_each_dmabuf_exporter(e) \
	for (unsigned int __i = 0; __i != ~0u; __i = ~0u) \
		for (const struct dmabuf_exporter *e; \
		     (e = dmabuf_exporter_get(__i)); __i++)

/*
 * dmabuf_exporter_add:
 *
 * For a kind's find(). The name is made fit for a subtest's; a second exporter
 * of the same name gets -2 behind it, in the order in which they were found. What it
 * returns stays where it is, however many more there are.
 */
struct dmabuf_exporter *dmabuf_exporter_add(const struct dmabuf_exporter_kind *kind,
					    unsigned int type, const char *path,
					    const char *name_fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A device node that could be expected to have an exporter, and has none. */
struct dmabuf_missing {
	char path[280];
	const char *name;	/* the last part of path */
	char why[256];		/* and what to change */
	bool failed;		/* to look was not possible: there may be one */
};

/*
 * dmabuf_exporter_missing:
 *
 * For a kind's find(): that node gave it no exporter. Unless to look failed, it is forgotten
 * if another exporter of that node is found. Said twice of a node, the first counts.
 */
void dmabuf_exporter_missing(const char *path, bool failed, const char *why_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What is missing after dmabuf_find_devices(), and chosen by DMABUF_EXPORTERS. */
const struct dmabuf_missing *dmabuf_missing_get(unsigned int i);
#define for_each_dmabuf_missing(m) \
	for (unsigned int __i = 0; __i != ~0u; __i = ~0u) \
		for (const struct dmabuf_missing *m; (m = dmabuf_missing_get(__i)); __i++)

/*
 * dmabuf_require_way:
 *
 * Skips if the way leads to no buffer of this exporter. What is found from here on is
 * found by it: dmabuf_enter_by().
 */
void dmabuf_require_way(const struct dmabuf_exporter *e, const struct dmabuf_way *way);

/*
 * dmabuf_asked:
 *
 * Whether a question is for this exporter: the way leads to its buffers, and why_not,
 * what else may speak against it, is NULL. Says so if not: there is no dynamic subtest.
 */
bool dmabuf_asked(const struct dmabuf_exporter *e, const struct dmabuf_way *way,
		  const char *why_not);

/*
 * dmabuf_stays, dmabuf_always_writes, dmabuf_too_small, dmabuf_maps_whole:
 *
 * Why it cannot be asked to move a buffer, to make a file descriptor that is read-only,
 * to make a buffer of size bytes, or to map a part of one that does not begin at its start;
 * NULL if it can. For dmabuf_asked().
 */
const char *dmabuf_stays(const struct dmabuf_exporter *e);
const char *dmabuf_always_writes(const struct dmabuf_exporter *e);
const char *dmabuf_too_small(const struct dmabuf_exporter *e, size_t size);
const char *dmabuf_maps_whole(const struct dmabuf_exporter *e, const struct dmabuf_way *way);

/*
 * dmabuf_try_alloc:
 *
 * The exporter's alloc(), for who does not skip if it fails: false and a reason in errno, and
 * what it opened is still open. What the page allocator said of a size that it never gives
 * is no complaint about the exporter (WARN).
 */
bool dmabuf_try_alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf);

/*
 * dmabuf_alloc:
 *
 * A buffer of at least size bytes. Skips if the exporter cannot make one.
 */
struct dmabuf dmabuf_alloc(const struct dmabuf_exporter *e, size_t size);

/*
 * dmabuf_alloc_read_only:
 *
 * The same with a file descriptor that is only for reading. Skips if the exporter
 * cannot make one; one that may write is a violation of RO.
 */
struct dmabuf dmabuf_alloc_read_only(const struct dmabuf_exporter *e, size_t size);

/*
 * dmabuf_close:
 *
 * Closes the file descriptor, the handle and the device: what is left of the
 * buffer lives by its mappings. Safe to call twice.
 */
void dmabuf_close(struct dmabuf *buf);

/*
 * dmabuf_map:
 *
 * Maps the whole buffer, shared, for reading and writing. Skips if there is no
 * such way in to this buffer.
 */
void *dmabuf_map(const struct dmabuf *buf, const struct dmabuf_way *way);

/*
 * dmabuf_map_first:
 *
 * As dmabuf_map(), through the fd, for who compares with what is seen by way; through way, where
 * the fd of this buffer cannot be mapped.
 */
void *dmabuf_map_first(const struct dmabuf *buf, const struct dmabuf_way *way);

/*
 * dmabuf_private_kills:
 *
 * Whether a private mapping and a load from it are known to bring the kernel down: how, or NULL.
 * Whoever asks first about a way in to an exporter tries, if MAP_PRIVATE is not refused, and
 * does not return if it is so. DMABUF_DEATHS names the file that then knows; without it,
 * nothing is tried. Before any use of a private mapping. Skips if there is no such way in.
 */
const char *dmabuf_private_kills(const struct dmabuf *buf, const struct dmabuf_way *way);

/* "EXPORTER, mapped through the WAY", for messages (static). */
const char *dmabuf_mapping_name(const struct dmabuf *buf, const struct dmabuf_way *way);

/*
 * dmabuf_move:
 *
 * Makes the exporter move the buffer. Skips if it cannot. Returns whether it
 * certainly moved (else the caller must find out).
 */
bool dmabuf_move(struct dmabuf *buf);

/*
 * dmabuf_import_kills:
 *
 * Whether another device's import is known to bring the kernel down: how, or NULL. Unlike
 * dmabuf_private_kills() it tries nothing: dmabuf_prime_import() does.
 */
const char *dmabuf_import_kills(const struct dmabuf_exporter *e);

/*
 * dmabuf_prime_import:
 *
 * The handle of the buffer of fd on dev, a card that is not its exporter's. Why it has none
 * (static) and a reason in errno otherwise; ECANCELED: dmabuf_import_kills().
 */
const char *dmabuf_prime_import(const struct dmabuf_exporter *e, int dev, int fd,
				uint32_t *handle);

/* A device that has a buffer of another's. */
struct dmabuf_importer {
	int dev;		/* -1: none */
	uint32_t handle;	/* of the buffer on dev, or 0 */
};

/*
 * dmabuf_import:
 *
 * Another device than the exporter's attaches to the buffer of fd and maps it: that of the
 * calibration module, or a card to which this is all that an import is. False, and a reason
 * in errno, if there is none, or the exporter refuses. Not for one with no_import.
 */
bool dmabuf_import(const struct dmabuf_exporter *e, int fd, struct dmabuf_importer *importer);

/* Gives the buffer up, if there is one. */
void dmabuf_release(struct dmabuf_importer *importer);

/*
 * dmabuf_sync:
 *
 * Brackets CPU access by DMA_BUF_IOCTL_SYNC; flags are DMA_BUF_SYNC_*. A refusal
 * is a violation of WHOLE: CPU access must work (Linux uAPI, linux/dma-buf.h).
 */
void dmabuf_sync(const struct dmabuf *buf, uint64_t flags);

#endif /* DMABUF_H */
