// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf notify
 * Description: A KVM guest maps a buffer without get_user_pages, by page tables of
 *              its own: they follow when the exporter moves the buffer, and never
 *              give more than the mapping does.
 */
#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_kvm.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("A KVM guest to which a mapping of a DMA buffer is memory follows its "
		     "moves, and cannot write what is mapped read-only.");

/* What dmabuf_move moves. */
#define MOVED_SIZE (2 << 20)

#define SIZE (64 << 10)

/* A buffer as the guest and this process see it: both go by its pages' first words. */
struct view {
	struct kvm_guest guest;
	const struct dmabuf *buf;
	size_t pages;
	uint32_t *words;	/* a word a page */
	bool *reached;		/* by the guest's last walk */
	char why[128];		/* they disagree */
};

static struct view view_of(const struct dmabuf *buf)
{
	struct view view = {
		.guest = kvm_guest_start(),
		.buf = buf,
		.pages = buf->size / sysconf(_SC_PAGESIZE),
	};

	view.words = calloc(view.pages, sizeof(*view.words));
	view.reached = calloc(view.pages, sizeof(*view.reached));
	dmabuf_require(view.words && view.reached, "no memory for %zu words", view.pages);
	return view;
}

/* Of page i of what is mapped at p. */
static volatile uint32_t *first_word(uint32_t *p, size_t i)
{
	return p + i * sysconf(_SC_PAGESIZE) / sizeof(*p);
}

/*
 * The guest loads or stores a word of every page. From Linux 5.13 to 6.12 KVM refuses
 * a page frame with a struct page that nobody holds, as are all but the first of a larger
 * allocation (virt/kvm/kvm_main.c, kvm_try_get_pfn()): the guest does without these, and
 * can see nothing stale there. Skips if it reaches no page at all.
 */
static size_t guest_walks(struct view *view, uint32_t address, bool storing)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	size_t sum = 0;

	memset(view->reached, false, view->pages);
	for (size_t i = 0; i < view->pages; i++) {
		const size_t left = view->pages - i;
		size_t done = storing ?
			kvm_guest_store(&view->guest, address + i * page, view->words + i, left) :
			kvm_guest_load(&view->guest, address + i * page, view->words + i, left);

		memset(view->reached + i, true, done);
		sum += done;
		/* Likely its neighbours are refused, too, and each would take a run. */
		i = (i + done) | 7;
	}
	dmabuf_require(sum, "a KVM guest cannot %s this: %s", storing ? "write" : "read",
		       view->guest.why);
	return sum;
}

static bool differ(struct view *view, const char *what, size_t page, uint32_t is,
		   uint32_t must)
{
	if (!view->reached[page] || is == must)
		return false;
	snprintf(view->why, sizeof(view->why), "%s, the first word of page %zu is %#x, not %#x",
		 what, page, is, must);
	return true;
}

/*
 * Whether the guest reads what this process writes through p, and this process what the
 * guest writes.
 */
static bool same_for_both(struct view *view, uint32_t address, uint32_t *p, uint32_t seed)
{
	size_t loads, stores;

	for (size_t i = 0; i < view->pages; i++)
		*first_word(p, i) = seed + i;
	loads = guest_walks(view, address, false);
	for (size_t i = 0; i < view->pages; i++)
		if (differ(view, "read by the guest", i, view->words[i], seed + i))
			return false;

	for (size_t i = 0; i < view->pages; i++)
		view->words[i] = ~(seed + i);
	stores = guest_walks(view, address, true);
	for (size_t i = 0; i < view->pages; i++)
		if (differ(view, "written by the guest", i, *first_word(p, i), view->words[i]))
			return false;
	igt_info("a KVM guest read %zu pages of %zu and wrote %zu\n", loads, view->pages, stores);
	return true;
}

/* Ordinary memory of the buffer's size: it works there, or nothing can be said. */
static void control(struct view *view)
{
	int fd = memfd_create("control", MFD_CLOEXEC);
	uint32_t *p = MAP_FAILED, address;

	if (fd >= 0 && !ftruncate(fd, view->buf->size))
		p = mmap(NULL, view->buf->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	dmabuf_require(p != MAP_FAILED, "no memfd to compare with: %s", strerror(errno));
	close(fd);
	dmabuf_setup("reading and writing a memfd in a KVM guest");
	address = kvm_guest_map(&view->guest, p, view->buf->size);
	dmabuf_require(same_for_both(view, address, p, 0x11111111),
		       "a KVM guest does not work here on a memfd either: %s", view->why);
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

static void kvm_move(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, MOVED_SIZE);
	struct view view = view_of(&buf);
	uint32_t *p, *fresh, address;

	control(&view);
	p = dmabuf_map(&buf, way);
	address = kvm_guest_map(&view.guest, p, buf.size);
	guest_uses(&view, address, p, 0x22222222);

	pattern_fill(p, buf.size, 0x33333333);
	dmabuf_must_follow_move(&buf, p, 0x33333333);

	/*
	 * What is written now is in the new place only, as a new mapping knows it. The
	 * guest's memory must have followed, too: it goes by that.
	 */
	fresh = dmabuf_map(&buf, way);
	pattern_fill(fresh, buf.size, 0x3c3c3c3c);
	pattern_must_be("MOVE", p, buf.size, 0x3c3c3c3c,
			"written through a new mapping after the move, read through the first one");
	dmabuf_stage("reading and writing %s in a KVM guest after the move", e->name);
	dmabuf_must("NOTIFY", same_for_both(&view, address, fresh, 0x44444444),
		    "%s: a KVM guest and this process do not see the same since the buffer moved: %s\n",
		    dmabuf_mapping_name(&buf, way), view.why);
	dmabuf_saw("NOTIFY", "a KVM guest and this process see the same after a move");

	/* And if the guest is the first to use the mapping since then. */
	dmabuf_move(&buf);
	dmabuf_stage("reading and writing %s in a KVM guest after a second move", e->name);
	dmabuf_must("NOTIFY", same_for_both(&view, address, fresh, 0x55555555),
		    "%s: a KVM guest and this process do not see the same since the buffer moved again: %s\n",
		    dmabuf_mapping_name(&buf, way), view.why);
}

/* The guest may be refused or its stores may be lost: what counts is the buffer. */
static void guest_must_not_write(struct view *view, uint32_t address, uint32_t *writable,
				 const struct dmabuf_way *way, const char *which)
{
	/* About so many pages, the first among them: each takes a run of the guest. */
	const size_t step = view->pages > 16 ? view->pages / 16 : 1;
	char reason[sizeof(view->guest.why)] = "no error";
	const size_t page = sysconf(_SC_PAGESIZE);

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
	struct view view = view_of(&buf);
	uint32_t *writable, *p, address;

	control(&view);
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
	guest_walks(&view, address, false);
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
		igt_describe_f("A buffer mapped by %s is memory of a KVM guest. It reads and writes "
			       "a word of every page, and again after the exporter moved the "
			       "buffer, twice: what this process then writes through a new mapping "
			       "must be what the guest reads, and the other way round. Skips "
			       "exporters that do not move. Source: #14 to #25. Clauses: NOTIFY "
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
