// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf exercise
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: random walks
 * Description: A random walk over everything that an exporter can see of its user, on a
 *              model that knows what each word and each mapping must be. What fails is
 *              shortened to the walk that shows it.
 *
 * SUBTEST: walk
 * Description: The contract holds at every step of a walk drawn from a seed.
 *
 * SUBTEST: cases
 * Description: The contract holds on the walks that once found something.
 */
#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_exercise.h"
#include "dmabuf_gup.h"
#include "dmabuf_walk.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("A random walk over everything that an exporter can see of its user: "
		     "the contract holds at every step.");

#define CLAUSES "PFNMAP SPECIAL GUP ACCOUNT MOVE RACE LIFE WHOLE RO PIN NOTIFY"

/*
 * By default walks cost a share of what the other tests of the exporter do: 3 ms a step on
 * an emulated CPU. Counted in steps, it is the same everywhere; the time is for exporters
 * that are slow.
 */
#define DEFAULT_STEPS 100
#define DEFAULT_SECONDS 3
#define DEFAULT_SHRINK 0.5

/* Who asks for more has more time. */
#define MORE_STEPS 2000
#define MORE_SHRINK 20

/*
 * Walks that once found something, shortened; and before each, where. Those without a
 * number are for what the calibration module breaks.
 */
static const char *const cases[] = {
	/* videobuf2-vmalloc: a mixed map */
	"alloc,map",
	/* the GEM shmem helper: the wrong page, at an offset and behind what was unmapped */
	"alloc:32,map:1,map:0:0:0:8,store",
	/* the same by the driver's own mmap, where that maps parts at all */
	"alloc:32,map:1,map:0:1:0:8,store",
	"alloc:32,map:1,unmap:1:0:0:0:4,store:1:0:0:8,map:2,load:2:0:0:8",
	/* TTM: a read-only mapping is written by another process */
	"alloc:0:1,map:0:0:1,mem:0:1",
	/* and one access to two pages */
	"alloc:2,map,mem:0:1:0:1:1,load:0:0:63",
	/* fork */
	"alloc,map,fork:1,load@1",
	"alloc:16,map:0:1,store:0:3,fork:1,exit:1",
	"alloc:3,map,store,protect:0:1:0:1:1,fork:1,load@1",
	/* not-zapped, half-zapped: the old place is used */
	"alloc:16,map:2,map,load:0:0:0:15,move,store:0:0:0:15",
	/* late-lost, not-copied, refault-refused, after-move */
	"alloc,map,move:0:1",
	/* pinned, access-pins; access to where it was */
	"alloc,map,mem,move,store,mem,move",
	/* end-loses, begin-fails; also where a large buffer ends, in words of their own */
	"alloc:257,map,sync,store,store:0:0:0:256,sync",
	/* lost-on-close */
	"alloc,map,store,close:0:4,close,load",
	/* ro-writable, ro-mprotect */
	"alloc,map,protect:0:7,load,store",
	"alloc:0:1,map:0:0:1,protect",
	/* split */
	"alloc:32,map,unmap:0:0:0:0:1,load:0:0:0:8",
	/* aligned, large; and what a huge entry has is there by small ones */
	"alloc:512,map:0:0:512,store:0:3,map:1:0:0:0:16,load:1:3",
	/* a fault that a signal interrupts */
	"alloc:64,map,load:0:5",
	/* one of several at once, in what mremap() moved */
	"alloc:16,map,remap:0:0:1,together:1:2:0:0:1,pin:1:0:0:0:16",
	/* the n-th mapping */
	"alloc,often",
	/* private; and where it is refused, what that gives back is not another's */
	"alloc,map:1,map:0:0:4,store,store:1,drop:0:2",
	/* what is behind the end of a part, where a huge page would not end */
	"alloc:512,map:0:0:512:0:8,load",
	/* a huge page's address, and not a huge page of the buffer */
	"alloc:520,map:1,store:1:3:0:0:15,map:0:0:2048:8,load:0:3",
	/* such an address within a mapping of the driver's that begins elsewhere */
	"alloc:520,map:1,store:1:3:0:0:15,map:0:1:2560,load:0:3",
	/* a page of zeroes for what is read before it is written, and then goes on to be read */
	"alloc:2,map,map:1,load:1:3,store:0:3,load:1:3",
	/* another buffer: of all of them at once, and of one that does something */
	"alloc:4:0:1,map,store:0:3",
	"alloc:64,map,store:0:3,others:0:4",
	"alloc,map,sync:0:2,store,others,sync:0:2",
	/*
	 * SYNC: of what mremap() moved, of a part and another process, for reading within one for
	 * writing, ended by another process, and begun by that which has stores to make; of two at
	 * once, of which the first to begin is the first to end, where a small mapping is the last
	 */
	"alloc:64,map,load,remap:0:0:1,map:2:0:0:32,load:2,fork:1,load@1:1,map@1:3,load@1:3,"
	"sync,store@1:1,sync:0:1,sync:0:1,store@1:1,store:2,sync@1,"
	"sync@1,store@1:1,load:1,store@1:3:0:0:1,load:1:0:0:1,sync@1,"
	"map:3:0:0:0:2,sync,sync@1:0:2,store@1:1:0:0:5,store:1:0:0:9,sync,sync@1:0:2,load:1:0:0:5,"
	"load:1:0:0:9",
	/* a second export of the handle; others have a buffer where a handle was that is closed */
	"alloc,map,store,export,map:1:3,load:1,store:1,load",
	"alloc:16,map,map:1:1,store:0:3,close:0:3,others:0:1,load:1:3",
	/* nobody maps it when memory is short */
	"alloc,map,store,unmap,pressure,map,load",
	/* imported twice, and between the ends of that, in either order */
	"alloc,map,map:1:1,load:1,store,import,import:1,store,load:1,release:1,load,store:1,release,"
	"load,import,import:1,store,release,load,release:1",
	/* what was mapped once is mapped again, whatever was done between */
	"alloc,map,unmap,map,unmap,import,release,map,unmap,sync:0:1,sync:0:1,map",
	"alloc,map,unmap,sync:0:2,sync:0:2,map,unmap,move,map,load,unmap,close:0:4,map",
	/*
	 * who made it ends; or has ended and had used it, the kernel uses it, it is written while it
	 * is mapped again and again, who inherited it runs another program, and others have many
	 */
	"stranger:1,alloc@1:2,map,store,exit:1,map:1",
	"alloc:16:0:10,map,store:0:1,map:1,load:1:1,idle:0:3,fork:1,exit:1:2,others:0:3",
	/*
	 * a buffer of another form, and one that is mapped before it is exported; other clients of
	 * a card, its display, who is not root and who shares the address space have it; and what is
	 * mapped for writing alone, or for execution
	 */
	"alloc:37:0:5,map,map:1:1,store:0:3,client,client:0:1,client:0:2,store:1:3,map:2:0:4096,"
	"map:3:0:8193,client:0:3",
	/* all kinds of mappings, and again after what may change what becomes of them */
	"alloc:16,kinds,sync:0:2,kinds:0:0:7,sync:0:2,import,kinds,release,others:0:3,kinds:0:0:7",
	"alloc:4,map,others:0:3,fork:1,map@1:1,load@1:1:0:0:3",
	"alloc:16,kinds,fork:1,kinds@1,exit:1,kinds,move,kinds:0:0:7:1",
	"alloc:16:1,kinds,sync:0:1,kinds,sync:0:1,kinds,import,kinds,release,others:0:3,kinds:0:0:0:1",
	"alloc:300:1,kinds:0:0:0:1",
	/* a store that a move of a large buffer loses, after SYNC */
	"alloc:257,map,sync:0:2,sync:0:2,move:0:1",
	/* two moves when its device is closed; and one by SYNC before another device has it */
	"alloc:64,map,store:0:3,close:0:4,move,store:0:3,move,load:0:3",
	"alloc:512,map,store:0:3,sync:0:2,sync:0:2,import,load:0:3",
	/* held in place for good when its device is closed, while another one has it, after SYNC */
	"alloc,map,sync:0:2,sync:0:2,sync:0:2,sync:0:2,import,close:0:4,release,move,load",
	/* many mappings and two moves; a read-only one that mremap() moved is written by another process */
	"alloc,map,often:0:2,move,move:0:1",
	"alloc:4:1,map:0:0:1,load:0:3,remap:0:0:1,mem:1:1",
	/* a move of what was split, whose maker has ended; and has left its device open */
	"alloc:16:0:2,map,store:0:3,protect:0:1:0:4:1,move@0t,load:0:3,load:0:0:0:15,kinds",
	"alloc:16:0:18,map,store:0:3,move@0t,load:0:3",
};

static const char *replay;
static struct walk_limits limits = { .seed = 1, .shrink = -1 };

enum { OPT_SEED = 0x1000, OPT_STEPS, OPT_SECONDS, OPT_SHRINK, OPT_REPLAY };

static const struct option options[] = {
	{ "disruptive", no_argument, NULL, 'D' },
	{ "exporters", required_argument, NULL, 'X' },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "steps", required_argument, NULL, OPT_STEPS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "shrink", required_argument, NULL, OPT_SHRINK },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ }
};

static const char help[] =
	"  --disruptive                also do what a user of this machine would notice\n"
	"  --exporters PATTERNS        look at these exporters only (DMABUF_EXPORTERS)\n"
	"  --seed N                    draw walks from this seed on (DMABUF_EXERCISE_SEED)\n"
	"  --steps N                   at most so many steps a walk (DMABUF_EXERCISE_STEPS)\n"
	"  --seconds S                 walk for so long on each exporter\n"
	"                              (DMABUF_EXERCISE_SECONDS)\n"
	"  --shrink S                  shorten a walk that failed for so long; 0: not at all\n"
	"                              (DMABUF_EXERCISE_SHRINK)\n"
	"  --replay LINE               take this walk, as a failure prints it, and no other\n";

static bool parse_number(const char *text, double most, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return *text && !*end && *value >= 0 && *value <= most;
}

static bool set_value(int opt, const char *text)
{
	static struct walk walk;
	char why[128];
	double value;

	switch (opt) {
	case OPT_SEED:
		if (!parse_number(text, 1ull << 53, &value))
			return false;
		limits.seed = value;
		return true;
	case OPT_STEPS:
		if (!parse_number(text, WALK_MOST_STEPS, &value) || value < 1)
			return false;
		limits.steps = value;
		return true;
	case OPT_SECONDS:
		if (!parse_number(text, 1e9, &value) || value <= 0)
			return false;
		limits.seconds = value;
		limits.again = true;
		return true;
	case OPT_SHRINK:
		if (!parse_number(text, 1e9, &value))
			return false;
		limits.shrink = value;
		return true;
	case OPT_REPLAY:
		replay = text;
		if (walk_parse(text, &walk, why, sizeof(why)))
			return true;
		fprintf(stderr, "--replay: %s\n", why);
		return false;
	}
	return false;
}

static int option(int opt, int index, void *data)
{
	if (opt == 'D')
		return dmabuf_option(opt, index, data);
	return set_value(opt, optarg) ? IGT_OPT_HANDLER_SUCCESS : IGT_OPT_HANDLER_ERROR;
}

/* For runners that give tests no options. */
static void read_environment(void)
{
	static const struct { const char *name; int opt; } variables[] = {
		{ "DMABUF_EXERCISE_SEED", OPT_SEED },
		{ "DMABUF_EXERCISE_STEPS", OPT_STEPS },
		{ "DMABUF_EXERCISE_SECONDS", OPT_SECONDS },
		{ "DMABUF_EXERCISE_SHRINK", OPT_SHRINK },
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *text = getenv(variables[i].name);

		igt_assert_f(!text || set_value(variables[i].opt, text), "%s is '%s'\n",
			     variables[i].name, text);
	}
}

static void takes_walk(const struct dmabuf_exporter *e)
{
	const struct exercise exercise = { .exporter = e, .ways = dmabuf_ways };
	static struct walk walk;
	char why[512];

	if (replay)
		igt_assert_f(walk_parse(replay, &walk, why, sizeof(why)), "%s\n", why);
	if (!walk_judge(&exercise, replay ? &walk : NULL, &limits, why, sizeof(why)))
		igt_skip("%s\n", why);
}

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* A runner gives a subtest two minutes, and a buffer may take seconds. */
#define CASES_SECONDS 60
#define CASES_SHRINK 0.1

/* Cases as one walk, for most take less time than a process; and behind which step each ends. */
static struct {
	struct walk walk;
	unsigned int end[CASES];
} joined;

static void join_cases(size_t first)
{
	static const char drop[] = "drop";
	static struct walk one;
	char why[512];

	joined.walk.count = 0;
	for (size_t i = 2 * first; i < 2 * CASES; i++) {
		const char *line = i % 2 ? drop : cases[i / 2];

		igt_assert_f(walk_parse(line, &one, why, sizeof(why)) &&
			     joined.walk.count + one.count <= WALK_MOST_STEPS, "%s: %s\n", line, why);
		memcpy(joined.walk.step + joined.walk.count, one.step, one.count * sizeof(one.step[0]));
		joined.walk.count += one.count;
		joined.end[i / 2] = joined.walk.count;
	}
}

static void takes_cases(const struct dmabuf_exporter *e)
{
	const struct exercise exercise = { .exporter = e, .ways = dmabuf_ways };
	struct walk_limits left = { .shrink = CASES_SHRINK };
	struct timespec start = { };
	bool taken = false;
	char why[512] = "";

	igt_nsec_elapsed(&start);
	/* One that is skipped says nothing of those behind it. */
	for (size_t i = 0; i < CASES; i++) {
		left.seconds = CASES_SECONDS - igt_nsec_elapsed(&start) / 1e9;
		if (left.seconds > 0) {
			join_cases(i);
			taken |= walk_judge(&exercise, &joined.walk, &left, why, sizeof(why));
			while (i < CASES && joined.end[i] <= walk_taken())
				i++;
		}
		if (i < CASES && igt_nsec_elapsed(&start) / 1e9 > CASES_SECONDS) {
			igt_info("Unseen: WHOLE LIFE: %zu of %zu cases, for those before took a minute\n",
				 CASES - i, CASES);
			break;
		}
	}
	if (!taken)
		igt_skip("%s\n", why);
}

int igt_main_args("", options, help, option, NULL)
{
	igt_fixture() {
		bool more;

		read_environment();
		more = limits.steps || limits.seconds || replay;
		if (!more)
			limits.seconds = DEFAULT_SECONDS;
		if (!limits.steps)
			limits.steps = more ? MORE_STEPS : DEFAULT_STEPS;
		if (limits.shrink < 0)
			limits.shrink = more ? MORE_SHRINK : DEFAULT_SHRINK;
		dmabuf_find_devices();
		gup_representatives();
		gup_reader();
		exercise_share();
	}

	igt_describe("Steps drawn from a seed (--seed, --steps, --seconds, --replay): mappings of "
		     "all kinds, changed in all ways, used by threads, processes and the kernel, "
		     "between SYNC calls, imports, moves and closes. After each step the mapping "
		     "obeys the rule and has the right contents; in the end everything is freed. "
		     "Clauses: " CLAUSES);
	igt_subtest_with_dynamic("walk") {
		for_each_dmabuf_exporter(e)
			igt_dynamic(e->name) {
				dmabuf_judges(CLAUSES, "");
				takes_walk(e);
			}
	}

	igt_describe("The walks that once found something, shortened, are taken again. Clauses: "
		     CLAUSES);
	igt_subtest_with_dynamic("cases") {
		for_each_dmabuf_exporter(e) {
			igt_dynamic(e->name) {
				dmabuf_judges(CLAUSES, "");
				takes_cases(e);
			}
		}
	}
}
