// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf pages
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: migration and core dumps
 * Description: Behind the mapping of a DMA buffer the kernel finds no page, to migrate
 *              it or to write it to a core dump.
 *
 * SUBTEST: migrate-%s
 * Description: The kernel finds no page of it to migrate.
 *
 * SUBTEST: coredump-%s
 * Description: A core dump leaves it out.
 *
 * arg[1].values: fd, native
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_obey.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("Behind the mapping of a DMA buffer the kernel finds no page to migrate "
		     "or to dump.");

#define SIZE (64 << 10)
#define SEED 0x5ca1ab1e

/* The node of every page, in node's place if that is given; 0 or -errno. */
static int where_is(void *p, size_t length, const int *nodes, int *status)
{
	const size_t page = page_size(), count = length / page;
	void **pages = calloc(count, sizeof(*pages));
	long ret;

	for (size_t i = 0; i < count; i++)
		pages[i] = (char *)p + i * page;
	ret = syscall(SYS_move_pages, 0, count, pages, nodes, status, MPOL_MF_MOVE);
	free(pages);
	return ret < 0 ? -errno : 0;
}

static void is_not_migrated(struct dmabuf *buf, const struct dmabuf_way *way)
{
	const size_t count = buf->size / page_size();
	int *nodes = calloc(count, sizeof(*nodes)), *status = calloc(count, sizeof(*status));
	const unsigned long node0 = 1;
	void *control = map_touched_control(buf->size);
	void *p = dmabuf_map_filled(buf, way, SEED);
	bool pfnmap = proc_is_pfnmap(p);
	int ret;

	ret = where_is(control, buf->size, NULL, status);
	dmabuf_require(!ret && status[0] >= 0,
		       "move_pages() does not find the pages of a memfd either: %s",
		       strerror(ret ? -ret : -status[0]));
	for (int query = 1; query >= 0; query--) {
		dmabuf_stage("move_pages of %s (%s)", buf->exporter->name, way->name);
		memset(status, 0, count * sizeof(*status));
		ret = where_is(p, buf->size, query ? NULL : nodes, status);
		for (size_t i = 0; i < count && !ret; i++)
			dmabuf_must("ACCOUNT", status[i] < 0,
				    "%s, mapped through the %s: move_pages() %s page %zu of %zu, its node is %d; there must be no page to be found\n%s\n",
				    buf->exporter->name, way->name,
				    query ? "finds" : "takes", i, count, status[i],
				    proc_evidence(p));
		dmabuf_saw("ACCOUNT", "move_pages() %s none of its %zu pages (%s)",
			   query ? "finds" : "moves", count,
			   strerrorname_np(ret ? -ret : -status[0]));
	}
	dmabuf_must_be_unharmed(buf, way, p, SEED, pfnmap, "move_pages()");

	dmabuf_stage("mbind of %s (%s)", buf->exporter->name, way->name);
	ret = syscall(SYS_mbind, p, buf->size, MPOL_BIND, &node0, 2,
		      MPOL_MF_MOVE | MPOL_MF_STRICT);
	igt_info("mbind: %s\n", ret ? strerrorname_np(errno) : "0");
	dmabuf_must_be_unharmed(buf, way, p, SEED, pfnmap, "mbind(MPOL_MF_MOVE)");
	dmabuf_stage("migrate_pages, %s being mapped (%s)", buf->exporter->name, way->name);
	ret = syscall(SYS_migrate_pages, 0, 2, &node0, &node0);
	igt_info("migrate_pages: %s\n", ret < 0 ? strerrorname_np(errno) : "0");
	dmabuf_must_be_unharmed(buf, way, p, SEED, pfnmap, "migrate_pages()");
}

/* Whether the file has length bytes at p at a multiple of the page size. */
static bool file_has(const char *path, const void *p, size_t length)
{
	const size_t page = page_size();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = malloc(page);
	bool found = false;

	for (off_t at = 0; !found && pread(fd, bytes, page, at) == (ssize_t)page; at += page)
		found = !memcmp(bytes, p, length);
	free(bytes);
	close(fd);
	return found;
}

/*
 * A child dies of SIGABRT with the buffer and a memfd in it. It has tried to have
 * both in its core dump.
 */
static void is_not_dumped(struct dmabuf *buf, const struct dmabuf_way *way)
{
	char dir[] = "/tmp/dmabuf-contract-XXXXXX", core[64];
	static const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	void *control = map_touched_control(buf->size);
	void *p = dmabuf_map_filled(buf, way, SEED);
	bool dumped = false, control_dumped = false;
	char pattern[64] = "";
	int status = 0, fd;
	pid_t pid;

	pattern_fill(control, buf->size, ~SEED);
	fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	dmabuf_require(fd >= 0 && read(fd, pattern, sizeof(pattern) - 1) > 0 &&
		       strcspn(pattern, "|/%") == strlen(pattern),
		       "/proc/sys/kernel/core_pattern is no plain file name, but %s", pattern);
	pattern[strcspn(pattern, "\n")] = 0;
	dmabuf_require(mkdtemp(dir), "%s: %s", dir, strerror(errno));

	proc_must_be_inherited(p);
	dmabuf_stage("dumping core, %s being mapped (%s)", buf->exporter->name, way->name);
	pid = dmabuf_fork();
	if (!pid) {
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &unlimited);
		/* Shared memory, of files too: neither libraries nor the heap. */
		write_to("/proc/self/coredump_filter", "0x0a");
		madvise(p, buf->size, MADV_DODUMP);
		if (!chdir(dir))
			kill(getpid(), SIGABRT);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);

	/* With core_uses_pid its name has the process id behind it. */
	snprintf(core, sizeof(core), "%s/%s", dir, pattern);
	if (access(core, F_OK))
		snprintf(core, sizeof(core), "%s/%s.%d", dir, pattern, pid);
	if (!access(core, F_OK)) {
		control_dumped = file_has(core, control, 4096);
		dumped = file_has(core, p, 4096);
		unlink(core);
	}
	rmdir(dir);
	dmabuf_require(control_dumped, "no core dump with a memfd in it was written");
	dmabuf_must("ACCOUNT", !dumped,
		    "%s, mapped through the %s: its bytes are in a core dump\n%s\n",
		    buf->exporter->name, way->name, proc_evidence(p));
	dmabuf_saw("ACCOUNT", "a core dump has a memfd and not the buffer");
}

static const struct dmabuf_check checks[] = {
	{ "migrate", "ACCOUNT WHOLE", "move_pages() finds no page in it that it finds in a memfd, "
	  "and neither that, mbind() nor migrate_pages() changes a word. Source: #0 and #4 "
	  "(only the exporter moves it); mm/migrate.c, mm/mempolicy.c, vma_migratable(). All "
	  "kernels", is_not_migrated },
	{ "coredump", "ACCOUNT", "a core dump that has a memfd, and was asked by MADV_DODUMP for "
	  "the buffer, does not have it. Source: fs/coredump.c, vma_dump_size() leaves out "
	  "VM_DONTDUMP and VM_IO, get_dump_page() is a GUP user. All kernels", is_not_dumped },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	dmabuf_run_own_checks(checks, SIZE);
}
