// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/syscall.h>

#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "dmabuf_memory.h"
#include "dmabuf_proc.h"
#include "exporters/drm.h"
#include "gup/users.h"
#include "igt.h"

/* The table: one line for each GUP user in lib/gup/. */
const struct gup_user *const gup_users[] = {
	&gup_vmsplice,
	&gup_o_direct_read,
	&gup_o_direct_write,
	&gup_io_uring,
	&gup_rdma,
	&gup_process_vm_readv,
	&gup_process_vm_writev,
	&gup_get_mempolicy,
	&gup_futex,
	&gup_af_xdp,
	&gup_msg_zerocopy,
	&gup_send_zc,
	&gup_io_uring_update,
	&gup_io_uring_buffer_ring,
	&gup_io_uring_queue,
	&gup_aio_read,
	&gup_v4l2_userptr,
	&gup_nvme,
	&gup_scsi,
	&gup_rdma_read,
	&gup_rdma_on_demand,
	&gup_amdgpu_userptr,
	&gup_amdxdna_userptr,
	&gup_etnaviv_userptr,
	&gup_i915_userptr,
	&gup_ivpu_userptr,
	&gup_radeon_userptr,
	&gup_xe_userptr,
	&gup_gup_test,
	NULL,
};

const char *const page_state_names[] = {
	[UNTOUCHED] = "untouched",
	[TOUCHED] = "touched",
};

const char *gup_clause(const struct gup_user *user, enum page_state state)
{
	return user->fast && state == TOUCHED && proc_has_special_entries() ? "SPECIAL" : "GUP";
}

/* By what the user comes to the pages. */
static const char *path_of(const struct gup_user *user, enum page_state state)
{
	return !user->fast || !proc_has_special_entries() ? "by the VMA" :
	       state == TOUCHED ? "by page-table entries, the fast path" :
	       "by the VMA, the slow path";
}

void dmabuf_touch(void *addr, size_t length)
{
	const size_t page = page_size();

	for (size_t at = 0; at < length; at += page) {
		volatile uint32_t *word = (void *)((char *)addr + at);

		dmabuf_goes_on();
		*word = *word;
	}
}

void *gup_kept_page(void)
{
	const size_t page = page_size();
	static void *secret;
	void *p;

	if (!secret) {
		int fd = -1;

#ifdef SYS_memfd_secret	/* not on 32-bit ARM */
		fd = syscall(SYS_memfd_secret, O_CLOEXEC);
#endif
		secret = MAP_FAILED;
		if (fd >= 0 && !ftruncate(fd, page))
			secret = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (fd >= 0)
			close(fd);
	}
	/* Of the core's, a child may have none that its parent has. */
	p = secret != MAP_FAILED ? secret : proc_core_pfnmap();
	dmabuf_require(p, "neither memfd_secret() nor [vvar] nor perf gives memory that get_user_pages must refuse");
	return p;
}

void gup_prepare(const struct gup_user *user, size_t length)
{
	const size_t page = page_size();
	ssize_t ret;
	void *p;

	dmabuf_setup("setting up %s", user->name);
	user->setup(length);

	p = map_touched_control(length);

	dmabuf_setup("trying %s on a memfd", user->name);
	ret = user->attempt(p, length);
	dmabuf_require(ret == (ssize_t)length,
		       "%s does not work here on ordinary memory either: %s", user->name,
		       ret < 0 ? strerror(-ret) : "it took only a part");
	munmap(p, length);

	dmabuf_setup("trying %s on memory that is kept from get_user_pages", user->name);
	p = user->mirrors ? proc_core_pfnmap() : gup_kept_page();
	dmabuf_require(p, "no [vvar] that %s must not have", user->name);
	ret = user->attempt(p, page);
	dmabuf_require(ret <= 0, "%s copies here instead of pinning: it takes what get_user_pages must refuse",
		       user->name);
	dmabuf_require(ret == -EFAULT, "%s of what get_user_pages must refuse %s%s here, not EFAULT",
		       user->name, ret ? "gives " : "gives no error",
		       ret ? strerrorname_np(-ret) : "");
}

static void prepare_page(const void *user)
{
	gup_prepare(user, page_size());
}

struct to_set_up {
	const struct gup_user *user;
	size_t length;
};

static void set_up(const void *arg)
{
	const struct to_set_up *s = arg;

	s->user->setup(s->length);
}

const char *gup_why_not(const struct gup_user *user, size_t length)
{
	const struct to_set_up s = { user, length };
	const char *why_not = user->driver ? drm_lacks_driver(user->driver) : NULL;
	static char why[512];

	if (!why_not)
		why_not = dmabuf_limited_skips(prepare_page, user);
	if (!why_not && user->lasts && dmabuf_skips(set_up, &s, why, sizeof(why)))
		why_not = why;
	return why_not;
}

/* Whether it works here; says so if not. Outside of a block a child is to hang first. */
static bool works_here(const struct gup_user *user, bool in_block)
{
	const char *why_not = user->may_hang && !in_block ? gup_why_not(user, page_size()) :
			      NULL;
	char why[512];

	if (!why_not && !dmabuf_skips(prepare_page, user, why, sizeof(why)))
		return true;
	igt_info("Without %s: %s\n", user->name, why_not ?: why);
	return false;
}

const struct gup_user *const *gup_representatives(void)
{
	static const struct gup_user *found[sizeof(gup_users) / sizeof(gup_users[0])];
	const struct gup_user *last = NULL;
	static bool looked;
	size_t count = 0;

	if (looked)
		return found;
	looked = true;
	for_each_gup_user(user)
		/* A set-up that has just been done does not hang: no child need try it again. */
		if (user->stands_for_others &&
		    works_here(user, last && user->lasts && last->setup == user->setup))
			found[count++] = last = user;
	return found;
}

const struct gup_user *gup_reader(void)
{
	static const struct gup_user *reader;

	if (reader)
		return reader;
	for_each_gup_user(user)
		if (!reader && user->stands_for_others && user->fast && !user->writes &&
		    works_here(user, true))
			reader = user;
	return reader;
}

/*
 * Judges an attempt on [addr, addr + length) that begins with so many bytes of
 * ordinary memory: a call may take those and stop there, and which error it then
 * has for the buffer, if any, is its own.
 */
static bool must_be_refused(const struct gup_user *user, const struct dmabuf *buf,
			    const struct dmabuf_way *way, enum page_state state,
			    const char *which, char *addr, size_t length, size_t ordinary)
{
	ssize_t ret;

	dmabuf_stage("%s takes the %s of %s (%s, %s)", user->name, which,
		     buf->exporter->name, way->name, page_state_names[state]);
	ret = user->attempt(addr, length);

	dmabuf_must(gup_clause(user, state), ret <= (ssize_t)ordinary,
		    "%s of the %s of %s, mapped through the %s, %s: %zd of %zu bytes were taken\n"
		    "%s\n",
		    user->name, which, buf->exporter->name, way->name,
		    page_state_names[state], ret - (ssize_t)ordinary, length - ordinary,
		    proc_evidence(addr + ordinary));
	if (ret == -EFAULT || ret > 0) {
		dmabuf_saw(gup_clause(user, state), "%s was refused, %s", user->name,
			   path_of(user, state));
		if (user->fast && state == TOUCHED && !proc_has_special_entries())
			dmabuf_unseen("SPECIAL", "page-table entries have no mark for special ones on this machine, and get_user_pages no path that goes by it");
		return true;
	}
	if (ordinary)
		return true;
	dmabuf_unseen(gup_clause(user, state),
		      "%s of %s %s%s, not EFAULT: that says nothing of the contract", user->name,
		      buf->exporter->name, ret ? "was refused with " :
		      "took nothing and gave no error", ret ? strerrorname_np(-ret) : "");
	return false;
}

bool gup_must_be_refused(const struct gup_user *user, const struct dmabuf *buf,
			 const struct dmabuf_way *way, enum page_state state,
			 const char *which, void *addr, size_t length)
{
	return must_be_refused(user, buf, way, state, which, addr, length, 0);
}

/* Maps the buffer where there is a page of ordinary memory on either side. */
static char *map_between_pages(const struct dmabuf *buf, const struct dmabuf_way *way)
{
	const size_t page = page_size();
	char *area = mmap(NULL, buf->size + 2 * page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p;

	dmabuf_require(area != MAP_FAILED, "no room for two pages and %zu bytes", buf->size);
	dmabuf_stage("mapping %s through the %s between two pages", buf->exporter->name,
		     way->name);
	p = way->map(buf, area + page, buf->size, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, 0);
	dmabuf_require(p != MAP_FAILED, "%s cannot be mapped through the %s at an address: %s",
		       buf->exporter->name, way->name, strerror(errno));
	return p;
}

/* In a range, a page that is not like the others is behind one that refuses. */
static bool every_page_must_be_refused(const struct gup_user *user,
				       const struct dmabuf *buf,
				       const struct dmabuf_way *way, enum page_state state)
{
	const size_t page = page_size();
	char *p = dmabuf_map(buf, way), which[32];
	bool all = true;

	if (state == TOUCHED)
		dmabuf_touch(p, buf->size);
	for (size_t i = 0; i < buf->size / page; i++) {
		snprintf(which, sizeof(which), "page %zu alone", i);
		all &= must_be_refused(user, buf, way, state, which, p + i * page, page, 0);
	}
	munmap(p, buf->size);
	return all;
}

void gup_ranges_must_be_refused(const struct gup_user *user,
				const struct dmabuf *buf,
				const struct dmabuf_way *way,
				enum page_state state)
{
	const size_t page = page_size();
	const size_t last = buf->size - page;
	const struct {
		const char *which;
		off_t start;
		size_t length, ordinary;
		bool between;
	} ranges[] = {
		{ "first page", 0, page },
		{ "middle page", buf->size / 2 / page * page, page },
		{ "last page", last, page },
		{ "whole", 0, buf->size },
		{ "first page, with one before it,", -page, 2 * page, page, true },
		{ "last page, with one behind it,", last, 2 * page, 0, true },
	};
	bool all = true;
	char *p = NULL;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		/* An attempt may leave entries behind: untouched is what is new. */
		if (i == 0 || state == UNTOUCHED || ranges[i].between != ranges[i - 1].between) {
			if (p)
				munmap(p, buf->size);
			p = ranges[i].between ? map_between_pages(buf, way) : dmabuf_map(buf, way);
			if (i == 0)
				gup_prepare(user, buf->size > page ? buf->size : 2 * page);
			if (state == TOUCHED) {
				dmabuf_stage("touching every page of %s (%s)",
					     buf->exporter->name, way->name);
				dmabuf_touch(p, buf->size);
			}
		}
		all &= must_be_refused(user, buf, way, state, ranges[i].which, p + ranges[i].start,
				       ranges[i].length, ranges[i].ordinary);
	}
	munmap(p, buf->size);

	if (user->stands_for_others)
		all &= every_page_must_be_refused(user, buf, way, state);
	if (all)
		dmabuf_saw("WHOLE", "all ranges of it were refused to %s", user->name);
}
