// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf variants
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: mapping variants
 * Description: The contract holds however the mapping was made and whatever was
 *              done to it since: a part of the buffer, read-only, private, a second
 *              time, after fork, munmap, mprotect or mremap, small, odd and huge.
 *
 * SUBTEST: %s-%s
 * Description: The contract holds for a mapping that was made or changed like this.
 *
 * arg[1].values: last-page, middle, read-only, private, second, again
 * arg[1].values: fork-child, fork-parent, munmap-first, munmap-last, munmap-middle
 * arg[1].values: mprotect-page, mprotect-rest, mprotect-back, mremap
 * arg[1].values: one-page, odd-size, large, huge-2m, huge-64m
 * arg[2].values: fd, native
 */
#include <linux/dma-buf.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_proc.h"
#include "dmabuf_variants.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("The contract holds however the mapping was made and whatever was "
		     "done to it since.");

static void gup_is_refused(struct dmabuf_mapping *m, enum page_state state)
{
	bool tried = false;

	for_each_gup_representative(user) {
		if (user->writes && !(m->prot & PROT_WRITE))
			continue;
		tried |= user->fast || state == UNTOUCHED;
		for_each_named_page(page, m->length) {
			if (state == TOUCHED)
				(void)*(volatile char *)(m->addr + page.at);
			gup_must_be_refused(user, m->buf, m->way, state, page.name,
					    m->addr + page.at, page_size());
		}
	}
	if (!tried)
		dmabuf_unseen(state == TOUCHED ? "SPECIAL" : "GUP",
			      "no user of get_user_pages that could judge it works here");
}

static size_t size_of(const struct dmabuf_variant *variant)
{
	return dmabuf_variant_size(variant, page_size(), huge_page_size());
}

static void obeys(const struct dmabuf_exporter *e, const struct dmabuf_way *way,
		  const struct dmabuf_variant *variant)
{
	struct dmabuf buf = dmabuf_alloc(e, size_of(variant));
	struct dmabuf_mapping m = { .buf = &buf, .way = way };
	const char *what = dmabuf_mapping_name(&buf, way);

	/* As large as it is: how much a SYNC writes back may have an end. */
	dmabuf_sync(&buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	dmabuf_write_stamps(&buf, way);
	dmabuf_sync(&buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
	dmabuf_blame(variant->clause ?: (way->clause[0] ? way->clause : NULL),
		     variant->description);
	dmabuf_stage("%s: %s", what, variant->description);
	variant->make(&m, true);
	if (m.refused)
		return;
	dmabuf_stamps_must_be_there(&m);
	proc_must_be_pfnmap(m.addr, what);
	gup_is_refused(&m, TOUCHED);
	dmabuf_part("ACCOUNT")
		proc_must_not_be_accounted(m.addr, what);
	dmabuf_part("ACCOUNT")
		proc_must_not_show(m.addr, m.length, what);
	munmap(m.addr, m.length);

	dmabuf_stage("%s: %s", what, variant->description);
	variant->make(&m, false);
	gup_is_refused(&m, UNTOUCHED);
	dmabuf_stamps_must_be_there(&m);
}

static const char *not_for(const struct dmabuf_exporter *e, const struct dmabuf_way *way,
			   const struct dmabuf_variant *variant)
{
	return dmabuf_too_small(e, size_of(variant)) ?:
	       (variant->of_a_part ? dmabuf_maps_whole(e, way) : NULL);
}

int dmabuf_main()
{
	igt_fixture() {
		dmabuf_find_devices();
		gup_representatives();
	}

	for_each_dmabuf_variant(variant) {
		const char *clauses = variant->clause ?: "PFNMAP ACCOUNT GUP SPECIAL WHOLE";

		for_each_dmabuf_own_way(way) {
			igt_describe_f("A buffer is mapped by %s, and %s. The mapping is VM_PFNMAP, "
				       "none of its pages is accounted, the contents are there, and "
				       "pinning its first, middle and last page is refused with EFAULT, "
				       "touched and untouched. Clauses: %s %s", way->description,
				       variant->description, clauses, way->clause);
			igt_subtest_with_dynamic_f("%s-%s", variant->name, way->name) {
				dmabuf_dynamic_if(e, way, clauses, not_for(e, way, variant))
					obeys(e, way, variant);
			}
		}
	}
}
