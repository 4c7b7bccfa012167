// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf range
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: madvise, mremap and userfaultfd
 * Description: What a process asks of the memory management for a range of addresses,
 *              by advice, mremap() or userfaultfd, is refused for VM_PFNMAP, or leaves
 *              the mapping of a DMA buffer what it is.
 *
 * SUBTEST: madvise-%s
 * Description: No advice loses a word of it, or makes it normal memory.
 *
 * SUBTEST: mremap-%s
 * Description: It can be moved to another address, and obeys there.
 *
 * SUBTEST: userfaultfd-%s
 * Description: userfaultfd refuses to watch it.
 *
 * arg[1].values: fd, native
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("What a process asks for a range of addresses is refused for VM_PFNMAP, "
		     "or leaves the mapping of a DMA buffer what it is.");

#define SIZE (64 << 10)
#define SEED 0x5ca1ab1e

/* Advice. HWPOISON and SOFT_OFFLINE are left out: they take memory away. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static const struct advice {
	int advice;
	const char *name;
	/*
	 * Who promises that it is refused; NULL where nobody does, and it has to be
	 * harmless.
	 */
	const char *refused_by;
	const char *flag;	/* that VmFlags must not get by it */
	bool remote;		/* process_madvise(2) knows it, too */
} advices[] = {
#define A(name, ...) { MADV_##name, "MADV_" #name, ##__VA_ARGS__ }
	A(NORMAL),
	A(SEQUENTIAL),
	A(RANDOM),
	A(WILLNEED, .remote = true),
	A(DONTNEED, "madvise(2): not for VM_PFNMAP ranges"),
	A(DONTNEED_LOCKED, "mm/madvise.c, madvise_dontneed_free_valid_vma(), since 5.18"),
	A(FREE, "madvise(2): only for private anonymous pages"),
	A(REMOVE, "madvise(2): not for VM_PFNMAP ranges"),
	A(COLD, "madvise(2): not for VM_PFNMAP ranges, since 5.4", .remote = true),
	A(PAGEOUT, "madvise(2): not for VM_PFNMAP ranges, since 5.4", .remote = true),
	A(POPULATE_READ, "madvise(2): not for VM_PFNMAP mappings, since 5.14"),
	A(POPULATE_WRITE, "madvise(2): not for VM_PFNMAP mappings, since 5.14"),
	A(MERGEABLE, NULL, "mg"),
	A(UNMERGEABLE),
	A(HUGEPAGE),
	A(COLLAPSE, .remote = true),
	A(NOHUGEPAGE),
	A(GUARD_INSTALL, "mm/madvise.c, is_valid_guard_vma(), since 6.13"),
	A(GUARD_REMOVE),
	A(WIPEONFORK, "madvise(2): only for private anonymous pages", "wf"),
	A(KEEPONFORK),
	A(DONTDUMP),
	A(DODUMP, "mm/madvise.c, madvise_vma_behavior(): not for VM_SPECIAL"),
	A(DONTFORK),
	A(DOFORK),
#undef A
};

static bool by_pidfd;

static int give_advice(void *p, size_t length, int advice)
{
	struct iovec iov = { p, length };
	static int self = -1;

	if (!by_pidfd)
		return madvise(p, length, advice);
	if (self < 0)
		self = syscall(SYS_pidfd_open, getpid(), 0);
	return syscall(SYS_process_madvise, self, &iov, 1, advice, 0) ==
	       (ssize_t)length ? 0 : -1;
}

static void take_advice(const struct dmabuf *buf, const struct dmabuf_way *way, void *p,
			bool pfnmap, const struct advice *a)
{
	struct proc_vma vma;
	char what[64];
	int ret;

	snprintf(what, sizeof(what), "%s(%s)", by_pidfd ? "process_madvise" : "madvise",
		 a->name);
	dmabuf_stage("%s of %s (%s)", what, buf->exporter->name, way->name);
	ret = give_advice(p, buf->size, a->advice);
	igt_info("%s: %s\n", what, ret ? strerrorname_np(errno) : "0");
	if (ret) {
		if (a->refused_by)
			dmabuf_saw("PFNMAP", "advice that is not for VM_PFNMAP is refused");
		return;
	}
	dmabuf_must_be_unharmed(buf, way, p, SEED, pfnmap, what);
	vma = proc_vma(p);
	dmabuf_must("PFNMAP", !a->refused_by,
		    "%s, mapped through the %s: %s was followed, and must be refused (%s)\n%s\n",
		    buf->exporter->name, way->name, what, a->refused_by, proc_evidence(p));
	dmabuf_must("PFNMAP", !a->flag || !proc_vma_has(&vma, a->flag),
		    "%s, mapped through the %s: VmFlags has '%s' after %s\n%s\n",
		    buf->exporter->name, way->name, a->flag, what, proc_evidence(p));
}

static void all_advice_is_harmless(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *p = dmabuf_map_filled(buf, way, SEED);
	bool pfnmap = proc_is_pfnmap(p);

	for (int pass = 0; pass < 2; pass++) {
		by_pidfd = pass;
		for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
			if (advices[i].remote || !by_pidfd)
				take_advice(buf, way, p, pfnmap, &advices[i]);
	}
	dmabuf_must_be_unharmed(buf, way, p, SEED, pfnmap, "advice that was refused");

	/* Referenced bits of all pages, of anonymous, of file; soft-dirty bits. */
	for (char what[] = "1"; what[0] <= '4'; what[0]++) {
		dmabuf_stage("clear_refs %s", what);
		write_to("/proc/self/clear_refs", what);
	}
	dmabuf_must_be_unharmed(buf, way, p, SEED, pfnmap, "clear_refs");
	pattern_fill(p, buf->size, SEED);
	if (pfnmap)
		dmabuf_must_obey(buf, way, TOUCHED, "mapping after all advice", p, buf->size);
}

static void must_move(const struct dmabuf *buf, const struct dmabuf_way *way, void *p,
		      enum page_state state)
{
	void *at = reserve(buf->size);
	unsigned char vec[1];
	char which[64];
	void *q;

	dmabuf_stage("mremap of %s (%s, %s)", buf->exporter->name, way->name,
		     page_state_names[state]);
	q = mremap(p, buf->size, buf->size, MREMAP_MAYMOVE | MREMAP_FIXED, at);
	dmabuf_require(q != MAP_FAILED, "%s does not let its mapping go to another address: %s",
		       buf->exporter->name, strerror(errno));
	dmabuf_must("WHOLE", mincore(p, 1, vec) && errno == ENOMEM,
		    "%s, mapped through the %s: something is still mapped at the old address after mremap()\n",
		    buf->exporter->name, way->name);
	snprintf(which, sizeof(which), "mapping moved by mremap() when %s",
		 page_state_names[state]);
	dmabuf_must_obey(buf, way, state, which, q, buf->size);
	dmabuf_must_be_unharmed(buf, way, q, SEED, true, which);
	dmabuf_must_obey(buf, way, TOUCHED, which, q, buf->size);
	munmap(q, buf->size);
}

static void moves_address(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *control = map_touched_control(buf->size);
	void *p = dmabuf_map_filled(buf, way, SEED), *q;

	dmabuf_stage("mremap(MREMAP_DONTUNMAP) of %s (%s)", buf->exporter->name, way->name);
	q = mremap(control, buf->size, buf->size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (q == MAP_FAILED)
		igt_info("mremap(MREMAP_DONTUNMAP) of a memfd: %s\n", strerrorname_np(errno));
	q = mremap(p, buf->size, buf->size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	dmabuf_must("PFNMAP", q == MAP_FAILED,
		    "%s, mapped through the %s: MREMAP_DONTUNMAP was followed, and is refused on VM_PFNMAP (mremap(2))\n%s\n",
		    buf->exporter->name, way->name, proc_evidence(q));
	dmabuf_saw("PFNMAP", "MREMAP_DONTUNMAP is refused (%s)", strerrorname_np(errno));
	dmabuf_must_be_unharmed(buf, way, p, SEED, false, "mremap(MREMAP_DONTUNMAP) was refused");

	must_move(buf, way, p, TOUCHED);
	must_move(buf, way, dmabuf_map(buf, way), UNTOUCHED);
}

static int uffd_register(int uffd, void *p, size_t length, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)p, .len = length },
		.mode = mode,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &reg);
}

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static void is_not_watched(struct dmabuf *buf, const struct dmabuf_way *way)
{
	static const struct { const char *name; uint64_t mode; } modes[] = {
		{ "MISSING", UFFDIO_REGISTER_MODE_MISSING },
		{ "MINOR", UFFDIO_REGISTER_MODE_MINOR },
		{ "WP", UFFDIO_REGISTER_MODE_WP },
	};
	void *control = map_touched_control(buf->size);
	void *p = dmabuf_map_filled(buf, way, SEED);
	unsigned int known = 0;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct uffdio_api api = { .api = UFFD_API };
		int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
		int ret;

		dmabuf_require(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api),
			       "userfaultfd: %s", strerror(errno));
		known += !uffd_register(uffd, control, buf->size, modes[i].mode);
		dmabuf_stage("registering %s for userfaultfd, %s", buf->exporter->name,
			     modes[i].name);
		ret = uffd_register(uffd, p, buf->size, modes[i].mode);
		dmabuf_must("PFNMAP", ret,
			    "%s, mapped through the %s: userfaultfd took it (%s), and refuses VM_PFNMAP (mm/userfaultfd.c, vma_can_userfault)\n%s\n",
			    buf->exporter->name, way->name, modes[i].name,
			    proc_evidence(p));
		dmabuf_saw("PFNMAP", "userfaultfd does not take it, %s (%s)", modes[i].name,
			   strerrorname_np(errno));
		close(uffd);
	}
	dmabuf_require(known, "userfaultfd takes no memfd either");
	dmabuf_must_be_unharmed(buf, way, p, SEED, false, "userfaultfd was refused");
}

static const struct dmabuf_check checks[] = {
	{ "madvise", "PFNMAP WHOLE", "no advice of madvise() or process_madvise(), and nothing "
	  "written to clear_refs, loses a word of it or makes it normal memory, and advice "
	  "that is not for VM_PFNMAP is refused. Source: madvise(2), mm/madvise.c; the table "
	  "in the code says for each from which kernel on", all_advice_is_harmless },
	{ "mremap", "PFNMAP GUP SPECIAL WHOLE", "mremap() to another address leaves nothing at "
	  "the old one and keeps contents and rules, whether its pages were touched or not; "
	  "MREMAP_DONTUNMAP is refused. Source: #2, mm/mremap.c, mremap(2). All kernels, "
	  "MREMAP_DONTUNMAP since 5.7", moves_address },
	{ "userfaultfd", "PFNMAP", "userfaultfd refuses to watch it, in every mode, but takes a "
	  "memfd. Source: mm/userfaultfd.c, vma_can_userfault(). All kernels", is_not_watched },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	dmabuf_run_own_checks(checks, SIZE);
}
