// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf access
 * Description: Access to a mapping by another process, through /proc/PID/mem or
 *              ptrace, needs no pages where the exporter has a vm_ops->access: it
 *              may work. If it does, it moves the right bytes and keeps nothing.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
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

static ssize_t mem(pid_t pid, const void *addr, void *into, const void *from, size_t length)
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
	return mem(pid, addr, into, NULL, length);
}

static ssize_t mem_write(pid_t pid, void *addr, const void *from, size_t length)
{
	return mem(pid, addr, NULL, from, length);
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
 * Has another process read what is at p, and write something else; false with a
 * reason in error if it may not.
 */
static bool moves_right_bytes(const struct access *a, const char *what, uint32_t *p,
			      size_t length, ssize_t *error)
{
	uint32_t *copy = malloc(length);
	ssize_t ret;
	pid_t pid;

	dmabuf_require(copy, "no memory for %zu bytes", length);
	dmabuf_stage("filling %s", what);
	pattern_fill(p, length, 0x13131313);
	pid = stopped_child();

	dmabuf_stage("reading %s by %s", what, a->description);
	ret = *error = a->read(pid, p, copy, length);
	if (ret > 0) {
		dmabuf_must("WHOLE", ret == (ssize_t)length,
			    "%s reads %zd of %zu bytes of %s\n", a->description, ret, length,
			    what);
		pattern_must_be("WHOLE", copy, length, 0x13131313, "read by another process");

		dmabuf_stage("writing %s by %s", what, a->description);
		pattern_fill(copy, length, 0x24242424);
		*error = a->write(pid, p, copy, length);
		dmabuf_must("WHOLE", *error == (ssize_t)length || *error <= 0,
			    "%s writes %zd of %zu bytes of %s\n", a->description, *error,
			    length, what);
		dmabuf_stage("reading %s", what);
		pattern_must_be("WHOLE", p, length, *error > 0 ? 0x24242424 : 0x13131313,
				*error > 0 ? "written by another process" :
				"whose writing was refused to another process");
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	free(copy);
	return ret > 0;
}

static void works_on_ordinary_memory(const struct access *a, size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ssize_t error;

	dmabuf_require(p != MAP_FAILED, "no memory for %zu bytes", length);
	dmabuf_require(moves_right_bytes(a, "ordinary memory", p, length, &error) && error > 0,
		       "%s does not work here on ordinary memory either: %s", a->description,
		       strerror(-error));
	munmap(p, length);
}

static void *map_accessed(const struct access *a, struct dmabuf *buf,
			  const struct dmabuf_way *way)
{
	size_t length = buf->size < a->most ? buf->size : a->most;
	char *p = dmabuf_map(buf, way);
	ssize_t error;

	dmabuf_require(moves_right_bytes(a, buf->exporter->name,
					 (uint32_t *)(p + buf->size - length), length, &error),
		       "%s does not allow %s, which is its right: %s", buf->exporter->name,
		       a->description, error ? strerror(-error) : "nothing is read");
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
	bool certain;
	long before;

	pattern_fill(p, buf.size, 0x35353535);
	dmabuf_blame(way->clause[0] ? way->clause : NULL, "after another process read and wrote it");
	certain = dmabuf_move(&buf);
	before = proc_minor_faults();
	pattern_must_be("PIN", p, buf.size, 0x35353535,
			"read after a move that came after access by another process");
	if (proc_minor_faults() > before)
		return;
	dmabuf_must("PIN", !certain, "%s moved the buffer, but no page faulted\n", e->name);
	dmabuf_skip("%s did not move the buffer for this (no page faulted)", e->name);
}

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	for_each_dmabuf_way(way) {
		for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
			const struct access *a = &accesses[i];

			igt_describe_f("What another process reads by %s of a buffer mapped by %s "
				       "must be its bytes, and what it writes must arrive. Skips "
				       "exporters that do not allow it, as they may. Clauses: "
				       "WHOLE %s", a->description, way->description, way->clause);
			igt_subtest_with_dynamic_f("%s-%s", a->name, way->name) {
				dmabuf_dynamic(e, way, "WHOLE")
					is_right(a, e, way);
			}
		}

		igt_describe_f("After another process read and wrote a buffer mapped by %s, its "
			       "exporter can still move it. Skips exporters that do not move or "
			       "do not allow it. Clauses: WHOLE PIN MOVE %s", way->description,
			       way->clause);
		igt_subtest_with_dynamic_f("moves-%s", way->name) {
			dmabuf_dynamic_moving(e, way, "WHOLE PIN MOVE")
				keeps_nothing(&accesses[0], e, way);
		}
	}
}
