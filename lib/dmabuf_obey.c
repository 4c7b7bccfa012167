// SPDX-License-Identifier: MIT
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

void dmabuf_must_follow_move(struct dmabuf *buf, const void *p, uint32_t seed)
{
	long before, idle, refaults;
	bool certain;

	dmabuf_stage("reading %s before the move", buf->exporter->name);
	pattern_must_be("WHOLE", p, buf->size, seed, "read before the move");
	before = proc_minor_faults();
	pattern_must_be("WHOLE", p, buf->size, seed, "read before the move");
	idle = proc_minor_faults() - before;

	certain = dmabuf_move(buf);
	dmabuf_blame("MOVE", "after the exporter moved the buffer");

	dmabuf_stage("reading %s after the move", buf->exporter->name);
	before = proc_minor_faults();
	pattern_must_be("MOVE", p, buf->size, seed, "read after the move");
	refaults = proc_minor_faults() - before;

	if (refaults > idle) {
		dmabuf_saw("MOVE", "%ld refaults for %zu pages after a move, %ld without",
			   refaults, buf->size / sysconf(_SC_PAGESIZE), idle);
		return;
	}
	dmabuf_must("MOVE", !certain,
		    "%s moved the buffer, but no page faulted on the next access (%ld faults, %ld without a move): the page-table entries still lead to the old place\n",
		    buf->exporter->name, refaults, idle);
	dmabuf_skip("%s did not move the buffer for this (no page faulted)",
		    buf->exporter->name);
}

void dmabuf_touch_reading(const void *addr, size_t length)
{
	const size_t page = sysconf(_SC_PAGESIZE);

	for (size_t at = 0; at < length; at += page)
		(void)*(const volatile uint32_t *)((const char *)addr + at);
}
