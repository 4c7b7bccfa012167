// SPDX-License-Identifier: MIT
/*
 * A KVM guest uses what is mapped. There is one in each process that has such a step, and
 * it stays, so that it has page-table entries of its own through all that follows.
 */
#include <unistd.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_kvm.h"
#include "dmabuf_memory.h"
#include "dmabuf_proc.h"
#include "igt.h"
#include "model.h"

/*
 * The guest is given whole parts of the address space, whatever is or will be mapped there:
 * what that is now is the kernel's to know.
 */
#define GIVEN (64ul << 20)
#define MOST_GIVEN 7

static struct {
	pid_t pid;		/* whose it is: fork() leaves it behind */
	bool refused;		/* there is none, or it can use nothing here */
	bool counts;		/* pf_emulate counts stores that KVM did in the guest's stead */
	struct kvm_guest guest;
	struct { char *addr; uint32_t at; } given[MOST_GIVEN];
	unsigned int count;
} my;

static uint64_t emulated_stores(void)
{
	uint64_t n = 0;

	my.counts &= kvm_guest_stat(&my.guest, "pf_emulate", &n);
	return n;
}

/* Of ordinary memory it maps a page for writing, or what it counts tells nothing. */
static void start_guest(const void *unused)
{
	const uint32_t word = 1;
	uint32_t at;

	my.guest = kvm_guest_start();
	at = kvm_guest_map(&my.guest, map_control(ex_page), ex_page);
	my.counts = kvm_guest_store(&my.guest, at, &word, 1) == 1;
	my.counts &= !emulated_stores();
}

static void give(const void *addr)
{
	my.given[my.count].at = kvm_guest_map(&my.guest, (void *)addr, GIVEN);
	my.given[my.count++].addr = (void *)addr;
}

/* Where the guest has this page; false: nowhere. */
static bool guest_has(char *addr, uint32_t *at)
{
	const uintptr_t within = (uintptr_t)addr & (GIVEN - 1);
	char why[256];

	if (my.pid != getpid()) {
		memset(&my, 0, sizeof(my));
		my.pid = getpid();
		my.refused = dmabuf_skips(start_guest, NULL, why, sizeof(why));
	}
	for (unsigned int i = 0; i < my.count; i++) {
		*at = my.given[i].at + within;
		if (my.given[i].addr == addr - within)
			return true;
	}
	if (my.refused || my.count == MOST_GIVEN ||
	    dmabuf_skips(give, addr - within, why, sizeof(why)))
		return false;
	*at = my.given[my.count - 1].at + within;
	return true;
}

/* KVM did not do it. An older one takes few pages, and says EFAULT of the others. */
static void not_done(const struct slot *s, struct place p, const char *what)
{
	dmabuf_must("NOTIFY", my.guest.error != EFAULT || !kvm_takes_any_page(),
		    "a KVM guest cannot %s page %u of the mapping: %s\n%s\n", what, p.n, my.guest.why,
		    proc_evidence(p.addr));
	ex_refused(my.guest.error ?: EIO);
	if (my.guest.error == EFAULT)
		return;
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
	uint64_t before = emulated_stores();

	ex_blame(s);
	if (kvm_guest_store(&my.guest, at, &word, 1) == 1) {
		dmabuf_must("NOTIFY", emulated_stores() == before || !my.counts,
			    "KVM does not map page %u of the mapping for writing, but emulates a guest's store to it; to a memfd it emulates none\n%s\n",
			    p.n, proc_evidence(p.addr));
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
