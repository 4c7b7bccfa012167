// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf account
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: accounting
 * Description: The mapping of a DMA buffer is VM_PFNMAP: the kernel counts none of its
 *              pages as memory of those who map it, and locks none.
 *
 * SUBTEST: mlock-%s
 * Description: Neither mlock() nor mlockall() locks a page of it.
 *
 * SUBTEST: memcg-%s
 * Description: A memory cgroup does not count it.
 *
 * arg[1].values: fd, native
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("The kernel neither counts nor locks a page of the mapping of a DMA "
		     "buffer.");

#define SIZE (64 << 10)
#define SEED 0x5ca1ab1e

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
	dmabuf_must_be_unharmed(buf, way, p, SEED, false, "mlock(), mlock2() and mlockall()");

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
#define CHARGED (1 << 20)

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

/* Bytes that are this process's by its counters, which are others than smaps adds up. */
static long long counted_in_status(void)
{
	static const char *const counters[] = { "VmRSS:", "VmLck:", "VmPin:" };
	FILE *f = fopen("/proc/self/status", "re");
	long long kib, sum = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
			if (!strncmp(line, counters[i], strlen(counters[i])) &&
			    sscanf(line + strlen(counters[i]), "%lld", &kib) == 1)
				sum += kib;
	if (f)
		fclose(f);
	return sum << 10;
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

static struct charged {
	long long group, process;
	const char *evidence;
} charged(const char *group)
{
	return (struct charged){ mapped_by(group), counted_in_status() };
}

/* By what is mapped, touched and unmapped: a memfd if buf is NULL. */
static struct charged growth_by_mapping(const char *group, const struct dmabuf *buf,
					const struct dmabuf_way *way)
{
	struct charged before = charged(group), after;
	const size_t length = buf ? buf->size : CHARGED;
	void *p = buf ? dmabuf_map(buf, way) : map_control(length);

	dmabuf_touch(p, length);
	after = charged(group);
	after.evidence = proc_evidence(p);
	after.group -= before.group;
	after.process -= before.process;
	/* Of normal pages others tell, by smaps. */
	if (buf)
		after.process -= proc_vma(p).rss;
	munmap(p, length);
	return after;
}

static void is_not_charged(const struct dmabuf_exporter *e, const struct dmabuf_way *way,
			   const char *group)
{
	struct charged control, growth, again;
	char procs[128];
	struct dmabuf buf;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
	dmabuf_require(write_to(procs, "0"), "%s cannot be entered: %s", group, strerror(errno));
	buf = dmabuf_alloc(e, CHARGED);
	control = growth_by_mapping(group, NULL, way);
	dmabuf_require(control.group >= CHARGED / 2,
		       "the memory cgroup does not count a memfd either");
	dmabuf_stage("mapping %s and touching every page (%s)", e->name, way->name);
	growth = growth_by_mapping(group, &buf, way);
	dmabuf_must("ACCOUNT", growth.group < CHARGED / 2,
		    "%s, mapped through the %s: mapping and touching %zu bytes of it let the mapped memory of the memory cgroup grow by %lld\n%s\n",
		    e->name, way->name, buf.size, growth.group, growth.evidence);
	dmabuf_saw("ACCOUNT", "touching it made the memory cgroup grow by %lld bytes", growth.group);
	/*
	 * Where there are many CPUs each counts by itself, and what was before comes in late
	 * (include/linux/mm.h, get_mm_counter()): once, and not again.
	 */
	dmabuf_require(control.process >= CHARGED / 2, "VmRSS does not count a memfd");
	again = growth_by_mapping(group, &buf, way);
	if (again.process < growth.process)
		growth = again;
	dmabuf_must("ACCOUNT", growth.process < CHARGED / 2,
		    "%s, mapped through the %s: mapping and touching %zu bytes of it let the process's own counts (VmRSS, VmLck, VmPin) grow by %lld\n%s\n",
		    e->name, way->name, buf.size, growth.process, growth.evidence);
	dmabuf_saw("ACCOUNT", "touching it made VmRSS, VmLck and VmPin grow by %lld bytes", growth.process);
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

static void memcg_counts_nothing(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
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

static const struct dmabuf_check checks[] = {
	{ "mlock", "ACCOUNT", "mlock(), mlock2() and mlockall() lock none of it, now or when it "
	  "is mapped again: Rss, Pss and Locked in smaps stay 0, VmFlags gets no 'lo'. "
	  "Source: #0; mm/mlock.c, mlock_fixup() passes over VM_SPECIAL. All kernels",
	  locks_nothing },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	dmabuf_run_own_checks(checks, SIZE);

	for_each_dmabuf_own_way(way) {
		igt_describe_f("A buffer of 1 MiB is mapped by %s, by the only process of a memory "
			       "cgroup (version 2): mapping and touching it does not let the group's "
			       "mapped memory grow, as a memfd does, nor the process's VmRSS, VmLck "
			       "and VmPin. Source: #0. Clauses: ACCOUNT %s", way->description, way->clause);
		igt_subtest_with_dynamic_f("memcg-%s", way->name) {
			dmabuf_dynamic(e, way, "ACCOUNT")
				memcg_counts_nothing(e, way);
		}
	}
}
