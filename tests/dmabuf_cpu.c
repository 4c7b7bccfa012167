// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf cpu
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU access
 * Description: CPU access to a DMA buffer works, to every page of it, through
 *              every mapping, and for as long as there is a mapping.
 *
 * SUBTEST: readwrite-%s
 * Description: Every word reads back as written.
 *
 * SUBTEST: two-mappings-%s
 * Description: Two mappings show the same buffer.
 *
 * SUBTEST: life-close-%s
 * Description: The mapping outlives file descriptor, handle and device.
 *
 * SUBTEST: life-fork-%s
 * Description: The mapping of a forked child outlives them, too.
 *
 * SUBTEST: life-freed-%s
 * Description: With its last mapping the buffer is freed.
 *
 * arg[1].values: fd, native, import
 */
#include <linux/dma-buf.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("CPU access to a DMA buffer works, to every page, through every "
		     "mapping, for as long as there is one.");

#define SIZE (64 << 10)
#define FRESH_MAPPINGS 8

static void write_all(const struct dmabuf *buf, void *p, uint32_t seed)
{
	dmabuf_stage("writing every page of %s", buf->exporter->name);
	dmabuf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	pattern_fill(p, buf->size, seed);
	dmabuf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

static void read_all(const struct dmabuf *buf, void *p, uint32_t seed, const char *what)
{
	dmabuf_stage("reading every page of %s", buf->exporter->name);
	dmabuf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	pattern_must_be("WHOLE", p, buf->size, seed, what);
	dmabuf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

static void readwrite(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *p = dmabuf_map(buf, way);

	write_all(buf, p, 0x11111111);
	read_all(buf, p, 0x11111111, "read after the first write");
	write_all(buf, p, 0x22222222);
	read_all(buf, p, 0x22222222, "read after the second write");

	/*
	 * Other mappings, so that what is compared are not our own page tables; and
	 * many of them, for an exporter that does not always let a page fault in.
	 */
	for (int i = 0; i < FRESH_MAPPINGS; i++) {
		munmap(p, buf->size);
		p = dmabuf_map(buf, way);
		read_all(buf, p, 0x22222222, "read through a new mapping");
	}
}

static void two_mappings(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *first = dmabuf_map_first(buf, way);
	void *second = dmabuf_map(buf, way);

	write_all(buf, first, 0x33333333);
	read_all(buf, second, 0x33333333, "written through the fd, read through a second mapping");
	write_all(buf, second, 0x44444444);
	read_all(buf, first, 0x44444444, "written through a second mapping, read through the fd");
}

/* What is asked of an exporter besides the buffer that is judged. */
struct request {
	const struct dmabuf_exporter *e;
	const struct dmabuf_way *way;
	size_t size;
	bool plain;		/* map, touch and unmap it, no more */
};

/* More buffers than one are not for every exporter: as many as it gives, up to this. */
#define OTHER_BUFFERS 4
#define OTHER_MEMORY (4 << 20)

static void fill_another(const void *request)
{
	const struct request *r = request;
	struct dmabuf other = dmabuf_alloc(r->e, r->size);

	pattern_fill(dmabuf_map(&other, r->way), other.size, 0xdeadbeef);
}

/*
 * Whatever the exporter let go of gets another owner, who fills it: as long as free memory
 * is left alone, it has the contents that it had. All of it stays until the child ends.
 */
static void give_free_memory_away(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	const struct request another = { e, way, SIZE };
	unsigned int buffers = 0;
	char why[512];
	void *p;

	while (buffers < OTHER_BUFFERS &&
	       !dmabuf_skips(fill_another, &another, why, sizeof(why)))
		buffers++;
	igt_info("%u other buffers filled%s%s\n", buffers, buffers < OTHER_BUFFERS ? ": " : "",
		 buffers < OTHER_BUFFERS ? why : "");
	dmabuf_setup("filling anonymous memory");
	p = mmap(NULL, OTHER_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dmabuf_require(p != MAP_FAILED, "no anonymous memory: %s", strerror(errno));
	/* Single pages, for that is how most memory is freed. */
	madvise(p, OTHER_MEMORY, MADV_NOHUGEPAGE);
	memset(p, 0xa5, OTHER_MEMORY);
}

static void survives_close(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *p = dmabuf_map(buf, way);

	write_all(buf, p, 0x55555555);
	read_all(buf, p, 0x55555555, "read before everything but the mapping is closed");
	dmabuf_close(buf);
	give_free_memory_away(buf->exporter, way);
	dmabuf_stage("reading %s after everything but the mapping was closed",
		     buf->exporter->name);
	pattern_must_be("LIFE", p, buf->size, 0x55555555,
			"read after fd, handle and device were closed");
	pattern_fill(p, buf->size, 0x66666666);
	pattern_must_be("LIFE", p, buf->size, 0x66666666,
			"written and read after fd, handle and device were closed");
}

static void survives_fork(struct dmabuf *buf, const struct dmabuf_way *way)
{
	volatile uint32_t *p = dmabuf_map(buf, way);
	int status;
	pid_t pid;

	write_all(buf, (void *)p, 0x77777777);
	read_all(buf, (void *)p, 0x77777777, "read before fork");
	proc_must_be_inherited((void *)p);
	dmabuf_close(buf);
	give_free_memory_away(buf->exporter, way);
	pid = dmabuf_fork();
	dmabuf_require(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		dmabuf_stage("reading %s in a child after fork", buf->exporter->name);
		pattern_must_be("LIFE", (void *)p, buf->size, 0x77777777,
				"read in a child after fork");
		pattern_fill((void *)p, buf->size, 0x88888888);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	dmabuf_inherit_verdict();
	dmabuf_require(WIFEXITED(status), "the child was killed by signal %d: nothing can be said",
		       WTERMSIG(status));
	pattern_must_be("LIFE", (void *)p, buf->size, 0x88888888,
			"read in the parent what a child wrote");
}

/*
 * By debugfs. A mapping need not hold the dma-buf itself: an exporter may put a file of
 * its own behind it (i915 does), as long as that holds the memory.
 */
static void must_be_unlisted_at_last(struct dmabuf *buf, const struct dmabuf_way *way)
{
	bool still = true;
	struct stat st;
	void *p;

	dmabuf_require(!fstat(buf->fd, &st), "fstat: %s", strerror(errno));
	dmabuf_require(proc_dmabuf_is_listed(st.st_ino), "debugfs does not list the buffer");
	p = dmabuf_map(buf, way);
	dmabuf_touch(p, buf->size);
	dmabuf_close(buf);
	munmap(p, buf->size);

	/* The last reference may be dropped by a task work a little later. */
	for (int i = 0; i < 50 && (still = proc_dmabuf_is_listed(st.st_ino)); i++)
		usleep(20000);
	dmabuf_must("LIFE", !still,
		    "%s: the dma-buf (inode %lu) is still there one second after its last fd, handle and mapping are gone\n",
		    buf->exporter->name, (unsigned long)st.st_ino);
	dmabuf_saw("LIFE", "debugfs does not list the buffer after the last munmap()");
}

/* What is made and given back must be had again, or is missed by the machine. */
#define LARGE (512 << 10)
#define TRIES 5

/* Bytes: of uses that are all that a user does, and of plain ones, which are quick. */
#define SOME (4 << 20)
#define ENOUGH (16 << 20)

static size_t given_back;	/* bytes */

static struct dmabuf used = { .fd = -1, .dev = -1 };

/* A mapping that is changed, and a child that has it for a while. */
static void change_mapping(char *p, size_t size)
{
	const size_t page = page_size(), some = size / 2 & -page;
	pid_t pid;
	char *to;

	if (size < 4 * page)
		return;
	mprotect(p + page, page, PROT_READ);
	to = mmap(NULL, some, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	dmabuf_require(to != MAP_FAILED, "no room for %zu bytes", some);
	if (mremap(p + size - some, some, some, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED) {
		dmabuf_touch_reading(to, some);
		/* Nobody else is to come there before all of it is unmapped. */
		mmap(p + size - some, some, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		     MAP_FIXED, -1, 0);
	}
	pid = dmabuf_fork();
	if (!pid) {
		(void)*(volatile char *)p;
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	munmap(to, some);
}

/*
 * A bit of all that may cost something: a mapping that may be refused and one that is, what is
 * done to one, another device that has it for a while, and SYNC, unless that is slow.
 */
#define MOST_SYNC 4	/* seconds */

static void do_all_to(const struct request *r, void *p)
{
	struct timespec begin = { 0, 0 };
	static double spent;	/* in SYNC, seconds */
	struct dmabuf_importer importer;
	void *other;

	if (spent < MOST_SYNC) {
		igt_nsec_elapsed(&begin);
		dmabuf_sync(&used, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
		dmabuf_sync(&used, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
		spent += igt_nsec_elapsed(&begin) / 1e9;
	}
	/* Others tell of a death. */
	other = dmabuf_private_kills(&used, r->way) ? MAP_FAILED :
		r->way->map(&used, NULL, used.size, PROT_READ, MAP_PRIVATE, 0);
	if (other != MAP_FAILED)
		munmap(other, used.size);
	other = r->way->map(&used, NULL, 2 * used.size, PROT_READ, MAP_SHARED, 0);
	if (other != MAP_FAILED)
		munmap(other, 2 * used.size);
	change_mapping(p, used.size);
	/* Which is the same, however it is mapped. */
	if (r->way == dmabuf_ways[0] && !r->e->no_import &&
	    dmabuf_import(r->e, used.fd, &importer))
		dmabuf_release(&importer);
}

static void use_once(const void *request)
{
	const struct request *r = request;
	void *p;

	used = dmabuf_alloc(r->e, r->size);
	p = dmabuf_map(&used, r->way);
	dmabuf_touch(p, used.size);
	if (!r->plain)
		do_all_to(r, p);
	dmabuf_close(&used);
	munmap(p, used.size);
	given_back += used.size;
}

/* Whether it could be; else what there was of it is not kept. */
static bool is_used_once(const struct request *r, char *why, size_t len)
{
	if (!dmabuf_skips(use_once, r, why, len))
		return true;
	dmabuf_close(&used);
	return false;
}

static void must_be_had_again(const struct request *r)
{
	char why[512] = "";

	/* For a second, as above. */
	for (int i = 0; i < 50; i++) {
		if (is_used_once(r, why, sizeof(why)))
			return;
		usleep(20000);
	}
	dmabuf_violation("LIFE", "%s: after %zu bytes in buffers of which no fd, handle or mapping is left, it gives no more, for a second: %s\n",
			 r->e->name, given_back, why);
}

/* The sum of the numbers behind this word in a file of the kernel's; -1 without the file. */
static long long sum_of(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	long long sum = 0, value;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		const char *at = line + strspn(line, " ");

		if (!strncmp(at, word, strlen(word)) && sscanf(at + strlen(word), "%lld", &value) == 1)
			sum += value;
	}
	if (f)
		fclose(f);
	return f ? sum : -1;
}

/*
 * Pages that were freed may wait on a list of a CPU's (mm/page_alloc.c), uncounted by
 * MemAvailable; by zoneinfo they are the pagesets' counts.
 */
static long long available_memory(void)
{
	long long kib = sum_of("/proc/meminfo", "MemAvailable:");
	long long waiting = sum_of("/proc/zoneinfo", "count:");

	dmabuf_require(kib > 0, "/proc/meminfo has no MemAvailable");
	return (kib << 10) + (waiting > 0 ? waiting * page_size() : 0);
}

/* Others use memory as well, but not each time, and not in step with this. */
static void must_cost_nothing(const struct request *r, size_t enough)
{
	long long missing = 0;

	for (int i = 0; i < TRIES; i++) {
		long long before = available_memory();

		for (given_back = 0; given_back < enough; )
			must_be_had_again(r);
		/* It may be freed a little later. */
		for (int wait = 0; wait < 20; wait++) {
			missing = before - available_memory();
			if (missing < (long long)given_back / 2)
				return;
			usleep(50000);
		}
		/* Of more, what others use is less. */
		enough = ENOUGH;
	}
	dmabuf_violation("LIFE", "%s: %d times in a row, %zu bytes in buffers of which no fd, handle or mapping is left cost the machine %lld bytes of its MemAvailable\n",
			 r->e->name, TRIES, given_back, missing);
}

static void uses_must_cost_nothing(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct request r = { e, way, LARGE };
	char why[512];

	if (!is_used_once(&r, why, sizeof(why))) {
		r.size = SIZE;
		use_once(&r);
	}
	must_cost_nothing(&r, SOME);
	r.plain = true;
	must_cost_nothing(&r, ENOUGH);
	dmabuf_saw("LIFE", "%d MiB in buffers are given back, and can be had again",
		   (SOME + ENOUGH) >> 20);
}

static void is_freed(struct dmabuf *buf, const struct dmabuf_way *way)
{
	dmabuf_part("LIFE")
		must_be_unlisted_at_last(buf, way);
	dmabuf_close(buf);
	uses_must_cost_nothing(buf->exporter, way);
}

static const struct dmabuf_check checks[] = {
	{ "readwrite", "WHOLE", "every word of every page reads back as written, between "
	  "DMA_BUF_IOCTL_SYNC brackets", readwrite },
	{ "two-mappings", "WHOLE", "what is written there is read through the fd's mapping, "
	  "and the other way round", two_mappings },
	{ "life-close", "LIFE", "the contents stay, and stay writable, when fd, handle and "
	  "device are closed and memory that is free is given to others", survives_close },
	{ "life-fork", "LIFE", "with everything closed, a child sees the buffer after fork, "
	  "and the parent what the child writes", survives_fork },
	{ "life-freed", "LIFE", "after the last munmap() the dma-buf is gone, by debugfs, and "
	  "many buffers, one after another, whose mappings are refused, split, moved and "
	  "inherited, cost no memory and can be had again", is_freed },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	dmabuf_run_checks(checks, SIZE);
}
