/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_KVM_H
#define DMABUF_KVM_H

/*
 * A KVM guest that loads and stores words of our mappings: somebody who maps a
 * buffer without get_user_pages, by page tables of his own, and has only MMU
 * notifiers to keep these right (Documentation/virt/kvm/api.rst).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm_run;

/* One virtual CPU without devices, and what it may address. */
struct kvm_guest {
	int vm, vcpu;
	struct kvm_run *run;
	uint32_t *words;	/* ordinary memory that it loads and stores, too */
	unsigned int slots;	/* mappings that it was given */
	int error;		/* of the last KVM_RUN, as errno; 0: it returned */
	char why[160];		/* the last access ended early */
};

/*
 * kvm_guest_start:
 *
 * A guest that has seen no mapping yet; it ends with the process. Skips if KVM
 * makes none. In a dmabuf_limited() block, which ends a guest that never returns.
 */
struct kvm_guest kvm_guest_start(void);

/*
 * kvm_guest_map:
 *
 * Gives the guest what is mapped at [addr, addr + length), in bytes and at most 256
 * MiB, as memory that it may write (a memslot without KVM_MEM_READONLY). Returns its
 * address there. Skips if KVM does not take it.
 */
uint32_t kvm_guest_map(struct kvm_guest *guest, void *addr, size_t length);

/*
 * kvm_guest_load, kvm_guest_store:
 *
 * The guest loads or stores count words (32 bits) by its own machine code: the first
 * at this address of its own, each of the others a page behind the one before it.
 * Return how many it got through; if that is less than count, guest->why says what
 * KVM said to the next one. Neither fails; they skip if the guest cannot be told what to
 * do.
 */
size_t kvm_guest_load(struct kvm_guest *guest, uint32_t address, uint32_t *words,
		      size_t count);
size_t kvm_guest_store(struct kvm_guest *guest, uint32_t address, const uint32_t *words,
		       size_t count);

/*
 * kvm_guest_stat:
 *
 * A statistic of the guest's CPU by its name, such as pf_emulate: page faults of the guest
 * after which KVM did the access instead of mapping the page (x86). False if this kernel
 * does not have it (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD: Linux 5.14).
 */
bool kvm_guest_stat(const struct kvm_guest *guest, const char *name, uint64_t *value);

/*
 * kvm_takes_any_page:
 *
 * Whether this kernel's KVM maps whatever a page table has (Linux 6.13). Before, EFAULT
 * from KVM_RUN says nothing of the mapping: KVM refuses a page frame with a struct page
 * that nobody holds, as are all but the first of a larger allocation
 * (virt/kvm/kvm_main.c, kvm_try_get_pfn(), from 5.13 on).
 */
bool kvm_takes_any_page(void);

#endif /* DMABUF_KVM_H */
