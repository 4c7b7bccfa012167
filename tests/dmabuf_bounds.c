// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf bounds
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: mapping bounds
 * Description: A mapping shows the buffer, the right part of it, and nothing
 *              behind its end; and what is left of a mapping when a part is taken
 *              away goes on to obey.
 *
 * SUBTEST: length-%s
 * Description: A mapping that reaches out of the buffer is refused.
 *
 * SUBTEST: grow-%s
 * Description: mremap() lets no mapping grow.
 *
 * SUBTEST: part-%s
 * Description: What is left of a mapping whose part was taken away goes on to obey.
 *
 * SUBTEST: offset-%s
 * Description: A mapping at an offset shows what is there in the buffer.
 *
 * arg[1].values: fd, native, import
 */
#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("A mapping shows the right part of the DMA buffer and nothing behind its "
		     "end, also after parts of it were taken away.");

#define PAGES 8
#define SEED 0xb0bb1e55

static void *map_part(const struct dmabuf *buf, const struct dmabuf_way *way, off_t offset,
		      size_t length)
{
	dmabuf_stage("mapping %zu bytes at offset %lld of %s (%s)", length, (long long)offset,
		     buf->exporter->name, way->name);
	return way->map(buf, NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, offset);
}

static void too_long_is_refused(struct dmabuf *buf, const struct dmabuf_way *way)
{
	const size_t page = page_size(), size = buf->size;
	const struct { off_t offset; size_t length; } parts[] = {
		{ 0, size + page },
		{ 0, 2 * size },
		{ page, size },
		{ size - page, 2 * page },
		{ size, page },
		{ size + page, page },
		/* Beyond what 32 bits hold, in bytes, and in pages of 4 KiB. */
		{ 1ll << 43, page },
		{ 1ll << 46, page },
		{ -(off_t)page, page },
		{ -(off_t)page, 2 * page },
	};

	dmabuf_map(buf, way);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *p = map_part(buf, way, parts[i].offset, parts[i].length);

		dmabuf_must("WHOLE", p == MAP_FAILED,
			    "%s, mapped through the %s: a mapping of %zu bytes at offset %#llx was made, and the buffer has %zu bytes; the last page of it %s\n%s\n",
			    buf->exporter->name, way->name, parts[i].length,
			    (long long)parts[i].offset, size,
			    dmabuf_load_faults(p + parts[i].length - page) ?
			    "faults" : "can be read", proc_evidence(p));
		dmabuf_saw("WHOLE", "a mapping that reaches beyond the end is refused (%s)",
			   strerrorname_np(errno));
	}
}

static void growth_is_refused(struct dmabuf *buf, const struct dmabuf_way *way)
{
	const size_t page = page_size();
	const struct { const char *which; size_t length; } parts[] = {
		{ "whole", buf->size },
		{ "first page", page },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const size_t is = parts[i].length;
		char *p = map_part(buf, way, 0, is), *q;

		dmabuf_require(p != MAP_FAILED, "the %s of %s cannot be mapped through the %s: %s",
			       parts[i].which, buf->exporter->name, way->name,
			       strerror(errno));
		dmabuf_touch(p, is);
		dmabuf_stage("growing a mapping of %s (%s)", buf->exporter->name, way->name);
		q = mremap(p, is, is + page, MREMAP_MAYMOVE);
		dmabuf_must("WHOLE", q == MAP_FAILED,
			    "%s, mapped through the %s: mremap() let a mapping of the %s grow by a page (no VM_DONTEXPAND), and that page %s\n%s\n",
			    buf->exporter->name, way->name, parts[i].which,
			    dmabuf_load_faults(q + is) ? "faults" : "can be read",
			    proc_evidence(q));
		dmabuf_saw("WHOLE", "a mapping of the %s does not grow (%s)", parts[i].which,
			   strerrorname_np(errno));
	}
}

/* What is done to one page in the mapping. */
static int cut_out(void *at)
{
	return munmap(at, page_size());
}

static int write_protect(void *at)
{
	return mprotect(at, page_size(), PROT_READ);
}

static const struct op {
	const char *name;
	int (*call)(void *at);
	bool leaves;		/* it, to be read */
} ops[] = {
	{ "munmap()", cut_out, false },
	{ "mprotect()", write_protect, true },
};

/* [start, end) of the mapping shows what is there in the buffer, and obeys. */
static void must_be_right(const struct dmabuf *buf, const struct dmabuf_way *way,
			  enum page_state state, const char *which, char *p, size_t start,
			  size_t end)
{
	if (start == end)
		return;
	dmabuf_must_obey(buf, way, state, which, p + start, end - start);
	dmabuf_stage("reading the %s of %s (%s)", which, buf->exporter->name, way->name);
	pattern_must_be_at("WHOLE", p + start, start, end - start, SEED, which);
	if (state == UNTOUCHED)
		dmabuf_must_obey(buf, way, TOUCHED, which, p + start, end - start);
}

static void part_of(const struct dmabuf *buf, const struct dmabuf_way *way,
		    enum page_state state, const struct op *op, const char *where, size_t at)
{
	const size_t page = page_size(), size = PAGES * page;
	char which[96];
	char *p = map_part(buf, way, 0, size);

	dmabuf_require(p != MAP_FAILED, "a part of %s cannot be mapped through the %s: %s",
		       buf->exporter->name, way->name, strerror(errno));
	if (state == TOUCHED)
		dmabuf_touch(p, size);
	dmabuf_stage("%s of the %s of %s (%s)", op->name, where, buf->exporter->name,
		     way->name);
	dmabuf_require(!op->call(p + at), "%s of a page in the mapping: %s", op->name,
		       strerror(errno));

	/* At once, for whoever maps something next may get just this address. */
	dmabuf_must("WHOLE", op->leaves || dmabuf_load_faults(p + at),
		    "%s, mapped through the %s: the %s can be read after %s\n",
		    buf->exporter->name, way->name, where, op->name);

	snprintf(which, sizeof(which), "mapping before the %s, after %s of that", where,
		 op->name);
	must_be_right(buf, way, state, which, p, 0, at);
	snprintf(which, sizeof(which), "mapping behind the %s, after %s of that", where,
		 op->name);
	must_be_right(buf, way, state, which, p, at + page, size);
	if (op->leaves) {
		snprintf(which, sizeof(which), "%s after %s of it", where, op->name);
		must_be_right(buf, way, state, which, p, at, at + page);
		dmabuf_must("RO", dmabuf_store_faults(p + at, 0),
			    "%s, mapped through the %s, the %s: a store does not fault\n%s\n",
			    buf->exporter->name, way->name, which, proc_evidence(p + at));
		dmabuf_saw("RO", "a store to a page faults, after mprotect() of it");
	}
	munmap(p, at);
	munmap(p + at + page, size - at - page);
	if (op->leaves)
		munmap(p + at, page);
}

static void rest_is_right(struct dmabuf *buf, const struct dmabuf_way *way)
{
	const size_t size = PAGES * page_size();
	void *p = map_part(buf, way, 0, size);

	dmabuf_require(p != MAP_FAILED, "a part of %s cannot be mapped through the %s: %s",
		       buf->exporter->name, way->name, strerror(errno));
	pattern_fill(p, size, SEED);
	for (int state = 0; state < NUM_PAGE_STATES; state++)
		for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
			for_each_named_page(page, size)
				part_of(buf, way, state, &ops[i], page.name, page.at);
}

static void offset_is_right(struct dmabuf *buf, const struct dmabuf_way *way)
{
	const size_t page = page_size(), middle = buf->size / page / 2 * page;
	const struct { const char *which; size_t at, length; } parts[] = {
		{ "mapping from the second page on", page, buf->size - page },
		{ "mapping of the middle page", middle, page },
		{ "mapping of the last page", buf->size - page, page },
	};
	uint32_t *whole = dmabuf_map(buf, way);
	unsigned int mapped = 0;

	pattern_fill(whole, buf->size, SEED);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint32_t *p = map_part(buf, way, parts[i].at, parts[i].length);
		uint32_t was;

		if (p == MAP_FAILED) {
			igt_info("%s: %s\n", parts[i].which, strerrorname_np(errno));
			continue;
		}
		mapped++;
		pattern_must_be_at("WHOLE", p, parts[i].at, parts[i].length, SEED,
				   parts[i].which);
		was = p[0];
		p[0] = ~was;
		dmabuf_must("WHOLE", whole[parts[i].at / 4] == ~was,
			    "%s, mapped through the %s: what is stored by a %s does not show in a mapping of the whole\n",
			    buf->exporter->name, way->name, parts[i].which);
		p[0] = was;
		dmabuf_must_obey(buf, way, TOUCHED, parts[i].which, p, parts[i].length);

		p = map_part(buf, way, parts[i].at, parts[i].length);
		dmabuf_require(p != MAP_FAILED, "%s, for the second time: %s",
			       parts[i].which, strerror(errno));
		dmabuf_must_obey(buf, way, UNTOUCHED, parts[i].which, p, parts[i].length);
	}
	dmabuf_require(mapped, "%s can be mapped only from its start through the %s",
		       buf->exporter->name, way->name);
}

static const struct dmabuf_check checks[] = {
	{ "length", "WHOLE", "a mapping that is longer than the buffer, or begins at its end or "
	  "behind, is refused. Source: #2; drivers/dma-buf/dma-buf.c, dma_buf_mmap_internal(); "
	  "drivers/gpu/drm/drm_gem.c, drm_gem_mmap(). All kernels", too_long_is_refused },
	{ "grow", "WHOLE", "mremap() lets no mapping of it grow, neither past its end nor that "
	  "of its first page to the second. Source: #2; mm/mremap.c refuses VM_DONTEXPAND and "
	  "VM_PFNMAP. All kernels", growth_is_refused },
	{ "part", "WHOLE PFNMAP GUP SPECIAL RO", "after munmap() or mprotect() of its first, "
	  "middle or last page, pages touched before or not, the others show what they did and "
	  "obey the rules. Source: #2 (always the entire object). All kernels", rest_is_right },
	{ "offset", "WHOLE PFNMAP GUP SPECIAL", "mappings from the second page on, of the middle "
	  "page and of the last page show what is there in the buffer, and obey the rules. Skips "
	  "where the way in takes no offset. Source: #2; mmap(2). All kernels",
	  offset_is_right, true },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	dmabuf_run_checks(checks, PAGES * page_size());
}
