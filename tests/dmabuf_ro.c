// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf ro
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: read-only mappings
 * Description: What is mapped or exported read-only stays read-only: nobody
 *              writes through it, and it cannot be made writable.
 *
 * SUBTEST: fd
 * Description: A read-only file descriptor lets nobody write.
 *
 * SUBTEST: fd-proc-mem
 * Description: A read-only file descriptor lets nobody write through /proc/self/mem.
 *
 * SUBTEST: mapping-%s
 * Description: A read-only mapping lets nobody write.
 *
 * SUBTEST: private-%s
 * Description: A private mapping is refused, or keeps its stores to itself.
 *
 * arg[1].values: fd, native, import
 */
#include <fcntl.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("A read-only mapping or file descriptor of a DMA buffer never gives "
		     "write access.");

#define SIZE (64 << 10)
#define SEED 0x0ddba115

/* The kernel stores on behalf of read(2), by the page table and without GUP. */
static bool kernel_store_faults(void *addr, uint32_t value)
{
	bool faults;
	int fds[2];

	dmabuf_require(!pipe(fds) && write(fds[1], &value, sizeof(value)) == sizeof(value),
		       "no pipe to read from: %s", strerror(errno));
	faults = read(fds[0], addr, sizeof(value)) < 0 && errno == EFAULT;
	close(fds[0]);
	close(fds[1]);
	return faults;
}

/* The first and the last page: neither this process nor the kernel stores there. */
static void must_refuse_stores(const struct dmabuf *buf, const struct dmabuf_way *way,
			       void *p, const char *which)
{
	const size_t page = page_size();

	for (size_t at = 0; at < buf->size; at += buf->size - page) {
		volatile uint32_t *word = (void *)((char *)p + at);
		uint32_t was = *word;

		dmabuf_stage("storing to the %s of %s (%s)", which, buf->exporter->name,
			     way->name);
		dmabuf_must("RO", dmabuf_store_faults((void *)word, ~was),
			    "%s, mapped through the %s: a store to page %zu of the %s does not fault, and the word is %#x after %#x\n%s\n",
			    buf->exporter->name, way->name, at / page, which, *word, was,
			    proc_evidence((void *)word));
		dmabuf_must("RO", kernel_store_faults((void *)word, ~was),
			    "%s, mapped through the %s: read() to page %zu of the %s is not refused with EFAULT, and the word is %#x after %#x\n%s\n",
			    buf->exporter->name, way->name, at / page, which, *word, was,
			    proc_evidence((void *)word));
		dmabuf_must("RO", *word == was,
			    "%s, mapped through the %s: page %zu of the %s refused two stores, and the word is %#x after %#x\n",
			    buf->exporter->name, way->name, at / page, which, *word, was);
		if (buf->size == page)
			break;
	}
	dmabuf_saw("RO", "stores by this process and by read() are refused, %s", which);
}

/* A buffer whose file descriptor is read-only: nothing but private copies is written. */
static void read_only_fd(const struct dmabuf_exporter *e)
{
	const struct dmabuf_way *fd = dmabuf_ways[0];
	struct dmabuf buf = dmabuf_alloc_read_only(e, SIZE);
	volatile uint32_t *p, *q;
	const char *death;
	uint32_t was;

	dmabuf_stage("mapping %s, whose fd is read-only", e->name);
	p = fd->map(&buf, NULL, buf.size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	dmabuf_must("RO", p == MAP_FAILED,
		    "%s: a read-only file descriptor can be mapped shared for writing\n%s\n",
		    e->name, proc_evidence((void *)p));
	p = fd->map(&buf, NULL, buf.size, PROT_READ, MAP_SHARED, 0);
	dmabuf_require(p != MAP_FAILED, "%s maps no read-only file descriptor: %s", e->name,
		       strerror(errno));

	dmabuf_must_obey(&buf, fd, UNTOUCHED, "mapping of a read-only fd", (void *)p, buf.size);
	must_refuse_stores(&buf, fd, (void *)p, "mapping of a read-only fd");
	dmabuf_touch_reading((void *)p, buf.size);
	dmabuf_must_obey(&buf, fd, TOUCHED, "mapping of a read-only fd", (void *)p, buf.size);

	if (!mprotect((void *)p, buf.size, PROT_READ | PROT_WRITE)) {
		bool faults = dmabuf_store_faults((void *)p, ~p[0]);

		dmabuf_violation("RO", "%s: mprotect() made the mapping of a read-only file descriptor writable, and a store to it %s\n%s\n",
				 e->name, faults ? "faults" : "arrives",
				 proc_evidence((void *)p));
	}
	must_refuse_stores(&buf, fd, (void *)p, "mapping of a read-only fd after mprotect()");

	death = dmabuf_private_kills(&buf, fd);
	dmabuf_must("WARN", !death, "it has killed the kernel before:\n%s\n", death);
	dmabuf_stage("mapping %s, whose fd is read-only, with MAP_PRIVATE", e->name);
	q = fd->map(&buf, NULL, buf.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	if (q == MAP_FAILED) {
		dmabuf_saw("RO", "MAP_PRIVATE is refused (%s)", strerrorname_np(errno));
		return;
	}
	was = p[0];
	q[0] = ~was;
	dmabuf_must("RO", p[0] == was,
		    "%s: a store to a private mapping of a read-only file descriptor reached the buffer\n%s\n",
		    e->name, proc_evidence((void *)q));
	dmabuf_saw("RO", "a store to a private mapping stays there");
}

/* What a debugger does: by get_user_pages, or else by the driver's vm_ops->access. */
static bool mem_store_fails(void *addr, uint32_t value)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	bool fails;

	dmabuf_require(fd >= 0, "/proc/self/mem: %s", strerror(errno));
	fails = pwrite(fd, &value, sizeof(value), (off_t)(uintptr_t)addr) < 0;
	close(fd);
	return fails;
}

/* Ordinary memory is written that way if it is writable, and not if only read-only. */
static void mem_control(void)
{
	const size_t page = page_size();
	int fd = memfd_create("control", MFD_CLOEXEC), read_only;
	uint32_t *rw, *ro;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	dmabuf_require(fd >= 0 && read_only >= 0 && !ftruncate(fd, page),
		       "no memfd to compare with: %s", strerror(errno));
	rw = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ro = mmap(NULL, page, PROT_READ, MAP_SHARED, read_only, 0);
	dmabuf_require(rw != MAP_FAILED && ro != MAP_FAILED, "no memfd to compare with: %s",
		       strerror(errno));
	dmabuf_require(!mem_store_fails(rw, 1) && *(volatile uint32_t *)rw == 1,
		       "/proc/self/mem does not write to a memfd either");
	dmabuf_require(mem_store_fails(ro, 2) && *(volatile uint32_t *)rw == 1,
		       "/proc/self/mem writes to a memfd that is only open for reading, too");
}

static void read_only_fd_mem(const struct dmabuf_exporter *e)
{
	const struct dmabuf_way *fd = dmabuf_ways[0];
	struct dmabuf buf = dmabuf_alloc_read_only(e, SIZE);
	volatile uint32_t *p;
	uint32_t was;
	bool fails;

	dmabuf_setup("writing to /proc/self/mem");
	mem_control();
	dmabuf_stage("mapping %s, whose fd is read-only", e->name);
	p = fd->map(&buf, NULL, buf.size, PROT_READ, MAP_SHARED, 0);
	dmabuf_require(p != MAP_FAILED, "%s maps no read-only file descriptor: %s", e->name,
		       strerror(errno));
	was = p[0];
	dmabuf_stage("writing to %s, whose fd is read-only, by /proc/self/mem", e->name);
	fails = mem_store_fails((void *)p, ~was);
	dmabuf_must("RO", p[0] == was,
		    "%s: a process that has nothing but a read-only file descriptor wrote to the buffer by /proc/self/mem, %#x became %#x (the driver's vm_ops->access looks at no VM_WRITE)\n%s\n",
		    e->name, was, p[0], proc_evidence((void *)p));
	dmabuf_saw("RO", "/proc/self/mem, which writes to a memfd, %s",
		   fails ? "is refused" : "gives no error and writes nothing");
}

static const struct {
	const char *name;
	const char *clauses;
	const char *description;
	void (*check)(const struct dmabuf_exporter *e);
} fd_checks[] = {
	{ "fd", "RO PFNMAP GUP SPECIAL", "it cannot be mapped shared for writing, mprotect() "
	  "makes no mapping of it writable (EACCES), stores to it fault (SIGSEGV; EFAULT for the "
	  "kernel) and change nothing, and a private mapping is refused or keeps its stores to "
	  "itself; the mapping obeys the rules. Source: #17, #24, mmap(2), mprotect(2). All "
	  "kernels", read_only_fd },
	{ "fd-proc-mem", "RO", "a write to /proc/self/mem does not reach it, as it does not reach a memfd "
	  "that is open for reading only. Source: #17, #24; mm/gup.c, check_vma_flags() refuses "
	  "to force a write to a shared mapping. All kernels", read_only_fd_mem },
};

/* A mapping that is read-only of a buffer that is not. */
static void read_only_mapping(struct dmabuf *buf, const struct dmabuf_way *way)
{
	uint32_t *writable = dmabuf_map_filled(buf, way, SEED);
	uint32_t *p;

	dmabuf_stage("mapping %s read-only (%s)", buf->exporter->name, way->name);
	p = way->map(buf, NULL, buf->size, PROT_READ, MAP_SHARED, 0);
	dmabuf_require(p != MAP_FAILED, "%s cannot be mapped read-only through the %s: %s",
		       buf->exporter->name, way->name, strerror(errno));

	dmabuf_must_obey(buf, way, UNTOUCHED, "read-only mapping", p, buf->size);
	dmabuf_touch_reading(p, buf->size);
	dmabuf_must_obey(buf, way, TOUCHED, "read-only mapping", p, buf->size);
	must_refuse_stores(buf, way, p, "read-only mapping");

	/* Entries that are writable must not stay so. */
	dmabuf_stage("mprotect of %s (%s)", buf->exporter->name, way->name);
	dmabuf_require(!mprotect(p, buf->size, PROT_READ | PROT_WRITE),
		       "the mapping of %s cannot be made writable: %s",
		       buf->exporter->name, strerror(errno));
	pattern_fill(p, buf->size, SEED);
	dmabuf_require(!mprotect(p, buf->size, PROT_READ),
		       "the mapping of %s cannot be made read-only: %s",
		       buf->exporter->name, strerror(errno));
	must_refuse_stores(buf, way, p, "mapping that was writable and is read-only again");
	dmabuf_must_obey(buf, way, TOUCHED, "mapping that was writable and is read-only again",
			 p, buf->size);
	pattern_must_be("RO", writable, buf->size, SEED,
			"read through a writable mapping after stores to a read-only one");
}

/* MAP_PRIVATE: refused, or nothing that is stored there reaches the buffer. */
static void private_mapping(struct dmabuf *buf, const struct dmabuf_way *way)
{
	static const struct { const char *name; int prot; } prots[] = {
		{ "private read-only mapping", PROT_READ },
		{ "private mapping", PROT_READ | PROT_WRITE },
	};
	const size_t page = page_size();
	uint32_t *shared = dmabuf_map_filled(buf, way, SEED);
	const char *death = dmabuf_private_kills(buf, way);

	dmabuf_must("WARN", !death, "it has killed the kernel before:\n%s\n", death);
	for (size_t i = 0; i < sizeof(prots) / sizeof(prots[0]); i++) {
		const char *name = prots[i].name;
		uint32_t *p;

		dmabuf_stage("%s of %s (%s)", name, buf->exporter->name, way->name);
		p = way->map(buf, NULL, buf->size, prots[i].prot, MAP_PRIVATE, 0);
		if (p == MAP_FAILED) {
			dmabuf_saw("RO", "%s is refused, as it may be (%s)", name,
				   strerrorname_np(errno));
			continue;
		}
		dmabuf_must_obey(buf, way, UNTOUCHED, name, p, buf->size);
		dmabuf_touch_reading(p, buf->size);
		dmabuf_must_obey(buf, way, TOUCHED, name, p, buf->size);
		pattern_must_be("WHOLE", p, buf->size, SEED, "read through a private mapping");
		if (!(prots[i].prot & PROT_WRITE))
			continue;
		/* The first page is a copy now, and memory of this process. */
		p[0] = ~p[0];
		pattern_must_be("RO", shared, buf->size, SEED,
				"read after a store to a private mapping");
		dmabuf_must_obey(buf, way, TOUCHED, "rest of a private mapping",
				 (char *)p + page, buf->size - page);
	}
}

static const struct dmabuf_check checks[] = {
	{ "mapping", "RO PFNMAP GUP SPECIAL", "one more mapping of it, PROT_READ alone, obeys "
	  "the rules, and refuses stores of this process (SIGSEGV) and of the kernel (EFAULT), "
	  "also after mprotect() made it writable and read-only again. Source: #17, #24, "
	  "mprotect(2). All kernels", read_only_mapping },
	{ "private", "RO PFNMAP GUP SPECIAL WHOLE", "MAP_PRIVATE is refused, or a store to it "
	  "stays out of the buffer, and pages without a store obey the rules. Source: #17, "
	  "mmap(2). All kernels", private_mapping },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	for (size_t i = 0; i < sizeof(fd_checks) / sizeof(fd_checks[0]); i++) {
		igt_describe_f("A buffer whose file descriptor is read-only: %s. For exporters "
			       "that make such ones. Clauses: %s",
			       fd_checks[i].description, fd_checks[i].clauses);
		igt_subtest_with_dynamic(fd_checks[i].name) {
			dmabuf_dynamic_if(e, dmabuf_ways[0], fd_checks[i].clauses,
					  dmabuf_always_writes(e))
				fd_checks[i].check(e);
		}
	}

	dmabuf_run_checks(checks, SIZE);
}
