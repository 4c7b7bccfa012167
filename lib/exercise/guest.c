// SPDX-License-Identifier: MIT
/*
 * A KVM guest uses what is mapped. There is one in each process that has such a step, and
 * it stays, so that it has page-table entries of its own through all that follows.
 */
#include <unistd.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_kvm.h"
#include "dmabuf_proc.h"
#include "igt.h"
#include "model.h"

/*
 * The pages that the guest was given, by address: what is mapped there now is the kernel's
 * to know.
 */
#define MOST_GIVEN 64

static struct {
	pid_t pid;		/* whose it is: fork() leaves it behind */
	bool refused;		/* there is none, or it can use nothing here */
	struct kvm_guest guest;
	struct { char *addr; uint32_t at; } given[MOST_GIVEN];
	unsigned int count;
} my;

static void start_guest(const void *unused)
{
	my.guest = kvm_guest_start();
}

static void give(const void *addr)
{
	my.given[my.count].at = kvm_guest_map(&my.guest, (void *)addr, ex_page);
	my.given[my.count++].addr = (void *)addr;
}

/* Where the guest has this page; false: nowhere. */
static bool guest_has(char *addr, uint32_t *at)
{
	char why[256];

	if (my.pid != getpid()) {
		memset(&my, 0, sizeof(my));
		my.pid = getpid();
		my.refused = dmabuf_skips(start_guest, NULL, why, sizeof(why));
	}
	for (unsigned int i = 0; i < my.count; i++) {
		*at = my.given[i].at;
		if (my.given[i].addr == addr)
			return true;
	}
	if (my.refused || my.count == MOST_GIVEN || dmabuf_skips(give, addr, why, sizeof(why)))
		return false;
	*at = my.given[my.count - 1].at;
	return true;
}

/* KVM did not do it. An older one takes few pages: it is not asked again. */
static void not_done(const struct slot *s, struct place p, const char *what)
{
	dmabuf_must("NOTIFY", my.guest.error != EFAULT || !kvm_takes_any_page(),
		    "a KVM guest cannot %s page %u of the mapping: %s\n%s\n", what, p.n, my.guest.why,
		    proc_evidence(p.addr));
	ex_refused(my.guest.error ?: EIO);
	my.refused = true;
	my.count = 0;
}

static void guest_loads(struct slot *s, struct place p, uint32_t at)
{
	const uint32_t number = model->write[p.granule];
	uint32_t word, must = ex_word(p.granule, 0, number);

	if (kvm_guest_load(&my.guest, at, &word, 1) != 1) {
		not_done(s, p, "load from");
		return;
	}
	s->page[p.n] |= TOUCHED_PAGE;
	dmabuf_must(model->moves ? "NOTIFY" : ex_contents_clause(), !number || word == must,
		    "a KVM guest reads %#x from page %u of the mapping, and write %u put %#x there\n%s\n",
		    word, p.n, number, must, proc_evidence(p.addr));
}

static void guest_stores(struct slot *s, struct place p, uint32_t at)
{
	const uint32_t number = model->writes + 1, word = ex_word(p.granule, 0, number);
	bool begun = ex_begin_store();

	ex_blame(s);
	if (kvm_guest_store(&my.guest, at, &word, 1) == 1) {
		model->writes = model->write[p.granule] = number;
		s->page[p.n] |= TOUCHED_PAGE;
		/* The first word is the guest's, the others must not hide that it did not arrive. */
		for (unsigned int i = 1; i < WORDS; i++)
			((volatile uint32_t *)p.addr)[i] = ex_word(p.granule, i, number);
		ex_shared->counts.words += WORDS;
	} else {
		not_done(s, p, "store to");
	}
	ex_end_store(begun);
}

static void run_guest(const struct exercise_step *step)
{
	struct slot *s = ex_slot_of(step);
	const bool storing = step->arg[1] & 1;
	const uint8_t may = MAPPED | READ | WRITE;
	struct place p;
	uint32_t at;

	if (!s || !s->shared || ex->ordinary || (storing && !ex_stores_count()))
		return;
	p = ex_place_of(s, step->arg[3] % s->pages * (ex_page / GRANULE));
	if ((s->page[p.n] & may) != may || !guest_has(p.addr, &at))
		return;
	ex_blame(s);
	ex_say("mapping %u: a KVM guest %s page %u", step->arg[0] % SLOTS,
	       storing ? "stores to" : "loads from", p.n);
	if (storing)
		guest_stores(s, p, at);
	else
		guest_loads(s, p, at);
}

const struct exercise_op op_guest = {
	.name = "guest",
	.description = "a KVM guest reads or writes a mapping",
	.weight = 3,
	.draw = ex_draw_access,
	.run = run_guest,
};
