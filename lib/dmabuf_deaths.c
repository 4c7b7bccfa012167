// SPDX-License-Identifier: MIT
/*
 * What kills the kernel, so that it does so once in a run. A load from a private mapping may:
 * vmf_insert_pfn() and its like have a BUG_ON(is_cow_mapping()), which every client of a driver
 * that calls them comes to, unless its mmap refuses MAP_PRIVATE.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "igt.h"

/* "tries DRIVER: ...", "lived DRIVER: ..." and "died DRIVER: ...", in the order of time. */
struct line {
	char text[1024];
};

/* The last line that ends a try of this, or is about a death of anything of the driver. */
static bool find_line(const char *path, const char *driver, const char *what, struct line *found)
{
	FILE *f = fopen(path, "re");
	struct line line;
	bool any = false;

	while (f && fgets(line.text, sizeof(line.text), f)) {
		const char *at = strchr(line.text, ' ');
		const bool died = !strncmp(line.text, "died ", 5);

		line.text[strcspn(line.text, "\n")] = 0;
		if (!at || strncmp(at + 1, driver, strlen(driver)) ||
		    !(died || !strncmp(at + 1 + strlen(driver), what, strlen(what))))
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

const char *dmabuf_private_kills(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	static struct line line;
	const char *path = getenv("DMABUF_DEATHS"), *name = buf->exporter->name;
	const char *placement = strrchr(name, '-');
	char driver[64], what[256];
	volatile char *p;
	int fd;

	if (!path)
		return NULL;
	/* What a driver imported is mapped by other code than what it made. */
	snprintf(driver, sizeof(driver), "%.*s%s: ",
		 (int)(placement ? placement - name : strlen(name)), name,
		 buf->exporter->imports ? "-import" : "");
	snprintf(what, sizeof(what), "a load from a private mapping of %s",
		 dmabuf_mapping_name(buf, way));
	if (find_line(path, driver, what, &line)) {
		if (!strncmp(line.text, "died ", 5))
			return line.text + 5;
		return strncmp(line.text, "tries ", 6) ? NULL : strcat(line.text, " never ended");
	}
	p = way->map(buf, NULL, buf->size, PROT_READ, MAP_PRIVATE, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* What is not on disk before is not there after. */
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC, 0666);
	if (fd >= 0) {
		dprintf(fd, "tries %s%s\n", driver, what);
		dmabuf_stage("%s", what);
		(void)p[0];
		dprintf(fd, "lived %s%s\n", driver, what);
		close(fd);
	}
	munmap((void *)p, buf->size);
	return NULL;
}
