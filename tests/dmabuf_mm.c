// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf mm
 * Description: What the kernel's memory management promises of a VM_PFNMAP
 *              mapping holds of the mapping of a DMA buffer: it counts, locks,
 *              advises, watches, migrates and dumps none of its pages.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("What the kernel's memory management promises of a VM_PFNMAP mapping "
		     "holds of the mapping of a DMA buffer.");

#define SIZE (64 << 10)
#define SEED 0x5ca1ab1e

/* Ordinary shared memory, every page of it touched. */
static void *map_touched_control(size_t length)
{
	void *p = map_control(length);

	dmabuf_touch(p, length);
	return p;
}

/*
 * Nothing of it is lost, and it is no more like normal memory than it was. Returns
 * what it looks like now.
 */
static struct proc_vma must_be_unharmed(const struct dmabuf *buf,
					const struct dmabuf_way *way, void *p,
					bool pfnmap, const char *what)
{
	struct proc_vma vma = proc_vma(p);
	char after[128];

	snprintf(after, sizeof(after), "read after %s", what);
	dmabuf_stage("reading %s (%s) after %s", buf->exporter->name, way->name, what);
	pattern_must_be("WHOLE", p, buf->size, SEED, after);
	dmabuf_must("PFNMAP", !pfnmap || proc_vma_has(&vma, "pf"),
		    "%s, mapped through the %s: VM_PFNMAP before %s and not after\n%s\n",
		    buf->exporter->name, way->name, what, proc_evidence(p));
	return vma;
}

static bool is_pfnmap(void *p)
{
	struct proc_vma vma = proc_vma(p);

	return proc_vma_has(&vma, "pf");
}

/* The ways to lock. What each returns is not looked at: what it did is. */
static int do_mlock(void *p, size_t length)
{
	return mlock(p, length);
}

static int do_mlock2(void *p, size_t length)
{
	return mlock2(p, length, MLOCK_ONFAULT);
}

static int do_mlockall(void *p, size_t length)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

static const struct {
	const char *name;
	int (*call)(void *p, size_t length);
} locks[] = {
	{ "mlock()", do_mlock },
	{ "mlock2(MLOCK_ONFAULT)", do_mlock2 },
	{ "mlockall()", do_mlockall },
};

static void must_not_be_accounted(const struct dmabuf *buf, const struct dmabuf_way *way,
				  void *p, const char *after)
{
	struct proc_vma vma = proc_vma(p);

	dmabuf_must("ACCOUNT",
		    !vma.rss && !vma.pss && !vma.locked && !proc_vma_has(&vma, "lo"),
		    "%s, mapped through the %s, after %s: Rss is %zu, Pss %zu, Locked %zu of %zu bytes, all must be 0, and VmFlags must not have 'lo'\n%s\n",
		    buf->exporter->name, way->name, after, vma.rss, vma.pss, vma.locked,
		    buf->size, proc_evidence(p));
	dmabuf_saw("ACCOUNT", "nothing of it is counted or locked after %s, which locks a memfd",
		   after);
}

static void locks_nothing(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *control = map_touched_control(buf->size);
	void *p = dmabuf_map_filled(buf, way, SEED);
	struct proc_vma vma;

	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		int ret;

		dmabuf_stage("%s of %s", locks[i].name, buf->exporter->name);
		ret = locks[i].call(control, buf->size);
		vma = proc_vma(control);
		dmabuf_require(!ret && vma.locked == buf->size && proc_vma_has(&vma, "lo"),
			       "%s does not lock a memfd either: %s", locks[i].name,
			       ret ? strerror(errno) : "nothing is locked");
		ret = locks[i].call(p, buf->size);
		igt_info("%s: %s\n", locks[i].name, ret ? strerrorname_np(errno) : "0");
		must_not_be_accounted(buf, way, p, locks[i].name);
		if (i < ARRAY_SIZE(locks) - 1) {
			munlock(p, buf->size);
			munlock(control, buf->size);
		}
	}
	must_be_unharmed(buf, way, p, false, "mlock(), mlock2() and mlockall()");

	/* All mappings to come are locked now. */
	control = map_touched_control(buf->size);
	vma = proc_vma(control);
	dmabuf_require(proc_vma_has(&vma, "lo"), "MCL_FUTURE does not lock a memfd either");
	p = dmabuf_map(buf, way);
	dmabuf_touch(p, buf->size);
	must_not_be_accounted(buf, way, p, "mlockall(MCL_FUTURE), mapped anew");
}

/*
 * The memory cgroup (version 2). Mounted for this process alone, below which a
 * child of it becomes the one member of a new group.
 */
#define CGROUPS "/sys/fs/cgroup"

static bool has_word(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	bool found = false;
	char is[64];

	while (f && !found && fscanf(f, "%63s", is) == 1)
		found = !strcmp(is, word);
	if (f)
		fclose(f);
	return found;
}

/* Bytes that this group's processes have mapped. */
static long long mapped_by(const char *group)
{
	char path[128], name[64];
	long long value, sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/memory.stat", group);
	f = fopen(path, "re");
	dmabuf_require(f, "%s: %s", path, strerror(errno));
	while (fscanf(f, "%63s %lld", name, &value) == 2)
		if (!strcmp(name, "anon") || !strcmp(name, "file_mapped"))
			sum += value;
	fclose(f);
	return sum;
}

static long long growth_by_touching(const char *group, void *p, size_t length)
{
	long long before = mapped_by(group);

	dmabuf_touch(p, length);
	return mapped_by(group) - before;
}

static void is_not_charged(const struct dmabuf_exporter *e, const struct dmabuf_way *way,
			   const char *group)
{
	char procs[128];
	struct dmabuf buf;
	long long growth;
	void *p;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
	dmabuf_require(write_to(procs, "0"), "%s cannot be entered: %s", group, strerror(errno));
	buf = dmabuf_alloc(e, 1 << 20);
	p = dmabuf_map(&buf, way);

	growth = growth_by_touching(group, map_control(buf.size), buf.size);
	dmabuf_require(growth >= (long long)buf.size / 2,
		       "the memory cgroup does not count a memfd either");
	dmabuf_stage("touching every page of %s (%s)", e->name, way->name);
	growth = growth_by_touching(group, p, buf.size);
	dmabuf_must("ACCOUNT", growth < (long long)buf.size / 2,
		    "%s, mapped through the %s: touching %zu bytes of it let the mapped memory of the memory cgroup grow by %lld\n%s\n",
		    e->name, way->name, buf.size, growth, proc_evidence(p));
	dmabuf_saw("ACCOUNT", "touching it made the memory cgroup grow by %lld bytes", growth);
}

/*
 * Makes the group, and a process that removes it when this one and its children are gone,
 * however they went: a time limit ends them by SIGKILL. It has nothing of theirs.
 */
static void make_group(const char *group)
{
	int left[2];
	pid_t pid;
	char none;

	dmabuf_require(!pipe2(left, O_CLOEXEC), "pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	dmabuf_require(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		setsid();
		dup2(left[0], STDIN_FILENO);
		close_range(STDIN_FILENO + 1, ~0u, 0);
		read(STDIN_FILENO, &none, 1);
		/* A process that was killed leaves its group a little later. */
		for (int i = 0; i < 50 && rmdir(group) && errno == EBUSY; i++)
			usleep(20000);
		_exit(0);
	}
	close(left[0]);
	dmabuf_require(!mkdir(group, 0700), "%s: %s", group, strerror(errno));
}

static void memcg(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	char group[96];
	pid_t pid;
	int status;

	dmabuf_setup("making a memory cgroup");
	dmabuf_require(!unshare(CLONE_NEWNS) &&
		       !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		       /* Busy: it is mounted just there. */
		       (!mount("cgroup2", CGROUPS, "cgroup2", 0, NULL) || errno == EBUSY),
		       "cgroup2 cannot be mounted: %s", strerror(errno));
	dmabuf_require(has_word(CGROUPS "/cgroup.controllers", "memory"),
		       "there is no memory controller in cgroup2");
	if (!has_word(CGROUPS "/cgroup.subtree_control", "memory")) {
		dmabuf_require_disruptive("turns on the memory controller");
		dmabuf_require(write_to(CGROUPS "/cgroup.subtree_control", "+memory"),
			       "the memory controller: %s", strerror(errno));
	}
	snprintf(group, sizeof(group), CGROUPS "/dmabuf-contract-%d", getpid());
	make_group(group);

	pid = dmabuf_fork();
	dmabuf_require(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		is_not_charged(e, way, group);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	dmabuf_inherit_verdict();
}

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

static int advise(void *p, size_t length, int advice)
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
	ret = advise(p, buf->size, a->advice);
	igt_info("%s: %s\n", what, ret ? strerrorname_np(errno) : "0");
	if (ret) {
		if (a->refused_by)
			dmabuf_saw("PFNMAP", "advice that is not for VM_PFNMAP is refused");
		return;
	}
	vma = must_be_unharmed(buf, way, p, pfnmap, what);
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
	bool pfnmap = is_pfnmap(p);

	for (int pass = 0; pass < 2; pass++) {
		by_pidfd = pass;
		for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
			if (advices[i].remote || !by_pidfd)
				take_advice(buf, way, p, pfnmap, &advices[i]);
	}
	must_be_unharmed(buf, way, p, pfnmap, "advice that was refused");

	/* Referenced bits of all pages, of anonymous, of file; soft-dirty bits. */
	for (char what[] = "1"; what[0] <= '4'; what[0]++) {
		dmabuf_stage("clear_refs %s", what);
		write_to("/proc/self/clear_refs", what);
	}
	must_be_unharmed(buf, way, p, pfnmap, "clear_refs");
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
	must_be_unharmed(buf, way, q, true, which);
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
	must_be_unharmed(buf, way, p, false, "mremap(MREMAP_DONTUNMAP) was refused");

	must_move(buf, way, p, TOUCHED);
	must_move(buf, way, dmabuf_map(buf, way), UNTOUCHED);
}

static int watch(int uffd, void *p, size_t length, uint64_t mode)
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
		known += !watch(uffd, control, buf->size, modes[i].mode);
		dmabuf_stage("registering %s for userfaultfd, %s", buf->exporter->name,
			     modes[i].name);
		ret = watch(uffd, p, buf->size, modes[i].mode);
		dmabuf_must("PFNMAP", ret,
			    "%s, mapped through the %s: userfaultfd took it (%s), and refuses VM_PFNMAP (mm/userfaultfd.c, vma_can_userfault)\n%s\n",
			    buf->exporter->name, way->name, modes[i].name,
			    proc_evidence(p));
		dmabuf_saw("PFNMAP", "userfaultfd does not take it, %s (%s)", modes[i].name,
			   strerrorname_np(errno));
		close(uffd);
	}
	dmabuf_require(known, "userfaultfd takes no memfd either");
	must_be_unharmed(buf, way, p, false, "userfaultfd was refused");
}

/* The node of every page, in node's place if that is given; 0 or -errno. */
static int where_is(void *p, size_t length, const int *nodes, int *status)
{
	const size_t page = page_size(), count = length / page;
	void **pages = calloc(count, sizeof(*pages));
	long ret;

	for (size_t i = 0; i < count; i++)
		pages[i] = (char *)p + i * page;
	ret = syscall(SYS_move_pages, 0, count, pages, nodes, status, MPOL_MF_MOVE);
	free(pages);
	return ret < 0 ? -errno : 0;
}

static void is_not_migrated(struct dmabuf *buf, const struct dmabuf_way *way)
{
	const size_t count = buf->size / page_size();
	int *nodes = calloc(count, sizeof(*nodes)), *status = calloc(count, sizeof(*status));
	const unsigned long node0 = 1;
	void *control = map_touched_control(buf->size);
	void *p = dmabuf_map_filled(buf, way, SEED);
	bool pfnmap = is_pfnmap(p);
	int ret;

	ret = where_is(control, buf->size, NULL, status);
	dmabuf_require(!ret && status[0] >= 0,
		       "move_pages() does not find the pages of a memfd either: %s",
		       strerror(ret ? -ret : -status[0]));
	for (int query = 1; query >= 0; query--) {
		dmabuf_stage("move_pages of %s (%s)", buf->exporter->name, way->name);
		memset(status, 0, count * sizeof(*status));
		ret = where_is(p, buf->size, query ? NULL : nodes, status);
		for (size_t i = 0; i < count && !ret; i++)
			dmabuf_must("ACCOUNT", status[i] < 0,
				    "%s, mapped through the %s: move_pages() %s page %zu of %zu, its node is %d; there must be no page to be found\n%s\n",
				    buf->exporter->name, way->name,
				    query ? "finds" : "takes", i, count, status[i],
				    proc_evidence(p));
		dmabuf_saw("ACCOUNT", "move_pages() %s none of its %zu pages (%s)",
			   query ? "finds" : "moves", count,
			   strerrorname_np(ret ? -ret : -status[0]));
	}
	must_be_unharmed(buf, way, p, pfnmap, "move_pages()");

	dmabuf_stage("mbind of %s (%s)", buf->exporter->name, way->name);
	ret = syscall(SYS_mbind, p, buf->size, MPOL_BIND, &node0, 2,
		      MPOL_MF_MOVE | MPOL_MF_STRICT);
	igt_info("mbind: %s\n", ret ? strerrorname_np(errno) : "0");
	must_be_unharmed(buf, way, p, pfnmap, "mbind(MPOL_MF_MOVE)");
	dmabuf_stage("migrate_pages, %s being mapped (%s)", buf->exporter->name, way->name);
	ret = syscall(SYS_migrate_pages, 0, 2, &node0, &node0);
	igt_info("migrate_pages: %s\n", ret < 0 ? strerrorname_np(errno) : "0");
	must_be_unharmed(buf, way, p, pfnmap, "migrate_pages()");
}

/* Whether the file has length bytes at p at a multiple of the page size. */
static bool file_has(const char *path, const void *p, size_t length)
{
	const size_t page = page_size();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = malloc(page);
	bool found = false;

	for (off_t at = 0; !found && pread(fd, bytes, page, at) == (ssize_t)page; at += page)
		found = !memcmp(bytes, p, length);
	free(bytes);
	close(fd);
	return found;
}

/*
 * A child dies of SIGABRT with the buffer and a memfd in it. It has tried to have
 * both in its core dump.
 */
static void is_not_dumped(struct dmabuf *buf, const struct dmabuf_way *way)
{
	char dir[] = "/tmp/dmabuf-contract-XXXXXX", core[64];
	static const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	void *control = map_touched_control(buf->size);
	void *p = dmabuf_map_filled(buf, way, SEED);
	bool dumped = false, control_dumped = false;
	char pattern[64] = "";
	int status = 0, fd;
	pid_t pid;

	pattern_fill(control, buf->size, ~SEED);
	fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	dmabuf_require(fd >= 0 && read(fd, pattern, sizeof(pattern) - 1) > 0 &&
		       strcspn(pattern, "|/%") == strlen(pattern),
		       "/proc/sys/kernel/core_pattern is no plain file name, but %s", pattern);
	pattern[strcspn(pattern, "\n")] = 0;
	dmabuf_require(mkdtemp(dir), "%s: %s", dir, strerror(errno));

	dmabuf_stage("dumping core, %s being mapped (%s)", buf->exporter->name, way->name);
	pid = dmabuf_fork();
	if (!pid) {
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &unlimited);
		/* Shared memory, of files too: neither libraries nor the heap. */
		write_to("/proc/self/coredump_filter", "0x0a");
		madvise(p, buf->size, MADV_DODUMP);
		if (!chdir(dir))
			kill(getpid(), SIGABRT);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);

	/* With core_uses_pid its name has the process id behind it. */
	snprintf(core, sizeof(core), "%s/%s", dir, pattern);
	if (access(core, F_OK))
		snprintf(core, sizeof(core), "%s/%s.%d", dir, pattern, pid);
	if (!access(core, F_OK)) {
		control_dumped = file_has(core, control, 4096);
		dumped = file_has(core, p, 4096);
		unlink(core);
	}
	rmdir(dir);
	dmabuf_require(control_dumped, "no core dump with a memfd in it was written");
	dmabuf_must("ACCOUNT", !dumped,
		    "%s, mapped through the %s: its bytes are in a core dump\n%s\n",
		    buf->exporter->name, way->name, proc_evidence(p));
	dmabuf_saw("ACCOUNT", "a core dump has a memfd and not the buffer");
}

static const struct dmabuf_check checks[] = {
	{ "mlock", "ACCOUNT", "mlock(), mlock2() and mlockall() lock none of it, now or when it "
	  "is mapped again: Rss, Pss and Locked in smaps stay 0, VmFlags gets no 'lo'. "
	  "Source: #0; mm/mlock.c, mlock_fixup() passes over VM_SPECIAL. All kernels",
	  locks_nothing },
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
	{ "migrate", "ACCOUNT WHOLE", "move_pages() finds no page in it that it finds in a memfd, "
	  "and neither that, mbind() nor migrate_pages() changes a word. Source: #0 and #4 "
	  "(only the exporter moves it); mm/migrate.c, mm/mempolicy.c, vma_migratable(). All "
	  "kernels", is_not_migrated },
	{ "coredump", "ACCOUNT", "a core dump that has a memfd, and was asked by MADV_DODUMP for "
	  "the buffer, does not have it. Source: fs/coredump.c, vma_dump_size() leaves out "
	  "VM_DONTDUMP and VM_IO, get_dump_page() is a GUP user. All kernels", is_not_dumped },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	dmabuf_run_own_checks(checks, SIZE);

	for_each_dmabuf_own_way(way) {
		igt_describe_f("A buffer of 1 MiB is mapped by %s, by the only process of a memory "
			       "cgroup (version 2): touching it does not let the group's mapped "
			       "memory grow, as touching a memfd does. Source: #0. Clauses: "
			       "ACCOUNT %s", way->description, way->clause);
		igt_subtest_with_dynamic_f("memcg-%s", way->name) {
			dmabuf_dynamic(e, way, "ACCOUNT")
				memcg(e, way);
		}
	}
}
