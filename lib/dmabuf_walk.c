// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_outcome.h"
#include "dmabuf_proc.h"
#include "dmabuf_walk.h"
#include "igt.h"

static bool parse_number(const char **at, uint32_t *number)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	value = strtoul(*at, &end, 10);
	*at = end;
	*number = value;
	return !errno && value <= UINT32_MAX;
}

static bool parse_step(const char **at, struct exercise_step *step)
{
	size_t len = strcspn(*at, "@:,");
	uint32_t who;

	memset(step, 0, sizeof(*step));
	while (exercise_ops[step->op] &&
	       (strlen(exercise_ops[step->op]->name) != len ||
		strncmp(exercise_ops[step->op]->name, *at, len)))
		step->op++;
	if (!exercise_ops[step->op])
		return false;
	*at += len;
	if (**at == '@') {
		++*at;
		if (!parse_number(at, &who) || who >= EXERCISE_PROCESSES)
			return false;
		step->who = who;
		if (**at == 't') {
			++*at;
			step->who |= EXERCISE_THREAD;
		}
	}
	for (int i = 0; **at == ':'; i++) {
		++*at;
		if (i == EXERCISE_ARGS || !parse_number(at, &step->arg[i]))
			return false;
	}
	return true;
}

bool walk_parse(const char *line, struct walk *walk, char *why, size_t len)
{
	const char *at = line, *begin;

	for (walk->count = 0; ; at++) {
		begin = at;
		if (walk->count == WALK_MOST_STEPS) {
			snprintf(why, len, "more than %d steps", WALK_MOST_STEPS);
			return false;
		}
		if (!parse_step(&at, &walk->step[walk->count]) || (*at && *at != ',')) {
			snprintf(why, len, "no step: '%.*s'", (int)strcspn(begin, ","), begin);
			return false;
		}
		walk->count++;
		if (!*at)
			return true;
	}
}

char *walk_line(const struct walk *walk)
{
	char *line = NULL;
	size_t size;
	FILE *f = open_memstream(&line, &size);

	igt_assert_f(f, "no memory for a line\n");
	for (unsigned int i = 0; i < walk->count; i++) {
		const struct exercise_step *s = &walk->step[i];
		int last = EXERCISE_ARGS;

		fprintf(f, "%s%s", i ? "," : "", exercise_ops[s->op]->name);
		if (s->who)
			fprintf(f, "@%u%s", s->who & ~EXERCISE_THREAD,
				s->who & EXERCISE_THREAD ? "t" : "");
		while (last && !s->arg[last - 1])
			last--;
		for (int j = 0; j < last; j++)
			fprintf(f, ":%u", s->arg[j]);
	}
	fclose(f);
	return line;
}

/* What came of taking one. */
struct taken {
	enum verdict verdict;
	char rule[16];		/* the clause that failed, whatever is blamed for it */
	char text[4096 + 512];
};

/* In memory that is shared with the children. */
static struct {
	struct walk walk;	/* as far as it was taken */
	const struct exercise *exercise;
	const struct walk *given;
	uint64_t seed;
	unsigned int steps;
	double seconds;
} *run;

static double since(struct timespec *start)
{
	return igt_nsec_elapsed(start) / 1e9;
}

static void take_walk(const void *unused)
{
	struct timespec start = { 0, 0 };

	igt_nsec_elapsed(&start);
	exercise_begin(run->exercise, run->seed);
	for (unsigned int i = 0; i < run->steps; i++) {
		if (run->seconds && since(&start) > run->seconds)
			break;
		run->walk.step[i] = run->given ? run->given->step[i] : exercise_draw();
		run->walk.count = i + 1;
		exercise_take(&run->walk.step[i]);
	}
	exercise_end();
}

/* "CLAUSE: ...", and behind the blame, if there is one, "this does not hold: CLAUSE". */
static void find_rule(struct taken *t)
{
	const char *blamed = strstr(t->text, ", this does not hold: ");
	const char *from = blamed ? blamed + strlen(", this does not hold: ") : t->text;

	snprintf(t->rule, sizeof(t->rule), "%.*s", (int)strcspn(from, ":"), from);
}

/* Takes a walk, or draws one, in a child. */
static struct taken try_walk(const struct exercise *exercise, const struct walk *given,
			     uint64_t seed, unsigned int steps, double seconds)
{
	struct taken t = { };
	char why[512];

	run->exercise = exercise;
	run->given = given;
	run->seed = seed;
	run->steps = given ? given->count : steps;
	run->seconds = seconds;
	run->walk.count = 0;
	/* Its other processes die with it, and are ours then: what they hold must be free. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	t.verdict = dmabuf_trial(exercise->exporter->moves ? 3 * DMABUF_LIMIT : DMABUF_LIMIT,
				 take_walk, NULL, why, sizeof(why));
	snprintf(t.text, sizeof(t.text), "%s", t.verdict == NONE ? why : dmabuf_outcome->text);
	if (t.verdict == VIOLATED)
		find_rule(&t);
	for (int i = 0; i < 1000 && waitpid(-1, NULL, WNOHANG) >= 0; i++)
		usleep(1000);
	return t;
}

/* Of one failure and another, whether they may be the same: one cause has many faces. */
static bool alike(const struct taken *a, const struct taken *b)
{
	static const char *const faces[] = {
		"WHOLE LIFE MOVE RACE", "PFNMAP GUP SPECIAL ACCOUNT",
	};

	if (a->verdict != b->verdict)
		return false;
	if (a->verdict != VIOLATED || !strcmp(a->rule, b->rule))
		return true;
	for (size_t i = 0; i < sizeof(faces) / sizeof(faces[0]); i++)
		if (strstr(faces[i], a->rule) && strstr(faces[i], b->rule))
			return true;
	return false;
}

/* Steps, of a walk that is printed. */
#define SHORT_ENOUGH 50

struct shrink {
	const struct exercise *exercise;
	struct taken failure;
	struct timespec start;
	double seconds;
	unsigned int tries;
};

/* Whether the walk fails in the same way; then it is cut behind the step that failed. */
static bool still_fails(struct shrink *s, struct walk *walk)
{
	struct taken t = try_walk(s->exercise, walk, 0, 0, 0);

	s->tries++;
	if (!alike(&t, &s->failure))
		return false;
	walk->count = run->walk.count;
	s->failure = t;
	return true;
}

static bool time_left(struct shrink *s)
{
	return since(&s->start) < s->seconds;
}

/* Processes that know nothing of the buffer, as many as there can be; returns how many. */
static unsigned int put_strangers(struct exercise_step *step)
{
	unsigned int op = 0, n = 0;

	while (exercise_ops[op] && !exercise_ops[op]->before)
		op++;
	for (unsigned int i = 1; i < EXERCISE_PROCESSES && exercise_ops[op]; i++)
		step[n++] = (struct exercise_step){ .op = op, .arg = { i } };
	return n;
}

/*
 * A walk is many buffers' lives: the last one may do, or the last few; or with processes
 * that were there before. Returns whether so little does: to take all again takes as long
 * as it took.
 */
static bool drop_lives(struct shrink *s, struct walk *walk)
{
	static struct walk less;

	for (unsigned int i = walk->count, tries = 0; i-- > 1 && tries < 8; ) {
		const unsigned int left = walk->count - i;

		if (!exercise_ops[walk->step[i].op]->begins)
			continue;
		for (int strangers = 0; strangers < 2 && time_left(s); strangers++, tries++) {
			less.count = strangers ? put_strangers(less.step) : 0;
			if (less.count >= i)
				break;
			memcpy(less.step + less.count, walk->step + i, left * sizeof(less.step[0]));
			less.count += left;
			if (still_fails(s, &less)) {
				*walk = less;
				return true;
			}
		}
	}
	return false;
}

/* What did nothing when the walk was taken last, which says so by its silence. */
static void drop_idle(struct shrink *s, struct walk *walk)
{
	static struct walk less;

	less.count = 0;
	for (unsigned int i = 0; i < walk->count; i++)
		if (exercise_said(i)[0])
			less.step[less.count++] = walk->step[i];
	if (less.count && less.count < walk->count && still_fails(s, &less))
		*walk = less;
}

/* Delta debugging: without ever smaller parts. */
static void drop_steps(struct shrink *s, struct walk *walk)
{
	static struct walk less;

	for (unsigned int size = (walk->count + 1) / 2; size; size /= 2) {
		for (unsigned int at = 0; at < walk->count && time_left(s); ) {
			unsigned int left = walk->count - at;
			unsigned int n = size < left ? size : left;

			memcpy(less.step, walk->step, at * sizeof(less.step[0]));
			memcpy(less.step + at, walk->step + at + n, (left - n) * sizeof(less.step[0]));
			less.count = walk->count - n;
			if (less.count && still_fails(s, &less))
				*walk = less;
			else
				at += n;
		}
	}
}

static bool plainer(struct shrink *s, struct walk *walk, unsigned int i,
		    const struct exercise_step *step)
{
	static struct walk other;

	if (!time_left(s))
		return false;
	other = *walk;
	other.step[i] = *step;
	if (!still_fails(s, &other))
		return false;
	*walk = other;
	return true;
}

/* Arguments become plainer: 0, or less, or without a bit. */
static void simplify_steps(struct shrink *s, struct walk *walk)
{
	for (unsigned int i = 0; i < walk->count; i++) {
		struct exercise_step step = walk->step[i];

		if (step.who) {
			step.who = 0;
			plainer(s, walk, i, &step);
		}
		for (int j = 0; j < EXERCISE_ARGS && i < walk->count; j++) {
			const uint32_t was = walk->step[i].arg[j];

			step = walk->step[i];
			step.arg[j] = 0;
			if (!was || plainer(s, walk, i, &step))
				continue;
			/* Towards the least that still does it, in ever smaller paces. */
			for (uint32_t pace = (was + 1) / 2; pace && i < walk->count; pace /= 2) {
				step = walk->step[i];
				if (step.arg[j] <= pace)
					continue;
				step.arg[j] -= pace;
				plainer(s, walk, i, &step);
			}
			for (uint32_t bit = 1; bit && bit <= was && i < walk->count; bit <<= 1) {
				step = walk->step[i];
				if (!(step.arg[j] & bit) || step.arg[j] == bit)
					continue;
				step.arg[j] &= ~bit;
				plainer(s, walk, i, &step);
			}
		}
	}
}

/* Mappings, and what else has a number, get the least that will do. */
static void renumber_slots(struct shrink *s, struct walk *walk)
{
	static struct walk other;

	for (unsigned int i = 0; i < walk->count && walk->count <= 12; i++) {
		const uint32_t was = walk->step[i].arg[0];
		bool done = false;

		for (uint32_t to = 0; to < was && to < 4 && !done && time_left(s); to++) {
			other = *walk;
			for (unsigned int n = 0; n < other.count; n++)
				if (other.step[n].arg[0] == was)
					other.step[n].arg[0] = to;
			done = still_fails(s, &other);
		}
		if (done)
			*walk = other;
	}
}

/*
 * A step that makes another mapping of one, or is one of several alike, goes if those that
 * follow use the other: each step is left out with one mapping taken for another.
 */
static void rename_slots(struct shrink *s, struct walk *walk)
{
	static struct walk less;

	for (unsigned int i = 0; i < walk->count && walk->count <= 12; i++) {
		bool shorter = false;

		for (unsigned int j = 0; j < walk->count && !shorter; j++) {
			for (unsigned int k = i + 1; k < walk->count && !shorter; k++) {
				const uint32_t from = walk->step[k].arg[0], to = walk->step[j].arg[0];

				if (from == to || !time_left(s))
					continue;
				less.count = 0;
				for (unsigned int n = 0; n < walk->count; n++) {
					struct exercise_step step = walk->step[n];

					if (n == i)
						continue;
					if (n > i && step.arg[0] == from)
						step.arg[0] = to;
					less.step[less.count++] = step;
				}
				shorter = still_fails(s, &less);
				if (shorter)
					*walk = less;
			}
		}
		i -= shorter;
	}
}

/* All of it, or the end, where it broke. */
#define STORY 32
static char story[STORY][200];

static unsigned int story_begins(const struct walk *walk)
{
	return walk->count > STORY ? walk->count - STORY : 0;
}

/* What the walk just taken said: whichever is tried next says something else. */
static void keep_story(const struct walk *walk)
{
	for (unsigned int i = story_begins(walk); i < walk->count; i++)
		snprintf(story[i % STORY], sizeof(story[0]), "%s", exercise_said(i));
}

static void tell_story(const struct walk *walk, enum igt_log_level level)
{
	for (unsigned int i = story_begins(walk); i < walk->count; i++)
		igt_log(IGT_LOG_DOMAIN, level, "  %u. %s\n", i + 1,
			story[i % STORY][0] ? story[i % STORY] : "(nothing)");
}

/*
 * The options by which it is taken again; a long one is drawn again, as far as it came. To
 * be freed.
 */
static char *replay_args(const struct walk *walk, uint64_t seed, bool given,
			 unsigned int steps)
{
	char *line, *args = NULL;
	int len;

	if (walk->count > SHORT_ENOUGH && !given) {
		len = asprintf(&args, "--seed %llu --steps %u", (unsigned long long)seed,
			       steps);
	} else {
		line = walk_line(walk);
		len = asprintf(&args, "--replay %s", line);
		free(line);
	}
	igt_assert_f(len > 0, "no memory for a line\n");
	return args;
}

/* Ends the dynamic subtest with the failure and the shortest walk that still has it. */
static void report(struct shrink *s, const struct walk *walk, const char *how, char *args)
	__attribute__((noreturn));
static void report(struct shrink *s, const struct walk *walk, const char *how, char *args)
{

	dmabuf_print_violation(s->failure.text);
	igt_critical("a walk of %u steps%s:\n", walk->count, how);
	tell_story(walk, IGT_LOG_CRITICAL);
	igt_critical("replay it: %s --run-subtest walk --dynamic-subtest %s %s\n",
		     igt_test_name(), s->exercise->exporter->name, args);
	free(args);
	igt_fail(IGT_EXIT_FAILURE);
}

static void shrink_and_report(const struct exercise *exercise, const struct taken *failure,
			      uint64_t seed, bool given, double seconds)
	__attribute__((noreturn));
static void shrink_and_report(const struct exercise *exercise, const struct taken *failure,
			      uint64_t seed, bool given, double seconds)
{
	static struct walk walk;
	struct shrink s = { .exercise = exercise, .failure = *failure, .seconds = seconds };
	unsigned int before = run->walk.count;
	char how[160], origin[64] = "";

	walk = run->walk;
	if (!given)
		snprintf(origin, sizeof(origin), " drawn from the seed %llu",
			 (unsigned long long)seed);
	keep_story(&walk);
	igt_nsec_elapsed(&s.start);
	if (seconds && (drop_lives(&s, &walk) || still_fails(&s, &walk))) {
		static struct walk was;

		drop_idle(&s, &walk);
		/* What became plainer may be without a step that it needed. */
		do {
			was = walk;
			drop_steps(&s, &walk);
			simplify_steps(&s, &walk);
			rename_slots(&s, &walk);
			renumber_slots(&s, &walk);
		} while ((walk.count < was.count ||
			  memcmp(walk.step, was.step, walk.count * sizeof(walk.step[0]))) &&
			 time_left(&s));
		snprintf(how, sizeof(how), ", shortened from %u%s in %u tries%s", before, origin,
			 s.tries, time_left(&s) ? "" : ", before the time for it was over");
		/* Once more, for the story. */
		still_fails(&s, &walk);
		keep_story(&walk);
	} else {
		snprintf(how, sizeof(how), "%s%s", origin, seconds ?
			 ", which did not fail again" : "");
	}
	report(&s, &walk, how, replay_args(&walk, seed, given, before));
}

static void say_what_was_seen(const struct exercise_counts *before)
{
	const struct exercise_counts *now = exercise_counts();

#define SINCE(what) (now->what - before->what)
	dmabuf_saw("WHOLE", "%u steps: %u words were right, in %u mappings of %u buffers, by %u other processes, in %u SYNC calls",
		   SINCE(steps), SINCE(words), SINCE(mappings), SINCE(buffers),
		   SINCE(processes), SINCE(syncs));
	if (SINCE(pins))
		dmabuf_saw(proc_has_special_entries() ? "PFNMAP ACCOUNT GUP SPECIAL" :
			   "PFNMAP ACCOUNT GUP", "%u pins were refused", SINCE(pins));
	if (SINCE(moves))
		dmabuf_saw("MOVE", "%u moves were asked for", SINCE(moves));
	if (SINCE(freed))
		dmabuf_saw("LIFE", "%u buffers went with the last who had them", SINCE(freed));
}

bool walk_judge(const struct exercise *exercise, const struct walk *given,
		const struct walk_limits *limits, char *why, size_t len)
{
	struct exercise_counts before = *exercise_counts();
	struct timespec start = { 0, 0 };
	uint64_t seed = limits->seed;
	struct taken t;

	if (!run)
		run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	igt_assert_f(run != MAP_FAILED, "no memory that is shared with children\n");
	do {
		double left = limits->seconds ? limits->seconds - since(&start) : 0;

		t = try_walk(exercise, given, seed, limits->steps, left);
		if (t.verdict == VIOLATED || t.verdict == NONE)
			shrink_and_report(exercise, &t, seed, given, limits->shrink);
		seed++;
	} while (!given && limits->again && since(&start) < limits->seconds);

	if (given) {
		keep_story(given);
		tell_story(given, IGT_LOG_INFO);
	}
	if (t.verdict == SKIPPED && exercise_counts()->mappings == before.mappings) {
		snprintf(why, len, "%s", t.text);
		return false;
	}
	if (!given)
		igt_info("%u steps from the seed %llu on\n", exercise_counts()->steps - before.steps,
			 (unsigned long long)limits->seed);
	say_what_was_seen(&before);
	dmabuf_print_notes();
	return true;
}

unsigned int walk_taken(void)
{
	return run->walk.count;
}
