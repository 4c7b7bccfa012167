// SPDX-License-Identifier: MIT
/*
 * How drivers are made to move buffers by what anybody may do, or root: the table of ways.
 * One serves many drivers. Whether a move came of it, a page of the buffer tells that was
 * touched before: it faults again.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "dmabuf_contract.h"
#include "dmabuf_memory.h"
#include "drm.h"
#include "exporters.h"
#include "igt.h"

/* More memory than this takes too long to fill. */
#define MOST_MEMORY	(1ull << 30)
#define FILLER		(2ul << 20)
#define LIMIT_OF_TTM	"/sys/module/ttm/parameters/pages_limit"

/*
 * A page of the buffer, mapped for the time of a move. Without (a driver may refuse) nothing
 * is known, and the first way has to do.
 */
static const volatile uint32_t *witness;
static bool faulted_again;

static bool has_moved(void)
{
	struct rusage before, after;

	if (witness && !faulted_again) {
		getrusage(RUSAGE_THREAD, &before);
		(void)*witness;
		getrusage(RUSAGE_THREAD, &after);
		faulted_again = after.ru_minflt != before.ru_minflt;
	}
	return faulted_again;
}

static bool driver_is(const struct dmabuf_exporter *e, const char *driver)
{
	const struct drm_card *card = drm_card_of(e);

	return card && !strcmp(card->driver, driver);
}

/* Whether its driver allocates by TTM, as modules tell. */
static bool is_on_ttm(const struct dmabuf_exporter *e)
{
	const struct drm_card *card = drm_card_of(e);
	char path[PATH_MAX + 32], module[PATH_MAX];

	if (!card)
		return false;
	snprintf(path, sizeof(path), "/sys/class/drm/%s/device/driver/module",
		 strrchr(card->path, '/') + 1);
	if (!realpath(path, module))
		return false;
	snprintf(path, sizeof(path), "/sys/module/ttm/holders/%s", strrchr(module, '/') + 1);
	return !access(path, F_OK);
}

/* In bytes: the largest of the device's BARs, which video memory is behind. */
static size_t largest_bar(const struct dmabuf_exporter *e)
{
	const char *node = strrchr(e->path, '/');
	size_t largest = 0;

	for (int i = 0; i < 6 && node; i++) {
		char path[128];
		struct stat st;

		snprintf(path, sizeof(path), "/sys/class/drm/%.32s/device/resource%d", node + 1, i);
		if (!stat(path, &st) && (size_t)st.st_size > largest)
			largest = st.st_size;
	}
	return largest;
}

static bool fills(const struct dmabuf_exporter *e)
{
	return e->video && largest_bar(e) <= MOST_MEMORY;
}

/* All of a buffer, by whatever way there is; MAP_FAILED if there is none. */
static void *map_any(const struct dmabuf *buf)
{
	const struct dmabuf_exporter_kind *kind = buf->exporter->kind;
	const int prot = PROT_READ | (buf->read_only ? 0 : PROT_WRITE);
	uint64_t offset;
	void *p = mmap(NULL, buf->size, prot, MAP_SHARED, buf->fd, 0);

	if (p != MAP_FAILED || buf->dev < 0)
		return p;
	if (kind->native_map)
		return kind->native_map(buf, NULL, buf->size, prot, MAP_SHARED, 0);
	return kind->native_offset && kind->native_offset(buf, &offset) ?
		mmap(NULL, buf->size, prot, MAP_SHARED, buf->dev, offset) : MAP_FAILED;
}

/* A buffer of the same exporter, used by the CPU. */
static bool make_another(const struct dmabuf *buf, size_t size, struct dmabuf *other)
{
	const struct dmabuf_exporter *e = buf->exporter;
	void *p;

	*other = (struct dmabuf){ .exporter = e, .fd = -1, .dev = -1, .size = size };
	if (!e->kind->alloc(e, size, other))
		return false;
	p = map_any(other);
	if (p == MAP_FAILED)
		return false;
	*(volatile uint32_t *)p = ~0u;
	munmap(p, size);
	return true;
}

static void close_another(struct dmabuf *other)
{
	if (other->fd >= 0)
		close(other->fd);
	if (other->dev >= 0)
		close(other->dev);
}

/*
 * Makes others until there is no place left for the least recently used one, and gives them
 * up. If there is nowhere a place for so many the buffer has moved, whatever its page says.
 */
static bool fill(struct dmabuf *buf)
{
	const size_t step = buf->size > FILLER ? buf->size : FILLER;
	static struct dmabuf others[MOST_MEMORY / FILLER];
	unsigned int made = 0;
	size_t filled = 0;
	bool more = true;

	while (more && filled < MOST_MEMORY && !has_moved() &&
	       (!buf->exporter->max_size || filled <= buf->exporter->max_size)) {
		more = make_another(buf, step, &others[made++]);
		if (more)
			filled += step;
		/* That it takes longer than there is time is the machine's fault. */
		more &= dmabuf_goes_on();
	}
	while (made--)
		close_another(&others[made]);
	return !buf->moves && buf->exporter->max_size && filled > buf->exporter->max_size;
}

static const struct drm_card *another_card(const struct dmabuf_exporter *e)
{
	for_each_drm_card(card)
		if (strcmp(card->path, e->path) && !strncmp(card->path, "/dev/dri/", 9))
			return card;
	return NULL;
}

static bool is_imported(const struct dmabuf_exporter *e)
{
	return e->video && !e->no_import && is_on_ttm(e) && another_card(e);
}

/*
 * As long as another card has it, it is where that reaches it (drm_gem_map_attach() pins it):
 * in system memory, or (qxl) in video memory. That the import may fail behind that is not
 * our business.
 */
static bool import(struct dmabuf *buf)
{
	int fd = drm_open_card(another_card(buf->exporter)->path);
	uint32_t handle;

	if (fd >= 0 && !dmabuf_prime_import(buf->exporter, fd, buf->fd, &handle))
		drmCloseBufferHandle(fd, handle);
	if (fd >= 0)
		close(fd);
	return false;
}

static bool has_cursor(const struct dmabuf_exporter *e)
{
	return e->video && driver_is(e, "radeon");
}

/*
 * What is to be a cursor is put into video memory (radeon_cursor.c,
 * radeon_crtc_cursor_set2()), also while nothing is shown. A fault does not do that, and
 * a command would need acceleration.
 */
static bool show_cursor(struct dmabuf *buf)
{
	drmModeResPtr res = drmModeGetResources(buf->dev);

	dmabuf_require(res && res->count_crtcs, "%s has no display engine, which would move it back",
		       buf->exporter->name);
	dmabuf_require(!drmSetMaster(buf->dev), "%s is somebody else's display: %s",
		       buf->exporter->name, strerror(errno));
	dmabuf_require(!drmModeSetCursor(buf->dev, res->crtcs[0], buf->handle, 64, 64),
		       "%s does not take the buffer for a cursor: %s", buf->exporter->name,
		       strerror(errno));
	drmModeSetCursor(buf->dev, res->crtcs[0], 0, 0, 0);
	drmModeFreeResources(res);
	return false;
}

/*
 * Drivers whose shrinkers evict what is used, mapped for the CPU or not, to swap
 * (msm_gem_shrinker.c, panthor_gem.c, xe_shrinker.c, i915_gem_shrinker.c).
 */
static bool has_shrinker(const struct dmabuf_exporter *e)
{
	static const char *const drivers[] = { "msm", "panthor", "xe", "i915" };

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (driver_is(e, drivers[i]))
			return !e->video && !e->imports;
	return false;
}

static bool shrink(struct dmabuf *buf)
{
	char swaps[512] = "";
	int fd = open("/proc/swaps", O_RDONLY | O_CLOEXEC);

	dmabuf_require(fd >= 0 && read(fd, swaps, sizeof(swaps) - 1) > 0 && strchr(swaps, '/'),
		       "there is no swap, to which %s could evict (swapon)", buf->exporter->name);
	close(fd);
	dmabuf_require(write_to("/proc/sys/vm/drop_caches", "2"),
		       "/proc/sys/vm/drop_caches cannot be written: %s", strerror(errno));
	return false;
}

/* Files of debugfs that evict all that is in a memory, as soon as they are read. */
static bool find_evicting_file(const struct dmabuf_exporter *e, char *path, size_t len)
{
	static const char *const files[] = { "amdgpu_evict_vram", "amdgpu_evict_gtt" };
	const char *number = e->path + strcspn(e->path, "0123456789");

	/* A file for each memory. */
	snprintf(path, len, "/sys/kernel/debug/dri/%.16s/%s", number, files[!e->video]);
	return drm_card_of(e) && !access(path, R_OK);
}

static bool has_evicting_file(const struct dmabuf_exporter *e)
{
	char path[128];

	return find_evicting_file(e, path, sizeof(path));
}

static bool read_evicting_file(struct dmabuf *buf)
{
	char path[128], text[32];
	int fd = find_evicting_file(buf->exporter, path, sizeof(path)) ?
		open(path, O_RDONLY | O_CLOEXEC) : -1;

	dmabuf_require(fd >= 0 && read(fd, text, sizeof(text)) >= 0, "%s cannot be read: %s", path,
		       strerror(errno));
	close(fd);
	return false;
}

static bool is_below_ttm_limit(const struct dmabuf_exporter *e)
{
	return !e->video && !e->imports && is_on_ttm(e) && !access(LIMIT_OF_TTM, W_OK);
}

/*
 * Where system memory of TTM is above a limit, the next buffer that needs some makes others be
 * swapped out (ttm_tt_populate(), ttm_global_swapout()), to a file in memory.
 */
static bool go_below_ttm_limit(struct dmabuf *buf)
{
	struct dmabuf other;
	char limit[32] = "";
	int fd = open(LIMIT_OF_TTM, O_RDONLY | O_CLOEXEC);
	bool made;

	dmabuf_require(fd >= 0 && read(fd, limit, sizeof(limit) - 1) > 0 &&
		       write_to(LIMIT_OF_TTM, "1"), LIMIT_OF_TTM ": %s", strerror(errno));
	close(fd);
	made = make_another(buf, page_size(), &other);
	write_to(LIMIT_OF_TTM, limit);
	close_another(&other);
	dmabuf_require(made, "%s makes no second buffer", buf->exporter->name);
	return false;
}

/*
 * A move begins with the way behind that of the one before: where the first leads there, the
 * second leads back.
 */
static const struct mover {
	const char *name;
	const char *harm;	/* what the machine's user would notice, or NULL */
	bool (*serves)(const struct dmabuf_exporter *e);
	bool (*move)(struct dmabuf *buf);	/* true: it certainly moved */
} movers[] = {
	{ "filling its memory", "fills the video memory", fills, fill },
	{ "an import", NULL, is_imported, import },
	{ "being the cursor", "changes the cursor", has_cursor, show_cursor },
	{ "its shrinker", "drops the kernel's caches", has_shrinker, shrink },
	{ "debugfs", "evicts all buffers of a card", has_evicting_file, read_evicting_file },
	{ "TTM's limit", "swaps out buffers of all cards", is_below_ttm_limit, go_below_ttm_limit },
};

#define MOVERS (sizeof(movers) / sizeof(movers[0]))

static unsigned int count_ways(const struct dmabuf_exporter *e)
{
	unsigned int count = 0;

	for (size_t i = 0; i < MOVERS; i++)
		count += movers[i].serves(e);
	return count;
}

bool dmabuf_others_move(const struct dmabuf_exporter *e)
{
	return count_ways(e);
}

static const struct mover *way_of(const struct dmabuf_exporter *e, unsigned int n)
{
	for (size_t i = 0; ; i = (i + 1) % MOVERS)
		if (movers[i].serves(e) && !n--)
			return &movers[i];
}

bool dmabuf_move_by_others(struct dmabuf *buf)
{
	const unsigned int count = count_ways(buf->exporter);
	const struct mover *refused = NULL;
	bool certain = false, tried = false;
	void *p = map_any(buf);

	/* The first access is a fault, which tells nothing. */
	witness = p == MAP_FAILED ? NULL : p;
	faulted_again = false;
	has_moved();
	faulted_again = false;
	for (unsigned int i = 0; i < count && !certain && !(tried && !witness); i++) {
		const struct mover *m = way_of(buf->exporter, buf->moves + i);

		if (m->harm && !dmabuf_is_disruptive()) {
			refused = m;
			continue;
		}
		tried = true;
		dmabuf_stage("making %s move the buffer by %s", buf->exporter->name, m->name);
		certain = m->move(buf) || has_moved();
		buf->moved_by = m->name;
	}
	if (witness)
		munmap(p, buf->size);
	if (!tried)
		dmabuf_require_disruptive(refused->harm);
	return certain;
}
