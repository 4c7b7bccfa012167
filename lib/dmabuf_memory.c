// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "igt.h"

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

size_t huge_page_of(size_t page)
{
	return page / sizeof(uint64_t) * page;
}

size_t huge_page_size(void)
{
	static size_t size;
	FILE *f;

	if (size)
		return size;
	f = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
	if (!f || fscanf(f, "%zu", &size) != 1)
		size = huge_page_of(page_size());
	if (f)
		fclose(f);
	return size;
}

size_t largest_block(void)
{
	static unsigned int columns;
	FILE *f = columns ? NULL : fopen("/proc/buddyinfo", "re");
	char line[1024] = "", *rest;

	if (f && fgets(line, sizeof(line), f) && (rest = strstr(line, "zone")))
		for (rest = strtok(rest + 5, " \n"); (rest = strtok(NULL, " \n")); )
			columns++;
	if (f)
		fclose(f);
	return columns ? page_size() << (columns - 1) : 0;
}

void *reserve(size_t length)
{
	void *area = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);

	dmabuf_require(area != MAP_FAILED, "no room for %zu bytes: %s", length,
		       strerror(errno));
	return area;
}

void *map_control(size_t length)
{
	int fd = memfd_create("control", MFD_CLOEXEC);
	void *p;

	dmabuf_require(fd >= 0 && !ftruncate(fd, length), "no memfd to compare with: %s",
		       strerror(errno));
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	dmabuf_require(p != MAP_FAILED, "no memfd to compare with: %s", strerror(errno));
	close(fd);
	return p;
}

void *map_touched_control(size_t length)
{
	return memset(map_control(length), 1, length);
}

struct named_page named_page(unsigned int index, size_t length)
{
	const size_t page = page_size();
	const struct named_page pages[] = {
		{ "first page", 0, 0 },
		{ "middle page", length / 2 / page * page, 1 },
		{ "last page", length - page, 2 },
		{ },
	};

	return pages[index];
}

bool write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}
