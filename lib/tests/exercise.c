// SPDX-License-Identifier: MIT
/*
 * TEST: exercise
 * Description: The exerciser on made-up exporters of ordinary memory, which are right but
 *              for one thing, and walks as lines. The verdicts that must come out are in
 *              exercise.table. Needs no device and no root.
 */
#include <signal.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_exercise.h"
#include "dmabuf_walk.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("Verdicts of the exerciser about made-up exporters, and walks as lines.");

enum {
	ROUNDS_UP = 1, ONE_BUFFER = 2, NO_PARTS = 4, NO_BUFFER = 8, NO_MMAP = 16,
	SECOND_WRONG = 32, OFFSET_WRONG = 64, THIRD_DIES = 128, PRIVATE_SHARED = 256, SMALLER = 512,
};

static const struct made_up {
	const char *name;
	unsigned int type;
} made_up[] = {
	{ "plain", 0 },
	{ "rounds-up", ROUNDS_UP },
	{ "one-buffer", ONE_BUFFER },
	{ "no-parts", NO_PARTS },
	{ "no-buffer", NO_BUFFER },
	{ "no-mmap", NO_MMAP },
}, violators[] = {
	{ "second-wrong", SECOND_WRONG },
	{ "offset-wrong", OFFSET_WRONG },
	{ "third-dies", THIRD_DIES },
	{ "private-shared", PRIVATE_SHARED },
	{ "smaller", SMALLER },
};

static unsigned int buffers, mappings;

static bool alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	const size_t page = sysconf(_SC_PAGESIZE);

	mappings = 0;
	if (e->type & NO_BUFFER || (e->type & ONE_BUFFER && buffers)) {
		errno = ENOMEM;
		return false;
	}
	if (e->type & ROUNDS_UP)
		size += 3 * page;
	if (e->type & SMALLER && size > page)
		size -= page;
	buffers++;
	buf->fd = memfd_create("made-up", MFD_CLOEXEC);
	return buf->fd >= 0 && !ftruncate(buf->fd, size);
}

static void *map(const struct dmabuf *buf, void *addr, size_t length, int prot, int flags,
		 off_t offset)
{
	const unsigned int type = buf->exporter->type;
	int fd = buf->fd;

	if (type & NO_MMAP || offset + length > buf->size ||
	    (type & NO_PARTS && (offset || length < buf->size))) {
		errno = type & NO_MMAP ? ENODEV : EINVAL;
		return MAP_FAILED;
	}
	mappings++;
	if (type & THIRD_DIES && mappings == 3)
		raise(SIGTRAP);
	if (type & SECOND_WRONG && mappings == 2) {
		fd = memfd_create("other", MFD_CLOEXEC);
		ftruncate(fd, buf->size);
	}
	if (type & OFFSET_WRONG)
		offset = 0;
	if (type & PRIVATE_SHARED && flags & MAP_PRIVATE)
		flags = (flags & ~MAP_PRIVATE) | MAP_SHARED;
	return mmap(addr, length, prot, flags, fd, offset);
}

static const struct dmabuf_exporter_kind kind = { .name = "made-up", .alloc = alloc };
static const struct dmabuf_way way = {
	.name = "fd", .clause = "", .description = "made up", .map = map,
};
static const struct dmabuf_way *const ways[] = { &way, NULL };

static void judge(const struct made_up *what, const char *line)
{
	struct dmabuf_exporter e = { .kind = &kind, .type = what->type };
	const struct exercise exercise = { .exporter = &e, .ways = ways, .ordinary = true };
	const struct walk_limits limits = { .seed = 1, .steps = 1000, .shrink = 60 };
	static struct walk walk;
	char why[128];

	snprintf(e.name, sizeof(e.name), "%s", what->name);
	if (line)
		igt_assert_f(walk_parse(line, &walk, why, sizeof(why)), "%s\n", why);
	if (!walk_judge(&exercise, line ? &walk : NULL, &limits, why, sizeof(why)))
		igt_skip("%s\n", why);
}

static const struct { const char *name, *line; bool right; } lines[] = {
	{ "one", "alloc", true },
	{ "all", "stranger@0:1,alloc:16,map@1t:0:3:512:1:2:77,load:0:4294967295", true },
	{ "empty", "" },
	{ "unknown", "alloc,mop" },
	{ "prefix", "alloc,ma" },
	{ "longer", "alloc,maps" },
	{ "no-step", "alloc,,map" },
	{ "end", "alloc," },
	{ "who", "alloc@4" },
	{ "no-who", "alloc@" },
	{ "letter", "alloc:a" },
	{ "no-number", "alloc:" },
	{ "negative", "alloc:-1" },
	{ "too-large", "alloc:4294967296" },
	{ "too-many", "alloc:1:2:3:4:5:6:7" },
	{ "behind", "alloc:1 " },
};

static void parses(const char *line, bool right)
{
	static struct walk walk;
	char why[128], *again;

	igt_assert_f(walk_parse(line, &walk, why, sizeof(why)) == right, "'%s'\n", line);
	if (!right) {
		igt_info("%s\n", why);
		return;
	}
	again = walk_line(&walk);
	igt_info("%s\n", again);
	free(again);
}

int dmabuf_main()
{
	igt_fixture()
		exercise_share();

	igt_describe("Lines that are walks, and others.");
	igt_subtest_with_dynamic("lines") {
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
			igt_dynamic(lines[i].name)
				parses(lines[i].line, lines[i].right);
	}

	igt_describe("Made-up exporters that are right, however odd.");
	igt_subtest_with_dynamic("right") {
		for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++)
			igt_dynamic(made_up[i].name)
				judge(&made_up[i], NULL);
	}

	igt_describe("Made-up exporters of which one thing is wrong.");
	igt_subtest_with_dynamic("wrong") {
		for (size_t i = 0; i < sizeof(violators) / sizeof(violators[0]); i++)
			igt_dynamic(violators[i].name)
				judge(&violators[i], NULL);
	}

	igt_describe("Steps that cannot be taken are nothing.");
	igt_subtest("nothing")
		judge(&made_up[0], "unmap,load:3,store@2,exit:1,hand:2,close,sync,move,release,drop,"
		      "fork:3,remap:1:0:1,together,pin,mem,protect@1,export,alloc,alloc,map,map");

	igt_describe("A private mapping is not private.");
	igt_subtest("private")
		judge(&violators[3], "alloc,map:1,map:0:0:4,store");

	igt_describe("A walk that fails is replayed.");
	igt_subtest("replay")
		judge(&violators[0], "alloc:2,map,map:1,store:1:3");
}
