// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "dmabuf_outcome.h"
#include "exporters/drm.h"
#include "exporters/exporters.h"
#include "igt.h"

/* The table: one line for each file in lib/exporters/. */
static const struct dmabuf_exporter_kind *const kinds[] = {
	&dmabuf_heap,
	&dmabuf_calib,
	&dmabuf_udmabuf,
	&dmabuf_drm_gem,
	&dmabuf_drm_dumb,
	&dmabuf_drm_radeon,
	&dmabuf_drm_import,
	&dmabuf_v4l2,
};

/* Each by itself: who has a pointer to one keeps it when the table grows. */
static struct dmabuf_exporter **exporters;
static unsigned int num_exporters;

static struct dmabuf_missing **missing;
static unsigned int num_missing;

static bool is_missing(const struct dmabuf_missing *m)
{
	for_each_dmabuf_exporter(e)
		if (!m->failed && !strcmp(e->path, m->path))
			return false;
	return dmabuf_exporter_is_chosen(m->name);
}

static void forget_what_was_found(void)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < num_missing; i++)
		if (is_missing(missing[i]))
			missing[left++] = missing[i];
	num_missing = left;
}

/* A subtest that ends before it asks for exporters need not look for them. */
static bool to_be_found;

void dmabuf_find_devices(void)
{
	num_exporters = 0;
	to_be_found = true;
}

static void find_now(void)
{
	if (!to_be_found)
		return;
	to_be_found = false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		kinds[i]->find(kinds[i]);
	for (unsigned int i = 0; i < num_exporters; i++)
		if (!exporters[i]->moves)
			exporters[i]->moves = exporters[i]->by_others = dmabuf_others_move(exporters[i]);
	forget_what_was_found();
	drm_cards_were_looked_at();
	dmabuf_choose_exporters();
}

const struct dmabuf_exporter *dmabuf_exporter_get(unsigned int i)
{
	find_now();
	return i < num_exporters ? exporters[i] : NULL;
}

/* Calls fn for each pattern of DMABUF_EXPORTERS; those with "!" in front exclude. */
static void for_each_pattern(void (*fn)(const char *pattern, bool excludes, void *data),
			     void *data)
{
	const char *env = getenv("DMABUF_EXPORTERS");
	char *copy = env ? strdup(env) : NULL, *rest = copy, *pattern;

	igt_assert(copy || !env);
	while ((pattern = strsep(&rest, " ,")))
		if (pattern[pattern[0] == '!'])
			fn(pattern + (pattern[0] == '!'), pattern[0] == '!', data);
	free(copy);
}

struct match {
	const char *name;
	bool asked, found, excluded;
};

static void match_name(const char *pattern, bool excludes, void *data)
{
	struct match *m = data;
	const bool matches = !fnmatch(pattern, m->name, 0);

	m->asked |= !excludes;
	m->found |= matches && !excludes;
	m->excluded |= matches && excludes;
}

bool dmabuf_exporter_is_chosen(const char *name)
{
	struct match m = { .name = name };

	for_each_pattern(match_name, &m);
	return (m.found || !m.asked) && !m.excluded;
}

/* What is excluded may well not be here. */
static void must_match_some(const char *pattern, bool excludes, void *unused)
{
	if (excludes)
		return;
	for_each_dmabuf_exporter(e)
		if (!fnmatch(pattern, e->name, 0))
			return;
	igt_warn("DMABUF_EXPORTERS: no exporter's name matches '%s'\n", pattern);
}

void dmabuf_choose_exporters(void)
{
	unsigned int chosen = 0;

	for_each_pattern(must_match_some, NULL);
	for (unsigned int i = 0; i < num_exporters; i++)
		if (dmabuf_exporter_is_chosen(exporters[i]->name))
			exporters[chosen++] = exporters[i];
	num_exporters = chosen;
}

static bool name_is_taken(const char *name)
{
	for_each_dmabuf_exporter(e)
		if (!strcmp(e->name, name))
			return true;
	return false;
}

struct dmabuf_exporter *dmabuf_exporter_add(const struct dmabuf_exporter_kind *kind,
					    unsigned int type, const char *path,
					    const char *name_fmt, ...)
{
	static const char fit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789-_";
	struct dmabuf_exporter *e = calloc(1, sizeof(*e));
	char name[48];
	va_list ap;

	exporters = realloc(exporters, (num_exporters + 1) * sizeof(*exporters));
	igt_assert_f(e && exporters, "no memory for %u exporters\n", num_exporters + 1);
	va_start(ap, name_fmt);
	vsnprintf(name, sizeof(name), name_fmt, ap);
	va_end(ap);
	for (char *c = name; *(c += strspn(c, fit)); )
		*c = '_';

	snprintf(e->name, sizeof(e->name), "%s", name);
	for (unsigned int n = 2; name_is_taken(e->name); n++)
		snprintf(e->name, sizeof(e->name), "%s-%u", name, n);
	snprintf(e->path, sizeof(e->path), "%s", path);
	e->kind = kind;
	e->type = type;
	exporters[num_exporters++] = e;
	return e;
}

void dmabuf_exporter_missing(const char *path, bool failed, const char *why_fmt, ...)
{
	struct dmabuf_missing *m;
	va_list ap;

	for_each_dmabuf_missing(other)
		if (!strcmp(other->path, path))
			return;
	m = calloc(1, sizeof(*m));
	missing = realloc(missing, (num_missing + 1) * sizeof(*missing));
	igt_assert_f(m && missing, "no memory for %u nodes without exporters\n",
		     num_missing + 1);
	snprintf(m->path, sizeof(m->path), "%s", path);
	m->name = strrchr(m->path, '/') ? strrchr(m->path, '/') + 1 : m->path;
	m->failed = failed;
	va_start(ap, why_fmt);
	vsnprintf(m->why, sizeof(m->why), why_fmt, ap);
	va_end(ap);
	missing[num_missing++] = m;
}

const struct dmabuf_missing *dmabuf_missing_get(unsigned int i)
{
	find_now();
	return i < num_missing ? missing[i] : NULL;
}

void dmabuf_require_way(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	const char *why_not = way->why_not ? way->why_not(e) : NULL;

	dmabuf_require(!why_not, "%s", why_not);
	dmabuf_enter_by(way->clause, way->description);
}

bool dmabuf_asked(const struct dmabuf_exporter *e, const struct dmabuf_way *way,
		  const char *why_not)
{
	if (!why_not && way->why_not)
		why_not = way->why_not(e);
	if (why_not)
		igt_info("Not asked of %s: %s\n", e->name, why_not);
	return !why_not;
}

const char *dmabuf_stays(const struct dmabuf_exporter *e)
{
	return e->moves ? NULL : "no way is known to make it move a buffer";
}

const char *dmabuf_always_writes(const struct dmabuf_exporter *e)
{
	return e->kind->read_only ? NULL : "it makes no read-only file descriptors";
}

const char *dmabuf_too_small(const struct dmabuf_exporter *e, size_t size)
{
	static char why[96];

	if (!e->max_size || size <= e->max_size)
		return NULL;
	snprintf(why, sizeof(why), "it has %zu bytes in all, and %zu are needed", e->max_size,
		 size);
	return why;
}

const char *dmabuf_maps_whole(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	return !way->maps_parts || way->maps_parts(e) ? NULL :
	       "a GEM mmap is of the whole object (drm_vma_offset_exact_lookup_locked())";
}

bool dmabuf_try_alloc(const struct dmabuf_exporter *e, size_t size, struct dmabuf *buf)
{
	const size_t block = largest_block();
	bool made;

	errno = 0;
	made = e->kind->alloc(e, size, buf);
	if (!made && errno == ENOMEM && block && size > block) {
		dmabuf_excuse_allocator();
		errno = ENOMEM;
	}
	return made;
}

static struct dmabuf alloc_buffer(const struct dmabuf_exporter *e, size_t size, bool read_only)
{
	struct dmabuf buf = {
		.exporter = e, .fd = -1, .dev = -1, .read_only = read_only,
	};
	const char *why_not = dmabuf_too_small(e, size);
	off_t end;

	dmabuf_require(!why_not, "%s: %s", e->name, why_not);
	dmabuf_setup("allocating %zu bytes from %s", size, e->name);
	dmabuf_require(dmabuf_try_alloc(e, size, &buf),
		       "%s (%s) makes no buffer of %zu bytes: %s", e->name, e->path,
		       size, errno ? strerror(errno) : "it is smaller");
	end = lseek(buf.fd, 0, SEEK_END);
	dmabuf_must("WHOLE", end >= (off_t)size,
		    "%s: a buffer of %zu bytes was asked for and the dma-buf has %lld\n",
		    e->name, size, (long long)end);
	buf.size = end;
	dmabuf_limit_for(buf.size);
	dmabuf_stage("using a new buffer of %s", e->name);
	return buf;
}

struct dmabuf dmabuf_alloc(const struct dmabuf_exporter *e, size_t size)
{
	return alloc_buffer(e, size, false);
}

struct dmabuf dmabuf_alloc_read_only(const struct dmabuf_exporter *e, size_t size)
{
	struct dmabuf buf = alloc_buffer(e, size, true);

	dmabuf_must("RO", (fcntl(buf.fd, F_GETFL) & O_ACCMODE) == O_RDONLY,
		    "%s was asked for a read-only file descriptor, and made one that may write\n",
		    e->name);
	return buf;
}

void dmabuf_close(struct dmabuf *buf)
{
	if (buf->fd >= 0)
		close(buf->fd);
	if (buf->handle && buf->exporter->kind->close_handle)
		buf->exporter->kind->close_handle(buf);
	if (buf->dev >= 0)
		close(buf->dev);
	buf->fd = buf->dev = -1;
	buf->handle = 0;
}

void *dmabuf_map(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	void *p;

	dmabuf_require_way(buf->exporter, way);
	dmabuf_stage("mapping %s through the %s", buf->exporter->name, way->name);
	p = way->map(buf, NULL, buf->size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	dmabuf_require(p != MAP_FAILED, "%s cannot be mapped through the %s: %s",
		       buf->exporter->name, way->name, strerror(errno));
	return p;
}

void *dmabuf_map_first(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	const struct dmabuf_way *fd = dmabuf_ways[0];
	void *p = MAP_FAILED;

	if (!way->of_importer && way != fd) {
		dmabuf_require_way(buf->exporter, fd);
		dmabuf_stage("mapping %s through the fd", buf->exporter->name);
		p = fd->map(buf, NULL, buf->size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
		fd = way;
	}
	return p == MAP_FAILED ? dmabuf_map(buf, fd) : p;
}

const char *dmabuf_mapping_name(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s, mapped through the %s", buf->exporter->name,
		 way->name);
	return name;
}

bool dmabuf_move(struct dmabuf *buf)
{
	bool certain;

	dmabuf_require(buf->exporter->moves, "no way is known to make %s move a buffer",
		       buf->exporter->name);
	dmabuf_stage("making %s move the buffer", buf->exporter->name);
	certain = buf->exporter->by_others ? dmabuf_move_by_others(buf) :
		  buf->exporter->kind->move(buf);
	buf->moves++;
	return certain;
}

void dmabuf_sync(const struct dmabuf *buf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	do {
		ret = ioctl(buf->fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	dmabuf_must("WHOLE", ret == 0, "%s: DMA_BUF_IOCTL_SYNC(%#llx): %s\n",
		    buf->exporter->name, (unsigned long long)flags, strerror(errno));
}
