// SPDX-License-Identifier: MIT
/*
 * Steps of the buffer itself: made, moved, imported, exported again, closed.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "exporters/drm.h"
#include "igt.h"
#include "model.h"

/* The buffer; and how it is made, bits of an argument: */
#define BESIDE 1	/* another one is there all the while */
#define ELSEWHERE 2	/* by a process that ends */
#define BEHIND 4	/* with BESIDE: the other one is made first */
#define USED 8		/* with ELSEWHERE: which uses it */
#define LEFT_OPEN 16	/* with ELSEWHERE: whose device stays open */

static const unsigned int usual_pages[] = { 1, 2, 3, 8, 16, 16, 16, 37, 64, 257, 512, 520 };

static bool draw_alloc(struct exercise_step *step)
{
	if (model->buffer)
		return false;
	step->arg[0] = usual_pages[ex_below(sizeof(usual_pages) / sizeof(usual_pages[0]))];
	if (ex->exporter->moves && ex_once_in(2))
		step->arg[0] = 512;
	if (ex_once_in(64))
		step->arg[0] = MOST_PAGES;
	step->arg[1] = ex->exporter->kind->read_only && ex_once_in(3);
	step->arg[2] = ex_below(2) * BESIDE;
	if (ex_once_in(8))
		step->arg[2] |= ELSEWHERE + USED * ex_below(4);
	if (ex_once_in(4))
		step->arg[2] |= BEHIND;
	step->who = ex_draw_process();
	return true;
}

/* How long that takes is the exporter's business, and so is whether it ever ends. */
static bool try_alloc(size_t size, struct dmabuf *buf)
{
	bool made;
	int err;

	dmabuf_setup("allocating %zu bytes from %s", size, ex->exporter->name);
	made = dmabuf_try_alloc(ex->exporter, size, buf);
	err = errno;
	dmabuf_stage("%s", ex_said());
	errno = err;
	return made;
}

/* As dmabuf_alloc(), but a refusal is none of our business, and leaves nothing open. */
static bool allocate(size_t size, bool read_only, struct dmabuf *buf)
{
	*buf = (struct dmabuf){
		.exporter = ex->exporter, .fd = -1, .dev = -1, .read_only = read_only,
	};
	errno = ENOSPC;
	if ((ex->exporter->max_size && size > ex->exporter->max_size) ||
	    !try_alloc(size, buf)) {
		int err = errno;

		dmabuf_close(buf);
		errno = err;
		return false;
	}
	dmabuf_blame(NULL, NULL);
	buf->size = lseek(buf->fd, 0, SEEK_END);
	dmabuf_must("WHOLE", buf->size != (size_t)-1 && buf->size >= size,
		    "a buffer of %zu bytes was asked for and the dma-buf has %zd\n", size,
		    (ssize_t)buf->size);
	dmabuf_must("RO", !read_only || (fcntl(buf->fd, F_GETFL) & O_ACCMODE) == O_RDONLY ||
		    ex->ordinary, "a read-only file descriptor was asked for, and this one may write\n");
	return true;
}

/*
 * The same, by a process that has ended then: its file descriptor is ours, and all that is
 * left of it, or its device is, too. It may have used the buffer.
 */
static bool allocate_elsewhere(size_t size, bool read_only, uint32_t how, struct dmabuf *buf)
{
	pid_t pid;
	int status;

	model->given = (struct dmabuf){ .fd = -1, .dev = -1 };
	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	dmabuf_require(pid >= 0, "no process: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!allocate(size, read_only, buf))
			_exit(errno);
		if (how & USED)
			ex_use_first(buf);
		if (!(how & LEFT_OPEN)) {
			close(buf->dev);
			buf->dev = -1;
			buf->handle = 0;
		}
		model->given = *buf;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	dmabuf_inherit_verdict();
	*buf = model->given;
	errno = WEXITSTATUS(status);
	return buf->fd >= 0;
}

/* What is done to theirs is nothing to the walk's buffer, of which a SYNC may be open. */
static void sync_theirs(const struct dmabuf *buf, uint64_t flags)
{
	if (!ex->ordinary)
		dmabuf_sync(buf, flags | DMA_BUF_SYNC_RW);
}

/*
 * A buffer that is there all the while, and with which nothing is done: what an exporter
 * takes for all of its buffers that is one's own shows in another. The first of its pages is
 * touched, the others fault when all is over.
 */
#define BYSTANDER_PAGES 4
#define BYSTANDER_SEED 0xb75a4de4

static struct {
	struct dmabuf buf;
	char *addr;	/* NULL: there is none */
} bystander;

static char *map_bystander(void)
{
	char *p = mmap(NULL, BYSTANDER_PAGES * ex_page, PROT_READ | PROT_WRITE, MAP_SHARED,
		       bystander.buf.fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void fill_bystander(char *p, uint32_t seed)
{
	sync_theirs(&bystander.buf, DMA_BUF_SYNC_START);
	pattern_fill(p, BYSTANDER_PAGES * ex_page, seed);
	sync_theirs(&bystander.buf, DMA_BUF_SYNC_END);
}

static void bystander_must_be(const char *p, size_t size, uint32_t seed, const char *when)
{
	char why[160];

	dmabuf_must("WHOLE", !pattern_differs(p, 0, size, seed, why, sizeof(why)),
		    "another buffer of %s, %s: %s\n%s\n", ex->exporter->name, when, why,
		    proc_evidence(p));
}

static void forget_bystander(void)
{
	if (bystander.addr)
		munmap(bystander.addr, BYSTANDER_PAGES * ex_page);
	bystander.addr = NULL;
	dmabuf_close(&bystander.buf);
}

/* It obeys, as the walk's does. */
static void judge_bystander(const struct dmabuf_way *way)
{
	static struct slot s;

	s.addr = bystander.addr;
	s.way = way;
	s.pages = 1;
	s.shared = true;
	s.page[0] = MAPPED | READ | WRITE | TOUCHED_PAGE;
	ex_rule_must_hold(&s, 0, 0);
}

static void map_unexported(const void *way)
{
	char *p = ((const struct dmabuf_way *)way)->map(&bystander.buf, NULL,
							BYSTANDER_PAGES * ex_page,
							PROT_READ | PROT_WRITE, MAP_SHARED, 0);

	bystander.addr = p == MAP_FAILED ? NULL : p;
}

/* One that is mapped by its driver and written before it is exported. */
static void begin_unexported(void)
{
	const struct dmabuf_way *way = ex_native_way();
	struct dmabuf *buf = &bystander.buf;
	char why[256], *p = NULL;

	*buf = (struct dmabuf){ .exporter = ex->exporter, .fd = -1, .dev = -1, .unexported = true };
	if (way && try_alloc(BYSTANDER_PAGES * ex_page, buf) &&
	    !dmabuf_skips(map_unexported, way, why, sizeof(why)) && bystander.addr) {
		dmabuf_blame(NULL, NULL);
		pattern_fill(bystander.addr, BYSTANDER_PAGES * ex_page, BYSTANDER_SEED);
		buf->unexported = false;
		if (buf->fd >= 0 || drm_export(buf))
			p = map_bystander();
	}
	if (p) {
		bystander_must_be(p, BYSTANDER_PAGES * ex_page, BYSTANDER_SEED,
				  "written by a mapping of the driver's, then exported, read in a mapping of that");
		munmap(p, BYSTANDER_PAGES * ex_page);
		judge_bystander(way);
		return;
	}
	forget_bystander();
}

static void begin_bystander(void)
{
	char *p;

	if (!allocate(BYSTANDER_PAGES * ex_page, false, &bystander.buf))
		return;
	p = map_bystander();
	if (p) {
		fill_bystander(p, BYSTANDER_SEED);
		munmap(p, BYSTANDER_PAGES * ex_page);
		bystander.addr = map_bystander();
	}
	if (bystander.addr) {
		bystander_must_be(bystander.addr, ex_page, BYSTANDER_SEED, "in a second mapping");
		judge_bystander(ex->ways[0]);
	} else {
		dmabuf_close(&bystander.buf);
	}
}

static void end_bystander(void)
{
	const size_t size = BYSTANDER_PAGES * ex_page;
	char *p;

	if (!bystander.addr)
		return;
	ex_say("another buffer, which was there all the while, is compared");
	dmabuf_blame(NULL, NULL);
	bystander_must_be(bystander.addr, size, BYSTANDER_SEED,
			  "which was there all the while, and nothing was done with it");
	fill_bystander(bystander.addr, ~BYSTANDER_SEED);
	p = map_bystander();
	if (p) {
		bystander_must_be(p, size, ~BYSTANDER_SEED,
				  "written by the mapping that was there all the while, read in a new one");
		munmap(p, size);
	}
	forget_bystander();
}

static bool make(uint32_t how, size_t size, bool read_only, struct dmabuf *buf)
{
	return how & ELSEWHERE ? allocate_elsewhere(size, read_only, how, buf) :
	       allocate(size, read_only, buf);
}

static void run_alloc(const struct exercise_step *step)
{
	const uint32_t how = step->arg[2];
	const bool older = how & BESIDE && how & BEHIND && !ex_self;
	bool read_only = step->arg[1] && ex->exporter->kind->read_only;
	size_t size = (step->arg[0] ?: 1) * ex_page;
	struct dmabuf buf;
	struct stat st;

	if (model->buffer)
		return;
	if (size > MOST_BYTES)
		size = MOST_BYTES / ex_page * ex_page;
	/* That of a buffer which went when the last who had it closed it. */
	if (!ex_self)
		end_bystander();
	ex_say("a buffer of %zu pages%s%s%s%s%s", size / ex_page,
	       read_only ? ", whose file descriptor is read-only" : "",
	       how & ELSEWHERE ? ", of a process that has ended" : "",
	       how & ELSEWHERE && how & USED ? " and had used it" : "",
	       how & ELSEWHERE && how & LEFT_OPEN ? " and left its device open" : "",
	       !(how & BESIDE) || ex_self ? "" : !older ? ", and another one" : ex_native_way() ?
	       ", behind another one, mapped before it is exported" : ", behind another one");
	if (older)
		(ex_native_way() ? begin_unexported : begin_bystander)();
	model->made.length = 0;
	memset(model->granted, 0, sizeof(model->granted));
	model->first_write = 0;
	/* It may have one at a time. */
	if (!make(how, size, read_only, &buf) &&
	    (!older || (forget_bystander(), !make(how, size, read_only, &buf)))) {
		snprintf(model->why, sizeof(model->why), "it makes no buffer: %s", strerror(errno));
		ex_refused(errno);
		return;
	}
	if (ex_my()->dev >= 0)
		close(ex_my()->dev);
	model->buffer = true;
	model->number++;
	model->handle = buf.handle;
	model->offset = buf.offset;
	model->has_dev = buf.dev >= 0;
	model->read_only = read_only;
	model->size = buf.size;
	model->pages = (buf.size < MOST_BYTES ? buf.size : MOST_BYTES) / ex_page;
	model->ino = fstat(buf.fd, &st) ? 0 : st.st_ino;
	model->moves = 0;
	model->no_moves = !ex->exporter->moves;
	model->synced = false;
	memset(model->open, 0, sizeof(model->open));
	memset(model->write, 0, model->pages * (ex_page / GRANULE) * sizeof(model->write[0]));
	model->write[0] = model->first_write;
	ex_my()->fd[0] = buf.fd;
	ex_my()->dev = buf.dev;
	ex_my()->number = model->number;
	dmabuf_limit_for(buf.size);
	ex_shared->counts.buffers++;
	if (how & BESIDE && !older && !ex_self)
		begin_bystander();
}

/* Whether nobody has it any more; then it must be gone. */
void ex_judge_freed(void)
{
	const bool known = !ex->ordinary && !access(PROC_DMABUFS, R_OK);
	bool still = known, dev = false;

	if (!model->buffer)
		return;
	for (unsigned int i = 0; i < EXERCISE_PROCESSES; i++) {
		if (!model->process[i].pid)
			continue;
		for (unsigned int j = 0; j < FDS; j++)
			if (model->process[i].fd[j] >= 0)
				return;
		dev |= model->process[i].dev >= 0 && model->process[i].number == model->number;
	}
	if (ex_is_mapped() || ex_is_imported())
		return;
	if (model->handle && dev)
		return;
	model->buffer = false;
	model->handle = 0;
	for (int i = 0; i < 50 && still; i++) {
		still = proc_dmabuf_is_listed(model->ino);
		if (still)
			usleep(20000);
	}
	dmabuf_blame(NULL, NULL);
	dmabuf_must("LIFE", !still,
		    "the dma-buf (inode %lu) is still there one second after its last fd, handle, importer and mapping are gone\n",
		    (unsigned long)model->ino);
	ex_shared->counts.freed += known;
}

/* SYNC, in each direction; what is open is ended. */
static bool draw_any(struct exercise_step *step)
{
	step->who = ex_draw_process();
	step->arg[0] = ex_below(SLOTS);
	step->arg[1] = ex_below(8);
	return model->buffer;
}

static bool draw_fd(struct exercise_step *step)
{
	bool drawn_owner = ex_draw_owner(step);

	step->arg[0] = ex_below(SLOTS);
	step->arg[1] = ex_below(8);
	return drawn_owner;
}

static void run_sync(const struct exercise_step *step)
{
	static const uint64_t directions[] = {
		DMA_BUF_SYNC_RW, DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE,
	};
	const unsigned int d = step->arg[1] % 3;
	static const char *const names[] = { "both", "reading", "writing" };

	if (!model->buffer || (!model->open[d] && ex_is_imported() && ex_is_in_sync()))
		return;
	ex_say("DMA_BUF_IOCTL_SYNC, %s, for %s", model->open[d] ? "end" : "begin", names[d]);
	if (!ex_sync_cpu((model->open[d] ? DMA_BUF_SYNC_END : DMA_BUF_SYNC_START) | directions[d]))
		return;
	model->open[d] = !model->open[d];
	model->synced = true;
}

/* Another device: one that has it, or has not. */
static bool draw_importer(struct exercise_step *step, bool has)
{
	const unsigned int first = ex_below(IMPORTERS);

	for (unsigned int i = 0; i < IMPORTERS; i++) {
		step->arg[0] = (first + i) % IMPORTERS;
		if ((model->importer[step->arg[0]].dev >= 0) == has)
			return model->buffer;
	}
	return false;
}

static bool draw_import(struct exercise_step *step)
{
	return draw_importer(step, false);
}

static bool draw_release(struct exercise_step *step)
{
	return draw_importer(step, true);
}

static void run_import(const struct exercise_step *step)
{
	unsigned int i = step->arg[0] % IMPORTERS;
	int fd = -1;

	for (unsigned int j = 0; j < FDS && fd < 0; j++)
		fd = ex_my()->fd[j];
	if (!model->buffer || fd < 0 || model->importer[i].dev >= 0 || ex->exporter->no_import ||
	    ex->ordinary)
		return;
	ex_say("another device imports the buffer, as importer %u", i);
	if (dmabuf_import(ex->exporter, fd, &model->importer[i]))
		model->synced = true;
	else
		ex_refused(errno);
}

static void run_drop_import(const struct exercise_step *step)
{
	unsigned int i = step->arg[0] % IMPORTERS;

	if (model->importer[i].dev < 0)
		return;
	ex_say("importer %u gives the buffer up", i);
	dmabuf_release(&model->importer[i]);
}

/* A move, of which nobody is told; beside it a thread may write. */
static struct {
	struct place place;
	uint32_t first, last;
	volatile bool stop;
} beside;

static void *write_beside(void *unused)
{
	const struct place p = beside.place;

	for (beside.last = beside.first; ; beside.last++) {
		ex_put(p.addr, p.granule, beside.last);
		model->write[p.granule] = beside.last;
		ex_must_be(p.addr, p.granule, "read by the thread that wrote it, while the buffer moved");
		sched_yield();
		ex_must_be(p.addr, p.granule, "read again by the thread that wrote it, while the buffer moved");
		if (beside.stop || beside.last == beside.first + 1000000)
			break;
	}
	return NULL;
}

static void move_it(const void *buf)
{
	struct dmabuf copy = *(const struct dmabuf *)buf;

	dmabuf_move(&copy);
}

static void run_move(const struct exercise_step *step)
{
	struct dmabuf buf;
	struct slot *s = ex_slot_of(step);
	unsigned int n = s ? step->arg[3] % s->pages : 0;
	bool racing = step->arg[1] & 1 && s && s->shared && ex_stores_count() &&
		(s->page[n] & (MAPPED | READ | WRITE)) == (MAPPED | READ | WRITE);
	pthread_t thread;
	bool begun = false, moved;
	char why[256];

	if (!model->buffer || model->no_moves || !ex_way_is_open(ex->ways[0], &buf, 0) ||
	    ((buf.dev < 0 || !model->handle) && ex->exporter->kind->close_handle))
		return;
	/* A device that uses it may keep it where it is. */
	if (ex_is_imported())
		return;
	ex_say("the exporter moves the buffer%s", racing ? ", while a thread writes" : "");
	dmabuf_blame(NULL, NULL);
	if (racing) {
		begun = ex_begin_store();
		beside.place = ex_place_of(s, n * (ex_page / GRANULE));
		beside.first = model->writes + 1;
		beside.stop = false;
		dmabuf_blame("MOVE", "while the exporter moved the buffer");
		ex_beside_first = beside.first;
		dmabuf_require(!pthread_create(&thread, NULL, write_beside, NULL), "no thread: %s",
			       strerror(errno));
		usleep(1000);
	}
	buf.moves = model->moves;
	moved = !dmabuf_skips(move_it, &buf, why, sizeof(why));
	ex_say("the exporter moves the buffer%s", racing ? ", while a thread writes" : "");
	if (racing) {
		beside.stop = true;
		pthread_join(thread, NULL);
		model->writes = beside.last;
		s->page[n] |= TOUCHED_PAGE;
		ex_end_store(begun);
		/* Who wrote may be where nobody else is: its own mapping does not tell. */
		ex_compare_afresh();
		ex_beside_first = 0;
	}
	if (!moved) {
		model->no_moves = true;
		return;
	}
	model->moves++;
	ex_shared->counts.moves++;
}

/* Who has it: more file descriptors, fewer, other processes. */
static void run_dup(const struct exercise_step *step)
{
	unsigned int to = 0;
	struct dmabuf buf;

	while (to < FDS && ex_my()->fd[to] >= 0)
		to++;
	if (!model->buffer || to == FDS || !ex_way_is_open(ex->ways[0], &buf, step->arg[0]))
		return;
	ex_say("file descriptor %u is a dup() of it", to);
	ex_my()->fd[to] = fcntl(buf.fd, F_DUPFD_CLOEXEC, 0);
}

static void run_export(const struct exercise_step *step)
{
	struct dmabuf buf = { .exporter = ex->exporter, .dev = ex_my_dev(), .handle = model->handle };
	unsigned int to = 0;

	while (to < FDS && ex_my()->fd[to] >= 0)
		to++;
	if (!model->buffer || to == FDS || buf.dev < 0 || !buf.handle || model->read_only)
		return;
	ex_say("the handle is exported once more, as file descriptor %u", to);
	if (drm_export(&buf))
		ex_my()->fd[to] = buf.fd;
	else
		ex_refused(errno);
}

static void run_close(const struct exercise_step *step)
{
	unsigned int what = step->arg[1] % (FDS + 2);
	struct dmabuf buf = { .exporter = ex->exporter, .dev = ex_my_dev(), .handle = model->handle };

	if (!model->buffer)
		return;
	if (what < FDS && ex_my()->fd[what] >= 0) {
		ex_say("file descriptor %u is closed", what);
		close(ex_my()->fd[what]);
		ex_my()->fd[what] = -1;
	} else if (what == FDS && model->handle && buf.dev >= 0) {
		ex_say("the handle is closed");
		ex->exporter->kind->close_handle(&buf);
		model->handle = 0;
	} else if (what == FDS + 1 && buf.dev >= 0) {
		ex_say("the device is closed");
		close(buf.dev);
		ex_my()->dev = -1;
	}
}

/* What others write to all that is theirs. */
#define OTHERS 0x5a

/* Other buffers, which others kept; of process 0. No more are made when that takes long. */
#define KEPT 32
#define KEPT_NS 3000000000ull

static struct dmabuf kept[KEPT];
static unsigned int kept_count;

/* Of many their devices are closed first: what they hold is there until they go. */
static void give_up_kept(void)
{
	dmabuf_blame(NULL, NULL);
	for (unsigned int i = 0; i < kept_count && kept_count > 1; i++) {
		if (kept[i].dev >= 0)
			close(kept[i].dev);
		kept[i].dev = -1;
		kept[i].handle = 0;
	}
	while (kept_count) {
		struct dmabuf *buf = &kept[--kept_count];
		char *p = buf->dev < 0 ? mmap(NULL, ex_page, PROT_READ, MAP_SHARED, buf->fd, 0) :
			  MAP_FAILED;

		if (p != MAP_FAILED) {
			dmabuf_must("LIFE", *p == OTHERS,
				    "another buffer, whose device is closed: byte 0 is %#x, and %#x was written\n%s\n",
				    *p & 0xff, OTHERS, proc_evidence(p));
			munmap(p, ex_page);
		}
		dmabuf_close(buf);
	}
}

/* Others have memory, too: what was given up too early is theirs now. */
static void others_take(size_t size, unsigned int keep)
{
	const bool in_sync = ex_is_in_sync();
	struct timespec start = { };
	static struct slot s;
	struct dmabuf other;

	give_up_kept();
	igt_nsec_elapsed(&start);
	for (unsigned int i = 0; i < (keep ?: 1); i++) {
		if (i && igt_nsec_elapsed(&start) > KEPT_NS)
			return;
		if (size > 4 << 20 || !allocate(size, false, &other))
			return;
		s.addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, other.fd, 0);
		/* What cannot be written tells nothing. */
		if (s.addr == MAP_FAILED) {
			dmabuf_close(&other);
			return;
		}
		if (in_sync)
			sync_theirs(&other, DMA_BUF_SYNC_START);
		memset(s.addr, OTHERS, size);
		if (in_sync)
			sync_theirs(&other, DMA_BUF_SYNC_END);
		if (keep > 1) {
			s.way = ex->ways[0];
			s.pages = 1;
			s.page[0] = MAPPED | READ | WRITE | TOUCHED_PAGE;
			ex_pin(&s, 0, 1, 0);
		}
		munmap(s.addr, size);
		if (keep)
			kept[kept_count++] = other;
		else
			dmabuf_close(&other);
	}
}

/* While the buffer is used, others use theirs, which is new to the page tables each time. */
static struct {
	struct dmabuf buf;
	volatile bool stop;
} theirs;

static void *use_theirs(void *unused)
{
	const size_t size = model->pages * ex_page;

	while (!theirs.stop) {
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, theirs.buf.fd, 0);

		if (p == MAP_FAILED)
			break;
		for (size_t at = 0; at < size && !theirs.stop; at += ex_page)
			p[at] = OTHERS;
		for (size_t at = 0; at < size && !theirs.stop; at += ex_page)
			dmabuf_must("WHOLE", p[at] == OTHERS,
				    "another buffer, while this one was used: byte %zu is %#x, and %#x was written\n%s\n",
				    at, p[at] & 0xff, OTHERS, proc_evidence(p + at));
		munmap(p, size);
	}
	return NULL;
}

static void others_meanwhile(void)
{
	pthread_t thread;

	ex_say("others use a buffer of theirs, while this one is compared in new mappings");
	if (model->pages * ex_page > 4 << 20 ||
	    !allocate(model->pages * ex_page, false, &theirs.buf))
		return;
	theirs.stop = false;
	dmabuf_require(!pthread_create(&thread, NULL, use_theirs, NULL), "no thread: %s",
		       strerror(errno));
	for (int i = 0; i < 4; i++)
		ex_compare_afresh();
	theirs.stop = true;
	pthread_join(thread, NULL);
	dmabuf_close(&theirs.buf);
}

static void run_others(const struct exercise_step *step)
{
	const unsigned int keep = !(step->arg[1] & 1) ? 0 : step->arg[1] & 2 ? KEPT : 1;
	char *p;

	if (!model->buffer)
		return;
	if ((step->arg[1] & 5) == 4) {
		others_meanwhile();
		return;
	}
	ex_say("others allocate memory and buffers, write to them and %s", !keep ? "give them up" :
	       keep == 1 ? "keep a buffer" : "keep many");
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED) {
		memset(p, OTHERS, 1 << 20);
		munmap(p, 1 << 20);
	}
	others_take(keep > 1 ? ex_page : model->pages * ex_page, keep);
}

static void run_pressure(const struct exercise_step *step)
{
	if (!model->buffer || !dmabuf_is_disruptive())
		return;
	ex_say("the kernel drops its caches");
	if (!write_to("/proc/sys/vm/drop_caches", "3"))
		ex_refused(errno);
}

static void drop_imports(void)
{
	for (unsigned int i = 0; i < IMPORTERS; i++)
		dmabuf_release(&model->importer[i]);
}

/* Everything but the mappings goes, and then these. */
static void close_all(void)
{
	struct dmabuf buf = { .exporter = ex->exporter, .fd = -1 };

	for (unsigned int i = 0; i < FDS; i++) {
		if (ex_my()->fd[i] >= 0)
			close(ex_my()->fd[i]);
		ex_my()->fd[i] = -1;
	}
	buf.dev = ex_my_dev();
	buf.handle = model->handle;
	dmabuf_close(&buf);
	if (buf.dev != ex_my()->dev)
		ex_my()->dev = -1;
	model->handle = 0;
}

static void unmap_all(void)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (ex_my()->slot[i].addr)
			ex_forget(&ex_my()->slot[i]);
	ex_forget_many();
}

/*
 * Some pages of each mapping are written by it, for all of them to see: not where steps write
 * most, for what was lost of that is still to be compared.
 */
void ex_store_by_each(void)
{
	const size_t a_page = ex_page / GRANULE;

	for (unsigned int i = 0; i < SLOTS && ex_stores_count(); i++) {
		struct slot *s = &ex_my()->slot[i];
		const unsigned int at[] = { 0, 1, s->pages / 2, s->pages - 1 };
		bool begun;

		if (!s->addr || !s->shared)
			continue;
		begun = ex_begin_store();
		ex_blame(s);
		for (unsigned int j = 0; j < 4; j++)
			if (at[j] < s->pages &&
			    (s->page[at[j]] & (MAPPED | WRITE)) == (MAPPED | WRITE))
				ex_store(s, ex_place_of(s, (at[j] + 1) * a_page - 1));
		ex_end_store(begun);
	}
}

/*
 * Nobody keeps anything of it; all is compared while they do, in a new mapping while others
 * have a buffer, and when only mappings do and the next buffer is there.
 *
 * That its memory is given back as well is not asked: what the machine misses of a walk's
 * small buffers is less than what others take meanwhile. dmabuf_cpu asks it, of large ones.
 */
void ex_drop_all(void)
{
	ex_store_by_each();
	ex_compare_everywhere();
	drop_imports();
	end_bystander();
	if (model->buffer) {
		others_take(ex_page, 1);
		ex_compare_afresh();
	}
	close_all();
	if (model->buffer) {
		ex_say("all is closed, and what is mapped is written and compared");
		others_take(model->pages * ex_page, 0);
		ex_store_by_each();
	}
	ex_compare_everywhere();
	give_up_kept();
	for (unsigned int i = 1; i < EXERCISE_PROCESSES; i++)
		if (model->process[i].pid)
			ex_end_process(i);
	unmap_all();
	ex_judge_freed();
}

static void run_drop(const struct exercise_step *step)
{
	static const struct exercise_step move;

	if (!model->buffer)
		return;
	/* Whatever was done to it, nothing holds it in place. */
	if (step->arg[1] & 1) {
		drop_imports();
		op_move.run(&move);
	}
	/* What is not mapped any more is there still, as long as it is open. */
	if (step->arg[1] & 2) {
		ex_say("all is compared and unmapped here, and compared once more");
		ex_compare_everywhere();
		unmap_all();
		ex_compare_afresh();
	}
	ex_say("all is compared and unmapped, all is closed, other processes end");
	ex_drop_all();
}

/*
 * So long that a driver may put what nobody uses to sleep, and says how long that is
 * (Documentation/ABI/testing/sysfs-devices-power); once in a walk.
 */
#define IDLE_MS 100
#define MOST_IDLE_MS 1000

static bool draw_idle(struct exercise_step *step)
{
	return draw_any(step) && !model->idled;
}

/* Or so long that a driver may move by itself what is used. */
#define BUSY_NS 50000000

/*
 * Meanwhile other threads map all of it, read and unmap that, and call SYNC: the same page faults
 * for several, and locks are taken from all sides.
 */
static void *map_beside(void *unused)
{
	const size_t size = model->pages * ex_page;
	struct dmabuf buf;

	while (!beside.stop && ex_way_is_open(ex->ways[0], &buf, 0)) {
		char *p = mmap(NULL, size, PROT_READ, MAP_SHARED, buf.fd, 0);

		if (p == MAP_FAILED)
			break;
		dmabuf_touch_reading(p, size);
		munmap(p, size);
	}
	return NULL;
}

static void *sync_beside(void *unused)
{
	struct dmabuf buf;

	while (!beside.stop && !ex_is_imported() && ex_way_is_open(ex->ways[0], &buf, 0)) {
		dmabuf_sync(&buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
		dmabuf_sync(&buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	}
	return NULL;
}

/* A bit of each page, and then the next bit. */
static void write_for_a_while(struct slot *s, bool with_others)
{
	const size_t a_page = ex_page / GRANULE;
	static void *(*const others[])(void *) = { map_beside, map_beside, sync_beside };
	const size_t count = with_others ? sizeof(others) / sizeof(others[0]) : 0;
	pthread_t thread[sizeof(others) / sizeof(others[0])];
	struct timespec start = { };
	bool begun;

	model->synced |= with_others;
	begun = ex_begin_store();
	ex_blame(s);
	beside.stop = false;
	for (size_t i = 0; i < count; i++)
		dmabuf_require(!pthread_create(&thread[i], NULL, others[i], NULL), "no thread: %s",
			       strerror(errno));
	igt_nsec_elapsed(&start);
	for (size_t i = 0; igt_nsec_elapsed(&start) < BUSY_NS; i++) {
		const struct place p = ex_place_of(s, i % s->pages * a_page + i / s->pages % a_page);

		if ((s->page[p.n] & (MAPPED | READ | WRITE)) != (MAPPED | READ | WRITE))
			continue;
		ex_must_be(p.addr, p.granule, "read before it is written again");
		ex_store(s, p);
	}
	beside.stop = true;
	for (size_t i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	ex_end_store(begun);
}

static unsigned int idle_ms(void)
{
	char path[96];
	struct stat st;
	int delay = 0;
	FILE *f;

	if (fstat(ex_my_dev(), &st))
		return IDLE_MS;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/power/autosuspend_delay_ms",
		 major(st.st_rdev), minor(st.st_rdev));
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &delay) != 1 || delay < 0)
		delay = 0;
	if (f)
		fclose(f);
	return IDLE_MS + (delay < MOST_IDLE_MS ? delay : MOST_IDLE_MS);
}

static void run_idle(const struct exercise_step *step)
{
	struct slot *s = ex_slot_of(step);

	if (!model->buffer || model->idled || ex->ordinary)
		return;
	model->idled = true;
	if (step->arg[1] & 1 && s && s->shared && ex_stores_count()) {
		ex_say("mapping %u is written for a while%s", step->arg[0] % SLOTS,
		       step->arg[1] & 2 ? ", while threads make others and call SYNC" : "");
		write_for_a_while(s, step->arg[1] & 2);
		return;
	}
	ex_say("nobody does anything for a while");
	usleep(1000 * idle_ms());
}

const struct exercise_op op_alloc = {
	.name = "alloc",
	.description = "a buffer is allocated, of some pages, or read-only, or by a process that ends",
	.weight = 30,
	.begins = true,
	.needed = true,
	.draw = draw_alloc,
	.run = run_alloc,
};

const struct exercise_op op_sync = {
	.name = "sync",
	.description = "DMA_BUF_IOCTL_SYNC",
	.weight = 12,
	.draw = draw_fd,
	.run = run_sync,
};

const struct exercise_op op_import = {
	.name = "import",
	.description = "another device attaches and maps",
	.weight = 5,
	.main = true,
	.with = &op_release,
	.draw = draw_import,
	.run = run_import,
};

const struct exercise_op op_release = {
	.name = "release",
	.description = "that device gives it up",
	.weight = 5,
	.main = true,
	.draw = draw_release,
	.run = run_drop_import,
};

const struct exercise_op op_move = {
	.name = "move",
	.description = "the exporter moves it",
	.weight = 12,
	.draw = ex_draw_access,
	.run = run_move,
};

const struct exercise_op op_dup = {
	.name = "dup",
	.description = "one more file descriptor",
	.weight = 4,
	.with = &op_close,
	.draw = draw_fd,
	.run = run_dup,
};

const struct exercise_op op_export = {
	.name = "export",
	.description = "the handle is exported again",
	.weight = 4,
	.draw = draw_any,
	.run = run_export,
};

const struct exercise_op op_close = {
	.name = "close",
	.description = "a file descriptor, the handle or the device is closed",
	.weight = 5,
	.draw = draw_any,
	.run = run_close,
};

const struct exercise_op op_others = {
	.name = "others",
	.description = "memory and buffers of others come and go",
	.weight = 2,
	.main = true,
	.draw = draw_any,
	.run = run_others,
};

const struct exercise_op op_pressure = {
	.name = "pressure",
	.description = "the kernel drops its caches (--disruptive)",
	.weight = 1,
	.main = true,
	.draw = draw_any,
	.run = run_pressure,
};

const struct exercise_op op_idle = {
	.name = "idle",
	.description = "nothing, or always the same, is done for a while",
	.weight = 1,
	.main = true,
	.draw = draw_idle,
	.run = run_idle,
};

const struct exercise_op op_drop = {
	.name = "drop",
	.description = "nobody keeps anything of it",
	.weight = 4,
	.main = true,
	.ends = true,
	.needed = true,
	.draw = draw_any,
	.run = run_drop,
};
