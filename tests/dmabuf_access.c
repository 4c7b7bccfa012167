// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf access
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: access by other processes
 * Description: Access to a mapping by another process, through /proc/PID/mem or
 *              ptrace, needs no pages where the exporter has a vm_ops->access: it
 *              may work. If it does, it moves the right bytes and keeps nothing.
 *
 * SUBTEST: mem-%s
 * Description: /proc/PID/mem moves the right bytes, or is refused.
 *
 * SUBTEST: ptrace-%s
 * Description: PTRACE_PEEKDATA and PTRACE_POKEDATA move the right bytes, or are refused.
 *
 * SUBTEST: moves-%s
 * Description: Such an access keeps nothing that would hold up a move.
 *
 * arg[1].values: fd, native
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("What another process reads and writes of a mapping through /proc/PID/mem "
		     "or ptrace, if it may, are the right bytes, and keeps no page.");

#define SIZE (64 << 10)

/* What dmabuf_move moves: a display mode needs it. */
#define MOVED_SIZE (2 << 20)

/* Both return how many bytes they moved, or -errno if none. */
struct access {
	const char *name;
	const char *description;
	size_t most;		/* bytes, where each word takes a system call */
	ssize_t (*read)(pid_t pid, const void *addr, void *into, size_t length);
	ssize_t (*write)(pid_t pid, void *addr, const void *from, size_t length);
};

static ssize_t access_proc_mem(pid_t pid, const void *addr, void *into, const void *from,
			       size_t length)
{
	char path[32];
	ssize_t ret;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	dmabuf_require(fd >= 0, "%s: %s", path, strerror(errno));
	ret = into ? pread(fd, into, length, (uintptr_t)addr) :
		     pwrite(fd, from, length, (uintptr_t)addr);
	if (ret < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static ssize_t mem_read(pid_t pid, const void *addr, void *into, size_t length)
{
	return access_proc_mem(pid, addr, into, NULL, length);
}

static ssize_t mem_write(pid_t pid, void *addr, const void *from, size_t length)
{
	return access_proc_mem(pid, addr, NULL, from, length);
}

static ssize_t ptrace_read(pid_t pid, const void *addr, void *into, size_t length)
{
	for (size_t at = 0; at < length; at += sizeof(long)) {
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, (char *)addr + at, NULL);
		if (errno)
			return at ?: -errno;
		memcpy((char *)into + at, &word, sizeof(word));
	}
	return length;
}

static ssize_t ptrace_write(pid_t pid, void *addr, const void *from, size_t length)
{
	for (size_t at = 0; at < length; at += sizeof(long)) {
		long word;

		memcpy(&word, (char *)from + at, sizeof(word));
		if (ptrace(PTRACE_POKEDATA, pid, (char *)addr + at, word))
			return at ?: -errno;
	}
	return length;
}

static const struct access accesses[] = {
	{ "mem", "/proc/PID/mem", SIZE_MAX, mem_read, mem_write },
	{ "ptrace", "PTRACE_PEEKDATA and PTRACE_POKEDATA", 8 << 10, ptrace_read, ptrace_write },
};

/* A process with our mappings, stopped; it dies with us. */
static pid_t stopped_child(void)
{
	int status = 0;
	pid_t pid;

	pid = dmabuf_fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	dmabuf_require(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status),
		       "no child that lets itself be traced");
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	return pid;
}

/*
 * What came of another process' reading, and writing something else, of length bytes at p
 * that have the pattern of SEED: bytes, or -errno.
 */
struct result {
	ssize_t read, written;
	char wrong[160];	/* what it read, or what is there now; "" if that is right */
};

#define SEED 0x13131313
#define OTHER_SEED 0x24242424

static struct result read_and_write(const struct access *a, uint32_t *p, size_t length)
{
	uint32_t *copy = malloc(length);
	struct result result = { };
	pid_t pid;

	dmabuf_require(copy, "no memory for %zu bytes", length);
	pid = stopped_child();
	result.read = a->read(pid, p, copy, length);
	if (result.read > 0)
		pattern_differs(copy, 0, result.read, SEED, result.wrong, sizeof(result.wrong));
	if (!result.wrong[0]) {
		size_t done;

		pattern_fill(copy, length, OTHER_SEED);
		result.written = a->write(pid, p, copy, length);
		done = result.written > 0 ? result.written : 0;
		if (!pattern_differs(p, 0, done, OTHER_SEED, result.wrong, sizeof(result.wrong)))
			pattern_differs((char *)p + done, done, length - done, SEED,
					result.wrong, sizeof(result.wrong));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	free(copy);
	return result;
}

static void works_on_ordinary_memory(const struct access *a, size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct result result;

	dmabuf_setup("reading and writing ordinary memory by %s", a->description);
	dmabuf_require(p != MAP_FAILED, "no memory for %zu bytes", length);
	pattern_fill(p, length, SEED);
	result = read_and_write(a, p, length);
	dmabuf_require(result.read == (ssize_t)length && result.written == (ssize_t)length &&
		       !result.wrong[0],
		       "%s does not work here on ordinary memory either: %s", a->description,
		       result.wrong[0] ? result.wrong :
		       strerror(result.read < 0 ? -result.read : -result.written));
	munmap(p, length);
}

static const char *in_words(ssize_t ret)
{
	return ret < 0 ? strerrorname_np(-ret) : "nothing";
}

/*
 * The end of the buffer: what it may, it does to the right bytes. A driver may refuse it,
 * and then nothing has changed.
 */
static void *map_accessed(const struct access *a, struct dmabuf *buf,
			  const struct dmabuf_way *way)
{
	const size_t length = buf->size < a->most ? buf->size : a->most;
	const size_t at = buf->size - length;
	char *p = dmabuf_map(buf, way);
	struct result result;

	dmabuf_stage("filling %s", buf->exporter->name);
	pattern_fill(p + at, length, SEED);
	proc_must_be_inherited(p);
	dmabuf_stage("reading and writing %s by %s", buf->exporter->name, a->description);
	result = read_and_write(a, (uint32_t *)(p + at), length);
	dmabuf_must("WHOLE", !result.wrong[0],
		    "%s of the %zu bytes of %s from %zu on: %zd were read and %zd written; then %s\n",
		    a->description, length, dmabuf_mapping_name(buf, way), at, result.read,
		    result.written, result.wrong);
	dmabuf_must("WHOLE", (result.read <= 0 || result.read == (ssize_t)length) &&
		    (result.written <= 0 || result.written == (ssize_t)length),
		    "%s of the %zu bytes of %s from %zu on: %zd were read and %zd written\n",
		    a->description, length, dmabuf_mapping_name(buf, way), at, result.read,
		    result.written);
	if (result.read > 0)
		dmabuf_saw("WHOLE", "%s read the right %zu bytes, and wrote %s", a->description,
			   length, result.written > 0 ? "them" : in_words(result.written));
	else
		dmabuf_saw("WHOLE", "%s is refused, as it may be (%s, %s), and no byte changed",
			   a->description, in_words(result.read), in_words(result.written));
	return p;
}

static void is_right(const struct access *a, const struct dmabuf_exporter *e,
		     const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);

	works_on_ordinary_memory(a, SIZE < a->most ? SIZE : a->most);
	map_accessed(a, &buf, way);
}

/* Neither does it keep a page: the buffer moves, and takes the bytes along. */
static void keeps_nothing(const struct access *a, const struct dmabuf_exporter *e,
			  const struct dmabuf_way *way)
{
	struct dmabuf buf = dmabuf_alloc(e, MOVED_SIZE);
	uint32_t *p = map_accessed(a, &buf, way);
	long refaults;

	pattern_fill(p, buf.size, 0x35353535);
	dmabuf_blame(way->clause[0] ? way->clause : NULL, "after another process read and wrote it");
	refaults = dmabuf_moves(&buf, p, way->clause[0] ? way->clause : NULL);
	dmabuf_require(refaults, "%s did not move the buffer for this (no page faulted)", e->name);
	pattern_must_be("PIN", p, buf.size, 0x35353535,
			"read after a move that came after access by another process");
	dmabuf_saw("PIN MOVE", "a move after that was proved, by %ld refaults", refaults);
}

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	for_each_dmabuf_own_way(way) {
		for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
			const struct access *a = &accesses[i];

			igt_describe_f("What another process reads by %s of a buffer mapped by %s "
				       "must be its bytes, and what it writes must arrive. A driver "
				       "may refuse it, and then nothing changes. Clauses: WHOLE %s",
				       a->description, way->description, way->clause);
			igt_subtest_with_dynamic_f("%s-%s", a->name, way->name) {
				dmabuf_dynamic(e, way, "WHOLE")
					is_right(a, e, way);
			}
		}

		igt_describe_f("After another process read and wrote a buffer mapped by %s, its "
			       "exporter can still move it. For exporters that move. Clauses: "
			       "WHOLE PIN MOVE %s", way->description, way->clause);
		igt_subtest_with_dynamic_f("moves-%s", way->name) {
			dmabuf_dynamic_moving(e, way, "WHOLE PIN MOVE")
				keeps_nothing(&accesses[0], e, way);
		}
	}
}
