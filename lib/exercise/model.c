// SPDX-License-Identifier: MIT
/*
 * What the exerciser knows of the buffer and its mappings, and how it asks whether it is so.
 */
#include <linux/dma-buf.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_proc.h"
#include "igt.h"
#include "model.h"

struct ex_shared *ex_shared;
const struct exercise *ex;
struct model *model;
unsigned int ex_self;
size_t ex_page;
int ex_pipes[2];

char *ex_said(void)
{
	return ex_shared->said[(ex_shared->taken - 1) % SAID];
}

/* What is done next: for a message if it fails, and for the story of the walk. */
void ex_say(const char *fmt, ...)
{
	char *said = ex_said();
	int n = 0;
	va_list ap;

	if (ex_self)
		n = snprintf(said, sizeof(ex_shared->said[0]), "process %u: ", ex_self);
	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(ex_shared->said[0]) - n, fmt, ap);
	va_end(ap);
	dmabuf_stage("%s: step %u: %s", ex->exporter->name, ex_shared->taken, said);
}

/* Said, and nothing came of it. */
void ex_refused(int error)
{
	char *said = ex_said();
	size_t used = strlen(said);

	snprintf(said + used, sizeof(ex_shared->said[0]) - used, " (refused: %s)",
		 strerrorname_np(error));
}

/* Draws: xorshift64*, so that a seed is the same everywhere. */
static uint64_t drawn;

void ex_seed(uint64_t seed)
{
	/* A seed of 0 is as good as any; the state is never 0. */
	drawn = (seed + 1) * 0x9e3779b97f4a7c15ull | 1;
	for (int i = 0; i < 8; i++)
		ex_draw();
}

uint32_t ex_draw(void)
{
	drawn ^= drawn >> 12;
	drawn ^= drawn << 25;
	drawn ^= drawn >> 27;
	return (drawn * 0x2545f4914f6cdd1dull) >> 32;
}

uint32_t ex_below(uint32_t n)
{
	return ex_draw() % n;
}

bool ex_once_in(uint32_t n)
{
	return ex_below(n) == 0;
}

/* The processes, file descriptors and mappings that there are. */
struct process *ex_my(void)
{
	return &model->process[ex_self];
}

/* The device that the buffer is of; -1: it is closed here. */
int ex_my_dev(void)
{
	return ex_my()->number == model->number ? ex_my()->dev : -1;
}

static bool has_fd(unsigned int who)
{
	for (unsigned int i = 0; i < FDS; i++)
		if (model->process[who].fd[i] >= 0)
			return true;
	return false;
}

/* Half of all steps are process 0's, and the others' the other half, if there are any. */
unsigned int ex_draw_process(void)
{
	const unsigned int first = ex_below(2 * EXERCISE_PROCESSES);

	for (unsigned int i = 0; first < EXERCISE_PROCESSES && i < EXERCISE_PROCESSES; i++) {
		const unsigned int who = (first + i) % EXERCISE_PROCESSES;

		if (who && model->process[who].pid)
			return who;
	}
	return 0;
}

/* The same, of those that have a file descriptor. */
bool ex_draw_owner(struct exercise_step *step)
{
	for (int tries = 0; tries < 8; tries++) {
		step->who = ex_draw_process();
		if (model->buffer && has_fd(step->who))
			return true;
	}
	return false;
}

struct ex_last ex_last;
bool ex_goes_on;

bool ex_draw_slot(struct exercise_step *step)
{
	const struct process *last = &model->process[ex_last.who];
	unsigned int first = ex_below(SLOTS);

	step->who = ex_last.who;
	step->arg[0] = ex_last.slot;
	if (ex_goes_on && ex_once_in(2) && last->pid && last->slot[ex_last.slot].addr)
		return true;
	step->who = ex_draw_process();
	for (unsigned int i = 0; i < SLOTS; i++) {
		step->arg[0] = (first + i) % SLOTS;
		if (!model->process[step->who].slot[step->arg[0]].addr)
			continue;
		ex_last = (struct ex_last){ step->who, step->arg[0], 0 };
		return true;
	}
	return false;
}

struct slot *ex_slot_of(const struct exercise_step *step)
{
	struct slot *s = &ex_my()->slot[step->arg[0] % SLOTS];

	return s->addr ? s : NULL;
}

void ex_draw_part(uint32_t *arg, unsigned int pages)
{
	if (ex_once_in(3))
		return;
	arg[0] = ex_once_in(3) ? 0 : ex_below(pages);
	arg[1] = ex_once_in(3) ? 0 : 1 + ex_below(ex_once_in(2) ? 3 : pages);
}

struct part ex_part_by(const uint32_t *arg, unsigned int pages)
{
	struct part p = { .first = arg[0] % pages };

	p.count = arg[1] && arg[1] < pages - p.first ? arg[1] : pages - p.first;
	return p;
}

bool ex_is_imported(void)
{
	for (unsigned int i = 0; i < IMPORTERS; i++)
		if (model->importer[i].dev >= 0)
			return true;
	return false;
}

bool ex_is_mapped(void)
{
	for (unsigned int i = 0; i < EXERCISE_PROCESSES; i++) {
		const struct process *p = &model->process[i];

		if (!p->pid)
			continue;
		if (p->many[0] || p->keeps)
			return true;
		for (unsigned int j = 0; j < SLOTS; j++)
			if (p->slot[j].addr)
				return true;
	}
	return false;
}

bool ex_is_in_sync(void)
{
	return model->open[0] || model->open[1] || model->open[2];
}

/* The pages from first on, no more than count, of which each has these bits and no other. */
unsigned int ex_run_of(const struct slot *s, unsigned int first, unsigned int count,
		       uint8_t has, uint8_t has_not)
{
	unsigned int n = 0;

	while (n < count && (s->page[first + n] & has) == has && !(s->page[first + n] & has_not))
		n++;
	return n;
}

struct slot *ex_part_of(const struct exercise_step *step, uint8_t without, struct part *p)
{
	struct slot *s = ex_slot_of(step);

	if (!s)
		return NULL;
	*p = ex_part_by(step->arg + 3, s->pages);
	p->count = ex_run_of(s, p->first, p->count, MAPPED, without);
	if (!p->count)
		return NULL;
	ex_blame(s);
	return s;
}

/* The same, within what may be one VMA. */
unsigned int ex_vma_of(const struct slot *s, unsigned int first, unsigned int count)
{
	unsigned int n = ex_run_of(s, first, count, MAPPED, 0);

	for (unsigned int i = 1; i < n; i++)
		if (s->page[first + i] & FIRST)
			return i;
	return n;
}

void ex_cut(struct slot *s, struct part p)
{
	s->page[p.first] |= FIRST;
	if (p.first + p.count < s->pages)
		s->page[p.first + p.count] |= FIRST;
}

char *ex_at(const struct slot *s, unsigned int n)
{
	return s->addr + n * ex_page;
}

static bool could_be_huge(const struct slot *s)
{
	uintptr_t huge = huge_page_size(), start = (uintptr_t)s->addr;
	uintptr_t next = (start + huge - 1) & -huge;

	return !((start - s->start * ex_page) & (huge - 1)) && next + huge <= start + s->pages * ex_page;
}

/* Whose fault it is, as far as the mapping tells. */
void ex_blame(const struct slot *s)
{
	dmabuf_enter_by(s->way->clause, s->way->description);
	if (s->way->clause[0])
		return;
	if (model->moves)
		dmabuf_blame("MOVE", "after the exporter moved the buffer");
	else if (could_be_huge(s))
		dmabuf_blame("HUGE", "mapped where a huge page could be");
	else if (s->start)
		dmabuf_blame("WHOLE", "a part of it is mapped");
	else if (model->size > 1 << 20)
		dmabuf_blame("WHOLE", "the buffer is larger than 1 MiB");
}

const char *ex_contents_clause(void)
{
	bool all_open = has_fd(ex_self) && (!model->has_dev || ex_my_dev() >= 0);

	return model->moves ? "MOVE" : all_open ? "WHOLE" : "LIFE";
}

/* Contents: each word is made of its place and of the number of the write. */
#define BY_PLACE 2654435761u
#define BY_WRITE 2246822519u
#define WRITE_BY 0x64ea2d65u	/* its inverse */

uint32_t ex_word(size_t granule, unsigned int i, uint32_t number)
{
	return (uint32_t)(granule * WORDS + i) * BY_PLACE ^ number * BY_WRITE;
}

void ex_put(void *addr, size_t granule, uint32_t number)
{
	volatile uint32_t *word = addr;

	for (unsigned int i = 0; i < WORDS; i++)
		word[i] = ex_word(granule, i, number);
}

/* While a thread writes beside a move: the number of its first write. */
uint32_t ex_beside_first;

/* The words at addr are those of the last write. */
void ex_must_be(const void *addr, size_t granule, const char *by)
{
	const volatile uint32_t *word = addr;
	const uint32_t number = model->write[granule];
	char was[64] = "";

	for (unsigned int i = 0; i < WORDS && number; i++) {
		uint32_t is = word[i], other;

		if (is == ex_word(granule, i, number))
			continue;
		other = (is ^ (uint32_t)(granule * WORDS + i) * BY_PLACE) * WRITE_BY;
		/* What was there before the move may be lost without a race. */
		if (ex_beside_first && other >= ex_beside_first && other <= number)
			dmabuf_blame("RACE", "while the exporter moved the buffer");
		if (other && other <= number)
			snprintf(was, sizeof(was), ", which is what write %u put there", other);
		dmabuf_violation(ex_contents_clause(), "%s, %s: the word at byte %zu of the buffer (page %zu) is %#x%s, and write %u was the last\n%s\n",
				 ex_said(), by,
				 granule * GRANULE + i * sizeof(uint32_t),
				 granule * GRANULE / ex_page, is, was, number, proc_evidence(addr));
	}
	ex_shared->counts.words += number ? WORDS : 0;
}

struct place ex_place_of(const struct slot *s, size_t i)
{
	const size_t a_page = ex_page / GRANULE;
	struct place p = {
		.n = i / a_page, .granule = s->start * a_page + i, .addr = s->addr + i * GRANULE,
	};

	return p;
}

/* The same words in a shared mapping of this process that may be read; NULL: there is none. */
static volatile uint32_t *shared_view(size_t granule)
{
	const size_t a_page = ex_page / GRANULE;

	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *s = &ex_my()->slot[i];
		size_t n = granule / a_page - s->start;

		if (s->addr && s->shared && granule / a_page >= s->start && n < s->pages &&
		    (s->page[n] & (MAPPED | READ)) == (MAPPED | READ))
			return (uint32_t *)(ex_at(s, n) + granule % a_page * GRANULE);
	}
	return NULL;
}

/* Time for each page, however many there are. */
static void comes_to(struct place p)
{
	static unsigned int last;

	if (p.n != last)
		dmabuf_goes_on();
	last = p.n;
}

/* A store by this process, or what must become of it if it may not. */
void ex_store(struct slot *s, struct place p)
{
	uint8_t *state = &s->page[p.n];

	if (!(*state & MAPPED))
		return;
	comes_to(p);
	if (!(*state & WRITE)) {
		uint32_t value = ~ex_word(p.granule, 0, model->write[p.granule]);

		dmabuf_must("RO", dmabuf_store_faults(p.addr, value),
			    "%s: a store to page %u, which may not be written, does not fault\n%s\n",
			    ex_said(), p.n, proc_evidence(p.addr));
		return;
	}
	model->writes++;
	if (!s->shared) {
		volatile uint32_t *view = shared_view(p.granule);
		uint32_t was = view ? *view : 0;

		ex_put(p.addr, p.granule, model->writes);
		dmabuf_must("RO", !view || *view == was,
			    "a store to a private mapping reached the buffer: the word at byte %zu was %#x and is %#x\n%s\n",
			    p.granule * GRANULE, was, *view, proc_evidence(p.addr));
	} else {
		ex_put(p.addr, p.granule, model->writes);
	}
	*state |= TOUCHED_PAGE | (s->shared ? 0 : COPIED);
	if (s->shared)
		model->write[p.granule] = model->writes;
	ex_shared->counts.words += WORDS;
}

bool ex_must_show(const struct slot *s, size_t granule)
{
	return s->shared || model->write[granule] <= s->made;
}

void ex_load(struct slot *s, struct place p)
{
	uint8_t *state = &s->page[p.n];

	if (!(*state & MAPPED) || *state & COPIED)
		return;
	comes_to(p);
	/* mmap(2): what may be written may be read as well, or not. */
	if ((*state & (READ | WRITE)) == WRITE)
		return;
	if (!(*state & READ)) {
		dmabuf_must("WHOLE", dmabuf_load_faults(p.addr),
			    "%s: a load from page %u, which may not be read, does not fault\n%s\n",
			    ex_said(), p.n, proc_evidence(p.addr));
		return;
	}
	if (model->write[p.granule] && ex_must_show(s, p.granule))
		ex_must_be(p.addr, p.granule, "read");
	else
		(void)*(volatile uint32_t *)p.addr;
	*state |= TOUCHED_PAGE;
}

/*
 * DMA_BUF_IOCTL_SYNC. A process that has no file descriptor any more takes it that
 * nobody wants brackets of it.
 */
bool ex_sync_cpu(uint64_t flags)
{
	struct dmabuf buf = { .exporter = ex->exporter, .fd = -1 };

	for (unsigned int i = 0; i < FDS && buf.fd < 0; i++)
		buf.fd = ex_my()->fd[i];
	if (buf.fd < 0 || ex->ordinary)
		return false;
	dmabuf_blame(NULL, NULL);
	dmabuf_sync(&buf, flags);
	ex_shared->counts.syncs++;
	return true;
}

/*
 * Once somebody else may look, what is written outside of brackets may be lost, and
 * that is nobody's fault (linux/dma-buf.h).
 */
bool ex_begin_store(void)
{
	if (!model->synced || model->open[0] || model->open[2])
		return false;
	return ex_sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
}

void ex_end_store(bool begun)
{
	if (begun)
		ex_sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

/* May it be stored to, without somebody having a reason to lose it? */
bool ex_stores_count(void)
{
	if (!model->synced || model->open[0] || model->open[2])
		return true;
	return has_fd(ex_self);
}

/* The rule, where the step was. */
static const struct gup_user *users[8];

void ex_find_users(void)
{
	const struct gup_user *reader = gup_reader();
	unsigned int n = 0;

	if (reader)
		users[n++] = reader;
	for_each_gup_representative(user)
		if (user != reader && n < 7)
			users[n++] = user;
}

void ex_pin(struct slot *s, unsigned int first, unsigned int count, unsigned int which)
{
	struct dmabuf buf = { .exporter = ex->exporter, .fd = -1, .dev = -1, .size = model->size };
	unsigned int n = 0;
	bool writes = ex_run_of(s, first, count, MAPPED | WRITE, COPIED) == count;
	bool touched = ex_run_of(s, first, count, MAPPED | TOUCHED_PAGE, 0) == count;
	char what[64];

	if (ex->ordinary)
		return;
	while (users[n])
		n++;
	which = n ? which % n : 0;
	if (n && users[which]->writes && !writes)
		which = 0;
	if (!n || model->deaf[which])
		return;
	snprintf(what, sizeof(what), "mapped pages %u to %u", first, first + count - 1);
	/* It names a stage of its own, which knows nothing of the walk. */
	if (gup_must_be_refused(users[which], &buf, s->way, touched ? TOUCHED : UNTOUCHED, what,
				ex_at(s, first), count * ex_page))
		ex_shared->counts.pins++;
	else
		model->deaf[which] = true;
}

void ex_rule_must_hold(struct slot *s, unsigned int first, uint32_t salt)
{
	unsigned int count = ex_run_of(s, first, s->pages - first, MAPPED, COPIED);
	char what[160];
	struct proc_vma vma;

	if (!count || ex->ordinary)
		return;
	snprintf(what, sizeof(what), "%s, mapped through the %s, page %u of the mapping",
		 ex->exporter->name, s->way->name, first);
	vma = proc_must_be_pfnmap(ex_at(s, first), what);
	/* By it alone mprotect() decides who may write (mm/mprotect.c, do_mprotect_pkey()). */
	dmabuf_must("RO", !s->read_only || !proc_vma_has(&vma, "mw"),
		    "%s: the mapping of a read-only file descriptor has 'mw', so that mprotect() can make it writable\n%s\n",
		    what, proc_evidence(ex_at(s, first)));
	/* A pin first: what is accounted is so because its entry is not special. */
	ex_pin(s, first, 1, 0);
	if (count > 1)
		ex_pin(s, first + salt % count, 1 + salt / 7 % (count - salt % count), salt / 61);
	if (s->shared)
		dmabuf_must("ACCOUNT", !vma.rss && !vma.pss && !vma.locked,
			    "%s: Rss is %zu, Pss %zu and Locked %zu bytes, all must be 0\n%s\n",
			    what, vma.rss, vma.pss, vma.locked, proc_evidence(ex_at(s, first)));
	proc_must_not_show(ex_at(s, first), (count < 32 ? count : 32) * ex_page, what);
}

/* What is there is what must be there, of pages that were touched: of some, or of all. */
void ex_compare(struct slot *s, uint32_t salt, bool all)
{
	const size_t a_page = ex_page / GRANULE;

	ex_blame(s);
	dmabuf_must("WHOLE", !s->guard || dmabuf_load_faults(ex_at(s, s->pages)),
		    "%s: what is behind the end of the mapping, where nobody may read, can be read\n%s\n",
		    ex_said(), proc_evidence(ex_at(s, s->pages)));
	for (unsigned int i = 0; i < (all ? s->pages * a_page : 8); i++) {
		size_t granule = all ? i : (salt + i * 0x9e3779b1u) % (s->pages * a_page);
		struct place p = ex_place_of(s, granule);

		if (s->page[p.n] & (all ? READ : TOUCHED_PAGE) && s->page[p.n] & READ &&
		    model->write[p.granule])
			ex_load(s, p);
	}
}

static void judge(struct slot *s, const struct exercise_step *step, uint32_t salt)
{
	ex_blame(s);
	ex_rule_must_hold(s, step->arg[3] % s->pages, salt);
	ex_compare(s, salt, false);
}

void ex_judge_after(const struct exercise_step *step)
{
	uint32_t salt = step->arg[EXERCISE_ARGS - 1] + 0x9e37 * step->op;
	struct slot *s = ex_slot_of(step), *made = &ex_my()->slot[step->arg[2] % SLOTS];

	/* What was made of a mapping, and below what is left of it. */
	if (exercise_ops[step->op] == &op_remap && made->addr && made != s)
		judge(made, step, salt);
	for (unsigned int i = 0; i < SLOTS && !s; i++)
		if (ex_my()->slot[(salt + i) % SLOTS].addr)
			s = &ex_my()->slot[(salt + i) % SLOTS];
	if (s)
		judge(s, step, salt);
}

