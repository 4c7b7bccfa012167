// SPDX-License-Identifier: MIT
#include <sys/resource.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

void dmabuf_must_obey(const struct dmabuf *buf, const struct dmabuf_way *way,
		      enum page_state state, const char *which, void *addr,
		      size_t length)
{
	const struct gup_user *user;
	char text[256];

	snprintf(text, sizeof(text), "%s, the %s", dmabuf_mapping_name(buf, way), which);
	proc_must_be_pfnmap(addr, text);
	user = gup_reader();
	if (!user) {
		dmabuf_unseen(state == TOUCHED ? "SPECIAL" : "GUP",
			      "no GUP user that walks page tables works here (they say why)");
		return;
	}
	for_each_named_page(page, length) {
		snprintf(text, sizeof(text), "%s of the %s", page.name, which);
		gup_must_be_refused(user, buf, way, state, text, (char *)addr + page.at,
				    page_size());
	}
}

void *dmabuf_map_filled(const struct dmabuf *buf, const struct dmabuf_way *way, uint32_t seed)
{
	void *p = dmabuf_map(buf, way);

	dmabuf_stage("filling %s (%s)", buf->exporter->name, way->name);
	pattern_fill(p, buf->size, seed);
	pattern_must_be("WHOLE", p, buf->size, seed, "read after it was filled");
	return p;
}

/*
 * Whether p and a new mapping lead to one place, by the last word of each page, which keeps its
 * value; else at says which page does not. True as well if no other can be made.
 */
static bool shows_in_a_new_mapping(const struct dmabuf *buf, const struct dmabuf_way *way,
				   void *p, size_t *at)
{
	const size_t page = page_size();
	char *fresh = way->map(buf, NULL, buf->size, PROT_READ, MAP_SHARED, 0);
	bool same = true;

	if (fresh == MAP_FAILED)
		return true;
	for (*at = 0; *at < buf->size; *at += page) {
		const size_t last = *at + page - sizeof(uint32_t);
		volatile uint32_t *stored = (void *)((char *)p + last);
		const volatile uint32_t *seen = (void *)(fresh + last);
		const uint32_t was = *stored;

		*stored = ~was;
		same = *seen == ~was;
		*stored = was;
		if (!same)
			break;
	}
	munmap(fresh, buf->size);
	return same;
}

void dmabuf_must_be_unharmed(const struct dmabuf *buf, const struct dmabuf_way *way, void *p,
			     uint32_t seed, bool was_pfnmap, const char *what)
{
	char after[128];
	size_t at;

	snprintf(after, sizeof(after), "read after %s", what);
	dmabuf_stage("reading %s (%s) after %s", buf->exporter->name, way->name, what);
	pattern_must_be("WHOLE", p, buf->size, seed, after);
	dmabuf_must("PFNMAP", !was_pfnmap || proc_is_pfnmap(p),
		    "%s, mapped through the %s: VM_PFNMAP before %s and not after\n%s\n",
		    buf->exporter->name, way->name, what, proc_evidence(p));
	dmabuf_must("WHOLE", shows_in_a_new_mapping(buf, way, p, &at),
		    "%s, mapped through the %s, after %s: what is stored to page %zu by this mapping does not show in a new one\n%s\n",
		    buf->exporter->name, way->name, what, at / page_size(), proc_evidence(p));
}

void dmabuf_touch_reading(const void *addr, size_t length)
{
	const size_t page = page_size();

	for (size_t at = 0; at < length; at += page) {
		dmabuf_goes_on();
		(void)*(const volatile uint32_t *)((const char *)addr + at);
	}
}

long dmabuf_faults_of_reading(const void *addr, size_t length)
{
	static const uint32_t ordinary;
	struct rusage before, after;

	/* Once for nothing, so that the faults of this code itself are not counted. */
	for (int i = 0; i < 2; i++) {
		getrusage(RUSAGE_THREAD, &before);
		dmabuf_touch_reading(i ? addr : &ordinary, i ? length : sizeof(ordinary));
		getrusage(RUSAGE_THREAD, &after);
	}
	return after.ru_minflt - before.ru_minflt;
}

long dmabuf_moves(struct dmabuf *buf, const void *p, const char *clause)
{
	long idle, refaults;
	bool certain;
	size_t at;

	dmabuf_stage("reading %s before a move", buf->exporter->name);
	dmabuf_touch_reading(p, buf->size);
	idle = dmabuf_faults_of_reading(p, buf->size);
	certain = dmabuf_move(buf);
	dmabuf_blame(clause, "after the exporter moved the buffer");
	dmabuf_stage("reading %s after a move", buf->exporter->name);
	refaults = dmabuf_faults_of_reading(p, buf->size);
	if (refaults > idle)
		return refaults;
	/* Entries that were made anew meanwhile fault no more, and prove nothing. */
	dmabuf_must("MOVE", !certain || shows_in_a_new_mapping(buf, dmabuf_ways[0], (void *)p, &at),
		    "%s moved the buffer, but no page faulted on the next access (%ld faults, %ld without a move): the page-table entries still lead to the old place\n",
		    buf->exporter->name, refaults, idle);
	return 0;
}

void dmabuf_must_follow_move(struct dmabuf *buf, const void *p, uint32_t seed)
{
	char why[128];
	long refaults;

	/* Nothing is seen by this: without a move there is nothing to pass. */
	dmabuf_stage("reading %s before the move", buf->exporter->name);
	dmabuf_must("WHOLE", !pattern_differs(p, 0, buf->size, seed, why, sizeof(why)),
		    "read before the move: %s\n", why);
	refaults = dmabuf_moves(buf, p, "MOVE");
	dmabuf_require(refaults, "%s did not move the buffer for this (no page faulted)",
		       buf->exporter->name);
	pattern_must_be("MOVE", p, buf->size, seed, "read after the move");
	dmabuf_saw("MOVE", "a move proved%s%s, %ld refaults for %zu pages", buf->moved_by ? ", by " : "",
		   buf->moved_by ?: "", refaults, buf->size / page_size());
}

void dmabuf_moves_again(struct dmabuf *buf, const void *p, const struct dmabuf_way *way)
{
	long refaults = dmabuf_moves(buf, p, "MOVE");

	dmabuf_require_way(buf->exporter, way);
	dmabuf_require(refaults, "%s did not move the buffer a second time (no page faulted)",
		       buf->exporter->name);
	dmabuf_saw("PIN MOVE", "a second move proved%s%s, %ld refaults", buf->moved_by ? ", by " : "",
		   buf->moved_by ?: "", refaults);
}
