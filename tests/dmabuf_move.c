// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf move
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: moves
 * Description: The exporter may move the buffer at any time: a CPU mapping
 *              follows, with unchanged contents, and GUP stays refused.
 *
 * SUBTEST: contents-%s
 * Description: Mappings follow a move, with unchanged contents.
 *
 * SUBTEST: race-%s
 * Description: Threads that use it meanwhile lose no write, and pin nothing.
 *
 * arg[1].values: fd, native, import
 */
/**
 * SUBTEST: refused-%s-%s
 * Description: A user of get_user_pages is refused before and after a move, and
 *              does not hold it up.
 *
 * arg[1].values: vmsplice, o-direct-read, o-direct-write, io-uring-fixed
 * arg[2].values: fd, native, import
 */
#include <pthread.h>
#include <signal.h>
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

IGT_TEST_DESCRIPTION("The exporter may move the buffer: a CPU mapping follows to the new "
		     "place with unchanged contents, and GUP stays refused.");

/* What a display mode of 640 by 480 needs, and a part of a small VRAM. */
#define SIZE (2 << 20)
#define SEED 0x12345678

static uint32_t *map_filled(struct dmabuf *buf, const struct dmabuf_way *way)
{
	uint32_t *p = dmabuf_map(buf, way);

	dmabuf_stage("filling %s", buf->exporter->name);
	pattern_fill(p, buf->size, SEED);
	return p;
}

/*
 * A process that mapped it before the move is waited for twice: until it has touched
 * every page, and then until it has found what another process wrote since the move.
 */
static pid_t child_with(const uint32_t *p, size_t size, uint32_t seed)
{
	int status = 0;
	pid_t pid = dmabuf_fork();
	long idle, refaults;

	if (!pid) {
		dmabuf_touch_reading(p, size);
		idle = dmabuf_faults_of_reading(p, size);
		raise(SIGSTOP);
		refaults = dmabuf_faults_of_reading(p, size);
		dmabuf_must("MOVE", refaults > idle,
			    "the buffer moved, but no page faulted in a child that mapped it before (%ld faults, %ld without a move)\n",
			    refaults, idle);
		pattern_must_be("MOVE", p, size, seed, "written after the move, read by a child");
		_exit(0);
	}
	dmabuf_require(pid > 0 && waitpid(pid, &status, WUNTRACED) == pid,
		       "no child that maps the buffer, too: %s", strerror(errno));
	dmabuf_inherit_verdict();
	dmabuf_require(WIFSTOPPED(status), "a child that only reads the buffer died");
	return pid;
}

static void child_must_follow(pid_t pid)
{
	int status = 0;

	dmabuf_stage("reading after the move in a forked child");
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	dmabuf_inherit_verdict();
	dmabuf_must("MOVE", WIFEXITED(status),
		    "a child that reads the buffer after the move died\n");
}

static void contents(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	uint32_t *p = map_filled(&buf, way), *second = dmabuf_map(&buf, way), *fresh;
	long idle, refaults;
	pid_t child;

	dmabuf_stage("touching a second mapping of %s, and a child's", e->name);
	dmabuf_touch_reading(second, buf.size);
	idle = dmabuf_faults_of_reading(second, buf.size);
	child = proc_is_inherited(p) ? child_with(p, buf.size, 0x9abcdef0) : 0;

	dmabuf_must_follow_move(&buf, p, SEED);

	/* Whoever else had mapped it must have been zapped, too. */
	refaults = dmabuf_faults_of_reading(second, buf.size);
	dmabuf_must("MOVE", refaults > idle,
		    "%s moved the buffer, but no page of a second mapping faulted (%ld faults, %ld without a move)\n",
		    e->name, refaults, idle);
	pattern_must_be("MOVE", second, buf.size, SEED,
			"read through a second mapping after the move");

	/* All old mappings and a new one must lead to the same, new, place. */
	pattern_fill(p, buf.size, 0x9abcdef0);
	pattern_must_be("MOVE", second, buf.size, 0x9abcdef0,
			"written through one mapping after the move, read through the other");
	if (child)
		child_must_follow(child);
	fresh = dmabuf_map(&buf, way);
	pattern_must_be("MOVE", fresh, buf.size, 0x9abcdef0,
			"written through the old mapping after the move, read through a new one");

	/* And again, if it can: what held it in place would show now. */
	dmabuf_part("PIN")
		dmabuf_moves_again(&buf, p, way);
	dmabuf_blame("MOVE", "after the exporter was to move the buffer again");
	pattern_must_be("MOVE", p, buf.size, 0x9abcdef0,
			"read through the first mapping after a second move");
	pattern_must_be("MOVE", fresh, buf.size, 0x9abcdef0,
			"read through the new mapping after a second move");
}

static void refused(const struct gup_user *user, const struct dmabuf_exporter *e,
		    const struct dmabuf_way *way)
{
	const size_t page = page_size();
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	uint32_t *p;

	gup_ranges_must_be_refused(user, &buf, way, TOUCHED);

	/* And an attempt that was refused left nothing that keeps it in place. */
	p = map_filled(&buf, way);
	dmabuf_must_follow_move(&buf, p, SEED);
	dmabuf_saw("PIN", "it moved after %s was tried on it", user->name);
	gup_must_be_refused(user, &buf, way, TOUCHED, "first page after a move", p, page);
	gup_must_be_refused(user, &buf, way, TOUCHED, "last page after a move",
			    (char *)p + buf.size - page, page);
}

/*
 * How often the buffer moves while others use it. DMABUF_RACE=SECONDS in the environment: as
 * often as it can in so long, for which the buffer is a small one.
 */
#define ROUNDS 5
#define SMALL_PAGES 64
#define WRITERS 4
#define MOST_PINNERS 8

static struct race {
	const struct dmabuf_exporter *e;
	volatile uint32_t *p;
	size_t size, pages;		/* pages that are written to */
	volatile bool stop;
	volatile uint32_t counted[WRITERS];	/* how far each thread is, in all its pages */
	const struct dmabuf *buf;
	const struct dmabuf_way *way;
	struct pinner {
		const struct gup_user *user;
		volatile unsigned long attempts;
	} pinner[MOST_PINNERS];
	unsigned int pinners;
} the_race;

static unsigned int race_seconds(void)
{
	const char *env = getenv("DMABUF_RACE");

	return env ? atoi(env) : 0;
}

/* One word a page, which nobody else writes: it never goes back or elsewhere. */
static void *count_up(void *start)
{
	const size_t words = page_size() / 4;
	const uint32_t mine = (uintptr_t)start;
	uint32_t expected = 0;

	while (!the_race.stop) {
		for (size_t i = mine; i < the_race.pages; i += WRITERS) {
			uint32_t is = the_race.p[i * words];

			dmabuf_must("RACE", is == expected,
				    "%s: the counter in page %zu was at %u and is at %u again: the stores after that were lost\n",
				    the_race.e->name, i, expected, is);
			the_race.p[i * words] = expected + 1;
		}
		/* Who sees that sees those, whatever cache they are in. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		the_race.counted[mine] = ++expected;
		/* Where there is one CPU, it is for the exporter's turn, too. */
		sched_yield();
	}
	return NULL;
}

/*
 * Mappings that are new, so that there are faults at the time of a move: what they find is no
 * older than what was counted before.
 */
static void *map_anew(void *unused)
{
	const size_t words = page_size() / 4;

	while (!the_race.stop) {
		uint32_t *p = the_race.way->map(the_race.buf, NULL, the_race.size, PROT_READ,
						MAP_SHARED, 0);

		for (size_t i = 0; p != MAP_FAILED && !the_race.stop && i < 2 * the_race.pages; i++) {
			const size_t page = i % the_race.pages;
			uint32_t least = the_race.counted[page % WRITERS], is;

			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			is = *(volatile uint32_t *)&p[page * words];
			dmabuf_must("RACE", is >= least,
				    "%s: the counter in page %zu was at %u, and a new mapping has %u there: it leads to the old place\n",
				    the_race.e->name, page, least, is);
		}
		if (p == MAP_FAILED)
			break;
		munmap(p, the_race.size);
		sched_yield();
	}
	return NULL;
}

static void *try_to_pin(void *data)
{
	const size_t page = page_size();
	struct pinner *mine = data;

	for (size_t at = 0; !the_race.stop; at = (at + page) % the_race.size) {
		ssize_t ret = mine->user->attempt((char *)the_race.p + at, page);

		dmabuf_must("RACE", ret <= 0, "%s of page %zu of %s took %zd bytes while the buffer was moved\n",
			    mine->user->name, at / page, the_race.e->name, ret);
		mine->attempts += ret == -EFAULT;
		sched_yield();
	}
	return NULL;
}

static unsigned long all_attempts(void)
{
	unsigned long sum = 0;

	for (unsigned int i = 0; i < the_race.pinners; i++)
		sum += the_race.pinner[i].attempts;
	return sum;
}

/* Whether each thread did something since it was as far as in what. */
static bool all_ran_since(const struct race *then)
{
	for (unsigned int i = 0; i < WRITERS; i++)
		if (the_race.counted[i] == then->counted[i])
			return false;
	for (unsigned int i = 0; i < the_race.pinners; i++)
		if (the_race.pinner[i].attempts == then->pinner[i].attempts)
			return false;
	return true;
}

/* Until everybody did something since: for a while, as a slow machine needs. */
static void let_them_run(void)
{
	const struct race then = the_race;

	for (int i = 0; i < 200 && !all_ran_since(&then); i++)
		usleep(10000);
}

/* What was counted is there, as somebody sees it who did not race with anything. */
static void counters_must_be_right(const uint32_t *fresh)
{
	const size_t words = page_size() / 4;

	for (size_t i = 0; i < the_race.pages; i++)
		dmabuf_must("RACE", fresh[i * words] == the_race.counted[i % WRITERS],
			    "%s: the counter in page %zu was written up to %u, and a new mapping has %u there: the stores went to another place\n",
			    the_race.e->name, i, the_race.counted[i % WRITERS], fresh[i * words]);
}

static long move_meanwhile(struct dmabuf *buf, const void *witness, unsigned long *attempts)
{
	unsigned long before;
	long refaults;

	/* In a long race they have their turn while it goes on. */
	if (!race_seconds())
		let_them_run();
	before = all_attempts();
	refaults = dmabuf_moves(buf, witness, "RACE");
	*attempts += all_attempts() - before;
	return refaults;
}

static double seconds_since(struct timespec *start)
{
	return igt_nsec_elapsed(start) / 1e9;
}

static void race(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, race_seconds() ? SMALL_PAGES * page_size() : SIZE);
	/* Static: they change in a part that a skip may leave. */
	static unsigned long at_moves;
	static long moves, refaults;
	static struct timespec begin;
	pthread_t writers[WRITERS], pinners[MOST_PINNERS], mapper;
	const void *witness;
	char users[128] = "";

	/* To import it again and again would hold it in place. */
	the_race = (struct race){
		.e = e, .size = buf.size, .buf = &buf, .way = way->of_importer ? dmabuf_ways[0] : way,
	};
	the_race.pages = buf.size / page_size() / (race_seconds() ? 1 : 4);
	the_race.p = dmabuf_map(&buf, way);
	witness = dmabuf_map(&buf, way);
	memset((void *)the_race.p, 0, buf.size);
	for_each_gup_representative(user)
		if (the_race.pinners < MOST_PINNERS)
			the_race.pinner[the_race.pinners++].user = user;
	at_moves = 0;

	dmabuf_blame("RACE", "while the exporter moved the buffer");
	for (uintptr_t i = 0; i < WRITERS; i++)
		dmabuf_require(!pthread_create(&writers[i], NULL, count_up, (void *)i),
			       "no thread: %s", strerror(errno));
	for (unsigned int i = 0; i < the_race.pinners; i++)
		dmabuf_require(!pthread_create(&pinners[i], NULL, try_to_pin, &the_race.pinner[i]),
			       "no thread: %s", strerror(errno));
	dmabuf_require(!pthread_create(&mapper, NULL, map_anew, NULL), "no thread: %s", strerror(errno));
	let_them_run();
	begin = (struct timespec){ 0, 0 };
	igt_nsec_elapsed(&begin);
	refaults = move_meanwhile(&buf, witness, &at_moves);
	dmabuf_require(refaults, "%s did not move the buffer for this (no page faulted)", e->name);
	/* That may be all that there is. */
	dmabuf_part("RACE") {
		for (moves = 1; race_seconds() ? seconds_since(&begin) < race_seconds() : moves < ROUNDS; moves++) {
			long more = move_meanwhile(&buf, witness, &at_moves);

			dmabuf_require(more, "%s did not move the buffer again, after %ld moves (no page faulted)",
				       e->name, moves);
			refaults += more;
		}
	}
	let_them_run();
	the_race.stop = true;
	pthread_join(mapper, NULL);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	for (unsigned int i = 0; i < the_race.pinners; i++)
		pthread_join(pinners[i], NULL);

	witness = dmabuf_map(&buf, way);
	dmabuf_blame("RACE", "after the exporter moved the buffer while it was used");
	counters_must_be_right(witness);
	for (int i = 0; i < WRITERS; i++)
		dmabuf_require(the_race.counted[i], "no time to count");
	dmabuf_saw("RACE", "%ld moves proved (%ld refaults) in %.1f s while %d threads counted, and no store was lost",
		   moves, refaults, seconds_since(&begin), WRITERS);
	for (unsigned int i = 0; i < the_race.pinners; i++)
		if (the_race.pinner[i].attempts)
			snprintf(users + strlen(users), sizeof(users) - strlen(users), "%s%s",
				 users[0] ? ", " : "", the_race.pinner[i].user->name);
		else
			dmabuf_unseen("RACE", "no attempt to pin it by %s came to an end",
				      the_race.pinner[i].user->name);
	if (users[0])
		dmabuf_saw("RACE", "refused meanwhile (%lu times while it moved, %lu in all): %s",
			   at_moves, all_attempts(), users);
	else if (!the_race.pinners)
		dmabuf_unseen("RACE", "no attempt to pin it: no GUP user works here (they say why)");
}

int dmabuf_main()
{
	igt_fixture() {
		dmabuf_find_devices();
		gup_representatives();
	}

	for_each_dmabuf_way(way) {
		igt_describe_f("A buffer is mapped by %s and filled, then its exporter moves it: "
			       "in this mapping, a second one and a forked child's, pages must "
			       "refault, every word must be unchanged, and a write must reach "
			       "the new place; a second move must not be held up. "
			       "Skips exporters that do not move. Clauses: MOVE PIN %s",
			       way->description, way->clause);
		igt_subtest_with_dynamic_f("contents-%s", way->name) {
			dmabuf_dynamic_moving(e, way, "MOVE PIN")
				contents(e, way);
		}

		igt_describe_f("Four threads write to a buffer mapped by %s and read back, others "
			       "try to pin its pages, one maps it anew, while its exporter moves it several "
			       "times: no write is lost, as a new mapping sees it, and no pin "
			       "succeeds. A move counts if pages refaulted. Skips exporters "
			       "that do not move. Clauses: RACE %s", way->description, way->clause);
		igt_subtest_with_dynamic_f("race-%s", way->name) {
			dmabuf_dynamic_moving(e, way, "RACE")
				race(e, way);
		}

		for_each_gup_user(user) {
			if (!user->stands_for_others)
				continue;
			igt_describe_f("%s is refused on a buffer mapped by %s; that does not keep "
				       "the exporter from moving it; and it is refused again on "
				       "the pages that refaulted. Clauses: GUP SPECIAL MOVE PIN %s",
				       user->description, way->description, way->clause);
			igt_subtest_with_dynamic_f("refused-%s-%s", user->name, way->name) {
				dmabuf_dynamic_moving(e, way, "GUP SPECIAL MOVE PIN")
					refused(user, e, way);
			}
		}
	}
}
