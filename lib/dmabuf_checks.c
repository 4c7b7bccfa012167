// SPDX-License-Identifier: MIT
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "igt.h"

static void run_check(const struct dmabuf_check *c, const struct dmabuf_way *way, size_t size)
{
	igt_describe_f("A buffer is mapped by %s: %s. Clauses: %s %s", way->description,
		       c->description, c->clauses, way->clause);
	igt_subtest_with_dynamic_f("%s-%s", c->name, way->name) {
		dmabuf_dynamic_if(e, way, c->clauses, dmabuf_too_small(e, size) ?:
				  (c->of_a_part ? dmabuf_maps_whole(e, way) : NULL)) {
			struct dmabuf buf = dmabuf_alloc(e, size);

			c->check(&buf, way);
		}
	}
}

void dmabuf_run_checks(const struct dmabuf_check *checks, size_t size)
{
	for (const struct dmabuf_check *c = checks; c->name; c++)
		for_each_dmabuf_way(way)
			run_check(c, way, size);
}

void dmabuf_run_own_checks(const struct dmabuf_check *checks, size_t size)
{
	for (const struct dmabuf_check *c = checks; c->name; c++)
		for_each_dmabuf_own_way(way)
			run_check(c, way, size);
}
