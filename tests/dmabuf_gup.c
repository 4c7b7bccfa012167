// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf gup
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: get_user_pages
 * Description: Every user of get_user_pages is refused on a mapping of a DMA
 *              buffer, whatever way the mapping was made, before and after its
 *              pages were touched.
 *
 * SUBTEST: %s-%s-%s
 * Description: A user of get_user_pages is refused with EFAULT.
 *
 * arg[1].values: vmsplice, o-direct-read, o-direct-write, io-uring-fixed, rdma-reg-mr
 * arg[2].values: fd, native, import
 * arg[3].values: untouched, touched
 */
/**
 * SUBTEST: %s-fd-%s
 * Description: A user of get_user_pages is refused with EFAULT that comes to the pages by
 *              the same path in the kernel as one of the others.
 *
 * arg[1].values: process-vm-readv, process-vm-writev, get-mempolicy, futex-shared
 * arg[1].values: af-xdp-umem, msg-zerocopy, io-uring-send-zc, io-uring-update
 * arg[1].values: io-uring-buf-ring, io-uring-no-mmap, aio-read, v4l2-userptr
 * arg[1].values: nvme-passthrough, scsi-passthrough, rdma-reg-mr-read, rdma-on-demand
 * arg[1].values: gup-test, amdgpu-userptr, amdxdna-userptr, etnaviv-userptr
 * arg[1].values: i915-userptr, ivpu-userptr, radeon-userptr, xe-userptr
 * arg[2].values: untouched, touched
 */
#include "dmabuf.h"
#include "dmabuf_checks.h"
#include "dmabuf_contract.h"
#include "dmabuf_gup.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("Every user of get_user_pages (O_DIRECT, io_uring, zero-copy send, RDMA "
		     "registration and others) is refused with EFAULT on a mapping of a DMA "
		     "buffer.");

#define SIZE (64 << 10)

static void is_refused(const struct gup_user *user, const struct dmabuf_way *way,
		       enum page_state state, const struct dmabuf_exporter *e)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);

	gup_ranges_must_be_refused(user, &buf, way, state);
}

int dmabuf_main()
{
	igt_fixture() {
		dmabuf_find_devices();
		/* Every control asks for it: once for all. */
		gup_kept_page();
	}

	for_each_gup_user(user) {
		for_each_dmabuf_way(way) {
			if (user->by_fd_alone && way != dmabuf_ways[0])
				break;
			for (int state = 0; state < NUM_PAGE_STATES; state++) {
				const bool special = !strcmp(gup_clause(user, state), "SPECIAL");
				const char *clauses = special ? "SPECIAL WHOLE" : "GUP WHOLE";

				igt_describe_f("%s of the first page, a middle page, the last "
					       "page and the whole of a buffer mapped by %s must be "
					       "refused with EFAULT while its pages are %s, and so "
					       "must what reaches out of it. Skips where the same "
					       "call fails on a memfd or copies. Clauses: %s %s",
					       user->description, way->description,
					       page_state_names[state], clauses,
					       way->clause);
				igt_subtest_with_dynamic_f("%s-%s-%s", user->name, way->name,
							   page_state_names[state]) {
					const char *why_not = gup_why_not(user, SIZE);

					igt_require_f(!why_not, "%s\n", why_not);
					dmabuf_dynamic(e, way, clauses)
						is_refused(user, way, state, e);
				}
			}
		}
	}
}
