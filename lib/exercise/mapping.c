// SPDX-License-Identifier: MIT
/*
 * Steps that make mappings, change them and take them away.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_proc.h"
#include "igt.h"
#include "model.h"

/* Flags of a new mapping, by arg[2]. */
enum { FLAG_READ = 1, FLAG_NONE = 2, FLAG_PRIVATE = 4, FLAG_POPULATE = 8, FLAG_LOCKED = 16,
       FLAG_FUTURE = 32, FLAG_RESERVED = 64, FLAG_HOLE = 128, FLAG_OVER = 256,
       FLAG_ALIGNED = 512, FLAG_BEYOND = 1024, FLAG_EVEN = 2048, FLAG_WRITE = 4096,
       FLAG_EXEC = 8192 };

static bool draw_map(struct exercise_step *step)
{
	unsigned int ways = 0, first = ex_below(SLOTS), i;

	if (!ex_draw_owner(step))
		return false;
	for (i = 0; i < SLOTS; i++) {
		step->arg[0] = (first + i) % SLOTS;
		if (!model->process[step->who].slot[step->arg[0]].addr)
			break;
	}
	if (i == SLOTS)
		return false;
	while (ex->ways[ways])
		ways++;
	step->arg[1] = ex_below(4 * ways);
	for (i = 0; i < 12; i++)
		if (ex_once_in(i == 1 || i >= 10 ? 16 : 8))
			step->arg[2] |= 1u << i;
	/* Where the fd is for reading, who writes comes in another way. */
	if (model->read_only && ways > 1 && ex_once_in(2))
		step->arg[1] = 1 + ex_below(ways - 1);
	else if (model->read_only && !ex_once_in(4))
		step->arg[2] |= FLAG_READ;
	ex_draw_part(step->arg + 3, model->pages);
	ex_last = (struct ex_last){ step->who, step->arg[0], 0 };
	return true;
}

/*
 * As much room, and behind it what nobody may access, so that it tells if something is mapped
 * there; its bytes are in guard. If so at an address at which a huge page could begin with
 * this offset, and then what is behind reaches as far as that page would.
 */
static char *room_for(size_t length, size_t offset, bool aligned, size_t *guard)
{
	const size_t huge = huge_page_size(), spare = aligned ? 2 * huge : 0;
	size_t before = 0, rest;
	char *area = mmap(NULL, length + ex_page + spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			  MAP_NORESERVE, -1, 0);

	*guard = ex_page;
	if (area == MAP_FAILED || !aligned)
		return area == MAP_FAILED ? NULL : area;
	before = (offset - (uintptr_t)area) & (huge - 1);
	if (before)
		munmap(area, before);
	area += before;
	if (-(uintptr_t)(area + length) & (huge - 1))
		*guard = -(uintptr_t)(area + length) & (huge - 1);
	rest = ex_page + spare - before - *guard;
	if (rest)
		munmap(area + length + *guard, rest);
	return area;
}

struct request {
	const struct dmabuf_way *way;
	struct dmabuf buf;
	char *addr;
	size_t length;
	int prot, flags;
	off_t offset;
	char **result;
};

static void ask_for(const void *arg)
{
	const struct request *r = arg;

	*r->result = r->way->map(&r->buf, r->addr, r->length, r->prot, r->flags, r->offset);
}

void ex_forget(struct slot *s)
{
	/* In runs: an exporter may let no mapping be split, and then all of it goes at once. */
	for (unsigned int i = 0, n; i < s->pages; i += n + !n) {
		for (n = 0; i + n < s->pages && s->page[i + n] & (MAPPED | FILLER); n++)
			;
		if (n)
			munmap(ex_at(s, i), n * ex_page);
	}
	if (s->guard)
		munmap(ex_at(s, s->pages), s->guard);
	s->addr = NULL;
}

/* Another mapping of this process lies there now. */
static void displace(const char *addr, size_t length)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *s = &ex_my()->slot[i];
		bool any = false;

		for (unsigned int n = 0; s->addr && n < s->pages; n++) {
			if (ex_at(s, n) >= addr && ex_at(s, n) < addr + length)
				s->page[n] = 0;
			else if (n && !s->page[n - 1])
				s->page[n] |= FIRST;
			any |= s->page[n] & MAPPED;
		}
		if (s->addr && !any)
			ex_forget(s);
	}
}

bool ex_way_is_open(const struct dmabuf_way *way, struct dmabuf *buf, unsigned int fd)
{
	*buf = (struct dmabuf){
		.exporter = ex->exporter, .fd = ex_my()->fd[fd % FDS], .dev = ex_my_dev(),
		.handle = model->handle, .offset = model->offset, .size = model->size,
		.read_only = model->read_only,
	};
	for (unsigned int i = 0; i < FDS && buf->fd < 0; i++)
		buf->fd = ex_my()->fd[i];
	if (way == ex->ways[0])
		return buf->fd >= 0;
	if (way->why_not && way->why_not(ex->exporter))
		return false;
	/* Others tell of that; here it is left. */
	if (way->of_importer && dmabuf_import_kills(ex->exporter))
		return false;
	/* The driver's own goes by the handle; another importer, or who has none, by the fd. */
	if (!strcmp(way->name, "native") || ex->exporter->imports)
		return buf->dev >= 0 && (buf->handle || (buf->fd >= 0 &&
							 !ex->exporter->kind->close_handle));
	return buf->fd >= 0;
}

/* Nothing is there any more, and something else keeps the place. */
static void fill_part(struct slot *s, struct part p)
{
	bool any = false;

	mmap(ex_at(s, p.first), p.count * ex_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
	     MAP_NORESERVE | MAP_FIXED, -1, 0);
	ex_cut(s, p);
	memset(s->page + p.first, FILLER, p.count);
	for (unsigned int i = 0; i < s->pages; i++)
		any |= s->page[i] & MAPPED;
	if (!any)
		ex_forget(s);
}

static void keep_made(const struct request *r)
{
	model->made.length = r->length;
	model->made.offset = r->offset;
	model->made.prot = r->prot;
	model->made.flags = r->flags & (MAP_SHARED | MAP_PRIVATE);
	model->made.mode = fcntl(r->buf.fd, F_GETFL) & O_ACCMODE;
}

void ex_use_first(const struct dmabuf *buf)
{
	char *p;
	const struct request r = {
		.way = ex->ways[0], .buf = *buf, .length = buf->size, .flags = MAP_SHARED,
		.prot = buf->read_only ? PROT_READ : PROT_READ | PROT_WRITE, .result = &p,
	};

	if (ex->exporter->imports)
		return;
	ask_for(&r);
	if (p == MAP_FAILED)
		return;
	keep_made(&r);
	if (buf->read_only)
		return;
	model->first_write = ++model->writes;
	ex_put(p, 0, model->first_write);
}

/*
 * Which mappings an exporter makes is its own business, and how many. But what it has made once
 * of a buffer it makes again while nobody else uses it: it is not mapped, no device has it, no
 * SYNC is open. It may be busy for a while, or out of something.
 */
static void judge_refusal(const struct request *r, int error)
{
	static const int for_a_while[] = { EAGAIN, EBUSY, EINTR, ENOMEM, ENOSPC, ENOBUFS };
	struct request again = *r;
	char *p;

	if (!model->made.length || ex_is_mapped() || ex_is_imported() || ex_is_in_sync() ||
	    (fcntl(r->buf.fd, F_GETFL) & O_ACCMODE) != model->made.mode)
		return;
	if (r->length != model->made.length || r->offset != model->made.offset ||
	    r->prot != model->made.prot || r->flags != model->made.flags) {
		again.addr = NULL;
		again.length = model->made.length;
		again.offset = model->made.offset;
		again.prot = model->made.prot;
		again.flags = model->made.flags;
		again.result = &p;
		ask_for(&again);
		error = errno;
		if (p != MAP_FAILED) {
			munmap(p, model->made.length);
			return;
		}
	}
	for (size_t i = 0; i < sizeof(for_a_while) / sizeof(for_a_while[0]); i++)
		if (error == for_a_while[i])
			return;
	dmabuf_violation(ex_contents_clause(), "%zu bytes at offset %#llx were mapped before, and now that nobody else uses the buffer that is refused: %s\n",
			 model->made.length, (long long)model->made.offset, strerror(error));
}

static void run_map(const struct exercise_step *step)
{
	struct slot *s = &ex_my()->slot[step->arg[0] % SLOTS], *over;
	const uint32_t flags = step->arg[2];
	struct request r = { };
	unsigned int ways = 0, way;
	char *place = NULL, *p = MAP_FAILED;
	struct part part;
	size_t guard = 0;
	bool skipped;

	if (s->addr || !model->buffer)
		return;
	while (ex->ways[ways])
		ways++;
	part = ex_part_by(step->arg + 3, model->pages);
	/* Most mappings are the fd's: arguments beyond the ways come to that. */
	way = step->arg[1] % (2 * ways) < ways ? step->arg[1] % ways : 0;
	r.way = ex->ways[way];
	if (!way && model->fd_refuses)
		r.way = ex_native_way();
	if (model->no_way[way] || !ex_way_is_open(r.way, &r.buf, step->arg[1] / ways))
		return;
	r.offset = part.first * ex_page;
	r.length = (part.count + (flags & FLAG_BEYOND && !ex->ordinary ?
				  model->pages - part.first - part.count + 1 : 0)) * ex_page;
	r.prot = flags & FLAG_NONE ? PROT_NONE : flags & FLAG_READ ? PROT_READ :
		 flags & FLAG_WRITE ? PROT_WRITE : PROT_READ | PROT_WRITE;
	r.prot |= flags & FLAG_EXEC ? PROT_EXEC : 0;
	r.flags = flags & FLAG_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	/* As above. */
	if (r.flags == MAP_PRIVATE && !ex->ordinary && dmabuf_private_kills(&r.buf, r.way))
		return;
	r.flags |= flags & FLAG_POPULATE ? MAP_POPULATE : 0;
	r.flags |= flags & FLAG_LOCKED ? MAP_LOCKED : 0;
	r.result = &p;

	over = &ex_my()->slot[(step->arg[0] + 1) % SLOTS];
	if (flags & FLAG_OVER && over->addr && r.length <= over->pages * ex_page) {
		const unsigned int first = (over->pages - r.length / ex_page) / 2;

		place = ex_at(over, first);
		for (unsigned int i = 0; i < r.length / ex_page; i++)
			if (!(over->page[first + i] & (MAPPED | FILLER)))
				place = NULL;
	} else if (flags & (FLAG_RESERVED | FLAG_HOLE | FLAG_ALIGNED | FLAG_EVEN)) {
		/* Both: a huge page's address comes a few pages behind the start. */
		place = room_for(r.length, !(flags & FLAG_ALIGNED) ? 0 : !(flags & FLAG_EVEN) ? r.offset :
				 huge_page_size() - 3 * ex_page,
				 flags & (FLAG_ALIGNED | FLAG_EVEN), &guard);
		over = NULL;
	} else {
		over = NULL;
	}
	ex_say("mapping %u is made through the %s, pages %u to %zu%s%s%s%s%s%s%s%s%s",
	       step->arg[0] % SLOTS, r.way->name, part.first,
	       part.first + r.length / ex_page - 1,
	       flags & FLAG_NONE ? ", PROT_NONE" : flags & FLAG_READ ? ", read-only" :
	       flags & FLAG_WRITE ? ", write-only" : "", flags & FLAG_EXEC ? ", PROT_EXEC" : "",
	       flags & FLAG_PRIVATE ? ", private" : "",
	       flags & FLAG_POPULATE ? ", MAP_POPULATE" : "",
	       flags & FLAG_LOCKED ? ", MAP_LOCKED" : "", flags & FLAG_FUTURE ? ", MCL_FUTURE" : "",
	       !place ? "" : over ? ", over another mapping of it" :
	       flags & FLAG_HOLE ? ", over a hole" : ", over a mapping of nothing",
	       !place || !(flags & FLAG_ALIGNED) || over ? "" : flags & FLAG_EVEN ?
	       ", three pages before a huge page's address" : ", aligned",
	       place && (flags & (FLAG_ALIGNED | FLAG_EVEN)) == FLAG_EVEN && !over ?
	       ", at a huge page's address" : "");
	if (place) {
		r.addr = place;
		r.flags |= MAP_FIXED;
		if (flags & FLAG_HOLE && !over)
			munmap(place, r.length);
	}
	dmabuf_enter_by(r.way->clause, r.way->description);
	if (flags & FLAG_FUTURE)
		mlockall(MCL_FUTURE);
	errno = 0;
	skipped = dmabuf_skips(ask_for, &r, model->why, sizeof(model->why));
	if (skipped) {
		p = MAP_FAILED;
		model->no_way[way] = true;
	}
	if (flags & FLAG_FUTURE) {
		int err = errno;

		munlockall();
		errno = err;
	}
	if (p == MAP_FAILED) {
		int err = errno;

		ex_refused(err);
		if (!skipped)
			snprintf(model->why, sizeof(model->why), "mapped through the %s: %s", r.way->name,
				 strerror(err));
		/* As some dma-bufs have no mmap at all: then their driver's stands in. */
		if (!way && !(flags & ~FLAG_READ) && part.count == model->pages && !skipped &&
		    !model->by_fd && !model->fd_refuses &&
		    ex_native_way() && (err == EINVAL || err == ENODEV || err == ENOSYS)) {
			model->fd_refuses = true;
			run_map(step);
			return;
		}
		/* What was there may be gone or not: it is not used any more. */
		if (over) {
			fill_part(over, (struct part){ (place - over->addr) / ex_page, r.length / ex_page });
		} else if (place) {
			munmap(place, r.length + guard);
		}
		if (r.way == ex->ways[0] && !ex->exporter->imports)
			judge_refusal(&r, err);
		return;
	}
	if (r.way == ex->ways[0])
		keep_made(&r);
	dmabuf_must("WHOLE", ex->ordinary ||
		    r.offset + r.length <= (model->size + ex_page - 1) / ex_page * ex_page,
		    "a mapping of %zu bytes at offset %#llx was made, and the buffer has %zu bytes\n%s\n",
		    r.length, (long long)r.offset, model->size, proc_evidence(p));
	dmabuf_must("RO", !model->read_only || r.way != ex->ways[0] || !(r.flags & MAP_SHARED) ||
		    !(r.prot & PROT_WRITE),
		    "a read-only file descriptor can be mapped shared for writing\n%s\n",
		    proc_evidence(p));
	if (over)
		displace(place, r.length);
	s->addr = p;
	s->way = r.way;
	s->start = part.first;
	s->pages = part.count;
	s->shared = r.flags & MAP_SHARED;
	s->made = model->writes;
	s->read_only = model->read_only && r.way == ex->ways[0] && s->shared;
	s->guard = guard;
	for (unsigned int i = 0; i < s->pages; i++)
		s->page[i] = MAPPED | (r.prot & PROT_READ ? READ : 0) |
			     (r.prot & PROT_WRITE ? WRITE : 0);
	if (r.length / ex_page > s->pages)
		munmap(ex_at(s, s->pages), r.length - s->pages * ex_page);
	s->page[0] |= FIRST;
	ex_shared->counts.mappings++;
	model->mapped = true;
	model->by_fd |= !way && !model->fd_refuses;
}

/* One in which this process has no mapping, or NULL. */
static struct slot *free_slot(void)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (!ex_my()->slot[i].addr)
			return &ex_my()->slot[i];
	return NULL;
}

void ex_compare_afresh(void)
{
	struct exercise_step map = { .arg = { 0, 0, FLAG_READ } };
	struct slot *s = free_slot();

	if (!s)
		return;
	map.arg[0] = s - ex_my()->slot;
	run_map(&map);
	if (!s->addr)
		return;
	ex_say("the buffer is compared in a new mapping");
	ex_compare(s, 0, true);
	ex_forget(s);
}

static bool draw_often(struct exercise_step *step)
{
	bool drawn = ex_draw_owner(step);

	step->arg[1] = ex_below(3);
	step->arg[3] = drawn ? ex_below(model->pages) : 0;
	return drawn;
}

static void sync_often(void)
{
	if (ex_is_in_sync())
		return;
	ex_say("DMA_BUF_IOCTL_SYNC, begin and end, %d times", MANY);
	for (int i = 0; i < MANY; i++)
		if (!ex_sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW) ||
		    !ex_sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW))
			return;
	model->synced = true;
}

/* One of many, as far as it goes: the page that is compared. */
static struct slot *one_of_many(char *addr)
{
	const unsigned int page = ex_my()->many_page;
	static struct slot s;

	s.addr = addr;
	s.way = ex->ways[0];
	s.pages = model->pages;
	s.shared = true;
	s.read_only = model->read_only;
	s.page[page] = MAPPED | READ | (model->read_only ? 0 : WRITE);
	ex_blame(&s);
	return &s;
}

static void load_one_of_many(char *addr)
{
	struct slot *s = one_of_many(addr);

	ex_load(s, ex_place_of(s, ex_my()->many_page * (ex_page / GRANULE)));
}

void ex_compare_many(void)
{
	for (unsigned int i = 0; ex_my()->many[0] && i < MANY; i++)
		load_one_of_many(ex_my()->many[i]);
}

void ex_forget_many(void)
{
	const size_t length = model->pages * ex_page;

	if (!ex_my()->many[0])
		return;
	/* The first is cut in two while there are others, if it may be. */
	if (model->pages > 1)
		munmap(ex_my()->many[0] + model->pages / 2 * ex_page,
		       length - model->pages / 2 * ex_page);
	for (unsigned int i = 0; i < MANY && ex_my()->many[i]; i++) {
		munmap(ex_my()->many[i], length);
		ex_my()->many[i] = NULL;
	}
}

/* So large that there is room for others beside many that stay. */
#define MANY_PAGES 1024

static void map_often(unsigned int page, bool stay)
{
	const int prot = model->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	char *result, **many = ex_my()->many;
	struct request r = {
		.way = ex->ways[0], .length = model->pages * ex_page, .prot = prot,
		.flags = MAP_SHARED, .result = &result,
	};
	unsigned int count = 0;

	ex_forget_many();
	if (!ex_way_is_open(r.way, &r.buf, 0))
		return;
	ex_say("%d mappings are made, and page %u of each is read and to be pinned%s", MANY, page,
	       stay ? "; they stay" : "");
	ex_my()->many_page = page;
	for (; count < MANY; count++) {
		ask_for(&r);
		if (result == MAP_FAILED) {
			ex_refused(errno);
			break;
		}
		many[count] = result;
		load_one_of_many(result);
		ex_pin(one_of_many(result), page, 1, 0);
	}
	if (count && !ex->ordinary)
		proc_must_be_pfnmap(many[count - 1], "the last of many mappings");
	/* All show what one writes, whatever becomes of their entries by SYNC. */
	if (count && prot & PROT_WRITE && ex_sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW)) {
		struct slot *s = one_of_many(many[0]);

		ex_say("page %u is written by the first of %u mappings, and read by each", page, count);
		model->synced = true;
		ex_store(s, ex_place_of(s, page * (ex_page / GRANULE)));
		for (unsigned int i = 0; i < count; i++)
			load_one_of_many(many[i]);
		ex_sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	}
	ex_shared->counts.mappings += count;
	if (!stay || count < MANY)
		ex_forget_many();
}

static void run_often(const struct exercise_step *step)
{
	if (!model->buffer)
		return;
	if (step->arg[1] % 3 == 1)
		sync_often();
	else
		map_often(step->arg[3] % model->pages,
			  step->arg[1] % 3 == 2 && model->pages <= MANY_PAGES);
}

/*
 * Every kind of mapping of every part, one after another: made, used, compared and taken away. So
 * what an exporter decides by both the mapping and what was done before meets all of the first at
 * each step of these, and not when chance has the two together.
 */
static const uint32_t kinds[] = {
	0, FLAG_READ, FLAG_POPULATE, FLAG_LOCKED | FLAG_READ, FLAG_PRIVATE, FLAG_PRIVATE | FLAG_READ,
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define KIND_PARTS 3

/* Those that stay until all are made: mappings of one buffer, of which each is another. */
static struct slot kept_kinds[KINDS * KIND_PARTS];

static bool draw_kinds(struct exercise_step *step)
{
	bool drawn = ex_draw_owner(step);

	step->arg[1] = ex_below(8);
	step->arg[2] = ex_below(1 << 16);
	step->arg[3] = ex_below(2);
	return drawn;
}

/* Which asks vm_ops->access, if there is one. */
static void must_not_be_written_by_mem(char *addr)
{
	int fd = open("/proc/self/mem", O_WRONLY | O_CLOEXEC);
	const char word[4] = "";

	dmabuf_must("RO", fd < 0 || pwrite(fd, word, sizeof(word), (uintptr_t)addr) <= 0,
		    "%s: it is written through /proc/self/mem, and its file descriptor is read-only\n%s\n",
		    ex_said(), proc_evidence(addr));
	if (fd >= 0)
		close(fd);
}

/* A page of it; by the salt, which, and whether it is read first. */
static void use_kind(struct slot *s, uint32_t salt)
{
	const unsigned int pages[] = { 0, s->pages / 2, s->pages - 1 };
	const size_t a_page = ex_page / GRANULE;
	const struct place p = ex_place_of(s, pages[salt % 3] * a_page + salt / 3 % a_page);
	bool begun;

	if (!(salt >> 10 & 1))
		ex_load(s, p);
	ex_pin(s, p.n, 1, 0);
	if (ex_stores_count()) {
		begun = s->shared && ex_begin_store();
		ex_blame(s);
		ex_store(s, p);
		ex_end_store(begun);
		ex_blame(s);
	}
	if (s->read_only)
		must_not_be_written_by_mem(p.addr);
	ex_load(s, p);
}

static void keep_kind(struct slot *to, struct slot *s)
{
	memcpy(to, s, offsetof(struct slot, page));
	memcpy(to->page, s->page, s->pages);
	s->addr = NULL;
	ex_my()->keeps = true;
}

static void forget_kept(void)
{
	for (unsigned int n = 0; n < KINDS * KIND_PARTS; n++) {
		if (!kept_kinds[n].addr)
			continue;
		ex_compare(&kept_kinds[n], 0, false);
		ex_forget(&kept_kinds[n]);
	}
	ex_my()->keeps = false;
}

static void run_kinds(const struct exercise_step *step)
{
	const unsigned int pages = model->pages;
	const struct part parts[KIND_PARTS] = {
		{ 0, pages }, { pages / 2, pages - pages / 2 }, { pages - 1, 1 },
	};
	const uint32_t salt = step->arg[2];
	struct slot *s = free_slot();
	uint32_t *granted;
	struct dmabuf buf;
	bool by_fd;

	if (!s || !model->buffer)
		return;
	by_fd = ex_way_is_open(ex->ways[0], &buf, 0);
	granted = &model->granted[by_fd ? fcntl(buf.fd, F_GETFL) & O_ACCMODE : 0];
	for (unsigned int n = 0; n < KINDS * (pages > 1 ? KIND_PARTS : 1); n++) {
		const struct part part = parts[n / KINDS];
		const struct exercise_step map = {
			.op = step->op, .who = step->who,
			.arg = { s - ex_my()->slot, step->arg[1], kinds[n % KINDS], part.first, part.count },
		};

		if (by_fd && *granted >> n & 1)
			keep_made(&(struct request){
				.buf = buf, .length = part.count * ex_page, .offset = part.first * ex_page,
				.prot = kinds[n % KINDS] & FLAG_READ ? PROT_READ : PROT_READ | PROT_WRITE,
				.flags = kinds[n % KINDS] & FLAG_PRIVATE ? MAP_PRIVATE : MAP_SHARED,
			});
		run_map(&map);
		if (!s->addr)
			continue;
		if (by_fd && s->way == ex->ways[0])
			*granted |= 1u << n;
		ex_blame(s);
		use_kind(s, salt + n * 0x9e37);
		if (salt % (KIND_PARTS * KINDS) == n)
			ex_rule_must_hold(s, salt % s->pages, salt);
		ex_compare(s, salt, false);
		if (step->arg[3] & 1)
			keep_kind(&kept_kinds[n], s);
		else
			ex_forget(s);
	}
	forget_kept();
	ex_say("all kinds of mappings are made%s, used and taken away", step->arg[3] & 1 ?
	       ", side by side" : "");
}

bool ex_draw_slot_part(struct exercise_step *step)
{
	if (!ex_draw_slot(step))
		return false;
	ex_draw_part(step->arg + 3, model->process[step->who].slot[step->arg[0]].pages);
	ex_last.page = step->arg[3];
	step->arg[1] = ex_below(8);
	return true;
}

/* What was unmapped is not there, at once. */
static void must_be_gone(struct slot *s, struct part p)
{
	dmabuf_must("WHOLE", dmabuf_load_faults(ex_at(s, p.first)) &&
		    dmabuf_load_faults(ex_at(s, p.first + p.count - 1)),
		    "%s: page %u or %u of the mapping can still be read\n",
		    ex_said(), p.first, p.first + p.count - 1);
	fill_part(s, p);
}

static void run_unmap(const struct exercise_step *step)
{
	struct part p;
	struct slot *s = ex_part_of(step, 0, &p);

	if (!s)
		return;
	ex_say("mapping %u: munmap() of pages %u to %u", step->arg[0] % SLOTS, p.first,
	       p.first + p.count - 1);
	if (munmap(ex_at(s, p.first), p.count * ex_page))
		ex_refused(errno);
	else
		must_be_gone(s, p);
}

static void run_protect(const struct exercise_step *step)
{
	static const struct { int prot; uint8_t state; const char *name; } prots[] = {
		{ PROT_READ | PROT_WRITE, READ | WRITE, "all rights" },
		{ PROT_READ, READ, "reading" },
		{ PROT_NONE, 0, "nothing" },
	};
	const unsigned int to = step->arg[1] % 3;
	struct part p;
	struct slot *s = ex_part_of(step, 0, &p);

	if (!s)
		return;
	ex_say("mapping %u: mprotect() of pages %u to %u to %s", step->arg[0] % SLOTS, p.first,
	       p.first + p.count - 1, prots[to].name);
	ex_cut(s, p);
	if (mprotect(ex_at(s, p.first), p.count * ex_page, prots[to].prot)) {
		ex_refused(errno);
		return;
	}
	if (s->read_only && prots[to].prot & PROT_WRITE) {
		bool faults = dmabuf_store_faults(ex_at(s, p.first), 0);

		dmabuf_violation("RO", "mprotect() made the mapping of a read-only file descriptor writable, and a store to it %s\n%s\n",
				 faults ? "faults" : "arrives", proc_evidence(ex_at(s, p.first)));
	}
	for (unsigned int i = 0; i < p.count; i++)
		s->page[p.first + i] = (s->page[p.first + i] & ~(READ | WRITE)) | prots[to].state;
}

enum { REMAP_MOVE, REMAP_SHRINK, REMAP_GROW, REMAP_DONTUNMAP, REMAP_AGAIN, REMAPS };

static bool draw_remap(struct exercise_step *step)
{
	if (!ex_draw_slot_part(step))
		return false;
	step->arg[1] = ex_once_in(2) ? REMAP_MOVE : ex_below(REMAPS);
	step->arg[2] = ex_below(SLOTS);
	return true;
}

static void run_remap(const struct exercise_step *step)
{
	static const char *const names[] = {
		"is moved by", "shrinks by", "is to grow by", "is to be moved and left by",
		"is to be there twice by",
	};
	const unsigned int how = step->arg[1] % REMAPS;
	struct slot *s = ex_slot_of(step), *t = &ex_my()->slot[step->arg[2] % SLOTS];
	struct part p;
	size_t guard;
	char *to, *q;

	if (!s || (how == REMAP_MOVE && t->addr) || (ex->ordinary && how >= REMAP_GROW))
		return;
	p = ex_part_by(step->arg + 3, s->pages);
	p.count = ex_vma_of(s, p.first, p.count);
	if (!p.count || (how == REMAP_SHRINK && p.count < 2))
		return;
	ex_blame(s);
	ex_say("mapping %u: pages %u to %u: this %s mremap()%s", step->arg[0] % SLOTS, p.first,
	    p.first + p.count - 1, names[how], how == REMAP_MOVE ? ", to be another mapping" : "");
	ex_cut(s, p);
	switch (how) {
	case REMAP_MOVE:
		to = room_for(p.count * ex_page, 0, false, &guard);
		if (!to)
			return;
		q = mremap(ex_at(s, p.first), p.count * ex_page, p.count * ex_page,
			   MREMAP_MAYMOVE | MREMAP_FIXED, to);
		if (q == MAP_FAILED) {
			ex_refused(errno);
			munmap(to, p.count * ex_page + guard);
			return;
		}
		t->addr = q;
		t->way = s->way;
		t->start = s->start + p.first;
		t->pages = p.count;
		t->shared = s->shared;
		t->read_only = s->read_only;
		t->made = s->made;
		t->guard = guard;
		memcpy(t->page, s->page + p.first, p.count);
		t->page[0] |= FIRST;
		must_be_gone(s, p);
		break;
	case REMAP_SHRINK:
		q = mremap(ex_at(s, p.first), p.count * ex_page, p.count / 2 * ex_page, 0);
		if (q == MAP_FAILED)
			ex_refused(errno);
		else
			must_be_gone(s, (struct part){ p.first + p.count / 2, p.count - p.count / 2 });
		break;
	case REMAP_GROW:
		q = mremap(ex_at(s, p.first), p.count * ex_page, (p.count + 1) * ex_page, MREMAP_MAYMOVE);
		dmabuf_must("WHOLE", q == MAP_FAILED,
			    "mremap() let a mapping grow by a page, and that page %s\n%s\n",
			    dmabuf_load_faults(q + p.count * ex_page) ? "faults" : "can be read",
			    proc_evidence(q));
		ex_refused(errno);
		break;
	case REMAP_DONTUNMAP:
		q = mremap(ex_at(s, p.first), p.count * ex_page, p.count * ex_page,
			   MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
		dmabuf_must("PFNMAP", q == MAP_FAILED,
			    "MREMAP_DONTUNMAP, which no VM_PFNMAP mapping allows, succeeds\n%s\n",
			    proc_evidence(q));
		ex_refused(errno);
		break;
	case REMAP_AGAIN:
		q = mremap(ex_at(s, p.first), 0, p.count * ex_page, MREMAP_MAYMOVE);
		dmabuf_must("PFNMAP", q == MAP_FAILED,
			    "mremap() from a size of 0, which no VM_PFNMAP mapping allows, succeeds\n%s\n",
			    proc_evidence(q));
		ex_refused(errno);
		break;
	}
}

/* What madvise() may do to it, or must not: dmabuf_range has all advice, and the sources. */
static const struct { int advice; const char *name; bool refused; } advices[] = {
	{ MADV_WILLNEED, "MADV_WILLNEED" },
	{ MADV_RANDOM, "MADV_RANDOM" },
	{ MADV_SEQUENTIAL, "MADV_SEQUENTIAL" },
	{ MADV_NORMAL, "MADV_NORMAL" },
	{ MADV_HUGEPAGE, "MADV_HUGEPAGE" },
	{ MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE" },
	{ MADV_MERGEABLE, "MADV_MERGEABLE" },
	{ MADV_UNMERGEABLE, "MADV_UNMERGEABLE" },
	{ MADV_DONTDUMP, "MADV_DONTDUMP" },
	{ MADV_DODUMP, "MADV_DODUMP" },
	{ MADV_DONTNEED, "MADV_DONTNEED", true },
	{ MADV_FREE, "MADV_FREE", true },
	{ MADV_COLD, "MADV_COLD", true },
	{ MADV_PAGEOUT, "MADV_PAGEOUT", true },
};

static bool draw_advise(struct exercise_step *step)
{
	if (!ex_draw_slot_part(step))
		return false;
	step->arg[1] = ex_below(sizeof(advices) / sizeof(advices[0]));
	return true;
}

static void run_advise(const struct exercise_step *step)
{
	const unsigned int which = step->arg[1] % (sizeof(advices) / sizeof(advices[0]));
	struct part p;
	const bool kept = ex->ordinary && advices[which].refused;
	struct slot *s = kept ? NULL : ex_part_of(step, 0, &p);
	int ret;

	if (!s)
		return;
	ex_say("mapping %u: %s for pages %u to %u", step->arg[0] % SLOTS, advices[which].name,
	       p.first, p.first + p.count - 1);
	ex_cut(s, p);
	ret = madvise(ex_at(s, p.first), p.count * ex_page, advices[which].advice);
	dmabuf_must("PFNMAP", ret || !advices[which].refused,
		    "%s, which no VM_PFNMAP mapping takes, is taken\n%s\n", advices[which].name,
		    proc_evidence(ex_at(s, p.first)));
	if (ret)
		ex_refused(errno);
}

static void run_lock(const struct exercise_step *step)
{
	static const char *const names[] = { "mlock()", "mlock2(MLOCK_ONFAULT)", "munlock()" };
	const unsigned int how = step->arg[1] % 3;
	struct part p;
	struct slot *s = ex_part_of(step, 0, &p);
	int ret;

	if (!s)
		return;
	ex_say("mapping %u: %s of pages %u to %u", step->arg[0] % SLOTS, names[how], p.first,
	       p.first + p.count - 1);
	ex_cut(s, p);
	ret = how == 2 ? munlock(ex_at(s, p.first), p.count * ex_page) :
	      how ? mlock2(ex_at(s, p.first), p.count * ex_page, MLOCK_ONFAULT) :
	      mlock(ex_at(s, p.first), p.count * ex_page);
	if (ret)
		ex_refused(errno);
}

const struct exercise_op op_map = {
	.name = "map",
	.description = "it is mapped: by a way in, a part, with rights, flags, at an address",
	.weight = 30,
	.needed = true,
	.draw = draw_map,
	.run = run_map,
};

const struct exercise_op op_unmap = {
	.name = "unmap",
	.description = "a part is unmapped",
	.weight = 12,
	.draw = ex_draw_slot_part,
	.run = run_unmap,
};

const struct exercise_op op_protect = {
	.name = "protect",
	.description = "a part gets other rights",
	.weight = 15,
	.draw = ex_draw_slot_part,
	.run = run_protect,
};

const struct exercise_op op_remap = {
	.name = "remap",
	.description = "mremap() of a part",
	.weight = 12,
	.draw = draw_remap,
	.run = run_remap,
};

const struct exercise_op op_advise = {
	.name = "advise",
	.description = "madvise() of a part",
	.weight = 8,
	.draw = draw_advise,
	.run = run_advise,
};

const struct exercise_op op_lock = {
	.name = "lock",
	.description = "mlock() of a part",
	.weight = 6,
	.draw = ex_draw_slot_part,
	.run = run_lock,
};

const struct exercise_op op_often = {
	.name = "often",
	.description = "many mappings at once, or many SYNC calls",
	.weight = 2,
	.draw = draw_often,
	.run = run_often,
};

const struct exercise_op op_kinds = {
	.name = "kinds",
	.description = "all kinds of mappings, one after another",
	.weight = 5,
	.draw = draw_kinds,
	.run = run_kinds,
};
