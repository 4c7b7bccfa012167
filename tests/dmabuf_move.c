// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf move
 * Description: The exporter may move the buffer at any time: a CPU mapping
 *              follows, with unchanged contents, and GUP stays refused.
 */
#include <pthread.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
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

static void contents(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	uint32_t *p = map_filled(&buf, way), *fresh;

	dmabuf_must_follow_move(&buf, p, SEED);

	/* The old mapping and a new one must lead to the same, new, place. */
	pattern_fill(p, buf.size, 0x9abcdef0);
	fresh = dmabuf_map(&buf, way);
	pattern_must_be("MOVE", fresh, buf.size, 0x9abcdef0,
			"written through the old mapping after the move, read through a new one");

	/* And again, if it can: what held it in place would show now. */
	dmabuf_move(&buf);
	pattern_must_be("MOVE", p, buf.size, 0x9abcdef0,
			"read through the first mapping after a second move");
	pattern_must_be("MOVE", fresh, buf.size, 0x9abcdef0,
			"read through the second mapping after a second move");
}

static void refused(const struct gup_user *user, const struct dmabuf_exporter *e,
		    const struct dmabuf_way *way)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	uint32_t *p;

	gup_ranges_must_be_refused(user, &buf, way, TOUCHED);

	/* And an attempt that was refused left nothing that keeps it in place. */
	p = map_filled(&buf, way);
	dmabuf_must_follow_move(&buf, p, SEED);
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
	unsigned long attempts;
} the_race;

/* One word a page, which nobody else writes: it never goes back or elsewhere. */
static void *count_up(void *start)
{
	const size_t words = sysconf(_SC_PAGESIZE) / 4;
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
		expected++;
		/* Where there is one CPU, it is for the exporter's turn, too. */
		sched_yield();
	}
	return NULL;
}

static void *try_to_pin(void *unused)
{
	const size_t page = sysconf(_SC_PAGESIZE);

	for (size_t at = 0; !the_race.stop; at = (at + page) % the_race.size) {
		ssize_t ret = the_race.user->attempt((char *)the_race.p + at, page);

		dmabuf_must("RACE", ret <= 0, "%s of page %zu of %s took %zd bytes while the buffer was moved\n",
			    the_race.user->name, at / page, the_race.e->name, ret);
		the_race.attempts++;
		sched_yield();
	}
	return NULL;
}

static void race(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	pthread_t writers[2], pinner;

	the_race = (struct race){ .e = e, .size = buf.size };
	the_race.p = dmabuf_map(&buf, way);
	memset((void *)the_race.p, 0, buf.size);
	the_race.user = *gup_representatives();

	dmabuf_blame("RACE", "while the exporter moved the buffer");
	for (uintptr_t i = 0; i < 2; i++)
		dmabuf_require(!pthread_create(&writers[i], NULL, count_up, (void *)i),
			       "no thread: %s", strerror(errno));
	if (the_race.user)
		dmabuf_require(!pthread_create(&pinner, NULL, try_to_pin, NULL),
			       "no thread: %s", strerror(errno));
	for (int i = 0; i < ROUNDS; i++) {
		usleep(10000);
		dmabuf_move(&buf);
	}
	usleep(10000);
	the_race.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	if (the_race.user)
		pthread_join(pinner, NULL);
	dmabuf_saw("RACE", "%d moves, %lu attempts to pin were refused", ROUNDS, the_race.attempts);
}

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	for_each_dmabuf_way(way) {
		igt_describe_f("A buffer is mapped by %s and filled, then its exporter moves it: "
			       "pages must refault, every word must be unchanged, and a write "
			       "must reach the new place; a second move must not be held up. "
			       "Skips exporters that do not move. Clauses: MOVE PIN %s",
			       way->description, way->clause);
		igt_subtest_with_dynamic_f("contents-%s", way->name) {
			dmabuf_dynamic_moving(e, way, "MOVE PIN")
				contents(e, way);
		}

		igt_describe_f("Two threads write to a buffer mapped by %s and read back, another "
			       "tries to pin its pages, while its exporter moves it several "
			       "times: no write is lost, and no pin succeeds. Skips exporters "
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
