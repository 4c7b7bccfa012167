/* SPDX-License-Identifier: MIT */
#ifndef DRM_ABI_H
#define DRM_ABI_H

/*
 * What DRM drivers' own ioctls look like: of each driver what is used here, and by the
 * names that the kernel's header has for it. The headers of the machine where this is
 * built may be older than the kernel where it runs, so none of them is included; see
 * scripts/check-abi.py, which compares all that stands here with the newest.
 */

#include <stdint.h>

#include <drm.h>

/* drm/amdgpu_drm.h */
struct drm_amdgpu_gem_create_in {
	uint64_t bo_size, alignment, domains, domain_flags;
};
struct drm_amdgpu_gem_create_out {
	uint32_t handle, _pad;
};
union drm_amdgpu_gem_create {
	struct drm_amdgpu_gem_create_in in;
	struct drm_amdgpu_gem_create_out out;
};
struct drm_amdgpu_gem_mmap_in {
	uint32_t handle, _pad;
};
struct drm_amdgpu_gem_mmap_out {
	uint64_t addr_ptr;
};
union drm_amdgpu_gem_mmap {
	struct drm_amdgpu_gem_mmap_in in;
	struct drm_amdgpu_gem_mmap_out out;
};
struct drm_amdgpu_gem_userptr {
	uint64_t addr, size;
	uint32_t flags, handle;
};
#define DRM_IOCTL_AMDGPU_GEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 0x00, union drm_amdgpu_gem_create)
#define DRM_IOCTL_AMDGPU_GEM_MMAP	DRM_IOWR(DRM_COMMAND_BASE + 0x01, union drm_amdgpu_gem_mmap)
#define DRM_IOCTL_AMDGPU_GEM_USERPTR	DRM_IOWR(DRM_COMMAND_BASE + 0x11, struct drm_amdgpu_gem_userptr)
#define AMDGPU_GEM_USERPTR_READONLY	(1 << 0)
#define AMDGPU_GEM_USERPTR_VALIDATE	(1 << 2)
#define AMDGPU_GEM_USERPTR_REGISTER	(1 << 3)
#define AMDGPU_GEM_DOMAIN_GTT		0x2
#define AMDGPU_GEM_DOMAIN_VRAM		0x4
#define AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED	(1 << 0)
#define AMDGPU_GEM_CREATE_CPU_GTT_USWC	(1 << 2)

/* drm/amdxdna_accel.h */
struct amdxdna_drm_create_bo {
	uint64_t flags, vaddr, size;
	uint32_t type, handle;
};
struct amdxdna_drm_va_entry {
	uint64_t vaddr, len;
};
struct amdxdna_drm_va_tbl {
	int32_t dmabuf_fd;
	uint32_t num_entries;	/* of struct amdxdna_drm_va_entry, which follow */
};
struct amdxdna_drm_get_bo_info {
	uint64_t ext, ext_flags;
	uint32_t handle, pad;
	uint64_t map_offset, vaddr, xdna_addr;
};
#define DRM_IOCTL_AMDXDNA_CREATE_BO	DRM_IOWR(DRM_COMMAND_BASE + 3, struct amdxdna_drm_create_bo)
#define DRM_IOCTL_AMDXDNA_GET_BO_INFO	DRM_IOWR(DRM_COMMAND_BASE + 4, struct amdxdna_drm_get_bo_info)
#define AMDXDNA_BO_SHMEM		1

/* drm/armada_drm.h */
struct drm_armada_gem_create {
	uint32_t handle, size;
};
struct drm_armada_gem_mmap {
	uint32_t handle, pad;
	uint64_t offset, size, addr;
};
#define DRM_IOCTL_ARMADA_GEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 0x00, struct drm_armada_gem_create)
#define DRM_IOCTL_ARMADA_GEM_MMAP	DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_armada_gem_mmap)

/* drm/asahi_drm.h */
struct drm_asahi_gem_create {
	uint64_t size;
	uint32_t flags, vm_id, handle, pad;
};
struct drm_asahi_gem_mmap_offset {
	uint32_t handle, flags;
	uint64_t offset;
};
#define DRM_IOCTL_ASAHI_GEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 5, struct drm_asahi_gem_create)
#define DRM_IOCTL_ASAHI_GEM_MMAP_OFFSET	\
	DRM_IOWR(DRM_COMMAND_BASE + 6, struct drm_asahi_gem_mmap_offset)
#define DRM_ASAHI_GEM_WRITEBACK		(1 << 0)

/* drm/ethosu_accel.h */
struct drm_ethosu_bo_create {
	uint64_t size;
	uint32_t flags, handle;
};
struct drm_ethosu_bo_mmap_offset {
	uint32_t handle, pad;
	uint64_t offset;
};
#define DRM_IOCTL_ETHOSU_BO_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 1, struct drm_ethosu_bo_create)
#define DRM_IOCTL_ETHOSU_BO_MMAP_OFFSET	\
	DRM_IOWR(DRM_COMMAND_BASE + 3, struct drm_ethosu_bo_mmap_offset)

/* drm/etnaviv_drm.h */
struct drm_etnaviv_gem_new {
	uint64_t size;
	uint32_t flags, handle;
};
struct drm_etnaviv_gem_info {
	uint32_t handle, pad;
	uint64_t offset;
};
struct drm_etnaviv_timespec {
	int64_t tv_sec, tv_nsec;
};
struct drm_etnaviv_gem_cpu_prep {
	uint32_t handle, op;
	struct drm_etnaviv_timespec timeout;
};
struct drm_etnaviv_gem_userptr {
	uint64_t user_ptr, user_size;
	uint32_t flags, handle;
};
#define DRM_IOCTL_ETNAVIV_GEM_NEW	DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_etnaviv_gem_new)
#define DRM_IOCTL_ETNAVIV_GEM_INFO	DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct drm_etnaviv_gem_info)
#define DRM_IOCTL_ETNAVIV_GEM_CPU_PREP	\
	DRM_IOW(DRM_COMMAND_BASE + 0x04, struct drm_etnaviv_gem_cpu_prep)
#define DRM_IOCTL_ETNAVIV_GEM_USERPTR	\
	DRM_IOWR(DRM_COMMAND_BASE + 0x08, struct drm_etnaviv_gem_userptr)
#define ETNA_PREP_READ			0x01
#define ETNA_PREP_NOSYNC		0x04
#define ETNA_USERPTR_READ		0x01
#define ETNA_USERPTR_WRITE		0x02
#define ETNA_BO_CACHED			0x00010000
#define ETNA_BO_WC			0x00020000
#define ETNA_BO_UNCACHED		0x00040000

/* drm/exynos_drm.h */
struct drm_exynos_gem_create {
	uint64_t size;
	uint32_t flags, handle;
};
struct drm_exynos_gem_map {
	uint32_t handle, reserved;
	uint64_t offset;
};
#define DRM_IOCTL_EXYNOS_GEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 0x00, struct drm_exynos_gem_create)
#define DRM_IOCTL_EXYNOS_GEM_MAP	DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_exynos_gem_map)
#define EXYNOS_BO_NONCONTIG		(1 << 0)
#define EXYNOS_BO_CACHABLE		(1 << 1)
#define EXYNOS_BO_WC			(1 << 2)

/* drm/i915_drm.h */
struct i915_user_extension {
	uint64_t next_extension;
	uint32_t name, flags, rsvd[4];
};
struct drm_i915_gem_memory_class_instance {
	uint16_t memory_class, memory_instance;
};
struct drm_i915_gem_create_ext_memory_regions {
	struct i915_user_extension base;
	uint32_t pad, num_regions;
	uint64_t regions;
};
struct drm_i915_gem_create {
	uint64_t size;
	uint32_t handle, pad;
};
struct drm_i915_gem_create_ext {
	uint64_t size;
	uint32_t handle, flags;
	uint64_t extensions;
};
struct drm_i915_gem_mmap {
	uint32_t handle, pad;
	uint64_t offset, size, addr_ptr, flags;
};
struct drm_i915_gem_mmap_offset {
	uint32_t handle, pad;
	uint64_t offset, flags, extensions;
};
struct drm_i915_gem_set_domain {
	uint32_t handle, read_domains, write_domain;
};
struct drm_i915_gem_userptr {
	uint64_t user_ptr, user_size;
	uint32_t flags, handle;
};
#define DRM_IOCTL_I915_GEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 0x1b, struct drm_i915_gem_create)
#define DRM_IOCTL_I915_GEM_MMAP		DRM_IOWR(DRM_COMMAND_BASE + 0x1e, struct drm_i915_gem_mmap)
#define DRM_IOCTL_I915_GEM_SET_DOMAIN	\
	DRM_IOW(DRM_COMMAND_BASE + 0x1f, struct drm_i915_gem_set_domain)
#define DRM_IOCTL_I915_GEM_USERPTR	DRM_IOWR(DRM_COMMAND_BASE + 0x33, struct drm_i915_gem_userptr)
#define DRM_IOCTL_I915_GEM_MMAP_OFFSET	\
	DRM_IOWR(DRM_COMMAND_BASE + 0x24, struct drm_i915_gem_mmap_offset)
#define DRM_IOCTL_I915_GEM_CREATE_EXT	\
	DRM_IOWR(DRM_COMMAND_BASE + 0x3c, struct drm_i915_gem_create_ext)
#define I915_GEM_CREATE_EXT_MEMORY_REGIONS	0
#define I915_GEM_DOMAIN_CPU		0x00000001
#define I915_MEMORY_CLASS_DEVICE	1
#define I915_MMAP_OFFSET_GTT		0
#define I915_MMAP_OFFSET_WC		1
#define I915_MMAP_OFFSET_WB		2
#define I915_MMAP_OFFSET_FIXED		4

/* drm/ivpu_accel.h */
struct drm_ivpu_bo_create {
	uint64_t size;
	uint32_t flags, handle;
	uint64_t vpu_addr;
};
struct drm_ivpu_bo_info {
	uint32_t handle, flags;
	uint64_t vpu_addr, mmap_offset, size;
};
struct drm_ivpu_bo_create_from_userptr {
	uint64_t user_ptr, size;
	uint32_t flags, handle;
	uint64_t vpu_addr;
};
#define DRM_IOCTL_IVPU_BO_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_ivpu_bo_create)
#define DRM_IOCTL_IVPU_BO_INFO		DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct drm_ivpu_bo_info)
#define DRM_IOCTL_IVPU_BO_CREATE_FROM_USERPTR	\
	DRM_IOWR(DRM_COMMAND_BASE + 0x0e, struct drm_ivpu_bo_create_from_userptr)
#define DRM_IVPU_BO_MAPPABLE		0x00000002
#define DRM_IVPU_BO_WC			0x00020000

/* drm/lima_drm.h */
struct drm_lima_gem_create {
	uint32_t size, flags, handle, pad;
};
struct drm_lima_gem_info {
	uint32_t handle, va;
	uint64_t offset;
};
#define DRM_IOCTL_LIMA_GEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_lima_gem_create)
#define DRM_IOCTL_LIMA_GEM_INFO		DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_lima_gem_info)

/* drm/msm_drm.h */
struct drm_msm_gem_new {
	uint64_t size;
	uint32_t flags, handle;
};
struct drm_msm_gem_info {
	uint32_t handle, info;
	uint64_t value;
	uint32_t len, pad;
};
#define DRM_IOCTL_MSM_GEM_NEW		DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_msm_gem_new)
#define DRM_IOCTL_MSM_GEM_INFO		DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct drm_msm_gem_info)
#define MSM_BO_CACHED			0x00010000
#define MSM_BO_WC			0x00020000

/* drm/nouveau_drm.h */
struct drm_nouveau_gem_info {
	uint32_t handle, domain;
	uint64_t size, offset, map_handle;
	uint32_t tile_mode, tile_flags;
};
struct drm_nouveau_gem_new {
	struct drm_nouveau_gem_info info;
	uint32_t channel_hint, align;
};
#define DRM_IOCTL_NOUVEAU_GEM_NEW	DRM_IOWR(DRM_COMMAND_BASE + 0x40, struct drm_nouveau_gem_new)
#define DRM_IOCTL_NOUVEAU_GEM_INFO	DRM_IOWR(DRM_COMMAND_BASE + 0x44, struct drm_nouveau_gem_info)
#define NOUVEAU_GEM_DOMAIN_VRAM		(1 << 1)
#define NOUVEAU_GEM_DOMAIN_GART		(1 << 2)
#define NOUVEAU_GEM_DOMAIN_MAPPABLE	(1 << 3)
#define NOUVEAU_GEM_DOMAIN_COHERENT	(1 << 4)

/* drm/omap_drm.h */
union omap_gem_size {
	uint32_t bytes;
	struct {
		uint16_t width, height;
	} tiled;
};
struct drm_omap_gem_new {
	union omap_gem_size size;
	uint32_t flags, handle, __pad;
};
struct drm_omap_gem_info {
	uint32_t handle, pad;
	uint64_t offset;
	uint32_t size, __pad;
};
#define DRM_IOCTL_OMAP_GEM_NEW		DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct drm_omap_gem_new)
#define DRM_IOCTL_OMAP_GEM_INFO		DRM_IOWR(DRM_COMMAND_BASE + 0x06, struct drm_omap_gem_info)
#define OMAP_BO_SCANOUT			0x00000001
#define OMAP_BO_CACHED			0x00000000
#define OMAP_BO_WC			0x00000002
#define OMAP_BO_TILED_32		0x00000300

/* drm/panfrost_drm.h */
struct drm_panfrost_create_bo {
	uint32_t size, flags, handle, pad;
	uint64_t offset;
};
struct drm_panfrost_mmap_bo {
	uint32_t handle, flags;
	uint64_t offset;
};
#define DRM_IOCTL_PANFROST_CREATE_BO	DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_panfrost_create_bo)
#define DRM_IOCTL_PANFROST_MMAP_BO	DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct drm_panfrost_mmap_bo)
#define PANFROST_BO_WB_MMAP		4

/* drm/panthor_drm.h */
struct drm_panthor_bo_create {
	uint64_t size;
	uint32_t flags, exclusive_vm_id, handle, pad;
};
struct drm_panthor_bo_mmap_offset {
	uint32_t handle, pad;
	uint64_t offset;
};
#define DRM_IOCTL_PANTHOR_BO_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 5, struct drm_panthor_bo_create)
#define DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET	\
	DRM_IOWR(DRM_COMMAND_BASE + 6, struct drm_panthor_bo_mmap_offset)
#define DRM_PANTHOR_BO_WB_MMAP		(1 << 1)

/* drm/pvr_drm.h */
struct drm_pvr_ioctl_create_bo_args {
	uint64_t size;
	uint32_t handle, _padding_c;
	uint64_t flags;
};
struct drm_pvr_ioctl_get_bo_mmap_offset_args {
	uint32_t handle, _padding_4;
	uint64_t offset;
};
#define DRM_IOCTL_PVR_CREATE_BO		\
	DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_pvr_ioctl_create_bo_args)
#define DRM_IOCTL_PVR_GET_BO_MMAP_OFFSET	\
	DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_pvr_ioctl_get_bo_mmap_offset_args)
#define DRM_PVR_BO_ALLOW_CPU_USERSPACE_ACCESS	(1 << 2)

/* drm/qaic_accel.h */
struct qaic_create_bo {
	uint64_t size;
	uint32_t handle, pad;
};
struct qaic_mmap_bo {
	uint32_t handle, pad;
	uint64_t offset;
};
#define DRM_IOCTL_QAIC_CREATE_BO	DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct qaic_create_bo)
#define DRM_IOCTL_QAIC_MMAP_BO		DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct qaic_mmap_bo)

/* drm/qxl_drm.h */
struct drm_qxl_alloc {
	uint32_t size, handle;
};
struct drm_qxl_alloc_surf {
	uint32_t format, width, height;
	int32_t stride;
	uint32_t handle, pad;
};
struct drm_qxl_map {
	uint64_t offset;
	uint32_t handle, pad;
};
#define DRM_IOCTL_QXL_ALLOC		DRM_IOWR(DRM_COMMAND_BASE + 0x00, struct drm_qxl_alloc)
#define DRM_IOCTL_QXL_MAP		DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_qxl_map)
#define DRM_IOCTL_QXL_ALLOC_SURF	DRM_IOWR(DRM_COMMAND_BASE + 0x06, struct drm_qxl_alloc_surf)

/* drm/radeon_drm.h */
struct drm_radeon_gem_info {
	uint64_t gart_size, vram_size, vram_visible;
};
struct drm_radeon_gem_create {
	uint64_t size, alignment;
	uint32_t handle, initial_domain, flags;
};
struct drm_radeon_gem_mmap {
	uint32_t handle, pad;
	uint64_t offset, size, addr_ptr;
};
struct drm_radeon_info {
	uint32_t request, pad;
	uint64_t value;
};
struct drm_radeon_gem_userptr {
	uint64_t addr, size;
	uint32_t flags, handle;
};
#define DRM_IOCTL_RADEON_GEM_INFO	DRM_IOWR(DRM_COMMAND_BASE + 0x1c, struct drm_radeon_gem_info)
#define DRM_IOCTL_RADEON_GEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 0x1d, struct drm_radeon_gem_create)
#define DRM_IOCTL_RADEON_GEM_MMAP	DRM_IOWR(DRM_COMMAND_BASE + 0x1e, struct drm_radeon_gem_mmap)
#define DRM_IOCTL_RADEON_INFO		DRM_IOWR(DRM_COMMAND_BASE + 0x27, struct drm_radeon_info)
#define DRM_IOCTL_RADEON_GEM_USERPTR	DRM_IOWR(DRM_COMMAND_BASE + 0x2d, struct drm_radeon_gem_userptr)
#define RADEON_GEM_USERPTR_READONLY	(1 << 0)
#define RADEON_GEM_USERPTR_VALIDATE	(1 << 2)
#define RADEON_GEM_DOMAIN_GTT		0x2
#define RADEON_GEM_DOMAIN_VRAM		0x4
#define RADEON_GEM_GTT_WC		(1 << 2)
#define RADEON_INFO_ACCEL_WORKING2	0x05

/* drm/rocket_accel.h */
struct drm_rocket_create_bo {
	uint32_t size, handle;
	uint64_t dma_address, offset;
};
#define DRM_IOCTL_ROCKET_CREATE_BO	DRM_IOWR(DRM_COMMAND_BASE + 0x00, struct drm_rocket_create_bo)

/* drm/tegra_drm.h */
struct drm_tegra_gem_create {
	uint64_t size;
	uint32_t flags, handle;
};
struct drm_tegra_gem_mmap {
	uint32_t handle, pad;
	uint64_t offset;
};
#define DRM_IOCTL_TEGRA_GEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + 0x00, struct drm_tegra_gem_create)
#define DRM_IOCTL_TEGRA_GEM_MMAP	DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_tegra_gem_mmap)

/* drm/v3d_drm.h */
struct drm_v3d_create_bo {
	uint32_t size, flags, handle, offset;
};
struct drm_v3d_mmap_bo {
	uint32_t handle, flags;
	uint64_t offset;
};
#define DRM_IOCTL_V3D_CREATE_BO		DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_v3d_create_bo)
#define DRM_IOCTL_V3D_MMAP_BO		DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct drm_v3d_mmap_bo)

/* drm/vc4_drm.h */
struct drm_vc4_create_bo {
	uint32_t size, flags, handle, pad;
};
struct drm_vc4_mmap_bo {
	uint32_t handle, flags;
	uint64_t offset;
};
#define DRM_IOCTL_VC4_CREATE_BO		DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct drm_vc4_create_bo)
#define DRM_IOCTL_VC4_MMAP_BO		DRM_IOWR(DRM_COMMAND_BASE + 0x04, struct drm_vc4_mmap_bo)

/* drm/virtgpu_drm.h */
struct drm_virtgpu_map {
	uint64_t offset;
	uint32_t handle, pad;
};
struct drm_virtgpu_resource_create_blob {
	uint32_t blob_mem, blob_flags, bo_handle, res_handle;
	uint64_t size;
	uint32_t pad, cmd_size;
	uint64_t cmd, blob_id;
	uint32_t blob_hints, pad2;
};
struct drm_virtgpu_context_set_param {
	uint64_t param, value;
};
struct drm_virtgpu_context_init {
	uint32_t num_params, pad;
	uint64_t ctx_set_params;
};
#define DRM_IOCTL_VIRTGPU_MAP		DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_virtgpu_map)
#define DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB	\
	DRM_IOWR(DRM_COMMAND_BASE + 0x0a, struct drm_virtgpu_resource_create_blob)
#define DRM_IOCTL_VIRTGPU_CONTEXT_INIT	\
	DRM_IOWR(DRM_COMMAND_BASE + 0x0b, struct drm_virtgpu_context_init)
#define VIRTGPU_CONTEXT_PARAM_CAPSET_ID	0x0001
#define VIRTGPU_DRM_CAPSET_VENUS	4
#define VIRTGPU_BLOB_MEM_GUEST		0x0001
#define VIRTGPU_BLOB_MEM_HOST3D		0x0002
#define VIRTGPU_BLOB_FLAG_USE_MAPPABLE	0x0001
#define VIRTGPU_BLOB_FLAG_USE_SHAREABLE	0x0002

/* drm/vmwgfx_drm.h */
struct drm_vmw_alloc_bo_req {
	uint32_t size, pad64;
};
struct drm_vmw_bo_rep {
	uint64_t map_handle;
	uint32_t handle, cur_gmr_id, cur_gmr_offset, pad64;
};
union drm_vmw_alloc_bo_arg {
	struct drm_vmw_alloc_bo_req req;
	struct drm_vmw_bo_rep rep;
};
#define DRM_VMW_ALLOC_BO		1

/* drm/xe_drm.h */
struct drm_xe_gem_create {
	uint64_t extensions, size;
	uint32_t placement, flags, vm_id, handle;
	uint16_t cpu_caching, pad[3];
	uint64_t reserved[2];
};
struct drm_xe_gem_mmap_offset {
	uint64_t extensions;
	uint32_t handle, flags;
	uint64_t offset, reserved[2];
};
struct drm_xe_vm_create {
	uint64_t extensions;
	uint32_t flags, vm_id;
	uint64_t reserved[2];
};
struct drm_xe_vm_destroy {
	uint32_t vm_id, pad;
	uint64_t reserved[2];
};
struct drm_xe_vm_bind_op {
	uint64_t extensions;
	uint32_t obj;
	uint16_t pat_index, pad;
	union {
		uint64_t obj_offset;
		uint64_t userptr;
	};
	uint64_t range, addr;
	uint32_t op, flags, prefetch_mem_region_instance, pad2;
	uint64_t reserved[3];
};
struct drm_xe_vm_bind {
	uint64_t extensions;
	uint32_t vm_id, exec_queue_id, pad, num_binds;
	union {
		struct drm_xe_vm_bind_op bind;
		uint64_t vector_of_binds;
	};
	uint32_t pad2, num_syncs;
	uint64_t syncs, reserved[2];
};
#define DRM_IOCTL_XE_GEM_CREATE		DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_xe_gem_create)
#define DRM_IOCTL_XE_GEM_MMAP_OFFSET	DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_xe_gem_mmap_offset)
#define DRM_IOCTL_XE_VM_CREATE		DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct drm_xe_vm_create)
#define DRM_IOCTL_XE_VM_DESTROY		DRM_IOW(DRM_COMMAND_BASE + 0x04, struct drm_xe_vm_destroy)
#define DRM_IOCTL_XE_VM_BIND		DRM_IOW(DRM_COMMAND_BASE + 0x05, struct drm_xe_vm_bind)
#define DRM_XE_VM_BIND_OP_MAP_USERPTR	0x2
#define DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM	(1 << 2)
#define DRM_XE_GEM_CPU_CACHING_WB	1
#define DRM_XE_GEM_CPU_CACHING_WC	2

#endif /* DRM_ABI_H */
