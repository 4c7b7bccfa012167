// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf cpu
 * Description: CPU access to a DMA buffer works, to every page of it, through
 *              every mapping, and for as long as there is a mapping.
 */
#include <linux/dma-buf.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_pattern.h"
#include "dmabuf_proc.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("CPU access to a DMA buffer works, to every page, through every "
		     "mapping, for as long as there is one.");

#define SIZE (64 << 10)
#define FRESH_MAPPINGS 8

static void write_all(const struct dmabuf *buf, void *p, uint32_t seed)
{
	dmabuf_stage("writing every page of %s", buf->exporter->name);
	dmabuf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	pattern_fill(p, buf->size, seed);
	dmabuf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

static void read_all(const struct dmabuf *buf, void *p, uint32_t seed, const char *what)
{
	dmabuf_stage("reading every page of %s", buf->exporter->name);
	dmabuf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	pattern_must_be("WHOLE", p, buf->size, seed, what);
	dmabuf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

static void readwrite(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *p = dmabuf_map(buf, way);

	write_all(buf, p, 0x11111111);
	read_all(buf, p, 0x11111111, "read after the first write");
	write_all(buf, p, 0x22222222);
	read_all(buf, p, 0x22222222, "read after the second write");

	/*
	 * Other mappings, so that what is compared are not our own page tables; and
	 * many of them, for an exporter that does not always let a page fault in.
	 */
	for (int i = 0; i < FRESH_MAPPINGS; i++) {
		munmap(p, buf->size);
		p = dmabuf_map(buf, way);
		read_all(buf, p, 0x22222222, "read through a new mapping");
	}
}

static void two_mappings(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *first = dmabuf_map(buf, dmabuf_ways[0]);
	void *second = dmabuf_map(buf, way);

	write_all(buf, first, 0x33333333);
	read_all(buf, second, 0x33333333, "written through the fd, read through a second mapping");
	write_all(buf, second, 0x44444444);
	read_all(buf, first, 0x44444444, "written through a second mapping, read through the fd");
}

static void survives_close(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *p = dmabuf_map(buf, way);

	write_all(buf, p, 0x55555555);
	read_all(buf, p, 0x55555555, "read before everything but the mapping is closed");
	dmabuf_close(buf);
	dmabuf_stage("reading %s after everything but the mapping was closed",
		     buf->exporter->name);
	pattern_must_be("LIFE", p, buf->size, 0x55555555,
			"read after fd, handle and device were closed");
	pattern_fill(p, buf->size, 0x66666666);
	pattern_must_be("LIFE", p, buf->size, 0x66666666,
			"written and read after fd, handle and device were closed");
}

static void survives_fork(struct dmabuf *buf, const struct dmabuf_way *way)
{
	volatile uint32_t *p = dmabuf_map(buf, way);
	int status;
	pid_t pid;

	write_all(buf, (void *)p, 0x77777777);
	read_all(buf, (void *)p, 0x77777777, "read before fork");
	dmabuf_close(buf);
	pid = dmabuf_fork();
	dmabuf_require(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		dmabuf_stage("reading %s in a child after fork", buf->exporter->name);
		pattern_must_be("LIFE", (void *)p, buf->size, 0x77777777,
				"read in a child after fork");
		pattern_fill((void *)p, buf->size, 0x88888888);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	dmabuf_inherit_verdict();
	dmabuf_require(WIFEXITED(status), "the child was killed by signal %d: nothing can be said",
		       WTERMSIG(status));
	pattern_must_be("LIFE", (void *)p, buf->size, 0x88888888,
			"read in the parent what a child wrote");
}

/*
 * Whether debugfs still lists the dma-buf of this inode. Its lines begin with
 * size, flags, mode, count, exporter and inode (drivers/dma-buf/dma-buf.c).
 */
static bool listed(ino_t ino)
{
	FILE *f = fopen("/sys/kernel/debug/dma_buf/bufinfo", "re");
	char line[512];
	bool found = false;

	dmabuf_require(f, "/sys/kernel/debug/dma_buf/bufinfo cannot be read: %s",
		       strerror(errno));
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned long is;

		found = sscanf(line, "%*x %*x %*x %*u %*s %lu", &is) == 1 && is == ino;
	}
	fclose(f);
	return found;
}

static void is_freed(struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *p = dmabuf_map(buf, way);
	bool still = true;
	struct stat st;

	dmabuf_require(!fstat(buf->fd, &st), "fstat: %s", strerror(errno));
	dmabuf_touch(p, buf->size);
	dmabuf_require(listed(st.st_ino), "debugfs does not list the buffer");
	dmabuf_close(buf);
	if (!way->clause[0])
		dmabuf_must("LIFE", listed(st.st_ino),
			    "%s: debugfs (dma_buf/bufinfo) does not list the dma-buf (inode %lu) any more, for fd, handle and device were closed; but it is mapped, and the mapping should hold it\n",
			    buf->exporter->name, (unsigned long)st.st_ino);
	munmap(p, buf->size);

	/* The last reference may be dropped by a task work a little later. */
	for (int i = 0; i < 50 && (still = listed(st.st_ino)); i++)
		usleep(20000);
	dmabuf_must("LIFE", !still,
		    "%s: the dma-buf (inode %lu) is still there one second after its last fd, handle and mapping are gone\n",
		    buf->exporter->name, (unsigned long)st.st_ino);
	dmabuf_saw("LIFE", "debugfs lists the buffer while it is mapped, and not afterwards");
}

static const struct dmabuf_check checks[] = {
	{ "readwrite", "WHOLE", "every word of every page reads back as written, between "
	  "DMA_BUF_IOCTL_SYNC brackets", readwrite },
	{ "two-mappings", "WHOLE", "what is written there is read through the fd's mapping, "
	  "and the other way round", two_mappings },
	{ "life-close", "LIFE", "the contents stay, and stay writable, when fd, handle and "
	  "device are closed", survives_close },
	{ "life-fork", "LIFE", "with everything closed, a child sees the buffer after fork, "
	  "and the parent what the child writes", survives_fork },
	{ "life-freed", "LIFE", "the dma-buf is there while it is mapped and gone after the "
	  "last munmap, by debugfs", is_freed },
	{ }
};

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	dmabuf_run_checks(checks, SIZE);
}
