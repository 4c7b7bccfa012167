// SPDX-License-Identifier: MIT
/*
 * Other processes: they are made, take steps when they are told, and end.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_outcome.h"
#include "dmabuf_proc.h"
#include "igt.h"
#include "model.h"

static void serve(void) __attribute__((noreturn));

static bool is_inherited(const struct slot *s)
{
	unsigned int n = 0;

	while (n < s->pages && !(s->page[n] & MAPPED))
		n++;
	return n == s->pages || proc_is_inherited(ex_at(s, n));
}

/* A process of its own, which takes steps when it is told. */
static void begin_process(unsigned int i)
{
	struct process *p = &model->process[i];
	int pair[2];
	pid_t pid;

	dmabuf_require(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair),
		       "no pair of sockets: %s", strerror(errno));
	memcpy(p, ex_my(), sizeof(*p) - sizeof(p->slot));
	if (p->many[0] && !proc_is_inherited(p->many[0]))
		p->many[0] = NULL;
	for (unsigned int j = 0; j < SLOTS; j++) {
		const struct slot *s = &ex_my()->slot[j];

		p->slot[j].addr = NULL;
		if (s->addr && is_inherited(s))
			memcpy(&p->slot[j], s, sizeof(*s) - sizeof(s->page) + s->pages);
	}
	pid = dmabuf_fork();
	dmabuf_require(pid >= 0, "no process: %s", strerror(errno));
	if (!pid) {
		close(pair[0]);
		for (unsigned int j = 1; j < EXERCISE_PROCESSES; j++)
			if (j != i && model->process[j].pid)
				close(model->process[j].pair[0]);
		for (unsigned int j = 0; j < IMPORTERS; j++)
			if (model->importer[j].dev >= 0)
				close(model->importer[j].dev);
		ex_self = i;
		p->pair[1] = pair[1];
		dmabuf_require(!pipe2(ex_pipes, O_CLOEXEC), "no pipe: %s", strerror(errno));
		send(pair[1], "", 1, 0);
		serve();
	}
	close(pair[1]);
	p->pair[0] = pair[0];
	p->pid = pid;
	ex_shared->counts.processes++;
	if (recv(pair[0], &pair[1], 1, 0) != 1) {
		dmabuf_inherit_verdict();
		dmabuf_skip("a process died at once");
	}
}

static bool draw_stranger(struct exercise_step *step)
{
	step->arg[0] = 1 + ex_below(EXERCISE_PROCESSES - 1);
	return !model->buffer && !model->process[step->arg[0]].pid;
}

static void run_stranger(const struct exercise_step *step)
{
	unsigned int i = step->arg[0] % EXERCISE_PROCESSES;

	if (model->buffer || !i || model->process[i].pid)
		return;
	ex_say("process %u is there before the buffer", i);
	begin_process(i);
}

static bool draw_fork(struct exercise_step *step)
{
	step->arg[0] = 1 + ex_below(EXERCISE_PROCESSES - 1);
	return model->buffer && !model->process[step->arg[0]].pid;
}

static void run_fork(const struct exercise_step *step)
{
	unsigned int i = step->arg[0] % EXERCISE_PROCESSES;

	if (!model->buffer || !i || model->process[i].pid)
		return;
	ex_say("fork() makes process %u", i);
	begin_process(i);
}

static bool draw_other(struct exercise_step *step)
{
	unsigned int first = ex_below(EXERCISE_PROCESSES);

	for (unsigned int i = 0; i < EXERCISE_PROCESSES; i++) {
		step->arg[0] = (first + i) % EXERCISE_PROCESSES;
		if (step->arg[0] && model->process[step->arg[0]].pid)
			return true;
	}
	return false;
}

/* How a process ends. */
enum { ENDS, KILLED, EXECS, ENDINGS };

static void end_process(unsigned int i, unsigned int how)
{
	struct process *p = &model->process[i];
	struct exercise_step none = { .op = 0xff, .arg[0] = how };

	if (how == KILLED)
		kill(p->pid, SIGKILL);
	else
		send(p->pair[0], &none, sizeof(none), MSG_NOSIGNAL);
	waitpid(p->pid, NULL, 0);
	close(p->pair[0]);
	p->pid = 0;
	dmabuf_inherit_verdict();
}

void ex_end_process(unsigned int i)
{
	end_process(i, ENDS);
}

static bool draw_exit(struct exercise_step *step)
{
	step->arg[1] = ex_below(ENDINGS);
	return draw_other(step);
}

static void run_exit(const struct exercise_step *step)
{
	static const char *const names[] = { "ends", "is killed", "runs another program" };
	const unsigned int i = step->arg[0] % EXERCISE_PROCESSES, how = step->arg[1] % ENDINGS;

	if (!i || !model->process[i].pid)
		return;
	ex_say("process %u %s", i, names[how]);
	end_process(i, how);
}

union control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void run_hand(const struct exercise_step *step)
{
	unsigned int i = step->arg[0] % EXERCISE_PROCESSES, to = 0;
	struct exercise_step order = *step;
	struct iovec iov = { &order, sizeof(order) };
	union control control = { };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct dmabuf buf;
	char done;

	if (!model->buffer || !i || !model->process[i].pid ||
	    !ex_way_is_open(ex->ways[0], &buf, step->arg[1]))
		return;
	while (to < FDS && model->process[i].fd[to] >= 0)
		to++;
	if (to == FDS)
		return;
	ex_say("process %u is handed the file descriptor, as its %u", i, to);
	order.op = 0xfe;
	order.arg[0] = to;
	CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &buf.fd, sizeof(int));
	dmabuf_require(sendmsg(model->process[i].pair[0], &msg, MSG_NOSIGNAL) > 0 &&
		       recv(model->process[i].pair[0], &done, 1, 0) == 1,
		       "a file descriptor could not be handed over: %s", strerror(errno));
}

void ex_take_over(unsigned int i)
{
	int process, fd;

	if (!model->buffer || model->process[i].number != model->number || ex_my()->fd[0] >= 0)
		return;
	process = pidfd_open(model->process[i].pid, 0);
	fd = process < 0 ? -1 : pidfd_getfd(process, model->process[i].fd[0], 0);
	if (fd >= 0)
		ex_my()->fd[0] = fd;
	if (process >= 0)
		close(process);
}

/* Steps, here or in another process. */
static void *in_thread(void *step)
{
	const struct exercise_step *s = step;

	exercise_ops[s->op]->run(s);
	return NULL;
}

void ex_take(const struct exercise_step *step)
{
	pthread_t thread;

	if (step->who & EXERCISE_THREAD && !exercise_ops[step->op]->unthreaded) {
		dmabuf_require(!pthread_create(&thread, NULL, in_thread, (void *)step),
			       "no thread: %s", strerror(errno));
		pthread_join(thread, NULL);
	} else {
		exercise_ops[step->op]->run(step);
	}
	ex_judge_after(step);
	ex_judge_freed();
}

static void compare_mine(void)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (ex_my()->slot[i].addr)
			ex_compare(&ex_my()->slot[i], 0, true);
	ex_compare_many();
}

void ex_compare_everywhere(void)
{
	struct exercise_step order = { .op = 0xfd };

	compare_mine();
	for (unsigned int i = 1; i < EXERCISE_PROCESSES; i++)
		if (model->process[i].pid)
			ex_tell(i, &order);
}

/* What was handed over comes with the order. */
static bool receive(struct exercise_step *order)
{
	struct iovec iov = { order, sizeof(*order) };
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};

	if (recvmsg(ex_my()->pair[1], &msg, MSG_CMSG_CLOEXEC) != sizeof(*order))
		return false;
	if (order->op == 0xfe && CMSG_FIRSTHDR(&msg))
		memcpy(&ex_my()->fd[order->arg[0]], CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return true;
}

/* Its mappings are taken down when it has an address space of another program already. */
static void run_another_program(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execl("/proc/self/exe", "dmabuf_exercise", "--list-subtests", NULL);
}

static void serve(void)
{
	struct exercise_step order = { };

	while (receive(&order) && order.op != 0xff) {
		if (order.op == 0xfd)
			compare_mine();
		else if (order.op != 0xfe)
			ex_take(&order);
		send(ex_my()->pair[1], "", 1, MSG_NOSIGNAL);
	}
	if (order.op == 0xff && order.arg[0] == EXECS)
		run_another_program();
	_exit(IGT_EXIT_SUCCESS);
}

void ex_tell(unsigned int i, const struct exercise_step *order)
{
	char done;

	if (send(model->process[i].pair[0], order, sizeof(*order), MSG_NOSIGNAL) ==
	    sizeof(*order) && recv(model->process[i].pair[0], &done, 1, 0) == 1)
		return;
	dmabuf_inherit_verdict();
	dmabuf_kernel_must_be_quiet();
	dmabuf_skip("process %u died while: %s", i, dmabuf_outcome->stage);
}

const struct exercise_op op_stranger = {
	.name = "stranger",
	.description = "a process that knows nothing of the buffer",
	.weight = 12,
	.before = true,
	.with = &op_hand,
	.main = true,
	.unthreaded = true,	/* its children would die with the thread */
	.draw = draw_stranger,
	.run = run_stranger,
};

const struct exercise_op op_fork = {
	.name = "fork",
	.description = "a process that has all that this one has",
	.weight = 5,
	.with = &op_exit,
	.main = true,
	.unthreaded = true,	/* its children would die with the thread */
	.draw = draw_fork,
	.run = run_fork,
};

const struct exercise_op op_exit = {
	.name = "exit",
	.description = "such a process ends, is killed or runs another program",
	.weight = 2,
	.main = true,
	.draw = draw_exit,
	.run = run_exit,
};

const struct exercise_op op_hand = {
	.name = "hand",
	.description = "such a process is handed the file descriptor",
	.weight = 6,
	.main = true,
	.draw = draw_other,
	.run = run_hand,
};
