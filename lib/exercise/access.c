// SPDX-License-Identifier: MIT
/*
 * Steps that use what is mapped: loads and stores by the CPU, the kernel and others, and
 * attempts to pin.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>
#include <time.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_proc.h"
#include "igt.h"
#include "model.h"

/* How, by arg[1]. */
enum { FORWARDS, BY_KERNEL, BACKWARDS, SPARSE, BOTH, INTERRUPTED, HOWS };
static const char *const how_names[] = {
	"", ", by the kernel", ", backwards", ", one in each page", ", and the other way round",
	", one in each page, while signals arrive",
};

/* Those of which there is one in each page. */
static bool is_sparse(unsigned int how)
{
	return how == SPARSE || how == INTERRUPTED;
}

/* Which granules: from arg[2] of page arg[3] on, as many as arg[4] says. */
bool ex_draw_access(struct exercise_step *step)
{
	const struct slot *s;

	if (!ex_draw_slot(step))
		return false;
	s = &model->process[step->who].slot[step->arg[0]];
	step->arg[1] = ex_below(2 * HOWS);
	step->arg[2] = ex_once_in(2) ? 0 : ex_below(ex_page / GRANULE);
	/* The first, the last ones and the middle page are those that are forgotten. */
	step->arg[3] = ex_goes_on && ex_once_in(3) ? ex_last.page % s->pages : ex_once_in(3) ? 0 :
		       ex_once_in(3) ? s->pages - 1 - (s->pages > 1 && ex_once_in(3)) :
		       ex_once_in(3) ? s->pages / 2 : ex_below(s->pages);
	step->arg[4] = ex_once_in(2) ? 0 : ex_below(24);
	if (is_sparse(step->arg[1]) && ex_once_in(2))
		step->arg[2] = step->arg[3] = step->arg[4] = 0;
	ex_last.page = step->arg[3];
	if (ex_once_in(5))
		step->who |= EXERCISE_THREAD;
	return true;
}

struct access {
	struct slot *s;
	unsigned int how;
	size_t first, step, count;	/* in granules of the mapping */
};

static bool access_by(const struct exercise_step *step, struct access *a)
{
	const size_t a_page = ex_page / GRANULE;

	a->s = ex_slot_of(step);
	if (!a->s)
		return false;
	a->how = step->arg[1] % HOWS;
	a->first = step->arg[3] % a->s->pages * a_page + step->arg[2] % a_page;
	a->step = is_sparse(a->how) ? a_page : 1;
	a->count = 1 + step->arg[4] % 64;
	if (is_sparse(a->how) && a->count == 1)
		a->count = 64;
	while (a->first + (a->count - 1) * a->step >= a->s->pages * a_page)
		a->count--;
	ex_blame(a->s);
	return true;
}

static struct place nth(const struct access *a, size_t i)
{
	return ex_place_of(a->s, a->first + (a->how == BACKWARDS ? a->count - 1 - i : i) * a->step);
}

/* The granules from the first on that may be used so, for one system call. */
static size_t usable(const struct access *a, uint8_t bits)
{
	size_t n = 0;

	while (n < a->count && (a->s->page[nth(a, n).n] & (MAPPED | bits)) == (MAPPED | bits) &&
	       !(a->s->page[nth(a, n).n] & COPIED && bits == READ))
		n++;
	return n;
}

/* write() from the mapping to a pipe, and what came out of it. */
static void kernel_loads(const struct access *a)
{
	size_t n = usable(a, READ), length = n * GRANULE;
	char copy[64 * GRANULE];
	ssize_t ret;

	if (!n)
		return;
	errno = 0;
	ret = write(ex_pipes[1], nth(a, 0).addr, length);
	dmabuf_must(ex_contents_clause(), ret == (ssize_t)length,
		    "write() of %zu bytes from page %u of the mapping to a pipe wrote %zd: %s\n%s\n",
		    length, nth(a, 0).n, ret, strerror(errno), proc_evidence(nth(a, 0).addr));
	dmabuf_require(read(ex_pipes[0], copy, length) == (ssize_t)length, "a pipe lost something");
	for (size_t i = 0; i < n; i++) {
		if (ex_must_show(a->s, nth(a, i).granule))
			ex_must_be(copy + i * GRANULE, nth(a, i).granule, "read by the kernel");
		a->s->page[nth(a, i).n] |= TOUCHED_PAGE;
	}
}

/* read() from a pipe into the mapping, by the page table and without GUP. */
static void kernel_stores(const struct access *a)
{
	size_t n = usable(a, WRITE), length = n * GRANULE;
	uint32_t first = model->writes + 1;
	char copy[64 * GRANULE] = "";
	ssize_t ret;

	if (!n) {
		if (a->s->page[nth(a, 0).n] & WRITE || !(a->s->page[nth(a, 0).n] & MAPPED))
			return;
		dmabuf_require(write(ex_pipes[1], copy, 4) == 4, "a pipe takes nothing");
		ret = read(ex_pipes[0], nth(a, 0).addr, 4);
		dmabuf_must("RO", ret < 0,
			    "read() into page %u of the mapping, which may not be written, is not refused\n%s\n",
			    nth(a, 0).n, proc_evidence(nth(a, 0).addr));
		/* What could not be delivered may be there still, or not. */
		fcntl(ex_pipes[0], F_SETFL, O_NONBLOCK);
		while (read(ex_pipes[0], copy, 4) > 0)
			;
		fcntl(ex_pipes[0], F_SETFL, 0);
		return;
	}
	for (size_t i = 0; i < n; i++)
		ex_put(copy + i * GRANULE, nth(a, i).granule, first + i);
	model->writes += n;
	dmabuf_require(write(ex_pipes[1], copy, length) == (ssize_t)length, "a pipe takes nothing");
	errno = 0;
	ret = read(ex_pipes[0], nth(a, 0).addr, length);
	dmabuf_must(ex_contents_clause(), ret == (ssize_t)length,
		    "read() of %zu bytes from a pipe into page %u of the mapping read %zd: %s\n%s\n",
		    length, nth(a, 0).n, ret, strerror(errno), proc_evidence(nth(a, 0).addr));
	for (size_t i = 0; i < n; i++) {
		a->s->page[nth(a, i).n] |= TOUCHED_PAGE | (a->s->shared ? 0 : COPIED);
		if (a->s->shared)
			model->write[nth(a, i).granule] = first + i;
	}
}

/*
 * Signals for this thread, so that faults come upon one that is pending: who waits for a
 * lock may be interrupted then, and asked again. Only so many: a fault that is slower than
 * they are frequent must come to its end.
 */
#define SIGNALS 16
#define SIGNAL_NS 60000

static timer_t signal_timer;
static volatile sig_atomic_t signals_left;

static void take_signal(int sig)
{
	static const struct itimerspec never;

	if (!--signals_left)
		timer_settime(signal_timer, 0, &never, NULL);
}

static bool start_signals(const struct access *a)
{
	const struct sigaction act = { .sa_handler = take_signal, .sa_flags = SA_RESTART };
	const struct itimerspec often = { { 0, SIGNAL_NS }, { 0, SIGNAL_NS } };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX,
		._sigev_un._tid = gettid(),
	};

	if (a->how != INTERRUPTED)
		return false;
	signals_left = SIGNALS;
	if (sigaction(SIGRTMAX, &act, NULL) || timer_create(CLOCK_MONOTONIC, &event, &signal_timer))
		return false;
	timer_settime(signal_timer, 0, &often, NULL);
	return true;
}

static void stop_signals(bool started)
{
	if (started)
		timer_delete(signal_timer);
}

static void run_load(const struct exercise_step *step)
{
	struct access a;
	bool signals, begun;

	if (!access_by(step, &a))
		return;
	/* Who reads says so as well, if anybody does, whatever others have begun. */
	begun = step->arg[1] / HOWS % 2 && model->synced && !ex_is_imported();
	ex_say("mapping %u: %zu times %d bytes are read from page %u on%s%s%s", step->arg[0] % SLOTS,
	       a.count, GRANULE, nth(&a, 0).n, how_names[a.how],
	       step->who & EXERCISE_THREAD ? ", by another thread" : "",
	       begun ? ", between SYNC calls" : "");
	begun = begun && ex_sync_cpu(DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	ex_blame(a.s);
	if (a.how == BY_KERNEL)
		kernel_loads(&a);
	signals = start_signals(&a);
	for (size_t i = 0; i < a.count && a.how != BY_KERNEL; i++)
		ex_load(a.s, nth(&a, i));
	stop_signals(signals);
	if (begun)
		ex_sync_cpu(DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

static void run_store(const struct exercise_step *step)
{
	struct access a;
	bool begun, signals;

	if (!access_by(step, &a) || !ex_stores_count())
		return;
	ex_say("mapping %u: %zu times %d bytes are written from page %u on%s%s", step->arg[0] % SLOTS,
	       a.count, GRANULE, nth(&a, 0).n, how_names[a.how],
	       step->who & EXERCISE_THREAD ? ", by another thread" : "");
	begun = ex_begin_store();
	ex_blame(a.s);
	if (a.how == BY_KERNEL)
		kernel_stores(&a);
	signals = start_signals(&a);
	for (size_t i = 0; i < a.count && a.how != BY_KERNEL; i++) {
		if (a.how == BOTH)
			ex_load(a.s, nth(&a, i));
		ex_store(a.s, nth(&a, i));
	}
	stop_signals(signals);
	ex_end_store(begun);
	ex_blame(a.s);
	if (begun)
		for (size_t i = 0; i < a.count && a.how != BY_KERNEL; i++)
			ex_load(a.s, nth(&a, i));
}

/*
 * Threads on the same pages at the same time, each with granules of its own; one of them may
 * have the kernel store for it.
 */
#define THREADS 4
#define ROUNDS 32

static struct {
	struct slot *s;
	unsigned int page, pages;	/* of the mapping; round after round the next one */
	unsigned int granule;		/* of a page, of the first thread */
	bool by_kernel;			/* the first */
	uint32_t number;		/* of its first write */
	pthread_barrier_t barrier;
} together;

static void *use_together(void *arg)
{
	const unsigned int i = (uintptr_t)arg, a_page = ex_page / GRANULE;

	pthread_barrier_wait(&together.barrier);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		const struct place p =
			ex_place_of(together.s, (together.page + round % together.pages) * a_page +
						(together.granule + i) % a_page);
		uint32_t number = together.number + i * ROUNDS + round;
		char copy[GRANULE];

		if (together.by_kernel && !i) {
			ex_put(copy, p.granule, number);
			dmabuf_must(ex_contents_clause(),
				    write(ex_pipes[1], copy, GRANULE) == GRANULE &&
				    read(ex_pipes[0], p.addr, GRANULE) == GRANULE,
				    "read() from a pipe into page %u of the mapping, which other threads use, fails: %s\n%s\n",
				    p.n, strerror(errno), proc_evidence(p.addr));
		} else {
			ex_put(p.addr, p.granule, number);
		}
		model->write[p.granule] = number;
		ex_must_be(p.addr, p.granule, "read by the thread that wrote it");
	}
	return NULL;
}

static void run_together(const struct exercise_step *step)
{
	unsigned int count = 2 + step->arg[1] % (THREADS - 1);
	struct slot *s = ex_slot_of(step);
	pthread_t thread[THREADS];
	unsigned int n, most;
	bool begun;

	if (!s || !ex_stores_count() || !s->shared)
		return;
	n = step->arg[3] % s->pages;
	together.s = s;
	together.page = n;
	most = step->arg[4] & 1 ? ROUNDS : 1;
	together.pages = ex_run_of(s, n, most < s->pages - n ? most : s->pages - n,
				   MAPPED | READ | WRITE, 0);
	if (!together.pages)
		return;
	together.by_kernel = step->arg[1] / (THREADS - 1) % 2;
	together.granule = step->arg[2];
	together.number = model->writes + 1;
	model->writes += count * ROUNDS;
	ex_blame(s);
	ex_say("mapping %u: %u threads write to %u pages from page %u on at once%s", step->arg[0] % SLOTS,
	       count, together.pages, n, together.by_kernel ? ", one of them by the kernel" : "");
	begun = ex_begin_store();
	ex_blame(s);
	pthread_barrier_init(&together.barrier, NULL, count);
	for (unsigned int i = 0; i < count; i++)
		dmabuf_require(!pthread_create(&thread[i], NULL, use_together, (void *)(uintptr_t)i),
			       "no thread: %s", strerror(errno));
	for (unsigned int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&together.barrier);
	for (unsigned int i = 0; i < together.pages; i++)
		s->page[n + i] |= TOUCHED_PAGE;
	ex_end_store(begun);
}

/* Attempts to pin, at what ranges and by whom it falls out. */
static void run_pin(const struct exercise_step *step)
{
	struct part p;
	struct slot *s = ex_part_of(step, COPIED, &p);

	if (!s)
		return;
	ex_say("mapping %u: an attempt to pin pages %u to %u", step->arg[0] % SLOTS, p.first,
	       p.first + p.count - 1);
	ex_pin(s, p.first, p.count, step->arg[1]);
}

/* /proc/PID/mem: by GUP, which is refused, or by the driver's vm_ops->access. */
static void run_mem(const struct exercise_step *step)
{
	bool writing = step->arg[1] & 1;
	unsigned int whose = step->arg[2] % EXERCISE_PROCESSES, count = 1;
	struct slot *s;
	char path[32], copy[2 * GRANULE];
	struct place p;
	size_t i, length;
	ssize_t ret;
	int fd;

	if (!model->process[whose].pid)
		whose = ex_self;
	s = &model->process[whose].slot[step->arg[0] % SLOTS];
	if (!s->addr || (writing && !ex_stores_count()))
		return;
	i = step->arg[3] % s->pages * (ex_page / GRANULE);
	p = ex_place_of(s, i);
	if (!(s->page[p.n] & MAPPED) || s->page[p.n] & COPIED || !s->shared)
		return;
	ex_blame(s);
	/* From the end of the page before, in the same VMA: the driver is asked for both at once. */
	if (step->arg[4] & 1 && p.n && ex_vma_of(s, p.n - 1, 2) == 2) {
		p = ex_place_of(s, i - 1);
		count = 2;
	}
	length = count * GRANULE;
	ex_say("mapping %u of process %u: page %u%s is %s by another process", step->arg[0] % SLOTS,
	       whose, p.n, count > 1 ? " and the next" : "",
	       step->arg[1] & 2 ? "asked for" : writing ? "written" : "read");
	if (step->arg[1] & 2) {
		struct iovec here = { copy, length }, there = { p.addr, length };

		if (ex->ordinary)
			return;
		ret = process_vm_readv(model->process[whose].pid, &here, 1, &there, 1, 0);
		dmabuf_must("GUP", ret <= 0, "process_vm_readv() of process %u reads page %u of the mapping\n",
			    whose, p.n);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", model->process[whose].pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		ex_refused(errno);
		return;
	}
	if (writing) {
		bool begun = ex_begin_store();

		ex_blame(s);
		for (i = 0; i < count; i++)
			ex_put(copy + i * GRANULE, p.granule + i, model->writes + 1 + i);
		ret = pwrite(fd, copy, length, (uintptr_t)p.addr);
		if (ret < 0)
			ex_refused(errno);
		dmabuf_must("RO", ret <= 0 || !s->read_only,
			    "the mapping of a read-only file descriptor is written through /proc/PID/mem\n");
		dmabuf_must("WHOLE", ret <= 0 || ret % GRANULE == 0,
			    "%zd of %zu bytes are written through /proc/PID/mem\n", ret, length);
		for (i = 0; (ssize_t)i * GRANULE < ret; i++)
			model->write[p.granule + i] = ++model->writes;
		ex_end_store(begun);
		ex_blame(s);
	} else {
		ret = pread(fd, copy, length, (uintptr_t)p.addr);
		if (ret < 0)
			ex_refused(errno);
		for (i = 0; (ssize_t)((i + 1) * GRANULE) <= ret; i++)
			ex_must_be(copy + i * GRANULE, p.granule + i, "read through /proc/PID/mem");
	}
	close(fd);
}

static bool draw_mem(struct exercise_step *step)
{
	bool drawn = ex_draw_access(step);

	/* As often to write as not: that is what may be forgotten to be refused. */
	step->arg[1] = ex_once_in(2) ? 1 : ex_below(3);
	step->arg[2] = ex_once_in(2) ? step->who & ~EXERCISE_THREAD : ex_below(EXERCISE_PROCESSES);
	return drawn;
}

const struct exercise_op op_store = {
	.name = "store",
	.description = "words are written, by the CPU or the kernel",
	.weight = 40,
	.needed = true,
	.draw = ex_draw_access,
	.run = run_store,
};

const struct exercise_op op_load = {
	.name = "load",
	.description = "words are read, maybe between SYNC calls",
	.weight = 30,
	.needed = true,
	.draw = ex_draw_access,
	.run = run_load,
};

const struct exercise_op op_together = {
	.name = "together",
	.description = "threads write to pages at once",
	.weight = 6,
	.draw = ex_draw_access,
	.run = run_together,
};

const struct exercise_op op_pin = {
	.name = "pin",
	.description = "an attempt to pin",
	.weight = 20,
	.draw = ex_draw_slot_part,
	.run = run_pin,
};

const struct exercise_op op_mem = {
	.name = "mem",
	.description = "another process reads or writes a mapping",
	.weight = 8,
	.draw = draw_mem,
	.run = run_mem,
};
