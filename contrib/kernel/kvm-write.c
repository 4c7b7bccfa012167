// SPDX-License-Identifier: GPL-2.0
// kvm-write CARD: a KVM guest's first store to a vgem buffer, by an instruction that is not emulated.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <libdrm/drm.h>
#include <linux/kvm.h>

int main(int argc, char **argv)
{
	struct drm_mode_create_dumb dumb = { .width = 1024, .height = 1, .bpp = 32 };
	struct drm_prime_handle prime = { .flags = DRM_RDWR };
	int card = open(argv[1], O_RDWR);
	int vm = ioctl(open("/dev/kvm", O_RDWR), KVM_CREATE_VM, 0), cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	char *code = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_run *run = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	struct kvm_userspace_memory_region mem = { .memory_size = 4096 };
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	prime.handle = dumb.handle;
	if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) || ioctl(cpu, KVM_GET_SREGS, &sregs))
		return 77;
	memcpy(code, "\xd9\xee\xd9\x1e\x00\x00\xf4", 7); // fldz; fstps ds:0; hlt
	mem.userspace_addr = (unsigned long)code;
	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem);
	mem.slot = 1, mem.guest_phys_addr = 0x10000;
	mem.userspace_addr = (unsigned long)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem);
	sregs.cs.base = sregs.cs.selector = 0;
	sregs.ds.base = 0x10000, sregs.ds.selector = 0x1000;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) || ioctl(cpu, KVM_SET_REGS, &regs) || ioctl(cpu, KVM_RUN, 0))
		return 1;
	printf("exit reason %u (halted: %u)\n", run->exit_reason, KVM_EXIT_HLT);
	return run->exit_reason != KVM_EXIT_HLT;
}
