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
};

/*
 * dmabuf_run_checks:
 *
 * The subtests CHECK-WAY of a table that ends with an entry without a name, with a
 * dynamic subtest for each exporter, on buffers of so many bytes. For the body of a
 * test, outside of any subtest.
 */
void dmabuf_run_checks(const struct dmabuf_check *checks, size_t size);

/*
 * dmabuf_dynamic:
 *
 * `dmabuf_dynamic(e, way, clauses) { ... }` in a subtest: the block is run for each
 * exporter e that the way leads to, as a dynamic subtest that judges these clauses, in
 * a dmabuf_limited() block of DMABUF_LIMIT seconds.
 */
#define dmabuf_dynamic(e, way, clauses) \
	__dmabuf_dynamic((e), (way), (clauses), DMABUF_LIMIT, (void)0)

/*
 * dmabuf_dynamic_moving:
 *
 * Likewise, for exporters that move buffers; others skip. A pass allocates and fills
 * whole video memories, and has three times as long.
 */
#define dmabuf_dynamic_moving(e, way, clauses) \
	__dmabuf_dynamic((e), (way), (clauses), 3 * DMABUF_LIMIT, dmabuf_require_moves(e))

#define __dmabuf_dynamic(e, way, clauses, seconds, require) \
	for_each_dmabuf_exporter(e) \
		igt_dynamic((e)->name) \
			for (int __begun = (dmabuf_judges((clauses), (way)->clause), require, \
					    dmabuf_require_way((e), (way)), 0); \
			     !__begun; __begun = 1) \
				dmabuf_limited(seconds)

#endif /* DMABUF_CHECKS_H */
