// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf notify
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: KVM guests
 * Description: A KVM guest maps a buffer without get_user_pages, by page tables of
 *              its own: they give what the mapping gives, from the first access on,
 *              follow when the exporter moves the buffer, and never give more.
 *
 * SUBTEST: kvm-store-%s
 * Description: A guest that stores to a page first gets to write it.
 *
 * SUBTEST: kvm-load-%s
 * Description: A guest that loads from a page first gets to write it later.
 *
 * SUBTEST: kvm-move-%s
 * Description: A guest follows a move.
 *
 * SUBTEST: kvm-ro-%s
 * Description: A guest cannot write to what is read-only.
 *
 * arg[1].values: fd, native, import
 */
#include <inttypes.h>
#include <linux/dma-buf.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_kvm.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("A KVM guest to which a mapping of a DMA buffer is memory can use all of "
		     "it, follows its moves, and cannot write what is mapped read-only.");

/* What dmabuf_move moves. */
#define MOVED_SIZE (2 << 20)

#define SIZE (64 << 10)

/* A buffer as the guest and this process see it: both go by its pages' first words. */
struct view {
	struct kvm_guest guest;
	const struct dmabuf *buf;
	const char *mapping;	/* in words */
	size_t pages;
	uint32_t *words;	/* a word a page */
	bool *reached;		/* by the guest's last walk */
	size_t unreached;
	size_t first_unreached;
	int error;		/* of KVM_RUN there, as errno; 0: it returned */
	char refusal[160];	/* what KVM said there */
	bool counts;		/* pf_emulate counts stores that KVM did in the guest's stead */
	char why[128];		/* they disagree */
};

static struct view view_of(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	struct view view = {
		.guest = kvm_guest_start(),
		.buf = buf,
		.mapping = dmabuf_mapping_name(buf, way),
		.pages = buf->size / page_size(),
	};

	view.words = calloc(view.pages, sizeof(*view.words));
	view.reached = calloc(view.pages, sizeof(*view.reached));
	dmabuf_require(view.words && view.reached, "no memory for %zu words", view.pages);
	return view;
}

/* Of page i of what is mapped at p. */
static volatile uint32_t *first_word(uint32_t *p, size_t i)
{
	return p + i * page_size() / sizeof(*p);
}

/*
 * The guest loads or stores a word of every page. Where KVM refuses one, the guest does
 * without it, and can see nothing stale there. Returns how many it reached.
 */
static size_t guest_walks(struct view *view, uint32_t address, bool storing)
{
	const size_t page = page_size();
	size_t sum = 0;

	memset(view->reached, false, view->pages);
	view->unreached = 0;
	for (size_t i = 0; i < view->pages; i++) {
		const size_t left = view->pages - i;
		size_t done = storing ?
			kvm_guest_store(&view->guest, address + i * page, view->words + i, left) :
			kvm_guest_load(&view->guest, address + i * page, view->words + i, left);

		memset(view->reached + i, true, done);
		sum += done;
		if (done < left && !view->unreached++) {
			view->first_unreached = i + done;
			view->error = view->guest.error;
			snprintf(view->refusal, sizeof(view->refusal), "%s", view->guest.why);
		}
		/* Likely its neighbours are refused, too, and each would take a run. */
		i = (i + done) | (view->pages > 8 ? 7 : 0);
	}
	view->unreached = view->pages - sum;
	return sum;
}

/*
 * The same of a buffer, all of which is there for the guest. That an older KVM takes no
 * page frame that nobody holds is no fault of the exporter's. Skips if the guest reaches
 * no page at all.
 */
static size_t guest_must_reach(struct view *view, uint32_t address, bool storing,
			       const char *when)
{
	const char *what = storing ? "store to" : "load from";
	size_t sum = guest_walks(view, address, storing);

	if (!view->unreached)
		return sum;
	dmabuf_must("NOTIFY", view->error == EFAULT && !kvm_takes_any_page(),
		    "%s: a KVM guest cannot %s pages %s, at page %zu: %s; it reached %zu of %zu\n",
		    view->mapping, what, when, view->first_unreached, view->refusal, sum,
		    view->pages);
	dmabuf_require(sum, "KVM before Linux 6.13 does not let a guest %s this (%s)", what,
		       view->refusal);
	dmabuf_unseen("NOTIFY", "KVM let the guest %s %zu pages of %zu (%s): from Linux 6.13 on it takes them all",
		      what, sum, view->pages, view->refusal);
	return sum;
}

static bool words_differ(struct view *view, const char *what, size_t page, uint32_t is,
			 uint32_t must)
{
	if (!view->reached[page] || is == must)
		return false;
	snprintf(view->why, sizeof(view->why), "%s, the first word of page %zu is %#x, not %#x",
		 what, page, is, must);
	return true;
}

/* What the guest loaded, and what this process wrote. */
static bool loaded_other(struct view *view, uint32_t seed)
{
	for (size_t i = 0; i < view->pages; i++)
		if (words_differ(view, "read by the guest", i, view->words[i], seed + i))
			return true;
	return false;
}

/* What this process reads at p, and what the guest stored. */
static bool stored_other(struct view *view, uint32_t *p)
{
	for (size_t i = 0; i < view->pages; i++)
		if (words_differ(view, "written by the guest", i, *first_word(p, i),
				 view->words[i]))
			return true;
	return false;
}

static void write_words(struct view *view, uint32_t *p, uint32_t seed)
{
	for (size_t i = 0; i < view->pages; i++)
		*first_word(p, i) = seed + i;
}

static void choose_words(struct view *view, uint32_t seed)
{
	for (size_t i = 0; i < view->pages; i++)
		view->words[i] = ~(seed + i);
}

/*
 * Whether the guest reads what this process writes through p, and this process what the
 * guest writes.
 */
static bool same_for_both(struct view *view, uint32_t address, uint32_t *p, uint32_t seed)
{
	write_words(view, p, seed);
	dmabuf_require(guest_walks(view, address, false), "a KVM guest cannot read this: %s",
		       view->refusal);
	if (loaded_other(view, seed))
		return false;
	choose_words(view, seed);
	dmabuf_require(guest_walks(view, address, true), "a KVM guest cannot write this: %s",
		       view->refusal);
	return !stored_other(view, p);
}

/*
 * How many stores KVM did in the guest's stead so far, because the page that it found for
 * them could not be written.
 */
static uint64_t emulated_stores(const struct view *view)
{
	uint64_t n = 0;

	kvm_guest_stat(&view->guest, "pf_emulate", &n);
	return n;
}

/*
 * Ordinary memory of the buffer's size: it works there, for a guest that is the first to
 * store, or loads first, or nothing can be said. And where none of these stores was
 * emulated, those that are tell something.
 */
static void must_work_on_memfd(struct view *view, bool loading)
{
	uint32_t *p, address;
	uint64_t unused;

	dmabuf_setup("mapping a memfd");
	p = map_control(view->buf->size);
	address = kvm_guest_map(&view->guest, p, view->buf->size);
	dmabuf_setup("using a memfd first in a KVM guest");
	if (loading)
		guest_walks(view, address, false);
	choose_words(view, 0x11111111);
	guest_walks(view, address, true);
	dmabuf_require(!view->unreached && !stored_other(view, p),
		       "a KVM guest does not work here on a memfd either: %s",
		       view->unreached ? view->refusal : view->why);
	view->counts = kvm_guest_stat(&view->guest, "pf_emulate", &unused) &&
		       !emulated_stores(view);
}

/*
 * It has page-table entries for every page, for writing. Before the buffer moves or its
 * mapping changes, there is nothing that it could have missed.
 */
static void guest_uses(struct view *view, uint32_t address, uint32_t *p, uint32_t seed)
{
	dmabuf_stage("reading and writing %s in a KVM guest", view->buf->exporter->name);
	dmabuf_require(same_for_both(view, address, p, seed),
		       "a KVM guest and this process do not see the same, even before anything happened: %s",
		       view->why);
}

/*
 * The guest stores to pages that it never wrote, and returns to how many. Each gets a
 * mapping that is writable; else KVM cannot go on (arm64: EFAULT) or does every such store
 * itself (x86).
 */
static size_t guest_must_store(struct view *view, uint32_t address, uint32_t seed,
			       const char *when)
{
	uint64_t before = emulated_stores(view);
	size_t sum;

	choose_words(view, seed);
	sum = guest_must_reach(view, address, true, when);
	dmabuf_must("NOTIFY", !view->counts || emulated_stores(view) == before,
		    "%s: KVM does not map for writing the pages %s, but emulated %" PRIu64 " stores of a guest to %zu of them; to a memfd it emulated none\n",
		    view->mapping, when, emulated_stores(view) - before, sum);
	return sum;
}

static void guest_stored(const struct view *view, size_t sum, const char *when)
{
	dmabuf_saw("NOTIFY", "what a KVM guest stored to %zu pages of %zu %s arrived, %s",
		   sum, view->pages, when, view->counts ? "and KVM emulated none of it" :
		   "whether KVM emulated it cannot be known");
}

/*
 * The guest is the first who uses the mapping; "other" is one that this process goes by.
 */
static void kvm_first(const struct dmabuf_exporter *e, const struct dmabuf_way *way,
		      bool loading)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	struct view view = view_of(&buf, way);
	const char *when = loading ? "that it had only read" : "that nobody had touched";
	uint32_t *p, *other, address;
	bool differs = false;
	size_t sum;

	must_work_on_memfd(&view, loading);
	p = dmabuf_map(&buf, way);
	other = dmabuf_map(&buf, way);
	address = kvm_guest_map(&view.guest, p, buf.size);
	if (loading) {
		dmabuf_stage("reading %s in a KVM guest, as the first", e->name);
		guest_must_reach(&view, address, false, "that nobody had touched");
		for (size_t i = 0; i < view.pages && !differs; i++)
			differs = words_differ(&view, "read by the guest", i, view.words[i],
					       *first_word(other, i));
	}
	dmabuf_stage("writing %s in a KVM guest, as the first", e->name);
	sum = guest_must_store(&view, address, 0x22222222, when);
	if (!differs && !stored_other(&view, other)) {
		guest_stored(&view, sum, when);
		return;
	}

	/* Does this process see what it writes itself? If not it is no matter of the guest's. */
	write_words(&view, other, 0x33333333);
	for (size_t i = 0; i < view.pages; i++)
		dmabuf_require(*first_word(other, i) == 0x33333333 + i &&
			       *first_word(p, i) == 0x33333333 + i,
			       "this process does not read back what it wrote either");
	dmabuf_violation("NOTIFY", "%s: a KVM guest that is the first to use it and this process do not see the same: %s\n",
			 view.mapping, view.why);
}

/* Two mappings that only the guest uses, which can therefore be first twice. */
struct guest_mappings {
	uint32_t *loads, *stores;
	uint32_t loads_at, stores_at;
};

/*
 * What the guest does not see is a matter of NOTIFY only if this process sees it through
 * the guest's memory p: that must follow moves by itself, which is MOVE.
 */
static void guest_must_see(struct view *view, bool differs, uint32_t *p, uint32_t *fresh,
			   const char *when)
{
	if (!differs)
		return;
	for (size_t i = 0; i < view->pages; i++)
		dmabuf_must("MOVE", *first_word(p, i) == *first_word(fresh, i),
			    "%s: the first word of page %zu is %#x %s, and %#x in a new mapping\n",
			    view->mapping, i, *first_word(p, i), when, *first_word(fresh, i));
	dmabuf_violation("NOTIFY", "%s: a KVM guest and this process do not see the same %s: %s\n",
			 view->mapping, when, view->why);
}

/*
 * What is written now is in the new place only, as a new mapping knows it. The guest must
 * see it, and write there, though it is the first to use its mappings since the move.
 */
static void guest_must_have_followed(struct view *view, const struct dmabuf_way *way,
				     const struct guest_mappings *m, uint32_t seed,
				     const char *when)
{
	uint32_t *fresh = dmabuf_map(view->buf, way);
	size_t loads, stores;

	write_words(view, fresh, seed);
	dmabuf_stage("reading %s in a KVM guest %s", view->buf->exporter->name, when);
	loads = guest_must_reach(view, m->loads_at, false, when);
	guest_must_see(view, loaded_other(view, seed), m->loads, fresh, when);
	dmabuf_stage("writing %s in a KVM guest %s", view->buf->exporter->name, when);
	stores = guest_must_store(view, m->stores_at, seed, when);
	guest_must_see(view, stored_other(view, fresh), m->stores, fresh, when);
	guest_must_store(view, m->loads_at, ~seed, when);
	guest_must_see(view, stored_other(view, fresh), m->loads, fresh, when);
	dmabuf_saw("NOTIFY", "a KVM guest read what was written to %zu pages of %zu %s", loads,
		   view->pages, when);
	guest_stored(view, stores, when);
	munmap(fresh, view->buf->size);
}

/* So often that what an exporter decides by how often it was used has turned. */
#define OFTEN 20

static void use_often(struct dmabuf *buf, const struct dmabuf_way *way)
{
	for (int i = 0; i < OFTEN; i++) {
		dmabuf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
		dmabuf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
		munmap(dmabuf_map(buf, way), buf->size);
	}
}

static void kvm_move(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, MOVED_SIZE);
	struct view view = view_of(&buf, way);
	struct guest_mappings m;
	uint32_t *witness;

	must_work_on_memfd(&view, true);
	witness = dmabuf_map(&buf, way);
	m.loads = dmabuf_map(&buf, way);
	m.stores = dmabuf_map(&buf, way);
	m.loads_at = kvm_guest_map(&view.guest, m.loads, buf.size);
	m.stores_at = kvm_guest_map(&view.guest, m.stores, buf.size);
	guest_uses(&view, m.loads_at, m.loads, 0x22222222);
	guest_uses(&view, m.stores_at, m.stores, 0x22222222);

	pattern_fill(witness, buf.size, 0x33333333);
	dmabuf_must_follow_move(&buf, witness, 0x33333333);
	dmabuf_saw("PIN", "the buffer moved although a KVM guest had mapped it");
	guest_must_have_followed(&view, way, &m, 0x44444444, "since the buffer moved");

	/* What held it in place, or was forgotten at the first move, would show now. */
	dmabuf_part("NOTIFY") {
		use_often(&buf, way);
		dmabuf_moves_again(&buf, witness, way);
		guest_must_have_followed(&view, way, &m, 0x55555555,
					 "since the buffer moved again");
	}
}

/* The guest may be refused or its stores may be lost: what counts is the buffer. */
static void guest_must_not_write(struct view *view, uint32_t address, uint32_t *writable,
				 const struct dmabuf_way *way, const char *which)
{
	/* About so many pages, the first among them: each takes a run of the guest. */
	const size_t step = view->pages > 16 ? view->pages / 16 : 1;
	char reason[sizeof(view->guest.why)] = "no error";
	const size_t page = page_size();

	dmabuf_stage("writing to the %s of %s in a KVM guest", which,
		     view->buf->exporter->name);
	for (size_t i = 0; i < view->pages; i += step) {
		uint32_t was = *first_word(writable, i), other = ~was;

		if (!kvm_guest_store(&view->guest, address + i * page, &other, 1))
			snprintf(reason, sizeof(reason), "%s", view->guest.why);
		dmabuf_must("RO", *first_word(writable, i) == was,
			    "%s: a KVM guest wrote to page %zu of the %s, %#x became %#x (%s)\n",
			    dmabuf_mapping_name(view->buf, way), i, which, was,
			    *first_word(writable, i), reason);
	}
	dmabuf_saw("RO", "a KVM guest's stores to a %s did not arrive (%s)", which, reason);
}

static void kvm_ro(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	struct view view = view_of(&buf, way);
	uint32_t *writable, *p, address;

	/* That a guest uses this mapping is the control of those that it may not write. */
	writable = dmabuf_map(&buf, way);
	address = kvm_guest_map(&view.guest, writable, buf.size);
	guest_uses(&view, address, writable, 0x66666666);

	dmabuf_stage("mapping %s read-only (%s)", e->name, way->name);
	p = way->map(&buf, NULL, buf.size, PROT_READ, MAP_SHARED, 0);
	dmabuf_require(p != MAP_FAILED, "%s cannot be mapped read-only through the %s: %s",
		       e->name, way->name, strerror(errno));
	address = kvm_guest_map(&view.guest, p, buf.size);
	guest_must_not_write(&view, address, writable, way, "read-only mapping");

	/* After it read, its entries are what this process' page table gave. */
	dmabuf_touch_reading(p, buf.size);
	dmabuf_stage("reading the read-only mapping of %s in a KVM guest", e->name);
	dmabuf_require(guest_walks(&view, address, false), "a KVM guest cannot read this: %s",
		       view.refusal);
	guest_must_not_write(&view, address, writable, way, "read-only mapping that it read");

	/* Entries that are writable must not stay so. */
	dmabuf_stage("mprotect of %s (%s)", e->name, way->name);
	dmabuf_require(!mprotect(p, buf.size, PROT_READ | PROT_WRITE),
		       "the mapping of %s cannot be made writable: %s", e->name, strerror(errno));
	guest_uses(&view, address, p, 0x77777777);
	dmabuf_require(!mprotect(p, buf.size, PROT_READ),
		       "the mapping of %s cannot be made read-only: %s", e->name, strerror(errno));
	guest_must_not_write(&view, address, writable, way,
			     "mapping that was writable and is read-only again");
}

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	for_each_dmabuf_way(way) {
		igt_describe_f("A buffer mapped by %s is memory of a KVM guest, which is the first to "
			       "use it, and stores to every page: each gets a writable mapping, and "
			       "what is stored arrives. Source: #14 to #25. Clauses: NOTIFY %s",
			       way->description, way->clause);
		igt_subtest_with_dynamic_f("kvm-store-%s", way->name) {
			dmabuf_dynamic(e, way, "NOTIFY")
				kvm_first(e, way, false);
		}

		igt_describe_f("The same, but the guest loads from every page before it stores to it. "
			       "The buffer is mapped by %s. Source: #14 to #25. Clauses: NOTIFY %s",
			       way->description, way->clause);
		igt_subtest_with_dynamic_f("kvm-load-%s", way->name) {
			dmabuf_dynamic(e, way, "NOTIFY")
				kvm_first(e, way, true);
		}

		igt_describe_f("Two mappings of a buffer by %s are memory of a KVM guest, which uses "
			       "them before the exporter moves the buffer and is the first to use "
			       "them after that, and after a second move if there is one: what this "
			       "process then writes through a new mapping must be what the guest "
			       "reads, and the other way round. Source: #14 to #25. Clauses: NOTIFY "
			       "MOVE PIN %s", way->description, way->clause);
		igt_subtest_with_dynamic_f("kvm-move-%s", way->name) {
			dmabuf_dynamic_moving(e, way, "NOTIFY MOVE PIN")
				kvm_move(e, way);
		}

		igt_describe_f("A buffer mapped by %s is memory that a KVM guest may write, but the "
			       "mapping is PROT_READ, or was made so by mprotect(): nothing that "
			       "the guest stores reaches the buffer, which it can write where the "
			       "mapping is writable. Source: #17, #24. Clauses: RO %s",
			       way->description, way->clause);
		igt_subtest_with_dynamic_f("kvm-ro-%s", way->name) {
			dmabuf_dynamic(e, way, "RO")
				kvm_ro(e, way);
		}
	}
}
