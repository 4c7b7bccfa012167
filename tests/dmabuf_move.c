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

/* How often the buffer moves while others use it. */
#define ROUNDS 5

static struct race {
	const struct dmabuf_exporter *e;
	const struct gup_user *user;	/* or NULL: none works here */
	volatile uint32_t *p;
	size_t size;
	volatile bool stop;
	volatile uint32_t counted[2];	/* how far each thread is, in all its pages */
	volatile unsigned long attempts;
} the_race;

/* One word a page, which nobody else writes: it never goes back or elsewhere. */
static void *count_up(void *start)
{
	const size_t words = page_size() / 4;
	const size_t pages = the_race.size / 4 / words;
	const uint32_t mine = (uintptr_t)start;
	uint32_t expected = 0;

	while (!the_race.stop) {
		for (size_t i = mine; i < pages; i += 2) {
			uint32_t is = the_race.p[i * words];

			dmabuf_must("RACE", is == expected,
				    "%s: the counter in page %zu was at %u and is at %u again: the stores after that were lost\n",
				    the_race.e->name, i, expected, is);
			the_race.p[i * words] = expected + 1;
		}
		the_race.counted[mine] = ++expected;
		/* Where there is one CPU, it is for the exporter's turn, too. */
		sched_yield();
	}
	return NULL;
}

static void *try_to_pin(void *unused)
{
	const size_t page = page_size();

	for (size_t at = 0; !the_race.stop; at = (at + page) % the_race.size) {
		ssize_t ret = the_race.user->attempt((char *)the_race.p + at, page);

		dmabuf_must("RACE", ret <= 0, "%s of page %zu of %s took %zd bytes while the buffer was moved\n",
			    the_race.user->name, at / page, the_race.e->name, ret);
		the_race.attempts += ret == -EFAULT;
		sched_yield();
	}
	return NULL;
}

/* Until everybody did something since: for a while, as a slow machine needs. */
static void let_them_run(void)
{
	const uint32_t counted[] = { the_race.counted[0], the_race.counted[1] };
	const unsigned long attempts = the_race.attempts;

	for (int i = 0; i < 200; i++) {
		usleep(10000);
		if (the_race.counted[0] != counted[0] && the_race.counted[1] != counted[1] &&
		    (!the_race.user || the_race.attempts != attempts))
			return;
	}
}

/* What was counted is there, as somebody sees it who did not race with anything. */
static void counters_must_be_right(const uint32_t *fresh)
{
	const size_t words = page_size() / 4;

	for (size_t i = 0; i < the_race.size / 4 / words; i++)
		dmabuf_must("RACE", fresh[i * words] == the_race.counted[i % 2],
			    "%s: the counter in page %zu was written up to %u, and a new mapping has %u there: the stores went to another place\n",
			    the_race.e->name, i, the_race.counted[i % 2], fresh[i * words]);
}

static long move_meanwhile(struct dmabuf *buf, const void *witness, unsigned long *attempts)
{
	unsigned long before;
	long refaults;

	let_them_run();
	before = the_race.attempts;
	refaults = dmabuf_moves(buf, witness, "RACE");
	*attempts += the_race.attempts - before;
	return refaults;
}

static void race(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	/* Static: they change in a part that a skip may leave. */
	static unsigned long at_moves;
	static long moves, refaults;
	pthread_t writers[2], pinner;
	const void *witness;

	the_race = (struct race){ .e = e, .size = buf.size };
	the_race.p = dmabuf_map(&buf, way);
	witness = dmabuf_map(&buf, way);
	memset((void *)the_race.p, 0, buf.size);
	the_race.user = *gup_representatives();
	at_moves = 0;

	dmabuf_blame("RACE", "while the exporter moved the buffer");
	for (uintptr_t i = 0; i < 2; i++)
		dmabuf_require(!pthread_create(&writers[i], NULL, count_up, (void *)i),
			       "no thread: %s", strerror(errno));
	if (the_race.user)
		dmabuf_require(!pthread_create(&pinner, NULL, try_to_pin, NULL),
			       "no thread: %s", strerror(errno));
	refaults = move_meanwhile(&buf, witness, &at_moves);
	dmabuf_require(refaults, "%s did not move the buffer for this (no page faulted)", e->name);
	/* That may be all that there is. */
	dmabuf_part("RACE") {
		for (moves = 1; moves < ROUNDS; moves++) {
			long more = move_meanwhile(&buf, witness, &at_moves);

			dmabuf_require(more, "%s did not move the buffer again, after %ld moves (no page faulted)",
				       e->name, moves);
			refaults += more;
		}
	}
	let_them_run();
	the_race.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	if (the_race.user)
		pthread_join(pinner, NULL);

	witness = dmabuf_map(&buf, way);
	dmabuf_blame("RACE", "after the exporter moved the buffer while it was used");
	counters_must_be_right(witness);
	dmabuf_require(the_race.counted[0] && the_race.counted[1], "no time to count");
	dmabuf_saw("RACE", "%ld moves proved (%ld refaults) while two threads counted, and no store was lost",
		   moves, refaults);
	if (the_race.attempts)
		dmabuf_saw("RACE", "%s was refused meanwhile (%lu times while it moved, %lu in all)",
			   the_race.user->name, at_moves, the_race.attempts);
	else
		dmabuf_unseen("RACE", "no attempt to pin it: %s", the_race.user ?
			      "none came to an end" : "no GUP user works here (they say why)");
}

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

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

		igt_describe_f("Two threads write to a buffer mapped by %s and read back, another "
			       "tries to pin its pages, while its exporter moves it several "
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
