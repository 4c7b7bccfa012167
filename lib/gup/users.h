/* SPDX-License-Identifier: MIT */
#ifndef GUP_USERS_H
#define GUP_USERS_H

#include "dmabuf_gup.h"

extern const struct gup_user gup_af_xdp;
extern const struct gup_user gup_aio_read;
extern const struct gup_user gup_amdgpu_userptr;
extern const struct gup_user gup_amdxdna_userptr;
extern const struct gup_user gup_etnaviv_userptr;
extern const struct gup_user gup_futex;
extern const struct gup_user gup_get_mempolicy;
extern const struct gup_user gup_gup_test;
extern const struct gup_user gup_i915_userptr;
extern const struct gup_user gup_io_uring;
extern const struct gup_user gup_io_uring_buffer_ring;
extern const struct gup_user gup_io_uring_queue;
extern const struct gup_user gup_io_uring_update;
extern const struct gup_user gup_ivpu_userptr;
extern const struct gup_user gup_msg_zerocopy;
extern const struct gup_user gup_nvme;
extern const struct gup_user gup_o_direct_read;
extern const struct gup_user gup_o_direct_write;
extern const struct gup_user gup_process_vm_readv;
extern const struct gup_user gup_process_vm_writev;
extern const struct gup_user gup_radeon_userptr;
extern const struct gup_user gup_rdma;
extern const struct gup_user gup_rdma_on_demand;
extern const struct gup_user gup_rdma_read;
extern const struct gup_user gup_scsi;
extern const struct gup_user gup_send_zc;
extern const struct gup_user gup_v4l2_userptr;
extern const struct gup_user gup_vmsplice;
extern const struct gup_user gup_xe_userptr;

#endif /* GUP_USERS_H */
