// SPDX-License-Identifier: MIT
#include "dmabuf_memory.h"
#include "igt.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "dmabuf_contract.h"
#include "dmabuf_kvm.h"

#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)

#include <linux/kvm.h>

/* What the guest has from address 0 on: a page of code, then words to copy. */
#define MEMORY (1 << 20)
#define WORDS 0x1000
#define MOST_WORDS ((MEMORY - WORDS) / sizeof(uint32_t))

/* Mappings follow, at this distance from each other. */
#define SLOT (256u << 20)

#ifndef __aarch64__

/* Copies ECX words from ESI, EBX bytes apart, to EDI, EDX bytes apart, and halts. */
static const uint8_t code[] = {
	0x8b, 0x06,	/* again: mov (%esi), %eax */
	0x89, 0x07,	/* mov %eax, (%edi) */
	0x01, 0xde,	/* add %ebx, %esi */
	0x01, 0xd7,	/* add %edx, %edi */
	0x49,		/* dec %ecx */
	0x75, 0xf5,	/* jnz again */
	0xf4,		/* hlt */
};

/* Three pages that KVM wants for itself on older Intel CPUs, away from all slots. */
#define TSS 0xfffbd000ul

/*
 * Protected mode without paging: flat segments of 4 GiB, which hold without a
 * descriptor table as long as nobody loads a segment register.
 */
static bool set_mode(const struct kvm_guest *guest)
{
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1,
		.s = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	if (ioctl(guest->vcpu, KVM_GET_SREGS, &sregs))
		return false;
	sregs.cr0 |= 1;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cs = data;
	sregs.cs.selector = 8;
	sregs.cs.type = 11;
	return !ioctl(guest->vcpu, KVM_SET_SREGS, &sregs);
}

/* To copy so many words, and how many are left. */
static bool set_copy(const struct kvm_guest *guest, uint32_t from, uint32_t from_step,
		     uint32_t to, uint32_t to_step, size_t count)
{
	struct kvm_regs regs = {
		.rsi = from, .rbx = from_step, .rdi = to, .rdx = to_step, .rcx = count,
		.rflags = 2,
	};

	return !ioctl(guest->vcpu, KVM_SET_REGS, &regs);
}

static bool get_left(const struct kvm_guest *guest, size_t *count)
{
	struct kvm_regs regs;

	if (ioctl(guest->vcpu, KVM_GET_REGS, &regs))
		return false;
	*count = regs.rcx;
	return true;
}

static bool has_halted(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_HLT;
}

#else

/*
 * Copies X4 words from X0, X2 bytes apart, to X1, X3 bytes apart, and stores to X5, where
 * there is no memory.
 */
static const uint32_t code[] = {
	0xb9400006,	/* again: ldr w6, [x0] */
	0xb9000026,	/* str w6, [x1] */
	0x8b020000,	/* add x0, x0, x2 */
	0x8b030021,	/* add x1, x1, x3 */
	0xf1000484,	/* subs x4, x4, #1 */
	0x54ffff61,	/* b.ne again */
	0xb90000bf,	/* str wzr, [x5] */
};

#define TSS 0ul
#define NO_MEMORY 0xc0000000ul

/* Behind the code, in the same page: the guest's page table. */
#define TABLE 0x800ul

/* ID of a register: its number in struct kvm_regs, or a system register's encoding. */
#define CORE(field) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
		     KVM_REG_ARM_CORE_REG(field))
#define X(n) (CORE(regs.regs[0]) + 2 * (n))
#define SCTLR_EL1 ARM64_SYS_REG(3, 0, 1, 0, 0)
#define TTBR0_EL1 ARM64_SYS_REG(3, 0, 2, 0, 0)
#define TCR_EL1 ARM64_SYS_REG(3, 0, 2, 0, 2)
#define MAIR_EL1 ARM64_SYS_REG(3, 0, 10, 2, 0)

static bool set_register(const struct kvm_guest *guest, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return !ioctl(guest->vcpu, KVM_SET_ONE_REG, &reg);
}

/*
 * Addresses as they are, for 4 GiB in four blocks of cacheable memory: without its MMU, the
 * guest would go past the caches in which our words are (Arm ARM, D8).
 */
static bool set_mode(const struct kvm_guest *guest)
{
	uint64_t *table = (uint64_t *)((char *)guest->words - WORDS + TABLE);
	struct kvm_vcpu_init init;

	/* A block, with its access flag, inner shareable, of the first memory type. */
	for (uint64_t i = 0; i < 4; i++)
		table[i] = i << 30 | 1 << 10 | 3 << 8 | 1;
	return !ioctl(guest->vm, KVM_ARM_PREFERRED_TARGET, &init) &&
	       !ioctl(guest->vcpu, KVM_ARM_VCPU_INIT, &init) &&
	       set_register(guest, MAIR_EL1, 0xff) &&
	       set_register(guest, TTBR0_EL1, TABLE) &&
	       /* 4 KiB granules, 32 bits of addresses, write-back tables, TTBR0 alone. */
	       set_register(guest, TCR_EL1, 1 << 23 | 3 << 12 | 1 << 10 | 1 << 8 | 32) &&
	       /* MMU and caches, and the bits that are always one. */
	       set_register(guest, SCTLR_EL1, 0x30d00800 | 1 << 12 | 1 << 2 | 1);
}

static bool set_copy(const struct kvm_guest *guest, uint32_t from, uint32_t from_step,
		     uint32_t to, uint32_t to_step, size_t count)
{
	return set_register(guest, X(0), from) && set_register(guest, X(1), to) &&
	       set_register(guest, X(2), from_step) && set_register(guest, X(3), to_step) &&
	       set_register(guest, X(4), count) && set_register(guest, X(5), NO_MEMORY) &&
	       set_register(guest, CORE(regs.pc), 0);
}

static bool get_left(const struct kvm_guest *guest, size_t *count)
{
	uint64_t value;
	struct kvm_one_reg reg = { .id = X(4), .addr = (uintptr_t)&value };

	if (ioctl(guest->vcpu, KVM_GET_ONE_REG, &reg))
		return false;
	*count = value;
	return true;
}

static bool has_halted(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == NO_MEMORY;
}

#endif

/* Copies; returns how many words are left. */
static size_t copy(struct kvm_guest *guest, uint32_t from, uint32_t from_step, uint32_t to,
		   uint32_t to_step, size_t count)
{
	int ret;

	dmabuf_require(set_copy(guest, from, from_step, to, to_step, count),
		       "the registers of a KVM guest cannot be set: %s", strerror(errno));
	do {
		ret = ioctl(guest->vcpu, KVM_RUN, 0);
	} while (ret && errno == EINTR);

	guest->error = ret ? errno : 0;
	if (ret)
		snprintf(guest->why, sizeof(guest->why), "KVM_RUN: %s", strerror(errno));
	else if (!has_halted(guest->run))
		snprintf(guest->why, sizeof(guest->why), "KVM_RUN ends with exit reason %u%s",
			 guest->run->exit_reason,
			 guest->run->exit_reason == KVM_EXIT_MMIO ? " (MMIO)" : "");
	dmabuf_require(get_left(guest, &count), "the registers of a KVM guest cannot be read: %s",
		       strerror(errno));
	/* An access for user space to emulate ends in the next KVM_RUN: let it be this. */
	if (!ret && guest->run->exit_reason == KVM_EXIT_MMIO) {
		guest->run->immediate_exit = 1;
		ioctl(guest->vcpu, KVM_RUN, 0);
		guest->run->immediate_exit = 0;
	}
	return count;
}

static void set_slot(struct kvm_guest *guest, uint32_t address, void *addr, size_t length)
{
	struct kvm_userspace_memory_region region = {
		.slot = guest->slots, .guest_phys_addr = address, .memory_size = length,
		.userspace_addr = (uintptr_t)addr,
	};

	dmabuf_require(!ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region),
		       "KVM takes no memslot of %zu bytes: %s", length, strerror(errno));
	guest->slots++;
}

struct kvm_guest kvm_guest_start(void)
{
	struct kvm_guest guest = { };
	int kvm, size;
	char *memory;

	dmabuf_setup("making a KVM guest");
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	dmabuf_require(kvm >= 0, "no KVM guest can be made: /dev/kvm: %s", strerror(errno));
	guest.vm = ioctl(kvm, KVM_CREATE_VM, 0ul);
	dmabuf_require(guest.vm >= 0, "no KVM guest can be made: KVM_CREATE_VM: %s",
		       strerror(errno));
	if (TSS)
		ioctl(guest.vm, KVM_SET_TSS_ADDR, TSS);

	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	dmabuf_require(memory != MAP_FAILED, "no memory for a KVM guest: %s", strerror(errno));
	memcpy(memory, code, sizeof(code));
	guest.words = (uint32_t *)(memory + WORDS);
	set_slot(&guest, 0, memory, MEMORY);

	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	guest.vcpu = ioctl(guest.vm, KVM_CREATE_VCPU, 0ul);
	dmabuf_require(size > 0 && guest.vcpu >= 0,
		       "no KVM guest can be made: KVM_CREATE_VCPU: %s", strerror(errno));
	guest.run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, guest.vcpu, 0);
	dmabuf_require(guest.run != MAP_FAILED && set_mode(&guest),
		       "no KVM guest can be made: the state of its CPU cannot be set: %s",
		       strerror(errno));
	close(kvm);
	return guest;
}

uint32_t kvm_guest_map(struct kvm_guest *guest, void *addr, size_t length)
{
	uint32_t address = guest->slots * SLOT;

	dmabuf_require(guest->slots < 8 && length <= SLOT,
		       "%zu bytes more are more than the guest has room for", length);
	set_slot(guest, address, addr, length);
	return address;
}

static void require_room(size_t count)
{
	dmabuf_require(count && count <= MOST_WORDS,
		       "the guest takes 1 to %zu words at once, not %zu", MOST_WORDS, count);
}

size_t kvm_guest_load(struct kvm_guest *guest, uint32_t address, uint32_t *words,
		      size_t count)
{
	size_t done;

	require_room(count);
	done = count - copy(guest, address, page_size(), WORDS, sizeof(*words),
			    count);
	memcpy(words, guest->words, done * sizeof(*words));
	return done;
}

size_t kvm_guest_store(struct kvm_guest *guest, uint32_t address, const uint32_t *words,
		       size_t count)
{
	require_room(count);
	memcpy(guest->words, words, count * sizeof(*words));
	return count - copy(guest, WORDS, sizeof(*words), address, page_size(),
			    count);
}

bool kvm_guest_stat(const struct kvm_guest *guest, const char *name, uint64_t *value)
{
	struct kvm_stats_header header;
	bool found = false;
	int fd = ioctl(guest->vcpu, KVM_GET_STATS_FD, NULL);

	if (fd < 0)
		return false;
	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) || header.name_size > 256)
		header.num_desc = 0;
	for (uint32_t i = 0; i < header.num_desc && !found; i++) {
		/* A name of a fixed size follows each. */
		union {
			struct kvm_stats_desc desc;
			char bytes[sizeof(struct kvm_stats_desc) + 256];
		} d;
		const ssize_t size = sizeof(d.desc) + header.name_size;

		found = pread(fd, &d, size, header.desc_offset + i * size) == size &&
			!strncmp(d.bytes + sizeof(d.desc), name, header.name_size) &&
			pread(fd, value, sizeof(*value),
			      header.data_offset + d.desc.offset) == sizeof(*value);
	}
	close(fd);
	return found;
}

#else /* 32-bit ARM has not even the header */

__attribute__((noreturn)) struct kvm_guest kvm_guest_start(void)
{
	dmabuf_require(false, "no KVM guest can be made: its code is for x86 and arm64");
}

uint32_t kvm_guest_map(struct kvm_guest *guest, void *addr, size_t length)
{
	return 0;
}

size_t kvm_guest_load(struct kvm_guest *guest, uint32_t address, uint32_t *words,
		      size_t count)
{
	return 0;
}

size_t kvm_guest_store(struct kvm_guest *guest, uint32_t address, const uint32_t *words,
		       size_t count)
{
	return 0;
}

bool kvm_guest_stat(const struct kvm_guest *guest, const char *name, uint64_t *value)
{
	return false;
}

#endif

bool kvm_takes_any_page(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	return major > 6 || (major == 6 && minor >= 13);
}
