/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_GUP_H
#define DMABUF_GUP_H

/*
 * GUP users: what tries to take references on the pages behind a mapping, and
 * what its answer means for the contract.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct dmabuf;
struct dmabuf_way;

/* A GUP user: one file in lib/gup/, one line in its table. */
struct gup_user {
	const char *name;
	const char *description;	/* the call, and where it takes references */

	/*
	 * Its references are for writing, so that any read-only mapping refuses it,
	 * which proves nothing.
	 */
	bool writes;

	/*
	 * It walks page tables without a lock, and not for long (get_user_pages_fast
	 * without FOLL_LONGTERM): of pages that were touched it sees the entries alone,
	 * so that it judges SPECIAL. The others come by the VMA.
	 */
	bool fast;

	/*
	 * It is tried on every variant of a mapping, for all that come to the kernel's
	 * pages by the same path (mm/gup.c: by the page tables or by the VMA, for
	 * reading or writing, for long or not).
	 */
	bool stands_for_others;

	/*
	 * It comes to the pages as one of those does that are tried through every way
	 * in, so that it is tried through the dma-buf's file descriptor alone.
	 */
	bool by_fd_alone;

	bool may_hang;		/* setup, for one: on a file system of another machine's */

	/* It is an ioctl of this DRM driver: without a device of it there is nothing to try. */
	const char *driver;

	/* Opens what the attempts need; skips if the facility is not there. */
	void (*setup)(size_t length);

	/*
	 * What setup() opened serves children of fork() as well, and it knows if it did so
	 * before: gup_why_not() has it done once for all of them.
	 */
	bool lasts;

	/*
	 * Tries once to make the kernel pin [addr, addr + length) and undoes what
	 * succeeded. Returns the bytes that were pinned or transferred, or -errno.
	 */
	ssize_t (*attempt)(void *addr, size_t length);

	/*
	 * It takes no reference but mirrors page tables (hmm_range_fault). That is
	 * kept out by VM_PFNMAP alone, not by what makes memory secret.
	 */
	bool mirrors;
};

extern const struct gup_user *const gup_users[];
#define for_each_gup_user(u) \
	for (const struct gup_user *const *__u = gup_users, *u; (u = *__u); __u++)

/* What was done to the pages before the attempt, and which path that takes. */
enum page_state {
	UNTOUCHED,	/* the slow path: get_user_pages looks at the VMA */
	TOUCHED,	/* the fast path: it looks at page-table entries alone */
	NUM_PAGE_STATES
};

extern const char *const page_state_names[NUM_PAGE_STATES];

/*
 * gup_clause:
 *
 * What an attempt by the user on pages in this state judges: SPECIAL if it walks page tables and
 * finds entries, which have a mark for special ones (proc_has_special_entries()), else GUP.
 */
const char *gup_clause(const struct gup_user *user, enum page_state state);

/*
 * gup_kept_page:
 *
 * A page that the core kernel keeps from get_user_pages while the CPU may use it:
 * what succeeds on it copies. It is secret memory (memfd_secret(2): Linux 5.14, on
 * by default since 6.5; not on 32-bit ARM), which can be read and written; else
 * proc_core_pfnmap(), which can be read. Skips if there is neither. A child of fork() asks
 * again.
 */
void *gup_kept_page(void);

/*
 * gup_prepare:
 *
 * For attempts of one's own with gup_must_be_refused(): readies the user and
 * proves that the same call works on ordinary shared memory (a memfd) of length
 * bytes in this process, and that it is refused with EFAULT on gup_kept_page().
 * Skips otherwise: then no answer about a DMA buffer would mean anything. In a
 * dmabuf_limited() block.
 */
void gup_prepare(const struct gup_user *user, size_t length);

/*
 * gup_why_not:
 *
 * Why gup_prepare() skips for a page, tried in a child; NULL if it does not. Outside of
 * a dmabuf_limited() block: a test need not ask each exporter what works for none. What lasts
 * is set up for attempts of so many bytes.
 */
const char *gup_why_not(const struct gup_user *user, size_t length);

/*
 * gup_representatives:
 *
 * The users that stand for the others and work here, prepared, up to a NULL. They
 * are found at the first call, which belongs in a fixture: children then have them
 * for nothing.
 */
const struct gup_user *const *gup_representatives(void);
#define for_each_gup_representative(u) \
	for (const struct gup_user *const *__r = gup_representatives(), *u; (u = *__r); __r++)

/*
 * gup_reader:
 *
 * A user that judges SPECIAL and takes references for reading, so that it can be tried on
 * any mapping: the first in the table that works here, prepared for a page. NULL if there
 * is none. In a dmabuf_limited() block.
 */
const struct gup_user *gup_reader(void);

/*
 * gup_must_be_refused:
 *
 * Tries to pin [addr, addr + length) of a mapping. EFAULT is what the contract
 * asks for, and is seen, for gup_clause().
 * Success, whole or in part, is a violation and says with what evidence; anything else
 * cannot be attributed to the contract and is unseen. Returns whether it was seen.
 */
bool gup_must_be_refused(const struct gup_user *user, const struct dmabuf *buf,
			 const struct dmabuf_way *way, enum page_state state,
			 const char *which, void *addr, size_t length);

/*
 * gup_ranges_must_be_refused:
 *
 * The same for the first page, one in the middle, the last and the whole, and for
 * ranges that begin before and end behind the buffer, each on a fresh mapping of
 * it in the page state given (WHOLE); and, by users that stand for others, for every
 * page alone. Of a range that begins in the ordinary memory before it, that much
 * may be taken. Prepares the user.
 */
void gup_ranges_must_be_refused(const struct gup_user *user,
				const struct dmabuf *buf,
				const struct dmabuf_way *way,
				enum page_state state);

/* Reads and writes every page of a mapping back unchanged. */
void dmabuf_touch(void *addr, size_t length);

#endif /* DMABUF_GUP_H */
