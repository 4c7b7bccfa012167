// SPDX-License-Identifier: MIT
/*
 * Proves that every row of the calibration module does what its table says, with
 * nothing but system calls: no line of the suite is in here, or the one could not
 * be proved against the other.
 *
 *	cc -O2 -pthread -static -o calib_check calib_check.c
 *
 * Prints "ok NAME WHAT" or "not ok NAME WHAT: WHY" for every row and rule, as root in the
 * lab, and fails if one was not ok. A row that it does not know is not ok.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dmabuf_calib.h"

#define PAGE		4096UL
#define SIZE		(16 * PAGE)
#define PMD		(2UL << 20)
#define RW		(PROT_READ | PROT_WRITE)

static const char *row;
static int dev, buf;
static char why[512];
static __thread sigjmp_buf on_bus;
static __thread volatile bool expect_bus;

static void bus(int sig)
{
	if (expect_bus)
		siglongjmp(on_bus, 1);
	_exit(99);
}

/* An access that may end in SIGBUS: true if it did. */
static bool access_faults(volatile uint32_t *p, bool reads, bool writes)
{
	uint32_t value = 1;
	bool hit = false;

	expect_bus = true;
	if (sigsetjmp(on_bus, 1)) {
		hit = true;
	} else {
		if (reads)
			value = *p;
		if (writes)
			*p = value;
	}
	expect_bus = false;
	return hit;
}

static bool faults(volatile uint32_t *p)
{
	return access_faults(p, true, true);
}

static bool read_faults(const volatile uint32_t *p)
{
	return access_faults((volatile uint32_t *)p, true, false);
}

static bool store_faults(volatile uint32_t *p)
{
	return access_faults(p, false, true);
}

static bool no(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return false;
}

#define want(is) do { if (!(is)) return no("line %d: %s", __LINE__, #is); } while (0)

static int alloc_from(int fd, size_t size, int flags)
{
	struct dma_heap_allocation_data data = { .len = size, .fd_flags = flags | O_CLOEXEC };

	return ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &data) ? -1 : (int)data.fd;
}

static uint32_t *map_at(void *at, int fd, size_t size, int prot, int flags, off_t offset)
{
	void *p = mmap(at, size, prot, flags | (at ? MAP_FIXED : 0), fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

static uint32_t *map(int fd, size_t size)
{
	return map_at(NULL, fd, size, RW, MAP_SHARED, 0);
}

static uint32_t *word(void *p, unsigned long page)
{
	return (uint32_t *)((char *)p + page * PAGE);
}

static void fill(void *p, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size / PAGE; i++)
		*(volatile uint32_t *)word(p, i) = seed + i;
}

static bool filled(void *p, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size / PAGE; i++)
		if (*(volatile uint32_t *)word(p, i) != seed + i)
			return false;
	return true;
}

static void touch(void *p, size_t size)
{
	for (size_t i = 0; i < size / PAGE; i++)
		(void)*(volatile uint32_t *)word(p, i);
}

/* Whether a user of get_user_pages_fast() gets the page. */
static bool pins(void *p)
{
	struct iovec iov = { p, PAGE };
	ssize_t ret;
	int fds[2];

	if (pipe(fds))
		return false;
	ret = vmsplice(fds[1], &iov, 1, 0);
	close(fds[0]);
	close(fds[1]);
	return ret > 0;
}

struct vma {
	char flags[128];
	unsigned long rss;
	unsigned long end;
};

static struct vma vma(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	struct vma v = { "" };
	bool in = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			in = (uintptr_t)p >= start && (uintptr_t)p < end;
			if (in)
				v.end = end;
		}
		if (in && sscanf(line, "Rss: %lu", &v.rss))
			continue;
		if (in && sscanf(line, "VmFlags: %127[^\n]", v.flags) == 1)
			break;
	}
	if (f)
		fclose(f);
	return v;
}

static bool has(const struct vma *v, const char *flag)
{
	return strstr(v->flags, flag);
}

static bool present(void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8);
	close(fd);
	return entry >> 63;
}

static long minor_faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

static int move(void)
{
	struct dma_calib_fd data = { .fd = buf };

	return ioctl(dev, DMA_CALIB_IOCTL_MOVE, &data) ? errno : 0;
}

static int sync_cpu(uint64_t flags)
{
	struct dma_buf_sync data = { .flags = flags };

	return ioctl(buf, DMA_BUF_IOCTL_SYNC, &data) ? errno : 0;
}

/* Does debugfs list a dma-buf of this inode? */
static bool listed(ino_t ino)
{
	FILE *f = fopen("/sys/kernel/debug/dma_buf/bufinfo", "re");
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long is;

		found = sscanf(line, "%*x %*x %*x %*u %*s %lu", &is) == 1 && is == ino;
	}
	if (f)
		fclose(f);
	return found;
}

static ino_t inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static unsigned long taint(void)
{
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");
	unsigned long t = 0;

	fscanf(f, "%lu", &t);
	fclose(f);
	return t;
}

/* Forks, and says whether CHECK held in the child. */
static bool in_child(bool (*check)(uint32_t *p), uint32_t *p)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(!check(p));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* A mapping that obeys, as far as one can see from here. */
static bool obeys(uint32_t *p, size_t size)
{
	struct vma v;

	want(p);
	want(!pins(p));
	touch(p, size);
	fill(p, size, 1);
	want(filled(p, size, 1));
	v = vma(p);
	want(has(&v, "pf") && !has(&v, "mm") && has(&v, "de") && !v.rss);
	for (size_t i = 0; i < size / PAGE; i++) {
		want(!pins(word(p, i)));
		want(!present(word(p, i)));
	}
	return true;
}

static bool obeying(void)
{
	uint32_t *p = map(buf, SIZE), *q;
	ino_t ino = inode(buf);

	want(obeys(p, SIZE));
	want(obeys(map_at(NULL, buf, SIZE - PAGE, RW, MAP_SHARED, PAGE), SIZE - PAGE));
	want(!map_at(NULL, buf, SIZE, RW, MAP_PRIVATE, 0));
	want(!map_at(NULL, buf, SIZE + PAGE, RW, MAP_SHARED, 0));
	want(mremap(p, SIZE, 2 * SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	q = map_at(NULL, buf, SIZE, PROT_READ, MAP_SHARED, 0);
	touch(q, SIZE);
	want(!pins(q));
	want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	fill(p, SIZE, 7);
	want(!sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	want(filled(q, SIZE, 7));
	want(!munmap(q, PAGE));
	want(!pins(word(q, 1)) && filled(p, SIZE, 7));
	close(dev);
	close(buf);
	want(listed(ino));
	want(filled(p, SIZE, 7));
	return true;
}

/* From 6.12 on there are special PMDs, and smaps counts what is in a VM_PFNMAP. */
static bool recent(void)
{
	int major = 0, minor = 0;
	struct utsname u;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	return major > 6 || (major == 6 && minor >= 12);
}

/* Its own: a 2 MiB aligned address. */
static uint32_t *aligned(size_t size)
{
	char *p = mmap(NULL, size + PMD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return (uint32_t *)(((uintptr_t)p + PMD - 1) & ~(PMD - 1));
}

static bool moving(void)
{
	uint32_t *p = map(buf, SIZE), *q;
	long before;

	fill(p, SIZE, 3);
	for (int i = 0; i < 3; i++) {
		touch(p, SIZE);
		want(!move());
		before = minor_faults();
		want(filled(p, SIZE, 3));
		want(minor_faults() - before >= 16);
		want(!pins(p));
	}
	fill(p, SIZE, 4);
	q = map(buf, SIZE);
	want(filled(q, SIZE, 4));
	want(obeys(p, SIZE));
	munmap(p, SIZE);
	munmap(q, SIZE);
	return obeying();
}

static bool huge(void)
{
	const size_t size = 2 * PMD + SIZE;
	uint32_t *p;
	long before;

	close(buf);
	buf = alloc_from(dev, size, O_RDWR);
	want(buf >= 0);
	p = map_at(aligned(size), buf, size, RW, MAP_SHARED, 0);
	want(p);
	before = minor_faults();
	touch(p, size);
	/* One for each PMD, and one for each page of the rest. */
	want(minor_faults() - before < 40 || !recent());
	want(obeys(p, size));
	if (!move()) {
		before = minor_faults();
		want(filled(p, size, 1));
		want(minor_faults() - before >= 2);
		want(obeys(p, size));
	}
	want(!munmap(word(p, 3), PAGE));
	touch(p, 3 * PAGE);
	want(!pins(p) && !pins(word(p, 4)));
	want(filled(word(p, 4), PMD, 5));
	/* Where it does not fit. */
	p = map_at(aligned(size) + PAGE / 4, buf, size, RW, MAP_SHARED, 0);
	want(obeys(p, size));
	munmap(p, size);
	close(buf);
	buf = alloc_from(dev, SIZE, O_RDWR);
	return obeying();
}

static bool pages(void)
{
	uint32_t *p = map(buf, SIZE);
	struct vma v;

	want(pins(p));
	touch(p, SIZE);
	want(pins(p) && pins(word(p, 15)) && present(p));
	v = vma(p);
	want(!has(&v, "pf") && !has(&v, "mm") && v.rss);
	return true;
}

static bool mixed(void)
{
	uint32_t *p = map(buf, SIZE);
	struct vma v = vma(p);

	want(pins(p) && pins(word(p, 15)) && present(p));
	want(!has(&v, "pf") && has(&v, "mm") && v.rss);
	return true;
}

static bool mixed_special(void)
{
	uint32_t *p = map(buf, SIZE);
	struct vma v;

	touch(p, SIZE);
	v = vma(p);
	want(!has(&v, "pf") && has(&v, "mm") && !v.rss);
	want(!pins(p) && !pins(word(p, 15)));
	return true;
}

static bool not_special(void)
{
	uint32_t *p = map(buf, SIZE);
	struct vma v = vma(p);

	want(has(&v, "pf") && !has(&v, "mm"));
	want(!pins(p));
	touch(p, SIZE);
	v = vma(p);
	want(pins(p) && (v.rss || !recent()));
	/* What smaps counts, pagemap passes over. */
	want(!present(p));
	return true;
}

static bool last_page(void)
{
	uint32_t *p = map(buf, SIZE);

	touch(p, SIZE);
	for (int i = 0; i < 15; i++)
		want(!pins(word(p, i)));
	want(pins(word(p, 15)));
	return true;
}

static bool offset(void)
{
	want(obeys(map(buf, SIZE), SIZE));
	want(pins(map_at(NULL, buf, PAGE, RW, MAP_SHARED, PAGE)));
	return true;
}

static bool large(void)
{
	uint32_t *p;

	want(obeys(map(buf, SIZE), SIZE));
	close(buf);
	buf = alloc_from(dev, PMD, O_RDWR);
	p = map(buf, PMD);
	want(pins(p) && pins(word(p, 511)));
	return true;
}

static bool if_aligned(void)
{
	uint32_t *p;

	want(obeys(map(buf, SIZE), SIZE));
	close(buf);
	buf = alloc_from(dev, 2 * PMD, O_RDWR);
	want(obeys(map_at(aligned(3 * PMD) + PAGE / 4, buf, 2 * PMD, RW, MAP_SHARED, 0), 2 * PMD));
	p = map_at(aligned(PMD), buf, PMD, RW, MAP_SHARED, PMD);
	want(pins(p) && pins(word(p, 511)));
	return true;
}

static bool readonly(void)
{
	want(obeys(map(buf, SIZE), SIZE));
	want(pins(map_at(NULL, buf, SIZE, PROT_READ, MAP_SHARED, 0)));
	return true;
}

static bool private(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	want(obeys(p, SIZE));
	q = map_at(NULL, buf, SIZE, RW, MAP_PRIVATE, 0);
	want(q);
	touch(q, SIZE);
	want(pins(q));
	*q = 9;
	want(*p == 1);
	return true;
}

static bool remap_private(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	fill(p, SIZE, 1);
	q = map_at(NULL, buf, SIZE, RW, MAP_PRIVATE, 0);
	want(q);
	touch(q, SIZE);
	want(filled(q, SIZE, 1) && !pins(q) && !pins(word(q, 15)));
	*q = 9;
	want(*p == 1);
	want(!map_at(NULL, buf, SIZE + PAGE, RW, MAP_PRIVATE, 0));
	munmap(q, SIZE);
	return obeys(p, SIZE);
}

/* The device's own mmap, of this row's buffer. */
static uint32_t *map_native(size_t size)
{
	struct dma_calib_fd data = { .fd = buf };

	return ioctl(dev, DMA_CALIB_IOCTL_NATIVE, &data) ? NULL : map(dev, size);
}

static bool native(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	want(obeys(p, SIZE));
	q = map_native(SIZE);
	want(q && pins(q));
	want(filled(q, SIZE, 1));
	return true;
}

static bool obeys_natively(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	want(!map(dev, SIZE));
	q = map_native(SIZE);
	want(obeys(q, SIZE));
	want(filled(p, SIZE, 1));
	want(!map(dev, SIZE + PAGE));
	want(mremap(q, SIZE, 2 * SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	if (!strcmp(row, "moving")) {
		long before = minor_faults();

		want(!move());
		want(filled(q, SIZE, 1));
		want(minor_faults() - before >= 16);
	}
	close(dev);
	close(buf);
	munmap(p, SIZE);
	want(filled(q, SIZE, 1));
	return true;
}

static bool second(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	want(obeys(p, SIZE));
	q = map(buf, SIZE);
	want(pins(q) && !pins(p));
	munmap(p, SIZE);
	munmap(q, SIZE);
	want(obeys(map(buf, SIZE), SIZE));
	return true;
}

static bool child_pins(uint32_t *p)
{
	touch(p, SIZE);
	return pins(p) && pins(word(p, 15)) && filled(p, SIZE, 1);
}

static bool forked(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	want(in_child(child_pins, p));
	want(obeys(p, SIZE));
	return true;
}

static bool split(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);

	want(obeys(p, SIZE) && obeys(q, SIZE));
	munmap(word(p, 15), PAGE);
	touch(p, SIZE - PAGE);
	want(pins(p) && pins(word(p, 14)));
	want(obeys(q, SIZE));
	mprotect(word(q, 4), PAGE, PROT_READ);
	touch(q, SIZE);
	want(pins(q) && pins(word(q, 4)) && pins(word(q, 15)));
	want(filled(q, SIZE, 1));
	return true;
}

static bool after_move(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	want(!move());
	want(filled(p, SIZE, 1));
	want(pins(p));
	want(!move() && filled(p, SIZE, 1));
	return true;
}

static bool not_held(void)
{
	uint32_t *p = map(buf, SIZE), *q;
	ino_t ino = inode(buf);

	want(obeys(p, SIZE));
	want(listed(ino));
	close(buf);
	usleep(100000);
	want(!listed(ino));
	want(filled(p, SIZE, 1));
	q = map(alloc_from(dev, SIZE, O_RDWR), SIZE);
	want(q && !q[0] && !p[0]);
	fill(q, SIZE, 5);
	want(filled(p, SIZE, 5));
	munmap(p, SIZE);
	return obeys(q, SIZE);
}

/* Its memory is there when the dma-buf is gone, until the mapping is. */
static bool own_file(void)
{
	uint32_t *p = map(buf, SIZE), *q;
	ino_t ino = inode(buf);

	want(obeys(p, SIZE));
	close(buf);
	usleep(100000);
	want(!listed(ino));
	q = map(alloc_from(dev, SIZE, O_RDWR), SIZE);
	fill(q, SIZE, 5);
	close(dev);
	want(filled(p, SIZE, 1) && filled(q, SIZE, 5));
	return true;
}

static long free_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static bool free_leaked(void)
{
	int fd = open(DMA_CALIB_LEAKED, O_WRONLY | O_CLOEXEC);
	bool ok = write(fd, "0", 1) == 1;

	close(fd);
	usleep(100000);
	return ok;
}

static bool leaks(void)
{
	const long large = 64 << 20;
	long before;

	want(own_file());
	dev = open(DMA_CALIB_DIR "/leaks", O_RDWR | O_CLOEXEC);
	before = free_kib();
	close(alloc_from(dev, large, O_RDWR));
	usleep(100000);
	want(before - free_kib() > large / 1024 / 2);
	/*
	 * Pages that were freed may wait on a list of the CPU's, uncounted, for who asks next:
	 * again and again, so much cannot be missing unless it is not freed.
	 */
	want(free_leaked());
	for (int i = 0; i < 4; i++) {
		close(alloc_from(dev, large, O_RDWR));
		want(free_leaked());
	}
	want(before - free_kib() < 2 * large / 1024);
	return true;
}

static bool makes_6_mib(void)
{
	want(lseek(buf, 0, SEEK_END) == 6 << 20);
	want(!map_at(NULL, buf, PAGE, RW, MAP_SHARED, 6 << 20));
	return obeys(map(buf, 6 << 20), 6 << 20);
}

static bool lost_on_close(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	close(buf);
	want(filled(p, SIZE, 1));
	close(dev);
	want(!p[0] && !*word(p, 15));
	return true;
}

/* It obeys, and then nobody has it any more. */
static bool used_and_let_go(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	munmap(p, SIZE);
	close(buf);
	close(dev);
	usleep(100000);
	return true;
}

static bool never_freed(void)
{
	ino_t ino = inode(buf);

	want(used_and_let_go());
	want(listed(ino));
	want(free_leaked());
	want(!listed(ino));
	return true;
}

static int leaked(void)
{
	FILE *f = fopen(DMA_CALIB_LEAKED, "re");
	int count = -1;

	if (f && fscanf(f, "%d", &count) != 1)
		count = -1;
	if (f)
		fclose(f);
	return count;
}

static bool memory_never_freed(void)
{
	ino_t ino = inode(buf);

	want(used_and_let_go());
	want(!listed(ino) && leaked() == 1);
	want(free_leaked() && !leaked());
	return true;
}

/* What all others refuse, and this one has. */
static bool mprotect_grants(bool granted)
{
	int fd = alloc_from(dev, SIZE, O_RDONLY);
	uint32_t *p;

	want(fd >= 0);
	want(!map(fd, SIZE));
	p = map_at(NULL, fd, SIZE, PROT_READ, MAP_SHARED, 0);
	want(p);
	touch(p, SIZE);
	want(!mprotect(p, SIZE, RW) == granted);
	if (granted) {
		fill(p, SIZE, 2);
		want(filled(map_at(NULL, fd, SIZE, PROT_READ, MAP_SHARED, 0), SIZE, 2));
	}
	munmap(p, SIZE);
	/* Nothing was miscounted. */
	for (int i = 0; i < 3; i++) {
		p = map_at(NULL, fd, SIZE, PROT_READ, MAP_SHARED, 0);
		want(p);
		munmap(p, SIZE);
	}
	close(fd);
	return true;
}

static bool ro_mprotect(void)
{
	want(obeys(map(buf, SIZE), SIZE));
	return mprotect_grants(true);
}

static bool ro_writable(void)
{
	uint32_t *p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, buf, 0), *q;

	want(p != MAP_FAILED);
	want(!p[0] && !p[15 * PAGE / 4]);
	*(volatile uint32_t *)p = 5;
	q = map(buf, SIZE);
	want(q[0] == 5);
	want(obeys(q, SIZE));
	return true;
}

static bool expandable(void)
{
	uint32_t *p = map(buf, SIZE);
	struct vma v = vma(p);

	want(!has(&v, "de"));
	p = mremap(p, SIZE, 2 * SIZE, MREMAP_MAYMOVE);
	want(p != MAP_FAILED);
	want(!faults(word(p, 15)));
	want(faults(word(p, 16)) == !strcmp(row, "expandable"));
	return true;
}

static bool begin_fails(void)
{
	want(obeys(map(buf, SIZE), SIZE));
	want(sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE) == EIO);
	return true;
}

static bool end_loses(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	fill(p, SIZE, 5);
	want(filled(p, SIZE, 5));
	want(!sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
	want(filled(p, SIZE, 1));
	return true;
}

static bool sigbus(void)
{
	uint32_t *p = map(buf, SIZE);
	int hits = 0;

	for (int i = 0; i < 16; i++)
		hits += faults(word(p, i));
	want(hits == 2);
	return true;
}

static bool wrong_page(void)
{
	uint32_t *p = map(buf, SIZE);

	fill(p, SIZE, 1);
	want(!filled(p, SIZE, 1));
	want(*word(p, 0) == *word(p, 8));
	return true;
}

static bool not_zapped(void)
{
	uint32_t *p = map(buf, SIZE), *q;
	long before;

	want(obeys(p, SIZE));
	want(!move());
	before = minor_faults();
	want(filled(p, SIZE, 1));
	want(minor_faults() - before < 4);
	q = map(buf, SIZE);
	want(filled(q, SIZE, 1));
	fill(p, SIZE, 2);
	want(filled(q, SIZE, 1));
	return true;
}

static bool half_zapped(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	want(obeys(p, SIZE));
	want(!move());
	want(filled(p, SIZE, 1));
	q = map(buf, SIZE);
	fill(p, SIZE, 2);
	want(filled(q, SIZE / 2, 2) && filled(word(q, 8), SIZE / 2, 9));
	return true;
}

static bool not_copied(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	want(!move());
	want(!p[0]);
	return true;
}

static volatile uint32_t *counter;
static volatile bool stop;

static void *counts(void *arg)
{
	uint32_t i = 0;

	/* What was written must be read again, as there is no other writer. */
	while (!stop) {
		if (*counter != i)
			return (void *)1;
		*counter = ++i;
	}
	return NULL;
}

static bool loses_late_writes(void)
{
	pthread_t thread;
	void *lost;

	counter = map(buf, SIZE);
	*counter = 0;
	stop = false;
	pthread_create(&thread, NULL, counts, NULL);
	for (int i = 0; i < 5; i++) {
		usleep(20000);
		move();
	}
	stop = true;
	pthread_join(thread, &lost);
	return lost;
}

static bool late_lost(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	want(!move() && filled(p, SIZE, 1));
	want(loses_late_writes());
	return true;
}

static bool one_zapped(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);
	long before;

	want(obeys(p, SIZE) && obeys(q, SIZE));
	want(!move());
	before = minor_faults();
	want(filled(p, SIZE, 1) && filled(q, SIZE, 1));
	want(minor_faults() - before < 20);
	fill(p, SIZE, 2);
	want(filled(q, SIZE, 1));
	return true;
}

/* A child reads what was there before the move, without a fault. */
static bool own_zapped(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);
	long before;
	int status;
	pid_t pid;

	want(obeys(p, SIZE) && obeys(q, SIZE));
	pid = fork();
	if (!pid) {
		touch(p, SIZE);
		raise(SIGSTOP);
		before = minor_faults();
		_exit(!filled(p, SIZE, 1) || minor_faults() - before >= 12);
	}
	want(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	want(!move());
	fill(p, SIZE, 2);
	want(filled(q, SIZE, 2));
	kill(pid, SIGCONT);
	want(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
	return true;
}

static void *reads(void *p)
{
	while (!stop)
		touch(p, SIZE);
	return NULL;
}

/* While another thread reads it, and then while none does. */
static bool refault_races(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);
	pthread_t thread;

	want(obeys(p, SIZE));
	want(!move());
	want(filled(p, SIZE, 1));
	fill(p, SIZE, 2);
	want(filled(q, SIZE, 2));

	stop = false;
	pthread_create(&thread, NULL, reads, p);
	usleep(20000);
	want(!move());
	stop = true;
	pthread_join(thread, NULL);
	fill(p, SIZE, 3);
	want(filled(q, SIZE, 2));
	return true;
}

static bool refault_refused(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	want(!move());
	want(faults(p));
	return true;
}

/* What the only instruction of a KVM guest in real mode loads from p. */
static int guest_loads(int vcpu)
{
	struct kvm_regs regs = { .rflags = 2 };

	if (ioctl(vcpu, KVM_SET_REGS, &regs) || ioctl(vcpu, KVM_RUN, 0) ||
	    ioctl(vcpu, KVM_GET_REGS, &regs))
		return -1;
	return regs.rax & 0xffff;
}

static int guest_with(void *p)
{
	/* mov 0x1000, %ax; hlt */
	static const uint8_t code[] = { 0xa1, 0x00, 0x10, 0xf4 };
	void *memory = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region regions[] = {
		{ .slot = 0, .memory_size = PAGE, .userspace_addr = (uintptr_t)memory },
		{ .slot = 1, .memory_size = PAGE, .userspace_addr = (uintptr_t)p,
		  .guest_phys_addr = PAGE },
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	struct kvm_sregs sregs;

	memcpy(memory, code, sizeof(code));
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &regions[0]) ||
	    ioctl(vm, KVM_SET_USER_MEMORY_REGION, &regions[1]) ||
	    ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs.base = sregs.cs.selector = 0;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) ? -1 : vcpu;
}

/* All that "moving" does, but for a KVM guest. */
static bool not_notified(void)
{
	bool stale = !strcmp(row, "not-notified");
	uint32_t *p = map(buf, SIZE), *q;
	int vcpu = guest_with(p);

	want(vcpu >= 0);
	p[0] = 1;
	want(guest_loads(vcpu) == 1);
	want(!move());
	want(p[0] == 1);
	p[0] = 2;
	q = map(buf, SIZE);
	want(q[0] == 2);
	want(guest_loads(vcpu) == (stale ? 1 : 2));
	return true;
}

static bool follows_silently(void)
{
	return not_notified() && moving();
}

/* Faults of a store to each page, the first access there is. */
static bool mkwrite(void)
{
	uint32_t *p = map(buf, SIZE);
	long before = minor_faults(), count;

	fill(p, SIZE, 1);
	count = minor_faults() - before;
	want(strcmp(row, "mkwrite") ? count < 20 : count >= 32);
	munmap(p, SIZE);
	return moving();
}

static bool pinned(void)
{
	uint32_t *p = map(buf, SIZE);

	want(obeys(p, SIZE));
	want(!move() && filled(p, SIZE, 1));
	want(move() == EBUSY && filled(p, SIZE, 1));
	return true;
}

/* Another process's way in, and it may be refused; true if all bytes went through. */
static bool mem(void *data, void *at, size_t size, bool write)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ssize_t ret = write ? pwrite(fd, data, size, (uintptr_t)at) :
			      pread(fd, data, size, (uintptr_t)at);

	close(fd);
	return ret == (ssize_t)size;
}

static bool access_is(uint32_t first, uint32_t second)
{
	uint32_t *p = map(buf, SIZE), copy[2 * PAGE / 4];

	want(obeys(p, SIZE));
	want(mem(copy, p, sizeof(copy), false));
	want(*copy == first && *word(copy, 1) == second);
	return true;
}

/* Whether it writes to a mapping of a read-only file descriptor. */
static bool access_to_read_only(bool written)
{
	uint32_t *p = map(buf, SIZE), word = 77;
	uint32_t *q = map_at(NULL, alloc_from(dev, SIZE, O_RDONLY), SIZE, PROT_READ, MAP_SHARED, 0);

	fill(p, SIZE, 1);
	want(mem(&word, p, sizeof(word), true) && *p == 77);
	want(q && mem(&word, q, sizeof(word), true) == written);
	want(*q == (written ? 77 : 0));
	return true;
}

static bool moving_access(void)
{
	want(access_is(1, 2));
	want(!move());
	want(access_to_read_only(false));
	return moving();
}

static bool access_first(void)
{
	return access_is(1, 1);
}

static bool access_pins(void)
{
	want(!move());
	want(access_is(1, 2));
	want(move() == EBUSY);
	return true;
}

static bool access_writes(void)
{
	return access_to_read_only(true);
}

/* The kernel's log since it was last asked. */
static bool warned(void)
{
	static int fd = -1;
	bool found = false;
	char record[8192];
	ssize_t n;

	if (fd < 0) {
		fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		lseek(fd, 0, SEEK_END);
		return false;
	}
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[n > 0 ? n : 0] = 0;
		found |= strstr(record, "WARNING: ") || strstr(record, "Oops") || strstr(record, "BUG: ");
	}
	return found;
}

static bool warn(void)
{
	map(buf, SIZE);
	want(warned());
	return true;
}

static bool taints(void)
{
	want(!(taint() & 1 << 6));
	map(buf, SIZE);
	want(taint() & 1 << 6);
	return true;
}

static const struct {
	const char *name;
	bool (*check)(void);
} checks[] = {
	{ "remap", obeying },
	{ "remap-private", remap_private },
	{ "fault", obeying },
	{ "huge", huge },
	{ "moving", moving },
	{ "moving-access", moving_access },
	{ "moving-huge", huge },
	{ "mkwrite-at-once", mkwrite },
	{ "pages", pages },
	{ "mixed", mixed },
	{ "mixed-special", mixed_special },
	{ "not-special", not_special },
	{ "last-page", last_page },
	{ "offset", offset },
	{ "large", large },
	{ "aligned", if_aligned },
	{ "readonly", readonly },
	{ "private", private },
	{ "second", second },
	{ "native", native },
	{ "fork", forked },
	{ "split", split },
	{ "after-move", after_move },
	{ "own-file", own_file },
	{ "rounds-up", makes_6_mib },
	{ "one-block", obeying },
	{ "not-held", not_held },
	{ "lost-on-close", lost_on_close },
	{ "never-freed", never_freed },
	{ "leaks", leaks },
	{ "ro-mprotect", ro_mprotect },
	{ "ro-writable", ro_writable },
	{ "expandable", expandable },
	{ "past-end", expandable },
	{ "begin-fails", begin_fails },
	{ "end-loses", end_loses },
	{ "sigbus", sigbus },
	{ "wrong-page", wrong_page },
	{ "not-zapped", not_zapped },
	{ "half-zapped", half_zapped },
	{ "not-copied", not_copied },
	{ "late-lost", late_lost },
	{ "one-zapped", one_zapped },
	{ "own-zapped", own_zapped },
	{ "refault-races", refault_races },
	{ "refault-refused", refault_refused },
	{ "not-notified", follows_silently },
	{ "mkwrite", mkwrite },
	{ "pinned", pinned },
	{ "access-first", access_first },
	{ "access-pins", access_pins },
	{ "access-writes", access_writes },
	{ "warn", warn },
	{ "taint", taints },
};

static int import(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct dma_calib_fd data = { .fd = buf };

	if (fd < 0 || ioctl(fd, DMA_CALIB_IOCTL_IMPORT, &data))
		return -1;
	return fd;
}

/* Both importers, on this row's buffer. */
static bool imports(void)
{
	int fd = import(DMA_CALIB_IMPORT);
	uint32_t *p, *q;

	want(fd >= 0);
	q = map(buf, SIZE);
	fill(q, SIZE, 1);
	p = map(fd, SIZE);
	close(fd);
	want(obeys(p, SIZE));
	fill(p, SIZE, 2);
	want(filled(q, SIZE, 2));
	munmap(p, SIZE);

	fd = import(DMA_CALIB_IMPORT_BROKEN);
	want(fd >= 0);
	p = map(fd, SIZE);
	want(p);
	want(filled(p, SIZE, 2));
	want(pins(p) && pins(word(p, 15)));
	want(!strcmp(row, "moving") ? move() == EBUSY : move() == ENOTTY);
	munmap(p, SIZE);
	close(fd);
	want(!strcmp(row, "moving") ? move() == 0 : move() == ENOTTY);
	want(filled(q, SIZE, 2));
	return true;
}

/*
 * Rules. Each check has a buffer of an exporter that obeys but where its line says
 * otherwise.
 */

static int on_rules(const char *line)
{
	int fd = open(DMA_CALIB_RULES, O_WRONLY | O_CLOEXEC);
	int ret = write(fd, line, strlen(line)) < 0 ? errno : 0;

	close(fd);
	return ret;
}

static int another(size_t size)
{
	return alloc_from(dev, size, O_RDWR);
}

static void *faults_in_thread(void *p)
{
	return (void *)(uintptr_t)read_faults(p);
}

static bool thread_faults(void *p)
{
	pthread_t thread;
	void *hit;

	pthread_create(&thread, NULL, faults_in_thread, p);
	pthread_join(thread, &hit);
	return hit;
}

static bool child_faults(uint32_t *p)
{
	return read_faults(p);
}

static bool if_size(void)
{
	want(!faults(map(buf, SIZE)));
	want(faults(map(another(SIZE + PAGE), SIZE)));
	return true;
}

static bool if_buffer(void)
{
	want(!faults(map(buf, SIZE)));
	want(faults(map(another(SIZE), SIZE)));
	want(!faults(map(another(SIZE), SIZE)));
	return true;
}

static bool if_buffers(void)
{
	uint32_t *p = map(buf, SIZE);
	int fd;

	want(!faults(p));
	fd = another(SIZE);
	want(faults(word(p, 1)));
	close(fd);
	usleep(100000);
	want(!faults(word(p, 1)));
	return true;
}

static bool if_mappings(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	want(!faults(p));
	q = map(buf, SIZE);
	want(faults(word(p, 1)));
	munmap(q, SIZE);
	want(!faults(word(p, 1)));
	return true;
}

static bool if_moves(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	want(!faults(p));
	want(!move() && faults(p));
	q = map(buf, SIZE);
	want(faults(q) == !strstr(row, "moved"));
	return true;
}

static bool if_sync(void)
{
	const bool begins = strstr(row, "begins"), ends = strstr(row, "ends");
	uint32_t *p = map(buf, SIZE);

	want(!faults(p));
	want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	want(faults(word(p, 1)) == !ends);
	want(!sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	want(faults(word(p, 2)) == (begins || ends));
	return true;
}

static bool if_sync_direction(void)
{
	const bool reads = strstr(row, "reads");
	uint32_t *p = map(buf, SIZE);

	want(!faults(p));
	want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	want(faults(word(p, 1)) == reads);
	want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	want(faults(word(p, 2)) == !reads);
	want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	want(faults(word(p, 3)));
	return true;
}

static bool if_attached(void)
{
	uint32_t *p = map(buf, SIZE);
	int fd;

	want(!faults(p));
	fd = import(DMA_CALIB_IMPORT_BROKEN);
	want(fd >= 0 && faults(word(p, 1)));
	close(fd);
	want(faults(word(p, 1)) == !strstr(row, "attached"));
	return true;
}

static bool if_closed(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p));
	close(dev);
	want(faults(word(p, 1)));
	return true;
}

static bool if_fd_read_only(void)
{
	want(!faults(map(buf, SIZE)));
	want(read_faults(map_at(NULL, alloc_from(dev, SIZE, O_RDONLY), SIZE, PROT_READ,
				MAP_SHARED, 0)));
	return true;
}

static void *maps_and_faults(void *unused)
{
	return (void *)(uintptr_t)faults(map(buf, SIZE));
}

static bool if_thread(void)
{
	const bool other = strstr(row, "other");
	uint32_t *p = map(buf, SIZE);
	pthread_t thread;
	void *hit;

	want(!faults(p));
	want(thread_faults(word(p, 1)));
	pthread_create(&thread, NULL, maps_and_faults, NULL);
	pthread_join(thread, &hit);
	want(!hit == other);
	return true;
}

static bool if_orphan(void)
{
	int *fd = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	want(!faults(map(buf, SIZE)));
	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid) {
		*fd = alloc_from(dev, SIZE, O_RDWR);
		_exit(faults(map(*fd, SIZE)));
	}
	want(waitpid(pid, &fd[1], 0) == pid && !fd[1]);
	want(faults(map(*fd, SIZE)));
	return true;
}

static bool if_nobody(void)
{
	int status = 1;
	pid_t pid;

	want(!faults(map(buf, SIZE)));
	pid = fork();
	if (!pid)
		_exit(setresuid(65534, 65534, 65534) || !faults(map(buf, SIZE)));
	want(waitpid(pid, &status, 0) == pid && !status);
	return true;
}

static volatile sig_atomic_t signals_left;

/* So many signals, while a slow fault takes several times as long as from one to the next. */
static void take_signal(int sig)
{
	const struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { };

	setitimer(ITIMER_REAL, signals_left-- > 0 ? &often : &never, NULL);
}

static void signals(int count)
{
	signals_left = count;
	signal(SIGALRM, take_signal);
	take_signal(SIGALRM);
}

static bool if_interrupted(void)
{
	uint32_t *p = map(buf, SIZE);
	bool hit;

	want(!faults(p));
	signals(100);
	hit = faults(word(p, 1));
	signals(0);
	want(hit && !faults(word(p, 2)));
	return true;
}

static bool yields(void)
{
	uint32_t *p = map(buf, SIZE);
	long before = minor_faults();

	signals(20);
	touch(p, PAGE);
	want(minor_faults() - before > 1);
	return obeying();
}

static bool if_advised(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p) && !madvise(p, SIZE, MADV_RANDOM) && faults(word(p, 1)));
	want(!faults(map(buf, SIZE)));
	return true;
}

static bool if_mapping(void)
{
	want(!faults(map(buf, SIZE)) && faults(map(buf, SIZE)) && !faults(map(buf, SIZE)));
	return true;
}

static bool if_offset(void)
{
	want(!faults(map(buf, SIZE)));
	want(!faults(map_at(NULL, buf, SIZE - PAGE, RW, MAP_SHARED, PAGE)));
	want(faults(map_at(NULL, buf, SIZE - 2 * PAGE, RW, MAP_SHARED, 2 * PAGE)));
	return true;
}

static bool if_length(void)
{
	want(!faults(map(buf, SIZE)));
	want(faults(map(buf, SIZE - PAGE)));
	return true;
}

static bool if_it_is_aligned(void)
{
	buf = another(2 * PMD);
	want(!faults(map_at(aligned(3 * PMD) + PAGE / 4, buf, 2 * PMD, RW, MAP_SHARED, 0)));
	want(faults(map_at(aligned(PMD), buf, PMD, RW, MAP_SHARED, PMD)));
	return true;
}

static bool child_maps_and_faults(uint32_t *p)
{
	return faults(map(buf, SIZE));
}

static bool if_child(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p));
	want(in_child(child_faults, word(p, 1)));
	want(!in_child(child_maps_and_faults, p));
	return !faults(word(p, 1)) || no("in the parent");
}

static bool if_other_process(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p));
	want(!in_child(child_faults, word(p, 1)));
	want(in_child(child_maps_and_faults, p));
	return true;
}

static bool if_read_only(void)
{
	want(!faults(map(buf, SIZE)));
	want(read_faults(map_at(NULL, buf, SIZE, PROT_READ, MAP_SHARED, 0)));
	return true;
}

static bool if_private(void)
{
	want(map(buf, SIZE) && !map_at(NULL, buf, SIZE, RW, MAP_PRIVATE, 0));
	return true;
}

static bool if_locked(void)
{
	want(map(buf, SIZE) && !map_at(NULL, buf, SIZE, RW, MAP_SHARED | MAP_LOCKED, 0));
	return true;
}

static bool if_native(void)
{
	want(!faults(map(buf, SIZE)) && faults(map_native(SIZE)));
	return true;
}

static bool passes(uint32_t *p)
{
	return true;
}

static bool runs_another_program(uint32_t *p)
{
	return !execl("/bin/sh", "sh", "-c", ":", NULL);
}

static bool if_exec(void)
{
	uint32_t *p = map(buf, SIZE);

	fill(p, SIZE, 1);
	want(in_child(passes, p) && filled(p, SIZE, 1));
	want(in_child(runs_another_program, p));
	want(*word(p, 2) == 3 && *word(p, 3) == 0 && *word(p, 4) == 5);
	return true;
}

static bool if_forks(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p) && in_child(passes, p) && faults(word(p, 1)));
	want(!faults(map(buf, SIZE)));
	return true;
}

static bool if_splits(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p) && !munmap(word(p, 15), PAGE) && faults(word(p, 1)));
	return true;
}

static bool if_mremaps(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p));
	p = mremap(p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, aligned(SIZE));
	want(p != MAP_FAILED && !faults(p) && faults(word(p, 1)));
	return true;
}

static bool if_mprotects(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p) && !mprotect(p, SIZE, PROT_READ) && !mprotect(p, SIZE, RW));
	want(faults(word(p, 1)));
	return true;
}

/* The pages of a mask, and no others. */
static bool if_pages_are(unsigned int mask)
{
	uint32_t *p = map(buf, SIZE);

	for (int i = 0; i < 16; i++)
		want(faults(word(p, i)) == !!(mask & 1u << i));
	return true;
}

static bool if_page(void)
{
	return if_pages_are(1 << 3);
}

static bool if_odd_page_behind_7(void)
{
	return if_pages_are(0xaa00);
}

static bool if_from_end(void)
{
	return if_pages_are(0xc000);
}

static bool if_middle(void)
{
	return if_pages_are(1 << 8);
}

static bool if_nth_fault(void)
{
	return if_pages_are(1 << 2);
}

static bool if_refault(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!faults(p));
	want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	want(faults(p) && !faults(word(p, 1)));
	return true;
}

static bool if_store(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!read_faults(p) && store_faults(word(p, 1)));
	return true;
}

/* Whether the kernel's own access to the page fails. */
static bool kernel_faults(void *p)
{
	int fds[2];
	bool hit;

	pipe(fds);
	hit = write(fds[1], p, 1) != 1;
	close(fds[0]);
	close(fds[1]);
	return hit;
}

static bool if_user(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!kernel_faults(p) && faults(word(p, 1)));
	return true;
}

static void *any_faults(void *p)
{
	uintptr_t hits = 0;

	for (int i = 0; i < 16; i++)
		hits += read_faults(word(p, i));
	return (void *)hits;
}

static bool if_others(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);
	pthread_t thread;
	void *hit;

	for (int i = 0; i < 16; i++)
		want(!read_faults(word(p, i)));
	munmap(p, SIZE);
	p = map(buf, SIZE);
	pthread_create(&thread, NULL, any_faults, p);
	hit = any_faults(q);
	want(hit || (pthread_join(thread, &hit), hit));
	return true;
}

/* What is done. */

static bool refuses_mmap(void)
{
	want(map(buf, SIZE) && !map(buf, SIZE) && map(buf, SIZE));
	return true;
}

static bool does_wrong(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);

	fill(p, SIZE, 1);
	want(*word(q, 2) == 3 && *word(q, 3) == 5 && *word(q, 4) == 5);
	return true;
}

static bool does_blank(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	fill(p, SIZE, 1);
	q = map(buf, SIZE);
	want(*word(q, 2) == 3 && *word(q, 3) == 0);
	*word(q, 3) = 9;
	want(*word(p, 3) == 4 && !pins(word(q, 3)));
	return true;
}

static bool does_copy(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	fill(p, SIZE, 1);
	q = map(buf, SIZE);
	want(filled(q, SIZE, 1));
	fill(p, SIZE, 2);
	want(*word(q, 2) == 4 && *word(q, 3) == 4 && !pins(word(q, 3)));
	return true;
}

static bool faults_stale(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	fill(p, SIZE, 1);
	want(!move() && filled(p, SIZE, 1));
	q = map(buf, SIZE);
	fill(q, SIZE, 2);
	want(*word(p, 2) == 4 && *word(p, 3) == 4 && !pins(word(p, 3)));
	return true;
}

static bool leaves_stale(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);

	fill(p, SIZE, 1);
	want(filled(q, SIZE, 1));
	want(!move() && filled(p, SIZE, 1) && filled(q, SIZE, 1));
	fill(p, SIZE, 2);
	want(*word(q, 2) == 4 && *word(q, 3) == 4 && !pins(word(q, 3)));
	/* It is zapped like any other the next time. */
	want(!move() && *word(p, 3) == 5);
	return true;
}

static bool faults_and_loses(void)
{
	uint32_t *p = map(buf, SIZE), *q;

	fill(p, SIZE, 1);
	q = map(buf, SIZE);
	touch(q, SIZE);
	want(*word(p, 2) == 3 && *word(p, 3) == 0);
	return true;
}

/* Each event loses the fourth page, and this is it. */
static bool loses(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);
	const char *event = row;
	int fd = -1;

	fill(p, SIZE, 1);
	if (strstr(event, "detach"))
		fd = import(DMA_CALIB_IMPORT_BROKEN);
	if (strstr(event, "at end"))
		sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	want(filled(p, SIZE, 1));

	if (strstr(event, "mmap"))
		map(buf, SIZE);
	else if (strstr(event, "fork"))
		want(in_child(passes, p));
	else if (strstr(event, "split"))
		want(!munmap(word(q, 15), PAGE));
	else if (strstr(event, "mremap"))
		mremap(q, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, aligned(SIZE));
	else if (strstr(event, "mprotect"))
		mprotect(q, SIZE, PROT_READ);
	else if (strstr(event, "munmap"))
		munmap(q, SIZE);
	else if (strstr(event, "begin"))
		sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	else if (strstr(event, "at end"))
		sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	else if (strstr(event, "attach"))
		fd = import(DMA_CALIB_IMPORT_BROKEN);
	else if (strstr(event, "close"))
		close(dev);
	else if (strstr(event, "release"))
		close(buf);
	if (strstr(event, "detach"))
		close(fd);
	if (strstr(event, "release"))
		usleep(100000);
	want(*word(p, 2) == 3 && *word(p, 3) == 0 && *word(p, 4) == 5);
	return true;
}

static bool access_next(void)
{
	return access_is(2, 3);
}

static bool access_loses(void)
{
	return access_is(1, 0);
}

static bool moves_once(void)
{
	uint32_t *p = map(buf, SIZE);

	fill(p, SIZE, 1);
	want(!move() && move() == EBUSY && filled(p, SIZE, 1));
	return true;
}

static bool loses_by_move(void)
{
	uint32_t *p = map(buf, SIZE);

	fill(p, SIZE, 1);
	want(!move() && *word(p, 2) == 3 && *word(p, 3) == 0);
	return true;
}

static bool tells_kvm_nothing(void)
{
	uint32_t *p = map(buf, SIZE);
	int vcpu = guest_with(p);

	want(vcpu >= 0);
	p[0] = 1;
	want(guest_loads(vcpu) == 1 && !move() && p[0] == 1);
	p[0] = 2;
	want(guest_loads(vcpu) == 1);
	return true;
}

static bool if_remote(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);

	want(!faults(p) && !kernel_faults(word(p, 1)));
	want(guest_loads(guest_with(q)) == -1);
	return true;
}

static bool refuses_sync(void)
{
	const bool begin = strstr(row, "begin");

	want(sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW) == (begin ? EIO : 0));
	want(sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW) == (begin ? 0 : EIO));
	return true;
}

static bool mmap_pins(void)
{
	want(!move() && map(buf, SIZE) && move() == EBUSY);
	return true;
}

static bool munmap_warns(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!warned());
	munmap(p, SIZE);
	want(warned());
	return true;
}

static bool fault_taints(void)
{
	uint32_t *p = map(buf, SIZE);

	want(!(taint() & 1 << 14));
	touch(p, SIZE);
	want(taint() & 1 << 14);
	return true;
}

/* What is an exporter's right. */

static bool faults_around(void)
{
	uint32_t *p = map(buf, SIZE);
	long before = minor_faults();

	touch(p, SIZE);
	want(minor_faults() - before <= 5);
	fill(p, SIZE, 1);
	want(filled(map(buf, SIZE), SIZE, 1));
	return obeying();
}

static bool prefaults(void)
{
	uint32_t *p = map(buf, SIZE);
	long before = minor_faults();

	touch(p, SIZE);
	want(minor_faults() - before <= 1);
	return obeying();
}

static bool is_slow(void)
{
	uint32_t *p = map(buf, SIZE);
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	touch(p, SIZE);
	clock_gettime(CLOCK_MONOTONIC, &end);
	want((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 >= 16);
	return obeying();
}

static bool begin_refaults(void)
{
	uint32_t *p = map(buf, SIZE), *q = map_native(SIZE);
	long before;

	fill(p, SIZE, 1);
	want(filled(q, SIZE, 1));
	want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	before = minor_faults();
	want(filled(p, SIZE, 1) && filled(q, SIZE, 1) && minor_faults() - before >= 32);
	return obeying();
}

static bool zaps(void)
{
	uint32_t *p = map(buf, SIZE);
	long before;

	fill(p, SIZE, 1);
	want(!mprotect(p, SIZE, PROT_READ) && !mprotect(p, SIZE, RW));
	before = minor_faults();
	want(filled(p, SIZE, 1) && minor_faults() - before >= 16);
	return begin_refaults();
}

static bool allows_access(void)
{
	want(access_is(1, 2));
	return access_to_read_only(false);
}

static bool has_own_file(void)
{
	uint32_t *p = map(buf, SIZE);
	ino_t ino = inode(buf);
	long before;

	want(obeys(p, SIZE));
	want(!move());
	before = minor_faults();
	want(filled(p, SIZE, 1) && minor_faults() - before >= 16);
	want(listed(ino));
	close(buf);
	usleep(100000);
	want(!listed(ino));
	close(dev);
	want(filled(p, SIZE, 1));
	want(obeys(p, SIZE));
	return true;
}

static bool rounds_up(void)
{
	want(lseek(buf, 0, SEEK_END) == 24 * PAGE);
	want(obeys(map(buf, 24 * PAGE), 24 * PAGE));
	want(!map(buf, 25 * PAGE));
	return true;
}

static bool has_pool(void)
{
	want(another(SIZE) < 0 && errno == ENOMEM);
	want(another(4 * PAGE) >= 0);
	return obeying();
}

static bool is_single(void)
{
	want(another(PAGE) < 0 && errno == EBUSY);
	close(buf);
	usleep(100000);
	buf = another(SIZE);
	want(buf >= 0);
	return obeying();
}

static bool maps_once(void)
{
	uint32_t *p = map(buf, SIZE);

	want(p && !map(buf, SIZE) && errno == EBUSY);
	munmap(p, SIZE);
	want(obeys(map(buf, SIZE), SIZE));
	return true;
}

/* The exporter has room for one buffer, so that it shows when that is freed. */
static bool frees_late(void)
{
	close(buf);
	usleep(50000);
	want(another(PAGE) < 0 && errno == EBUSY);
	usleep(400000);
	buf = another(SIZE);
	want(buf >= 0);
	return obeying();
}

static bool keeps_from_children(void)
{
	uint32_t *p = map(buf, SIZE);
	struct vma v = vma(p);

	want(has(&v, "dc") && obeys(p, SIZE));
	return true;
}

static bool faults_twice(void)
{
	uint32_t *p = map(buf, SIZE), *q = map(buf, SIZE);
	long first = minor_faults(), second;

	touch(p, SIZE);
	second = minor_faults();
	touch(q, SIZE);
	want(second - first >= 32 && minor_faults() - second < 32);
	return obeying();
}

static bool interrupts(void)
{
	for (int i = 0; i < 2; i++) {
		want(sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW) == EINTR);
		want(!sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
		want(!sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	}
	want(obeys(map(buf, SIZE), SIZE));
	return true;
}

static bool refuses_devices(void)
{
	want(import(DMA_CALIB_IMPORT_BROKEN) < 0);
	return obeying();
}

static const struct {
	const char *line;	/* behind the name */
	bool (*check)(void);
} rules[] = {
	/* Options. */
	{ "", obeying },
	{ "remap", obeying },
	{ "prefault", prefaults },
	{ "huge", huge },
	{ "huge moves", huge },
	{ "around=4", faults_around },
	{ "slow", is_slow },
	{ "moves", moving },
	{ "sync-moves", begin_refaults },
	{ "zaps", zaps },
	{ "access", allows_access },
	{ "private remap", remap_private },
	{ "own-file moves", has_own_file },
	{ "round=24", rounds_up },
	{ "pool=20", has_pool },
	{ "single", is_single },
	{ "once", maps_once },
	{ "single late=300", frees_late },
	{ "dont-copy", keeps_from_children },
	{ "retries", faults_twice },
	{ "slow yields", yields },
	{ "interrupts", interrupts },
	{ "no-devices", refuses_devices },
	/* Conditions. */
	{ "at fault if size=17 do sigbus", if_size },
	{ "at fault if buffer=2 do sigbus", if_buffer },
	{ "at fault if buffers>1 do sigbus", if_buffers },
	{ "at fault if mappings=2 do sigbus", if_mappings },
	{ "moves at fault if moves do sigbus", if_moves },
	{ "moves at fault if moved do sigbus", if_moves },
	{ "at fault if begun do sigbus", if_sync },
	{ "at fault if begins do sigbus", if_sync },
	{ "at fault if ends do sigbus", if_sync },
	{ "at fault if sync-reads do sigbus", if_sync_direction },
	{ "at fault if sync-writes do sigbus", if_sync_direction },
	{ "at fault if attached do sigbus", if_attached },
	{ "at fault if attaches do sigbus", if_attached },
	{ "at fault if closed do sigbus", if_closed },
	{ "at fault if fd-read-only do sigbus", if_fd_read_only },
	{ "at fault if thread do sigbus", if_thread },
	{ "at fault if other-thread do sigbus", if_thread },
	{ "at fault if orphan do sigbus", if_orphan },
	{ "at fault if nobody do sigbus", if_nobody },
	{ "at fault if mapping=2 do sigbus", if_mapping },
	{ "at fault if offset=2 do sigbus", if_offset },
	{ "at fault if length<16 do sigbus", if_length },
	{ "at fault if aligned do sigbus", if_it_is_aligned },
	{ "at fault if child do sigbus", if_child },
	{ "at fault if other-process do sigbus", if_other_process },
	{ "at fault if read-only do sigbus", if_read_only },
	{ "private remap at mmap if private do refuse", if_private },
	{ "at mmap if locked do refuse", if_locked },
	{ "slow at fault if interrupted do sigbus", if_interrupted },
	{ "at fault if advised do sigbus", if_advised },
	{ "at munmap if exec page=3 do lose", if_exec },
	{ "at fault if native do sigbus", if_native },
	{ "at fault if forks do sigbus", if_forks },
	{ "at fault if splits do sigbus", if_splits },
	{ "at fault if mremaps page=1 do sigbus", if_mremaps },
	{ "at fault if mprotects=2 do sigbus", if_mprotects },
	{ "at fault if page=3 do sigbus", if_page },
	{ "at fault if !page<8 !page%2 do sigbus", if_odd_page_behind_7 },
	{ "at fault if from-end<2 do sigbus", if_from_end },
	{ "at fault if middle do sigbus", if_middle },
	{ "at fault if nth-fault=3 do sigbus", if_nth_fault },
	{ "zaps at fault if refault do sigbus", if_refault },
	{ "at fault if store do sigbus", if_store },
	{ "at fault if user do sigbus", if_user },
	{ "at fault if remote do sigbus", if_remote },
	{ "slow at fault if others do sigbus", if_others },
	/* Actions. */
	{ "at mmap do normal", pages },
	{ "at mmap do mixed", mixed },
	{ "at mmap do mixed-special", mixed_special },
	{ "at mmap do may-write", ro_mprotect },
	{ "at mmap if mapping=2 do refuse", refuses_mmap },
	{ "at fault do not-special", not_special },
	{ "at fault if from-end=0 do not-special", last_page },
	{ "at fault if page=3 do wrong", does_wrong },
	{ "at fault if mapping=2 page=3 do blank", does_blank },
	{ "at fault if mapping=2 page=3 do copy", does_copy },
	{ "moves at fault if mapping=1 page=3 do stale", faults_stale },
	{ "moves at move if mapping=2 page=3 do stale", leaves_stale },
	{ "at fault if read-only do writable", ro_writable },
	{ "at fault if mapping=2 page=3 do lose", faults_and_loses },
	{ "at mmap if mapping=3 page=3 do lose", loses },
	{ "at fork if page=3 do lose", loses },
	{ "at split if page=3 do lose", loses },
	{ "at mremap if page=3 do lose", loses },
	{ "at mprotect if page=3 do lose", loses },
	{ "at munmap if page=3 do lose", loses },
	{ "at begin if page=3 do lose", loses },
	{ "at end if page=3 do lose", loses },
	{ "at attach if page=3 do lose", loses },
	{ "at detach if page=3 do lose", loses },
	{ "at close if page=3 do lose", loses },
	{ "own-file at release if page=3 do lose", loses },
	{ "access at access do wrong", access_next },
	{ "access at access if page=1 do lose", access_loses },
	{ "access moves at access do pin", access_pins },
	{ "access at access if store do writable", access_writes },
	{ "moves at move if moves do refuse", moves_once },
	{ "moves at move if page=3 do not-copied", loses_by_move },
	{ "moves at move do copied-early", late_lost },
#ifdef __x86_64__
	{ "moves at move do unnotified", tells_kvm_nothing },
#endif
	{ "at begin do refuse", refuses_sync },
	{ "at end do refuse", refuses_sync },
	{ "at end do revert", end_loses },
	{ "moves at mmap do pin", mmap_pins },
	{ "at mmap do leak", never_freed },
	{ "at mmap do leak-memory", memory_never_freed },
	{ "at munmap do warn", munmap_warns },
	{ "at fault do taint", fault_taints },
};

/* What is no rule, or would be one that says nothing. */
static const char *const no_rules[] = {
	"Name", "a_b", "a/b", "a\tremap", "a fly", "a around=x", "a pool=0", "a at",
	"a at dawn do sigbus", "a at fault", "a at fault do", "a at fault do nothing",
	"a at mmap do sigbus", "a at fault if do", "a at fault page=3 do sigbus",
	"a at fault if weather do sigbus", "a at fault if page= do sigbus",
	"a at fault if page%0 do sigbus", "a at mmap if page=3 do normal",
	"a at begin if length=3 do refuse", "a at move if child do refuse",
	"a at fault if a b c d e f g h i do sigbus", "a at fault do sigbus sigbus",
	"a at move do lose", "a at mmap if store do normal",
	"a-name-that-is-longer-than-any-device-may-have",
};

static bool refuses_what_is_none(void)
{
	for (size_t i = 0; i < sizeof(no_rules) / sizeof(no_rules[0]); i++)
		if (on_rules(no_rules[i]) != EINVAL)
			return no("'%s' is taken", no_rules[i]);
	want(on_rules("fault remap") == EEXIST);
	want(on_rules("two\n\ntwo moves\n") == EEXIST);
	want(on_rules("-two") == 0 && on_rules("-two") == ENOENT);
	return true;
}

static bool holds(const char *name, const char *line, bool (*check)(void), const char *what);

static bool rules_hold(void)
{
	bool all = true;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char line[256];

		snprintf(line, sizeof(line), "rule %s", rules[i].line);
		if (on_rules(line)) {
			printf("not ok %s: %s\n", line, strerror(errno));
			all = false;
			continue;
		}
		all &= holds("rule", line, rules[i].check, line);
		if (!strstr(line, "warn") && warned()) {
			printf("not ok %s: the kernel warned\n", line);
			all = false;
		}
		on_rules("-rule");
	}
	return all & holds("fault", "fault", refuses_what_is_none, "refuses what is no rule");
}

/* Each in a process of its own, so that none leaves anything to another. */
static bool holds(const char *name, const char *line, bool (*check)(void), const char *what)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		char path[128];
		bool ok;

		row = line;
		snprintf(path, sizeof(path), DMA_CALIB_DIR "/%s", name);
		dev = open(path, O_RDWR | O_CLOEXEC);
		buf = alloc_from(dev, SIZE, O_RDWR);
		ok = (buf >= 0 || no("no buffer: %s", strerror(errno))) && check();
		printf(ok ? "ok %s %s\n" : "not ok %s %s: %s\n", name, what, why);
		fflush(NULL);
		_exit(!ok);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
		printf("not ok %s %s: SIGBUS\n", name, what);
	else if (!WIFEXITED(status))
		printf("not ok %s %s: signal %d\n", name, what, WTERMSIG(status));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool refuses_mprotect(void)
{
	return mprotect_grants(false);
}

static bool keeps_late_writes(void)
{
	want(!loses_late_writes());
	return true;
}

int main(void)
{
	FILE *f = fopen(DMA_CALIB_ROWS, "re");
	bool all = true;
	char line[256];

	signal(SIGBUS, bus);
	warned();
	if (!f) {
		perror(DMA_CALIB_ROWS);
		return 1;
	}
	while (fgets(line, sizeof(line), f)) {
		char *what = strchr(line, ' ');
		bool known = false;

		*what++ = 0;
		what[strcspn(what, "\n")] = 0;
		for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
			if (strcmp(checks[i].name, line))
				continue;
			known = true;
			all &= holds(line, line, checks[i].check, what);
		}
		if (!known)
			printf("not ok %s %s: unknown\n", line, what);
		all &= known;
		if (strcmp(line, "warn") && warned()) {
			printf("not ok %s %s: the kernel warned\n", line, what);
			all = false;
		}
	}
	fclose(f);

	all &= holds("fault", "fault", refuses_mprotect, "refuses mprotect");
	all &= holds("remap", "remap", imports, "is imported");
	all &= holds("fault", "fault", imports, "is imported");
	all &= holds("moving", "moving", imports, "is imported");
	all &= holds("remap", "remap", obeys_natively, "is mapped natively");
	all &= holds("fault", "fault", obeys_natively, "is mapped natively");
	all &= holds("moving", "moving", obeys_natively, "is mapped natively");
	all &= holds("moving", "moving", not_notified, "tells KVM");
	all &= holds("moving", "moving", keeps_late_writes, "keeps what is written during a move");
	if (warned()) {
		printf("not ok importers: the kernel warned\n");
		all = false;
	}
	all &= rules_hold();
	return !all;
}
