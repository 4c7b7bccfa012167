// SPDX-License-Identifier: MIT
/*
 * What kills the kernel, so that it does so once in a run. A private mapping may. A load from it:
 * vmf_insert_pfn() and its like have a BUG_ON(is_cow_mapping()), which every client of a driver
 * that calls them comes to, unless its mmap refuses MAP_PRIVATE. And its end, where page-table
 * entries have no bit for special ones (32-bit ARM): the kernel tells these from copies by what
 * the driver left in vm_pgoff (mm/memory.c, __vm_normal_page()). So may another device's import,
 * for which a driver has code that its own users never come to.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <xf86drm.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "igt.h"

/* "tries DRIVER: ...", "lived DRIVER: ..." and "died DRIVER: ...", in the order of time. */
struct line {
	char text[1024];
};

/* The last line that ends a try of this, or is about the death of a driver by its like. */
static bool find_line(const char *path, const char *driver, const char *like, const char *what,
		      struct line *found)
{
	FILE *f = fopen(path, "re");
	struct line line;
	bool any = false;

	while (f && fgets(line.text, sizeof(line.text), f)) {
		const char *at = strchr(line.text, ' ');
		const bool died = !strncmp(line.text, "died ", 5);
		const char *sought = died ? like : what;

		line.text[strcspn(line.text, "\n")] = 0;
		if (!at || strncmp(at + 1, driver, strlen(driver)) ||
		    strncmp(at + 1 + strlen(driver), sought, strlen(sought)))
			continue;
		*found = line;
		any = true;
		if (died)
			break;
	}
	if (f)
		fclose(f);
	return any;
}

/* What is tried: fd is the file that hears how it ended, -1 if it need not. */
static struct {
	char driver[64], what[256];
	int fd;
} trying = { .fd = -1 };

/* Why it is not to be done, or NULL; whether it was done before is in *known. */
static const char *ask(const struct dmabuf_exporter *e, const char *like, const char *of,
		       bool *known)
{
	const char *path = getenv("DMABUF_DEATHS"), *placement = strrchr(e->name, '-');
	static struct line line;

	*known = true;
	if (!path)
		return NULL;
	/* What a driver imported is mapped by other code than what it made. */
	snprintf(trying.driver, sizeof(trying.driver), "%.*s%s: ",
		 (int)(placement ? placement - e->name : strlen(e->name)), e->name,
		 e->imports ? "-import" : "");
	snprintf(trying.what, sizeof(trying.what), "%s of %s", like, of);
	*known = find_line(path, trying.driver, like, trying.what, &line);
	if (!*known || !strncmp(line.text, "lived ", 6))
		return NULL;
	if (!strncmp(line.text, "died ", 5))
		return line.text + 5;
	return strcat(line.text, " never ended");
}

/* The same; end_try() when it is done. */
static const char *begin_try(const struct dmabuf_exporter *e, const char *like, const char *of)
{
	const char *path = getenv("DMABUF_DEATHS"), *why;
	bool known;

	why = ask(e, like, of, &known);
	if (known)
		return why;
	/* What is not on disk before is not there after. */
	trying.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC, 0666);
	if (trying.fd >= 0) {
		dprintf(trying.fd, "tries %s%s\n", trying.driver, trying.what);
		dmabuf_stage("%s", trying.what);
	}
	return NULL;
}

static void end_try(void)
{
	if (trying.fd >= 0) {
		dprintf(trying.fd, "lived %s%s\n", trying.driver, trying.what);
		close(trying.fd);
	}
	trying.fd = -1;
}

const char *dmabuf_private_kills(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	static const char like[] = "a load from, and the end of, a private mapping";
	const char *name = dmabuf_mapping_name(buf, way), *why;
	volatile char *p;
	bool known;

	why = ask(buf->exporter, like, name, &known);
	if (known)
		return why;
	/* Nothing is tried yet: it may skip. */
	p = way->map(buf, NULL, buf->size, PROT_READ, MAP_PRIVATE, 0);
	if (p == MAP_FAILED)
		return NULL;
	begin_try(buf->exporter, like, name);
	if (trying.fd >= 0)
		(void)p[0];
	munmap((void *)p, buf->size);
	end_try();
	return NULL;
}

#define IMPORT "another device's import"

const char *dmabuf_import_kills(const struct dmabuf_exporter *e)
{
	bool known;

	return ask(e, IMPORT, e->name, &known);
}

const char *dmabuf_prime_import(const struct dmabuf_exporter *e, int dev, int fd,
				uint32_t *handle)
{
	drmVersionPtr version = drmGetVersion(dev);
	char of[128];
	const char *why;
	int err;

	/* One maps what it imports, and another one (vgem) leaves that for later. */
	snprintf(of, sizeof(of), "%s by %s", e->name, version ? version->name : "another one");
	drmFreeVersion(version);
	why = begin_try(e, IMPORT, of);
	errno = ECANCELED;
	if (why)
		return why;
	err = drmPrimeFDToHandle(dev, fd, handle) ? errno : 0;
	end_try();
	errno = err;
	return err ? strerror(err) : NULL;
}
