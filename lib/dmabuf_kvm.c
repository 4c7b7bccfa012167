// SPDX-License-Identifier: MIT
#include "dmabuf_memory.h"
#include "igt.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "dmabuf_contract.h"
#include "dmabuf_kvm.h"

/* What the guest has from address 0 on: a page of code, then words to copy. */
#define MEMORY (1 << 20)
#define WORDS 0x1000
#define MOST_WORDS ((MEMORY - WORDS) / sizeof(uint32_t))

/* Mappings follow, at this distance from each other. */
#define SLOT (256u << 20)

#if defined(__x86_64__) || defined(__i386__)

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

/* Copies; returns how many words are left. */
static size_t copy(struct kvm_guest *guest, uint32_t from, uint32_t from_step, uint32_t to,
		   uint32_t to_step, size_t count)
{
	struct kvm_regs regs = {
		.rsi = from, .rbx = from_step, .rdi = to, .rdx = to_step, .rcx = count,
		.rflags = 2,
	};
	int ret;

	dmabuf_require(!ioctl(guest->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS: %s",
		       strerror(errno));
	do {
		ret = ioctl(guest->vcpu, KVM_RUN, 0);
	} while (ret && errno == EINTR);

	guest->error = ret ? errno : 0;
	if (ret)
		snprintf(guest->why, sizeof(guest->why), "KVM_RUN: %s", strerror(errno));
	else if (guest->run->exit_reason != KVM_EXIT_HLT)
		snprintf(guest->why, sizeof(guest->why), "KVM_RUN ends with exit reason %u%s",
			 guest->run->exit_reason,
			 guest->run->exit_reason == KVM_EXIT_MMIO ? " (MMIO)" : "");
	dmabuf_require(!ioctl(guest->vcpu, KVM_GET_REGS, &regs), "KVM_GET_REGS: %s",
		       strerror(errno));
	/* An access for user space to emulate ends in the next KVM_RUN: let it be this. */
	if (!ret && guest->run->exit_reason == KVM_EXIT_MMIO) {
		guest->run->immediate_exit = 1;
		ioctl(guest->vcpu, KVM_RUN, 0);
		guest->run->immediate_exit = 0;
	}
	return regs.rcx;
}

#else

static const uint8_t code[1];
#define TSS 0ul

static bool set_mode(const struct kvm_guest *guest)
{
	dmabuf_skip("the guest's code is for x86");
}

static size_t copy(struct kvm_guest *guest, uint32_t from, uint32_t from_step, uint32_t to,
		   uint32_t to_step, size_t count)
{
	return count;
}

#endif

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

bool kvm_takes_any_page(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	return major > 6 || (major == 6 && minor >= 13);
}
