// SPDX-License-Identifier: MIT
/*
 * Steps by which somebody else has the buffer for a moment, who is no device and no process of
 * the walk: what a driver has for who is not the one that it knows.
 */
#include <grp.h>
#include <linux/dma-buf.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <xf86drm.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "exporters/drm.h"
#include "igt.h"
#include "model.h"

/* Who, by arg[1]. */
enum { CLIENT, DEVICE, NOBODY, SHARER, WHO };

#define NOBODY_ID 65534

const struct dmabuf_way *ex_native_way(void)
{
	for (unsigned int i = 0; ex->ways[i]; i++)
		if (!strcmp(ex->ways[i]->name, "native") && !ex->ways[i]->why_not(ex->exporter))
			return ex->ways[i];
	return NULL;
}

static void *map_node(const struct dmabuf *buf, void *addr, size_t length, int prot, int flags,
		      off_t offset)
{
	return mmap(addr, length, prot, flags, buf->dev, buf->offset + offset);
}

static const struct dmabuf_way way_node = {
	.name = "device node", .clause = "BO", .description = "the mmap of its device node",
	.map = map_node,
};

struct request {
	const struct dmabuf_way *way;
	struct dmabuf buf;
};

/* Theirs is read and judged, and some pages are written by it. */
static void use_theirs(const void *arg)
{
	const size_t a_page = ex_page / GRANULE, length = model->pages * ex_page;
	const unsigned int at[] = { 0, model->pages / 2, model->pages - 1 };
	const struct request *r = arg;
	static struct slot s;
	bool begun;

	s.addr = r->way->map(&r->buf, NULL, length,
			     model->read_only ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	if (s.addr == MAP_FAILED)
		dmabuf_skip("%s", strerror(errno));
	s.way = r->way;
	s.pages = model->pages;
	s.shared = true;
	memset(s.page, MAPPED | READ | (model->read_only ? 0 : WRITE), s.pages);
	ex_compare(&s, 0, true);
	dmabuf_touch_reading(s.addr, length);
	for (unsigned int i = 0; i < s.pages; i++)
		s.page[i] |= TOUCHED_PAGE;
	/* A node's own mmap is none of a dma-buf: its pages may be normal, not its contents other. */
	for (size_t i = 0; r->way != &way_node && i < sizeof(at) / sizeof(at[0]); i++)
		ex_rule_must_hold(&s, at[i], 0);
	if (!model->read_only && ex_stores_count()) {
		begun = ex_begin_store();
		ex_blame(&s);
		for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
			ex_store(&s, ex_place_of(&s, (at[i] + 1) * a_page - 1));
		ex_end_store(begun);
	}
	munmap(s.addr, length);
}

/* They may be refused. */
static void let_use(const struct request *r)
{
	char why[256];

	dmabuf_enter_by(r->way->clause, r->way->description);
	if (dmabuf_skips(use_theirs, r, why, sizeof(why)))
		ex_refused(errno);
}

/* Who has no rights of its own: it was handed the file descriptor. */
static void use_as_nobody(const struct request *r)
{
	pid_t pid;

	if (geteuid())
		return;
	pid = dmabuf_fork();
	dmabuf_require(pid >= 0, "no process: %s", strerror(errno));
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(NOBODY_ID, NOBODY_ID, NOBODY_ID) ||
		    setresuid(NOBODY_ID, NOBODY_ID, NOBODY_ID))
			_exit(IGT_EXIT_SUCCESS);
		/* To read of itself in /proc, and to die with its parent. */
		prctl(PR_SET_DUMPABLE, 1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		let_use(r);
		_exit(IGT_EXIT_SUCCESS);
	}
	waitpid(pid, NULL, 0);
	dmabuf_inherit_verdict();
}

/* As a compositor has those of its clients; or by the node, where that is another thing. */
static void use_as_client(struct request *r)
{
	if (ex->exporter->kind->node_maps && r->buf.dev >= 0 && !model->read_only) {
		r->way = &way_node;
		let_use(r);
		return;
	}
	r->way = ex_native_way();
	r->buf.dev = r->way && !model->read_only ? drm_open_card(ex->exporter->path) : -1;
	if (r->buf.dev < 0)
		return;
	if (!drmPrimeFDToHandle(r->buf.dev, r->buf.fd, &r->buf.handle)) {
		let_use(r);
		drm_close_handle(&r->buf);
	} else {
		ex_refused(errno);
	}
	close(r->buf.dev);
}

static void use_as_device(const struct request *r)
{
	const struct dmabuf_exporter_kind *kind = ex->exporter->kind;

	if (!kind->lend || r->buf.dev < 0 || (kind->close_handle && !r->buf.handle))
		return;
	if (!kind->lend(&r->buf))
		ex_refused(errno);
	ex_store_by_each();
}

/* As vfork() makes one: another process, and the same mappings. */
static int use_mappings(void *unused)
{
	ex_store_by_each();
	_exit(IGT_EXIT_SUCCESS);
}

static void use_as_sharer(void)
{
	static char stack[1 << 18] __attribute__((aligned(64)));
	pid_t pid = clone(use_mappings, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

	dmabuf_require(pid >= 0, "no process: %s", strerror(errno));
	waitpid(pid, NULL, 0);
	dmabuf_inherit_verdict();
}

static bool draw_client(struct exercise_step *step)
{
	step->arg[1] = ex_below(WHO);
	return model->buffer;
}

static void run_client(const struct exercise_step *step)
{
	static const char *const names[] = {
		"another client of its card, or who goes by its node, maps it, writes it and goes",
		"it is lent to its device for a moment, and written by each mapping",
		"a process without any rights maps it, writes it and ends",
		"a process that shares the address space writes each mapping and ends",
	};
	const unsigned int who = step->arg[1] % WHO;
	struct request r = { .way = ex->ways[0] };
	char said[sizeof(ex_shared->said[0])];

	if (!model->buffer || ex->ordinary || !ex_way_is_open(r.way, &r.buf, 0) ||
	    ex->exporter->imports)
		return;
	ex_say("%s", names[who]);
	if (who == CLIENT)
		use_as_client(&r);
	else if (who == NOBODY)
		use_as_nobody(&r);
	else if (who == SHARER)
		use_as_sharer();
	else
		use_as_device(&r);
	/* In a new mapping, which is to say the same. */
	snprintf(said, sizeof(said), "%s", ex_said());
	ex_compare_afresh();
	ex_say("%s", said);
}

const struct exercise_op op_client = {
	.name = "client",
	.description = "another client of its card, its device or an ordinary user has it for a moment",
	.weight = 3,
	.main = true,
	.unthreaded = true,	/* its child would die with the thread */
	.draw = draw_client,
	.run = run_client,
};
