/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_CHECKS_H
#define DMABUF_CHECKS_H

#include "dmabuf.h"

/* A question about a buffer and a way in to it: a subtest for each way. */
struct dmabuf_check {
	const char *name;
	const char *clauses;	/* ids, separated by blanks */
	const char *description;

	/* Asks it, in a dmabuf_limited() block, of a buffer that is its own. */
	void (*check)(struct dmabuf *buf, const struct dmabuf_way *way);

	bool of_a_part;		/* it is about a part that does not begin at the start */
};

/*
 * dmabuf_run_checks:
 *
 * The subtests CHECK-WAY of a table that ends with an entry without a name, with a
 * dynamic subtest for each exporter, on buffers of so many bytes. For the body of a
 * test, outside of any subtest.
 */
void dmabuf_run_checks(const struct dmabuf_check *checks, size_t size);

/* The same by the ways alone that lead through no importer. */
void dmabuf_run_own_checks(const struct dmabuf_check *checks, size_t size);

/*
 * dmabuf_dynamic, dmabuf_dynamic_if:
 *
 * `dmabuf_dynamic(e, way, clauses) { ... }` in a subtest: the block is run for each
 * exporter e that the way leads to, as a dynamic subtest that judges these clauses, in
 * a dmabuf_limited() block of DMABUF_LIMIT seconds. why_not, an expression with e in it,
 * tells why the question is not for this exporter, which then has no dynamic subtest; or
 * it is NULL.
 *
 * `dmabuf_dynamic_if(e, &dmabuf_ways[0], "RO", dmabuf_always_writes(e)) check(e);` comes
 * to this, for each e in turn:
 *
 *	if (dmabuf_asked(e, way, dmabuf_always_writes(e)))
 *		igt_dynamic(e->name) {
 *			dmabuf_judges("RO", way->clause);
 *			dmabuf_enter_by(way->clause, way->description);
 *			dmabuf_limited(DMABUF_LIMIT)
 *				check(e);
 *		}
 */
#define dmabuf_dynamic(e, way, clauses) \
	__dmabuf_dynamic((e), (way), (clauses), DMABUF_LIMIT, NULL)
#define dmabuf_dynamic_if(e, way, clauses, why_not) \
	__dmabuf_dynamic((e), (way), (clauses), DMABUF_LIMIT, (why_not))

/*
 * dmabuf_dynamic_moving:
 *
 * Likewise, for exporters that move buffers. A pass allocates and fills whole video
 * memories, and has three times as long.
 */
#define dmabuf_dynamic_moving(e, way, clauses) \
	__dmabuf_dynamic((e), (way), (clauses), 3 * DMABUF_LIMIT, dmabuf_stays(e))

#define __dmabuf_dynamic(e, way, clauses, seconds, why_not) \
	for_each_dmabuf_exporter(e) \
		for (bool __asked = dmabuf_asked((e), (way), (why_not)); __asked; \
		     __asked = false) \
			igt_dynamic((e)->name) \
				for (bool __begun = (dmabuf_judges((clauses), (way)->clause), \
						     dmabuf_enter_by((way)->clause, \
								     (way)->description), \
						     false); !__begun; __begun = true) \
					dmabuf_limited(seconds)

#endif /* DMABUF_CHECKS_H */
