// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf
 * Description: What judges DMA buffers is itself judged here, on made-up
 *              exporters and GUP users and on ordinary memory. The verdicts that
 *              must come out are in dmabuf.table. Needs no device and no root.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_obey.h"
#include "dmabuf_memory.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "dmabuf_variants.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("Verdicts about made-up exporters and GUP users.");

#define SIZE (64 << 10)

/* A file mapping whose second page lies behind the end of the file. */
static char *map_beyond_eof(void)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	int fd = memfd_create("short", MFD_CLOEXEC);
	char *p;

	dmabuf_require(fd >= 0 && !ftruncate(fd, page), "no memfd");
	p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	dmabuf_require(p != MAP_FAILED, "no memfd");
	return p;
}

static void passes(void)
{
	dmabuf_stage("passing");
	dmabuf_saw("WHOLE", "it was there");
	dmabuf_saw("PFNMAP", "this is %d", 1);
	dmabuf_saw("WHOLE", "it was there");
}

static void sees_nothing(void)
{
	dmabuf_stage("looking away");
}

/* A part that skips is left; what follows it counts. */
static void passes_in_part(void)
{
	dmabuf_part("ACCOUNT") {
		dmabuf_saw("GUP", "before");
		dmabuf_skip("no instrument");
	}
	dmabuf_part("ACCOUNT")
		dmabuf_part("RO")
			dmabuf_require(false, "no inner instrument");
	dmabuf_saw("MOVE", "behind");
}

static void skips_in_all_parts(void)
{
	dmabuf_part("ACCOUNT")
		dmabuf_skip("deaf");
	dmabuf_part("RO")
		dmabuf_skip("blind");
}

static void violates_in_part(void)
{
	dmabuf_saw("GUP", "all is well");
	dmabuf_part("ACCOUNT")
		dmabuf_skip("deaf");
	dmabuf_part("RO")
		dmabuf_violation("RO", "a part that does not hold\n");
}

static void skips_at_last(void)
{
	dmabuf_saw("GUP", "all is well");
	dmabuf_skip("tired");
}

static void hangs_in_set_up(void)
{
	dmabuf_setup("setting up for ever");
	for (;;)
		pause();
}

static void dies_in_set_up(void)
{
	dmabuf_setup("setting up");
	raise(SIGSEGV);
}

static void hangs_in_set_up_at_last(void)
{
	dmabuf_saw("GUP", "all is well");
	hangs_in_set_up();
}

/* More than the whole block's time, in stages of less. */
static void is_slow(void)
{
	for (int i = 0; i < 3; i++) {
		dmabuf_stage("stage %d", i);
		usleep(900000);
	}
	dmabuf_saw("WHOLE", "slowly");
}

/* A stage that goes on, page after page; and for ever. */
static void goes_on(void)
{
	dmabuf_stage("page after page");
	for (int i = 0; i < 5; i++) {
		dmabuf_goes_on();
		usleep(500000);
	}
	dmabuf_saw("WHOLE", "page after page");
}

static void goes_on_for_ever(void)
{
	dmabuf_stage("page after page for ever");
	for (;;) {
		dmabuf_goes_on();
		usleep(1000);
	}
}

static void ends_in_time(void)
{
	dmabuf_stage("page after page, as long as there is time");
	while (dmabuf_goes_on())
		usleep(1000);
	dmabuf_saw("WHOLE", "as many pages as there was time for");
}

static void is_large(void)
{
	dmabuf_limit_for(8 << 20);
	dmabuf_stage("a large buffer");
	usleep(1500000);
	dmabuf_saw("WHOLE", "all of it");
}

/* It cannot end: what it has to print goes into a pipe that nobody reads. */
static void clog_up(void)
{
	char page[4096] = "";
	FILE *f;
	int fds[2];

	dmabuf_require(!pipe2(fds, O_NONBLOCK), "no pipe");
	while (write(fds[1], page, sizeof(page)) > 0)
		;
	fcntl(fds[1], F_SETFL, 0);
	f = fdopen(fds[1], "w");
	dmabuf_require(f, "no stream");
	fputs("more", f);
}

static void violates_and_hangs(void)
{
	clog_up();
	dmabuf_stage("giving up");
	dmabuf_violation("PIN", "found before it hung\n");
}

static void passes_and_hangs(void)
{
	clog_up();
	dmabuf_saw("PIN", "all is well");
	dmabuf_stage("giving up");
}

static void skips(void)
{
	dmabuf_skip("reason to skip: %d", 42);
}

static void requires(void)
{
	dmabuf_require(2 > 1, "must not be said");
	dmabuf_require(1 > 2, "one is not more than two");
}

static void violates(void)
{
	dmabuf_must("PFNMAP", true, "must not be said\n");
	dmabuf_must("ACCOUNT", false, "evidence %d\nmore evidence\n", 42);
}

static void faults(void)
{
	volatile char *p = map_beyond_eof();

	dmabuf_stage("touching what is %s", "not there");
	p[sysconf(_SC_PAGESIZE)] = 1;
}

static void hangs(void)
{
	dmabuf_stage("doing nothing for ever");
	for (;;)
		pause();
}

static void dies(void)
{
	dmabuf_stage("dying");
	raise(SIGABRT);
}

/* By somebody else, as far as can be seen. */
static void is_killed(void)
{
	dmabuf_stage("using much memory");
	raise(SIGKILL);
}

static void exits(void)
{
	dmabuf_stage("leaving early");
	_exit(0);
}

static void grandchild_violates(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		dmabuf_violation("LIFE", "seen by the grandchild\n");
	dmabuf_require(pid > 0, "no fork");
	waitpid(pid, NULL, 0);
	dmabuf_inherit_verdict();
	dmabuf_skip("must not come to this");
}

/* A limit that must be reached is 2 s, so that a busy machine gets to what hangs before it. */
static const struct {
	const char *name;
	void (*run)(void);
	int seconds;	/* its limit; DMABUF_LIMIT if it is not about that */
} blocks[] = {
	{ "passes", passes },
	{ "skips", skips },
	{ "requires", requires },
	{ "violates", violates },
	{ "faults", faults },
	{ "hangs", hangs, 2 },
	{ "dies", dies },
	{ "is-killed", is_killed },
	{ "exits", exits },
	{ "grandchild-violates", grandchild_violates },
	{ "sees-nothing", sees_nothing },
	{ "passes-in-part", passes_in_part },
	{ "skips-in-all-parts", skips_in_all_parts },
	{ "violates-in-part", violates_in_part },
	{ "skips-at-last", skips_at_last },
	{ "hangs-in-set-up", hangs_in_set_up, 2 },
	{ "dies-in-set-up", dies_in_set_up },
	{ "hangs-in-set-up-at-last", hangs_in_set_up_at_last, 2 },
	{ "is-slow", is_slow, 2 },
	{ "goes-on", goes_on, 1 },
	{ "goes-on-for-ever", goes_on_for_ever, 1 },
	{ "ends-in-time", ends_in_time, 1 },
	{ "is-large", is_large, 1 },
	{ "violates-and-hangs", violates_and_hangs, 2 },
	{ "passes-and-hangs", passes_and_hangs, 2 },
	{ "passes-after-all", passes },
};

/*
 * A GUP user whose answers are made up: for the control, for the buffer, and for
 * the page that is kept from get_user_pages (EFAULT if not given).
 */
static struct { const char *name; ssize_t control, buffer, kept; } answer, answers[] = {
	{ "refused", SIZE, -EFAULT },
	{ "taken", SIZE, SIZE },
	{ "taken-in-part", SIZE, 4096 },
	{ "taken-nothing", SIZE, 0 },
	{ "not-supported", SIZE, -EOPNOTSUPP },
	{ "no-memory", SIZE, -ENOMEM },
	{ "no-permission", SIZE, -EPERM },
	{ "control-refused", -EPERM, -EFAULT },
	{ "control-refused-taken", -EPERM, SIZE },
	{ "control-in-part", 4096, -EFAULT },
	{ "copies", SIZE, SIZE, 4096 },
	{ "hides-its-error", SIZE, -EFAULT, -EIO },
};

static void *buffer;

static void no_setup(size_t length)
{
}

static ssize_t make_up(void *addr, size_t length)
{
	if (addr == buffer)
		return answer.buffer;
	return length == SIZE ? answer.control : answer.kept ?: -EFAULT;
}

static const struct gup_user made_up_user = {
	.name = "made-up",
	.description = "nothing that exists",
	.fast = true,
	.setup = no_setup,
	.attempt = make_up,
};

static const struct dmabuf_exporter_kind made_up_kind = { .name = "made-up" };
static const struct dmabuf_exporter made_up = { .kind = &made_up_kind, .name = "made-up" };
static const struct dmabuf_way made_up_way = { .name = "way", .clause = "" };

/* Judges a real GUP user's answer about length bytes at addr as a buffer's. */
static void prepare_more(const void *user)
{
	gup_prepare(user, SIZE);
}

static void judge(const struct gup_user *user, enum page_state state, void *addr,
		  size_t length)
{
	struct dmabuf buf = { .exporter = &made_up, .fd = -1, .dev = -1, .size = length };

	gup_must_be_refused(user, &buf, &made_up_way, state, "whole", addr, length);
}

/* What a memfd's mapping is: taken by every GUP user that works here. */
static void *map_ordinary(void)
{
	int fd = memfd_create("ordinary", MFD_CLOEXEC);
	void *p;

	dmabuf_require(fd >= 0 && !ftruncate(fd, SIZE), "no memfd");
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	dmabuf_require(p != MAP_FAILED, "no memfd");
	return p;
}

static void name_is(unsigned int i, const char *name)
{
	const struct dmabuf_exporter *e = dmabuf_exporter_get(i);

	igt_assert_f(e && !strcmp(e->name, name), "exporter %u is %s, not %s\n", i,
		     e ? e->name : "none", name);
}

static const struct { const char *given, *name; } names[] = {
	{ "foo-bar", "foo-bar" },
	{ "foo", "foo" },
	{ "foo", "foo-2" },
	{ "foo-2", "foo-2-2" },
	{ "foo", "foo-3" },
	{ "Foo", "Foo" },
	{ "a b/c:d@e", "a_b_c_d_e" },
	{ "tab\tcr\rend", "tab_cr_end" },
	{ "control\x11\x1f", "control__" },
	{ "\xc3\xa4_9", "___9" },
};

static const struct { const char *flags, *code; bool has; } vmflags[] = {
	{ "rd wr sh mr mw me ms pf io de dd ", "pf", true },
	{ "rd wr sh pf", "pf", true },
	{ "pf ", "pf", true },
	{ "rd wr sh mr mw me ms de sd ", "pf", false },
	{ "rd wr mm sd ", "mm", true },
	{ "rd wr sh mr ", "r", false },
	{ "rd wr sh mr ", "rd wr", false },
	{ "xpf pfx ", "pf", false },
	{ "", "pf", false },
};

/* As the filters of containers do. */
static void forbid(unsigned int call)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	dmabuf_require(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
		       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program),
		       "no seccomp: %s", strerror(errno));
}

/* Whether a page of the core's VM_PFNMAP obeys, where vmsplice() may not be called. */
static void obeys_without_vmsplice(void)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	struct dmabuf buf = { .exporter = &made_up, .fd = -1, .dev = -1, .size = page };
	void *p = proc_core_pfnmap();

	dmabuf_require(p, "no core VM_PFNMAP mapping");
	forbid(SYS_vmsplice);
	dmabuf_touch_reading(p, page);
	dmabuf_must_obey(&buf, &made_up_way, TOUCHED, "page", p, page);
}

static void pattern(void)
{
	uint32_t words[4096];

	pattern_fill(words, sizeof(words), 7);
	pattern_must_be("WHOLE", words, sizeof(words), 7, "untouched");
	words[3000] ^= 0x10;
	pattern_must_be("MOVE", words, sizeof(words), 7, "spoilt");
}

static void pattern_of_other_seed(void)
{
	uint32_t words[16];

	pattern_fill(words, sizeof(words), 7);
	pattern_must_be("MOVE", words, sizeof(words), 8, "of another seed");
}

/* What a variant's buffer is where pages are of 4, 16 and 64 KiB, in bytes. */
static const struct { const char *variant; size_t size[3]; } variant_sizes[] = {
	{ "last-page", { 64 << 10, 256 << 10, 1 << 20 } },
	{ "one-page", { 4 << 10, 16 << 10, 64 << 10 } },
	{ "odd-size", { 37 * (4 << 10), 37 * (16 << 10), 37 * (64 << 10) } },
	{ "large", { 3 << 20, 3 << 20, 3 << 20 } },
	{ "huge-2m", { 2 << 20, 32 << 20, 512 << 20 } },
	{ "huge-64m", { 64 << 20, 64 << 20, 1 << 30 } },
};

static const struct dmabuf_variant *variant_of(const char *name)
{
	for_each_dmabuf_variant(v)
		if (!strcmp(v->name, name))
			return v;
	igt_assert_f(false, "there is no variant %s\n", name);
	return NULL;
}

/* Made of a memfd: in pages, one that every page is looked at in, and larger ones. */
static const size_t buffer_pages[] = { 16, 37, 1024 + 3, 3 * 512, 8 * 512, 9 * 512 + 5 };

static void make_variant(const struct dmabuf_variant *v, size_t size)
{
	struct dmabuf buf = { .exporter = &made_up, .dev = -1, .size = size };
	struct dmabuf_mapping m = { .buf = &buf, .way = dmabuf_ways[0] };

	buf.fd = memfd_create("buffer", MFD_CLOEXEC);
	dmabuf_require(buf.fd >= 0 && !ftruncate(buf.fd, size), "no memfd");
	dmabuf_write_stamps(&buf, dmabuf_ways[0]);
	v->make(&m, true);
	dmabuf_must("WHOLE", m.length && m.offset + m.length <= size,
		    "%zu bytes at offset %zu of %zu\n", m.length, m.offset, size);
	dmabuf_stamps_must_be_there(&m);
}

int dmabuf_main()
{
	igt_describe("A block that ends in each way that there is.");
	igt_subtest_with_dynamic("limited") {
		for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
			igt_dynamic(blocks[i].name)
				dmabuf_limited(blocks[i].seconds ?: DMABUF_LIMIT)
					blocks[i].run();
	}

	igt_describe("The same verdicts without a process of their own.");
	igt_subtest_with_dynamic("unlimited") {
		for (size_t i = 0; i < 4; i++)
			igt_dynamic(blocks[i].name)
				blocks[i].run();
	}

	igt_describe("Every answer that a GUP user can give, to control and attempt.");
	igt_subtest_with_dynamic("classify") {
		for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
			igt_dynamic(answers[i].name) {
				dmabuf_limited(DMABUF_LIMIT) {
					answer = answers[i];
					gup_prepare(&made_up_user, SIZE);
					buffer = map_ordinary();
					judge(&made_up_user, TOUCHED, buffer, SIZE);
				}
			}
		}
	}

	igt_describe("A pin before the pages were touched breaks another clause.");
	igt_subtest("classify-untouched") {
		dmabuf_limited(DMABUF_LIMIT) {
			answer = answers[1];
			buffer = map_ordinary();
			judge(&made_up_user, UNTOUCHED, buffer, SIZE);
		}
	}

	igt_describe("Ordinary memory is taken by each GUP user that works here.");
	igt_subtest_with_dynamic("gup-ordinary") {
		for_each_gup_user(user) {
			igt_dynamic(user->name) {
				dmabuf_limited(DMABUF_LIMIT) {
					gup_prepare(user, SIZE);
					judge(user, TOUCHED, map_ordinary(), SIZE);
				}
			}
		}
	}

	igt_describe("A GUP user that works here does so on more, too, when it is asked again.");
	igt_subtest_with_dynamic("gup-again") {
		for_each_gup_user(user) {
			igt_dynamic(user->name) {
				dmabuf_limited(DMABUF_LIMIT) {
					char why[512];

					gup_prepare(user, sysconf(_SC_PAGESIZE));
					dmabuf_must("WHOLE", !dmabuf_skips(prepare_more, user, why,
									   sizeof(why)), "%s\n", why);
					dmabuf_saw("WHOLE", "it takes as much as it is asked for");
				}
			}
		}
	}

	igt_describe("Of a mapping of which only the first page exists, no GUP user may take "
		     "more, nor hide that it took that.");
	igt_subtest_with_dynamic("gup-partly") {
		for_each_gup_user(user) {
			igt_dynamic(user->name) {
				dmabuf_limited(DMABUF_LIMIT) {
					gup_prepare(user, SIZE);
					judge(user, TOUCHED, map_beyond_eof(),
					      2 * sysconf(_SC_PAGESIZE));
				}
			}
		}
	}

	igt_describe("A mapping that the core kernel made VM_PFNMAP is refused to each "
		     "(it is read-only, too: that alone keeps out those that pin for writing).");
	igt_subtest_with_dynamic("gup-pfnmap") {
		for_each_gup_user(user) {
			igt_dynamic(user->name) {
				dmabuf_limited(DMABUF_LIMIT) {
					void *p = proc_core_pfnmap();

					dmabuf_require(p, "no core VM_PFNMAP mapping");
					gup_prepare(user, SIZE);
					judge(user, TOUCHED, p, sysconf(_SC_PAGESIZE));
				}
			}
		}
	}

	igt_describe("Where the first user that judges SPECIAL is forbidden, the next one does, or it "
		     "is said that none did.");
	igt_subtest("no-vmsplice")
		dmabuf_limited(DMABUF_LIMIT)
			obeys_without_vmsplice();

	igt_describe("Codes are found in VmFlags as whole words.");
	igt_subtest("vmflags") {
		for (size_t i = 0; i < sizeof(vmflags) / sizeof(vmflags[0]); i++) {
			struct proc_vma vma = { };

			strcpy(vma.flags, vmflags[i].flags);
			igt_assert_f(proc_vma_has(&vma, vmflags[i].code) == vmflags[i].has,
				     "'%s' in '%s'\n", vmflags[i].code, vmflags[i].flags);
		}
	}

	igt_describe("What /proc says of a touched memfd and of the core's VM_PFNMAP.");
	igt_subtest("proc") {
		void *ordinary = map_ordinary(), *pfnmap = proc_core_pfnmap();
		struct proc_vma vma;

		dmabuf_touch(ordinary, SIZE);
		vma = proc_vma(ordinary);
		igt_assert_eq(vma.rss, SIZE);
		igt_assert(proc_vma_has(&vma, "sh") && !proc_vma_has(&vma, "pf"));
		igt_assert(proc_pagemap(ordinary) & PAGEMAP_PRESENT);

		igt_require_f(pfnmap, "no core VM_PFNMAP mapping\n");
		vma = proc_vma(pfnmap);
		igt_assert(proc_vma_has(&vma, "pf"));
		igt_assert_eq(vma.rss, 0);
		igt_assert(!(proc_pagemap(pfnmap) & PAGEMAP_SEEN));
	}

	igt_describe("A word that differs is named.");
	igt_subtest("pattern")
		pattern();

	igt_describe("Every word differs with the seed.");
	igt_subtest("pattern-seed")
		pattern_of_other_seed();

	igt_describe("The sizes of the variants' buffers follow those of pages and huge pages.");
	igt_subtest("variant-sizes") {
		for (size_t i = 0; i < sizeof(variant_sizes) / sizeof(variant_sizes[0]); i++)
			for (int j = 0; j < 3; j++) {
				const size_t page = (size_t)4096 << 2 * j;

				igt_assert_eq_u64(dmabuf_variant_size(variant_of(variant_sizes[i].variant),
								      page, huge_page_of(page)),
						  variant_sizes[i].size[j]);
			}
	}

	igt_describe("Each variant finds the words of a buffer of any size where they were written.");
	igt_subtest_with_dynamic("variants") {
		for_each_dmabuf_variant(v)
			for (size_t i = 0; i < sizeof(buffer_pages) / sizeof(buffer_pages[0]); i++)
				igt_dynamic_f("%s-%zu", v->name, buffer_pages[i])
					dmabuf_limited(DMABUF_LIMIT)
						make_variant(v, buffer_pages[i] * page_size());
	}

	igt_describe("Exporters' names are fit for subtests, and no two are the same.");
	igt_subtest("names") {
		unsigned int first = 0;

		while (dmabuf_exporter_get(first))
			first++;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			dmabuf_exporter_add(&made_up_kind, 0, "", "%s", names[i].given);
			name_is(first + i, names[i].name);
		}
	}

	igt_describe("However many exporters there are, each stays where it was.");
	igt_subtest("many") {
		struct dmabuf_exporter *added[1000];
		unsigned int first = 0;

		while (dmabuf_exporter_get(first))
			first++;
		for (size_t i = 0; i < 1000; i++) {
			added[i] = dmabuf_exporter_add(&made_up_kind, i, "", "many-%zu", i);
			added[i]->moves = i % 2;
		}
		for (size_t i = 0; i < 1000; i++)
			igt_assert_f(dmabuf_exporter_get(first + i) == added[i] &&
				     added[i]->type == i && added[i]->moves == i % 2,
				     "exporter %zu is another one\n", i);
	}

	igt_describe("DMABUF_EXPORTERS chooses exporters, by patterns of the shell.");
	igt_subtest("chosen") {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			dmabuf_exporter_add(&made_up_kind, 0, "", "%s", names[i].given);
		dmabuf_choose_exporters();
		for_each_dmabuf_exporter(e)
			igt_info("chosen: %s\n", e->name);
	}

	igt_describe("A node without an exporter is told once, by the first reason.");
	igt_subtest("missing") {
		unsigned int before = 0, after = 0;

		for_each_dmabuf_missing(m)
			before++;
		dmabuf_exporter_missing("/dev/dri/card77", true, "the %s", "first");
		dmabuf_exporter_missing("/dev/dri/card77", false, "the second");
		for_each_dmabuf_missing(m)
			after++;
		igt_assert_eq(after - before, 1);
		igt_assert(!strcmp(dmabuf_missing_get(before)->name, "card77"));
		igt_assert(!strcmp(dmabuf_missing_get(before)->why, "the first"));
	}

	igt_describe("What needs --disruptive skips without it.");
	igt_subtest("disruptive")
		dmabuf_require_disruptive("spoils the day");
}
