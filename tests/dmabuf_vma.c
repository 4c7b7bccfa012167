// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf vma
 * Description: The mapping of a DMA buffer looks as it must, in /proc: pure
 *              page frames, and no memory that the kernel would account.
 */
#include <inttypes.h>

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
	char *p = map_touched(buf, way);
	struct proc_vma vma = proc_vma(p);

	dmabuf_must("PFNMAP", proc_vma_has(&vma, "pf") && !proc_vma_has(&vma, "mm"),
		    "%s, mapped through the %s: VmFlags has %s 'pf' and %s 'mm'\n%s\n",
		    buf->exporter->name, way->name,
		    proc_vma_has(&vma, "pf") ? "a" : "no",
		    proc_vma_has(&vma, "mm") ? "a" : "no", proc_evidence(p));
}

/* Control: the same pages of a memfd are accounted, or there is nothing to see. */
static void rss(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	char *p = map_touched(buf, way);
	int fd = memfd_create("control", MFD_CLOEXEC);
	struct proc_vma vma;
	void *control;

	dmabuf_require(fd >= 0 && !ftruncate(fd, buf->size), "no memfd: %s",
		       strerror(errno));
	control = mmap(NULL, buf->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	dmabuf_require(control != MAP_FAILED, "no memfd: %s", strerror(errno));
	dmabuf_touch(control, buf->size);
	vma = proc_vma(control);
	dmabuf_require(vma.rss == buf->size, "the kernel does not account a memfd either");

	vma = proc_vma(p);
	dmabuf_must("ACCOUNT", !vma.rss && !vma.pss,
		    "%s, mapped through the %s and touched: Rss is %zu and Pss %zu of %zu bytes, both must be 0\n%s\n",
		    buf->exporter->name, way->name, vma.rss, vma.pss, buf->size,
		    proc_evidence(p));
}

/* The kernel's own walker passes over VM_PFNMAP, so that every entry reads 0. */
static void pagemap(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	char *p = map_touched(buf, way);
	static char stack_page;

	stack_page = 1;
	dmabuf_require(proc_pagemap(&stack_page) & PAGEMAP_PRESENT,
		       "pagemap does not show ordinary memory either");

	for (size_t at = 0; at < buf->size; at += page) {
		uint64_t entry = proc_pagemap(p + at);

		dmabuf_must("ACCOUNT", !(entry & PAGEMAP_SEEN),
			    "%s, mapped through the %s: page %zu of %zu has the pagemap entry %#" PRIx64
			    "%s; its page is mapped %lld times (-1: unknown); no page must show\n%s\n",
			    buf->exporter->name, way->name, at / page, buf->size / page,
			    entry, entry & PAGEMAP_FILE_OR_SHARED ?
			    ", a file page or shared memory" : "",
			    proc_map_count(entry), proc_evidence(p));
	}
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
