// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf vma
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: the view of /proc
 * Description: The mapping of a DMA buffer looks as it must, in /proc: pure
 *              page frames, and no memory that the kernel would account.
 *
 * SUBTEST: vmflags-%s
 * Description: VmFlags has pf and not mm.
 *
 * SUBTEST: rss-%s
 * Description: Rss and Pss stay 0.
 *
 * SUBTEST: pagemap-%s
 * Description: No page shows in pagemap.
 *
 * arg[1].values: fd, native, import
 */
#include "dmabuf.h"
#include "dmabuf_checks.h"
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

static void vmflags(struct dmabuf *buf, const struct dmabuf_way *way)
{
	proc_must_be_pfnmap(map_touched(buf, way), dmabuf_mapping_name(buf, way));
}

static void rss(struct dmabuf *buf, const struct dmabuf_way *way)
{
	proc_must_not_be_accounted(map_touched(buf, way), dmabuf_mapping_name(buf, way));
}

static void pagemap(struct dmabuf *buf, const struct dmabuf_way *way)
{
	proc_must_not_show(map_touched(buf, way), buf->size, dmabuf_mapping_name(buf, way));
}

static const struct dmabuf_check checks[] = {
	{ "vmflags", "PFNMAP", "VmFlags in smaps has 'pf' and has not 'mm'", vmflags },
	{ "rss", "ACCOUNT", "Rss and Pss in smaps stay 0 after every page was touched", rss },
	{ "pagemap", "ACCOUNT WHOLE", "no page that was touched shows in pagemap, so none is "
	  "normal memory and none has a map count", pagemap },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	dmabuf_run_checks(checks, SIZE);
}
