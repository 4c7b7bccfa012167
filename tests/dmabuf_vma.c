// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf vma
 * Description: The mapping of a DMA buffer looks as it must, in /proc: pure
 *              page frames, and no memory that the kernel would account.
 */
#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("The mapping of a DMA buffer is VM_PFNMAP, and its pages are not "
		     "accounted as normal memory.");

#define SIZE (64 << 10)

static char *map_touched(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	char *p = dmabuf_map(buf, way);

	dmabuf_stage("touching every page of %s (%s)", buf->exporter->name, way->name);
	dmabuf_touch(p, buf->size);
	return p;
}

static void vmflags(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	proc_must_be_pfnmap(map_touched(buf, way), dmabuf_mapping_name(buf, way));
}

static void rss(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	proc_must_not_be_accounted(map_touched(buf, way), dmabuf_mapping_name(buf, way));
}

static void pagemap(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	proc_must_not_show(map_touched(buf, way), buf->size, dmabuf_mapping_name(buf, way));
}

static const struct {
	const char *name;
	const char *clauses;
	const char *description;
	void (*check)(const struct dmabuf *buf, const struct dmabuf_way *way);
} checks[] = {
	{ "vmflags", "PFNMAP", "VmFlags in smaps has 'pf' and has not 'mm'", vmflags },
	{ "rss", "ACCOUNT", "Rss and Pss in smaps stay 0 after every page was touched", rss },
	{ "pagemap", "ACCOUNT WHOLE", "no page that was touched shows in pagemap, so none is "
	  "normal memory and none has a map count", pagemap },
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		for_each_dmabuf_way(way) {
			igt_describe_f("A buffer is mapped by %s: %s. Clauses: %s %s",
				       way->description, checks[i].description,
				       checks[i].clauses, way->clause);
			igt_subtest_with_dynamic_f("%s-%s", checks[i].name, way->name) {
				for_each_dmabuf_exporter(e) {
					igt_dynamic(e->name) {
						dmabuf_judges(checks[i].clauses, way->clause);
						dmabuf_require_way(e, way);
						dmabuf_limited(DMABUF_LIMIT) {
							struct dmabuf buf = dmabuf_alloc(e, SIZE);

							checks[i].check(&buf, way);
						}
					}
				}
			}
		}
	}
}
