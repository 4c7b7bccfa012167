// SPDX-License-Identifier: MIT
/*
 * The table of the exerciser's steps, which are in exercise/, and how they are drawn and
 * taken. What is refused that a driver may refuse (a private mapping, a part, a second
 * buffer) changes nothing in the model: it is no fault, and later steps find it undone.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_outcome.h"
#include "exercise/model.h"
#include "igt.h"

const struct exercise_op *const exercise_ops[] = {
	&op_alloc,
	&op_map,
	&op_unmap,
	&op_protect,
	&op_remap,
	&op_advise,
	&op_lock,
	&op_store,
	&op_load,
	&op_together,
	&op_pin,
	&op_mem,
	&op_guest,
	&op_sync,
	&op_import,
	&op_release,
	&op_move,
	&op_dup,
	&op_export,
	&op_close,
	&op_stranger,
	&op_fork,
	&op_exit,
	&op_hand,
	&op_others,
	&op_client,
	&op_often,
	&op_kinds,
	&op_pressure,
	&op_idle,
	&op_drop,
	NULL,
};

void exercise_share(void)
{
	ex_shared = mmap(NULL, sizeof(*ex_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	igt_assert_f(ex_shared != MAP_FAILED, "no memory that is shared with children\n");
}

const struct exercise_counts *exercise_counts(void)
{
	return &ex_shared->counts;
}

const char *exercise_said(unsigned int n)
{
	return n + SAID < ex_shared->taken || n >= ex_shared->taken ? "" : ex_shared->said[n % SAID];
}

void exercise_take(const struct exercise_step *step)
{
	unsigned int who = exercise_ops[step->op]->main ? 0 : step->who & ~EXERCISE_THREAD;

	ex_shared->said[ex_shared->taken++ % SAID][0] = 0;
	ex_shared->counts.steps++;
	if (!who)
		ex_take(step);
	else if (who < EXERCISE_PROCESSES && model->process[who].pid)
		ex_tell(who, step);
	if (who && exercise_ops[step->op] == &op_alloc)
		ex_take_over(who);
	if (!ex->ordinary)
		dmabuf_kernel_must_be_quiet();
	/* A thousand steps see the same a thousand times: it is counted. */
	dmabuf_outcome->saw.count = 0;
}

/*
 * Each buffer leads a life of its own, of some 10 to 40 steps. In one life of three, some
 * steps come often and some never. In the others nothing is done but a few kinds of steps,
 * again and again: what takes three rare steps in a row comes so, and where all lives are
 * alike it never does. Kinds that were in no life together come before those that were, so that
 * all pairs do in 2,000 steps. In some lives, threads do as much as their processes; in half of
 * them, half of the steps go on with the mapping of the step before. Some begin with what is done
 * often, so that what comes then finds high counts.
 */
static struct {
	unsigned int number;	/* of the buffer */
	unsigned int weight[EXERCISE_MOST_OPS];
	unsigned int threads;	/* one step in so many is a thread's */
	unsigned int past;	/* that many of its first steps make that it has been used before */
	uint64_t met[EXERCISE_MOST_OPS];	/* those with which it came often in a life */
} life;

#define FEW 4
#define OFTEN 30

static void comes_often(const struct exercise_op *op)
{
	for (unsigned int i = 0; exercise_ops[i]; i++)
		if (exercise_ops[i] == op && life.weight[i] < OFTEN)
			life.weight[i] = OFTEN;
	if (op->with)
		comes_often(op->with);
}

/* The first by chance, the others by how many of those before they have not met. */
static void draw_few(unsigned int count)
{
	unsigned int few[FEW];

	for (unsigned int n = 0; n < FEW; n++) {
		const unsigned int first = ex_below(count);
		int most = -1;

		for (unsigned int i = 0; i < count; i++) {
			const unsigned int op = (first + i) % count;
			int unmet = 0;

			for (unsigned int j = 0; j < n; j++)
				unmet += op != few[j] && !(life.met[op] >> few[j] & 1);
			if (exercise_ops[op]->needed || unmet <= most)
				continue;
			most = unmet;
			few[n] = op;
		}
		for (unsigned int j = 0; j < n; j++) {
			life.met[few[n]] |= 1ull << few[j];
			life.met[few[j]] |= 1ull << few[n];
		}
		comes_often(exercise_ops[few[n]]);
	}
}

static void draw_life(void)
{
	static const unsigned int factors[] = { 0, 1, 1, 2, 6 };
	const bool broad = !model->number || ex_once_in(3);
	unsigned int count = 0, total = 0, steps = 10 + ex_below(30);

	life.number = model->number;
	life.threads = model->number && ex_once_in(3) ? 2 : 8;
	ex_goes_on = ex_once_in(2);
	life.past = model->number && ex_once_in(5) ? 1 + ex_below(3) : 0;
	for (; exercise_ops[count]; count++) {
		const struct exercise_op *op = exercise_ops[count];
		unsigned int factor = model->number ? factors[ex_below(5)] : 1;

		if (!broad)
			factor = op->needed ? 1 : 0;
		else if (op->needed && !factor)
			factor = 1;
		/* What comes before a buffer comes before the next one. */
		life.weight[count] = op->weight * (op->before && !factor ? 1 : factor);
	}
	if (!broad)
		draw_few(count);
	/* Who made it ends while others use it. */
	if (ex_my()->number != model->number)
		comes_often(&op_exit);
	for (unsigned int i = 0; i < count; i++)
		total += life.weight[i];
	for (unsigned int i = 0; i < count; i++)
		if (exercise_ops[i]->ends)
			life.weight[i] = 1 + total / steps;
}

struct exercise_step exercise_draw(void)
{
	unsigned int total = 0, i;

	if (!model->number || life.number != model->number)
		draw_life();
	for (i = 0; exercise_ops[i]; i++)
		total += life.weight[i];
	for (int tries = 0; tries < 64; tries++) {
		struct exercise_step step = { };
		unsigned int at_weight = ex_below(total);

		for (i = 0; at_weight >= life.weight[i]; i++)
			at_weight -= life.weight[i];
		if (life.past && model->buffer) {
			const struct exercise_op *op = ex_once_in(3) ? &op_others : &op_often;

			life.past--;
			for (i = 0; exercise_ops[i] != op; i++)
				;
		}
		step.op = i;
		if (!exercise_ops[i]->draw(&step))
			continue;
		if (ex_once_in(life.threads))
			step.who |= EXERCISE_THREAD;
		step.arg[EXERCISE_ARGS - 1] = ex_below(1 << 16);
		return step;
	}
	return (struct exercise_step){ };
}

void exercise_begin(const struct exercise *exercise, uint64_t seed)
{
	ex = exercise;
	ex_self = 0;
	ex_page = page_size();
	ex_seed(seed);
	ex_shared->taken = 0;
	model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	dmabuf_require(model != MAP_FAILED, "no memory for the model: %s", strerror(errno));
	for (unsigned int i = 0; i < EXERCISE_PROCESSES; i++) {
		model->process[i].dev = -1;
		for (unsigned int j = 0; j < FDS; j++)
			model->process[i].fd[j] = -1;
	}
	for (unsigned int i = 0; i < IMPORTERS; i++)
		model->importer[i].dev = -1;
	ex_my()->pid = getpid();
	dmabuf_require(!pipe2(ex_pipes, O_CLOEXEC), "no pipe: %s", strerror(errno));
	if (!ex->ordinary)
		ex_find_users();
}

void exercise_end(void)
{
	ex_shared->said[ex_shared->taken++ % SAID][0] = 0;
	ex_say("all is compared, and given up");
	ex_drop_all();
	if (!ex->ordinary)
		dmabuf_kernel_must_be_quiet();
	if (!model->mapped)
		dmabuf_skip("%s cannot be mapped: %s", ex->exporter->name, model->why);
}
