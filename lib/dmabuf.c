// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <getopt.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "exporters/exporters.h"
#include "igt.h"

/* The table: one line for each file in lib/exporters/. */
static const struct dmabuf_exporter_kind *const kinds[] = {
	&dmabuf_heap,
	&dmabuf_calib,
	&dmabuf_udmabuf,
	&dmabuf_drm_dumb,
	&dmabuf_drm_radeon,
	&dmabuf_v4l2,
};

#define MAX_EXPORTERS 64

static struct dmabuf_exporter exporters[MAX_EXPORTERS];
static unsigned int num_exporters;
static bool disruptive;

void dmabuf_find_devices(void)
{
	num_exporters = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		kinds[i]->find(kinds[i]);
}

const struct dmabuf_exporter *dmabuf_exporter_get(unsigned int i)
{
	return i < num_exporters ? &exporters[i] : NULL;
}

static bool exists(const char *name)
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
	struct dmabuf_exporter *e = &exporters[num_exporters];
	char name[48];
	va_list ap;

	igt_assert_f(num_exporters < MAX_EXPORTERS, "more than %d exporters\n",
		     MAX_EXPORTERS);
	va_start(ap, name_fmt);
	vsnprintf(name, sizeof(name), name_fmt, ap);
	va_end(ap);
	for (char *c = name; *(c += strspn(c, fit)); )
		*c = '_';

	snprintf(e->name, sizeof(e->name), "%s", name);
	for (unsigned int n = 2; exists(e->name); n++)
		snprintf(e->name, sizeof(e->name), "%s-%u", name, n);
	snprintf(e->path, sizeof(e->path), "%s", path);
	e->kind = kind;
	e->type = type;
	num_exporters++;
	return e;
}

void dmabuf_require_way(const struct dmabuf_exporter *e, const struct dmabuf_way *way)
{
	const char *why_not = way->why_not ? way->why_not(e) : NULL;

	dmabuf_require(!why_not, "%s", why_not);
	dmabuf_blame(way->clause[0] ? way->clause : NULL,
		     way->clause[0] ? way->description : NULL);
}

void dmabuf_require_moves(const struct dmabuf_exporter *e)
{
	dmabuf_require(e->moves, "no way is known to make %s move a buffer", e->name);
}

void dmabuf_require_read_only(const struct dmabuf_exporter *e)
{
	dmabuf_require(e->kind->read_only, "%s makes no read-only file descriptors",
		       e->name);
}

static struct dmabuf alloc(const struct dmabuf_exporter *e, size_t size, bool read_only)
{
	struct dmabuf buf = {
		.exporter = e, .fd = -1, .dev = -1, .read_only = read_only,
	};
	off_t end;

	dmabuf_require(!e->max_size || size <= e->max_size,
		       "%s has %zu bytes in all, and %zu are needed", e->name, e->max_size,
		       size);
	dmabuf_stage("allocating %zu bytes from %s", size, e->name);
	errno = 0;
	dmabuf_require(e->kind->alloc(e, size, &buf),
		       "%s (%s) makes no buffer of %zu bytes: %s", e->name, e->path,
		       size, errno ? strerror(errno) : "it is smaller");
	end = lseek(buf.fd, 0, SEEK_END);
	dmabuf_must("WHOLE", end >= (off_t)size,
		    "%s: a buffer of %zu bytes was asked for and the dma-buf has %lld\n",
		    e->name, size, (long long)end);
	buf.size = end;
	return buf;
}

struct dmabuf dmabuf_alloc(const struct dmabuf_exporter *e, size_t size)
{
	return alloc(e, size, false);
}

struct dmabuf dmabuf_alloc_read_only(const struct dmabuf_exporter *e, size_t size)
{
	struct dmabuf buf;

	dmabuf_require_read_only(e);
	buf = alloc(e, size, true);
	dmabuf_require((fcntl(buf.fd, F_GETFL) & O_ACCMODE) == O_RDONLY,
		       "%s was asked for a read-only file descriptor and made one for writing",
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

const char *dmabuf_mapping_name(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s, mapped through the %s", buf->exporter->name,
		 way->name);
	return name;
}

bool dmabuf_move(struct dmabuf *buf)
{
	dmabuf_require_moves(buf->exporter);
	dmabuf_stage("making %s move the buffer", buf->exporter->name);
	return buf->exporter->kind->move(buf);
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

const struct option dmabuf_options[] = {
	{ "disruptive", no_argument, NULL, 'D' },
	{ }
};

const char dmabuf_options_help[] =
	"  --disruptive                also do what a user of this machine would notice:\n"
	"                              set display modes, fill video memory\n"
	"                              (DMABUF_DISRUPTIVE=1 in the environment does the same)\n";

int dmabuf_option(int opt, int index, void *data)
{
	if (opt != 'D')
		return IGT_OPT_HANDLER_ERROR;
	disruptive = true;
	return IGT_OPT_HANDLER_SUCCESS;
}

void dmabuf_require_disruptive(const char *what)
{
	const char *env = getenv("DMABUF_DISRUPTIVE");

	dmabuf_require(disruptive || (env && !strcmp(env, "1")),
		       "this %s: not without --disruptive", what);
}
