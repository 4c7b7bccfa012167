// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf move
 * Description: The exporter may move the buffer at any time: a CPU mapping
 *              follows, with unchanged contents, and GUP stays refused.
 */
#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("The exporter may move the buffer: a CPU mapping follows to the new "
		     "place with unchanged contents, and GUP stays refused.");

/* What a display mode of 640 by 480 needs, and a part of a small VRAM. */
#define SIZE (2 << 20)

/* A pass over mappings that move allocates and fills whole video memories. */
#define LIMIT (3 * DMABUF_LIMIT)

/*
 * Moves the buffer and proves it: a read of all pages costs no fault before and
 * some after, for the exporter must have zapped the page-table entries.
 */
static void move_and_refault(struct dmabuf *buf, const uint32_t *p)
{
	long before, idle, refaults;
	bool certain;

	dmabuf_stage("reading %s before the move", buf->exporter->name);
	pattern_must_be("WHOLE", p, buf->size, 0x12345678, "read before the move");
	before = proc_minor_faults();
	pattern_must_be("WHOLE", p, buf->size, 0x12345678, "read before the move");
	idle = proc_minor_faults() - before;

	certain = dmabuf_move(buf);

	dmabuf_stage("reading %s after the move", buf->exporter->name);
	before = proc_minor_faults();
	pattern_must_be("MOVE", p, buf->size, 0x12345678, "read after the move");
	refaults = proc_minor_faults() - before;
	igt_info("%s: %ld refaults for %zu pages (%ld without a move)\n",
		 buf->exporter->name, refaults, buf->size / sysconf(_SC_PAGESIZE), idle);

	if (refaults > idle)
		return;
	dmabuf_must("MOVE", !certain,
		    "%s moved the buffer, but no page faulted on the next access (%ld faults, %ld without a move): the page-table entries still lead to the old place\n",
		    buf->exporter->name, refaults, idle);
	dmabuf_skip("%s did not move the buffer for this (no page faulted)",
		    buf->exporter->name);
}

static uint32_t *map_filled(struct dmabuf *buf, const struct dmabuf_way *way)
{
	uint32_t *p = dmabuf_map(buf, way);

	dmabuf_stage("filling %s", buf->exporter->name);
	pattern_fill(p, buf->size, 0x12345678);
	return p;
}

static void contents(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	uint32_t *p = map_filled(&buf, way), *fresh;

	move_and_refault(&buf, p);

	/* The old mapping and a new one must lead to the same, new, place. */
	pattern_fill(p, buf.size, 0x9abcdef0);
	fresh = dmabuf_map(&buf, way);
	pattern_must_be("MOVE", fresh, buf.size, 0x9abcdef0,
			"written through the old mapping after the move, read through a new one");
}

static void refused(const struct gup_user *user, const struct dmabuf_exporter *e,
		    const struct dmabuf_way *way)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	uint32_t *p;

	gup_ranges_must_be_refused(user, &buf, way, TOUCHED);

	/* And an attempt that was refused left nothing that keeps it in place. */
	p = map_filled(&buf, way);
	move_and_refault(&buf, p);
	gup_must_be_refused(user, &buf, way, TOUCHED, "first page after a move", p, page);
	gup_must_be_refused(user, &buf, way, TOUCHED, "last page after a move",
			    (char *)p + buf.size - page, page);
}

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	for_each_dmabuf_way(way) {
		igt_describe_f("A buffer is mapped by %s and filled, then its exporter moves it: "
			       "pages must refault, every word must be unchanged, and a write "
			       "must reach the new place. Skips exporters that do not move. "
			       "Clauses: MOVE %s", way->description, way->clause);
		igt_subtest_with_dynamic_f("contents-%s", way->name) {
			for_each_dmabuf_exporter(e) {
				igt_dynamic(e->name) {
					dmabuf_judges("MOVE", way->clause);
					dmabuf_require_moves(e);
					dmabuf_require_way(e, way);
					dmabuf_limited(LIMIT)
						contents(e, way);
				}
			}
		}

		for_each_gup_user(user) {
			igt_describe_f("%s is refused on a buffer mapped by %s; that does not keep "
				       "the exporter from moving it; and it is refused again on "
				       "the pages that refaulted. Clauses: GUP SPECIAL MOVE PIN %s",
				       user->description, way->description, way->clause);
			igt_subtest_with_dynamic_f("refused-%s-%s", user->name, way->name) {
				for_each_dmabuf_exporter(e) {
					igt_dynamic(e->name) {
						dmabuf_judges("GUP SPECIAL MOVE PIN", way->clause);
						dmabuf_require_moves(e);
						dmabuf_require_way(e, way);
						dmabuf_limited(LIMIT)
							refused(user, e, way);
					}
				}
			}
		}
	}
}
