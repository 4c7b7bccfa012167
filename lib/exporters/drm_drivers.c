// SPDX-License-Identifier: MIT
/*
 * The DRM drivers and accelerators with ioctls of their own for buffers, of which
 * drm_abi.h says how they look. One more is one more entry: docs/adding-an-exporter.md.
 */
#include <sys/ioctl.h>

#include "drm_gem.h"

/* The kernel's header leaves it to its reader to make one of these of the number. */
#define DRM_IOCTL_VMW_ALLOC_BO	DRM_IOWR(DRM_COMMAND_BASE + DRM_VMW_ALLOC_BO, union drm_vmw_alloc_bo_arg)

/* What it says if there is no place for a buffer. */
#define QXL_IS_FULL	"object_init failed for|failed to create gem|Failed to allocate GEM object"

/* A line of pixels that is a page of the smallest size there is, of 32 bits each. */
#define WIDTH	1024
#define PITCH	(WIDTH * 4)

#define I915_OFFSET(how) \
	.offset = GEM_OFFSET(I915_GEM_MMAP_OFFSET, struct drm_i915_gem_mmap_offset, handle, offset), \
	.offset_arg = &(struct drm_i915_gem_mmap_offset) { .flags = (how) }, \
	.parts = true
#define I915_SMEM(buffer, how) \
	{ \
		.driver = "i915", \
		.create = GEM_CREATE(I915_GEM_CREATE, struct drm_i915_gem_create, size, handle), \
		I915_OFFSET(how), \
		.imports = true, \
		.by_itself = true, \
		.buffers = { { (buffer) } }, \
	}

static void i915_lmem0(void *arg)
{
	static const struct drm_i915_gem_memory_class_instance region = {
		.memory_class = I915_MEMORY_CLASS_DEVICE,
	};
	static struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = 1,
	};
	struct drm_i915_gem_create_ext *create = arg;

	regions.regions = (uintptr_t)&region;
	create->extensions = (uintptr_t)&regions;
}

/* Without acceleration there is no GART, and to use it warns (radeon_gart_bind()). */
static bool radeon_has_gart(int fd)
{
	uint32_t working = 0;
	struct drm_radeon_info info = {
		.request = RADEON_INFO_ACCEL_WORKING2,
		.value = (uintptr_t)&working,
	};

	return !ioctl(fd, DRM_IOCTL_RADEON_INFO, &info) && working;
}

/* Of the contexts there are, venus' alone has memory of its host's for the asking. */
static bool virtio_gpu_is_venus(int fd)
{
	struct drm_virtgpu_context_set_param capset = {
		.param = VIRTGPU_CONTEXT_PARAM_CAPSET_ID,
		.value = VIRTGPU_DRM_CAPSET_VENUS,
	};
	struct drm_virtgpu_context_init init = {
		.num_params = 1,
		.ctx_set_params = (uintptr_t)&capset,
	};

	return !ioctl(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
}

const struct drm_gem_driver drm_gem_drivers[] = {
	{
		.driver = "amdgpu",
		.create = GEM_CREATE(AMDGPU_GEM_CREATE, union drm_amdgpu_gem_create, in.bo_size,
				     out.handle),
		.offset = GEM_OFFSET(AMDGPU_GEM_MMAP, union drm_amdgpu_gem_mmap, in.handle,
				     out.addr_ptr),
		.buffers = {
			{ "vram", &(union drm_amdgpu_gem_create) {
				.in.domains = AMDGPU_GEM_DOMAIN_VRAM,
				.in.domain_flags = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED },
			  .video = true },
			{ "gtt", &(union drm_amdgpu_gem_create) {
				.in.domains = AMDGPU_GEM_DOMAIN_GTT } },
			{ "gtt-wc", &(union drm_amdgpu_gem_create) {
				.in.domains = AMDGPU_GEM_DOMAIN_GTT,
				.in.domain_flags = AMDGPU_GEM_CREATE_CPU_GTT_USWC } },
		},
	},
	{
		.driver = "amdxdna_accel_driver",
		.name = "amdxdna",
		.create = GEM_CREATE(AMDXDNA_CREATE_BO, struct amdxdna_drm_create_bo, size, handle),
		.offset = GEM_OFFSET(AMDXDNA_GET_BO_INFO, struct amdxdna_drm_get_bo_info, handle,
				     map_offset),
		.imports = true,
		.buffers = {
			{ "shmem", &(struct amdxdna_drm_create_bo) { .type = AMDXDNA_BO_SHMEM } },
		},
	},
	{
		.driver = "armada-drm",
		.name = "armada",
		.create = GEM_CREATE(ARMADA_GEM_CREATE, struct drm_armada_gem_create, size, handle),
		.mmap = GEM_MMAP(ARMADA_GEM_MMAP, struct drm_armada_gem_mmap, handle, offset, size,
				 addr),
		.parts = true,
		.buffers = { { "bo" } },
	},
	{
		.driver = "asahi",
		.create = GEM_CREATE(ASAHI_GEM_CREATE, struct drm_asahi_gem_create, size, handle),
		.offset = GEM_OFFSET(ASAHI_GEM_MMAP_OFFSET, struct drm_asahi_gem_mmap_offset,
				     handle, offset),
		.buffers = {
			{ "wc" },
			{ "cached", &(struct drm_asahi_gem_create) {
				.flags = DRM_ASAHI_GEM_WRITEBACK } },
		},
	},
	{
		.driver = "ethosu",
		.create = GEM_CREATE(ETHOSU_BO_CREATE, struct drm_ethosu_bo_create, size, handle),
		.offset = GEM_OFFSET(ETHOSU_BO_MMAP_OFFSET, struct drm_ethosu_bo_mmap_offset,
				     handle, offset),
		.buffers = { { "bo" } },
	},
	{
		.driver = "etnaviv",
		.create = GEM_CREATE(ETNAVIV_GEM_NEW, struct drm_etnaviv_gem_new, size, handle),
		.offset = GEM_OFFSET(ETNAVIV_GEM_INFO, struct drm_etnaviv_gem_info, handle, offset),
		.imports = true,
		.buffers = {
			{ "wc", &(struct drm_etnaviv_gem_new) { .flags = ETNA_BO_WC } },
			{ "cached", &(struct drm_etnaviv_gem_new) { .flags = ETNA_BO_CACHED } },
			{ "uncached", &(struct drm_etnaviv_gem_new) { .flags = ETNA_BO_UNCACHED } },
		},
	},
	{
		.driver = "exynos",
		.create = GEM_CREATE(EXYNOS_GEM_CREATE, struct drm_exynos_gem_create, size, handle),
		.offset = GEM_OFFSET(EXYNOS_GEM_MAP, struct drm_exynos_gem_map, handle, offset),
		/* Without an IOMMU, whatever was asked for is in one piece. */
		.logs = "Non-contiguous allocation is not supported without IOMMU",
		.buffers = {
			{ "contig" },
			{ "contig-cached", &(struct drm_exynos_gem_create) {
				.flags = EXYNOS_BO_CACHABLE } },
			{ "noncontig", &(struct drm_exynos_gem_create) {
				.flags = EXYNOS_BO_NONCONTIG | EXYNOS_BO_WC } },
			{ "noncontig-cached", &(struct drm_exynos_gem_create) {
				.flags = EXYNOS_BO_NONCONTIG | EXYNOS_BO_CACHABLE } },
		},
	},
	I915_SMEM("smem", I915_MMAP_OFFSET_WB),
	I915_SMEM("smem", I915_MMAP_OFFSET_FIXED),	/* the only one of a discrete card */
	I915_SMEM("smem-wc", I915_MMAP_OFFSET_WC),
	I915_SMEM("smem-gtt", I915_MMAP_OFFSET_GTT),
	{
		.driver = "i915",
		.create = GEM_CREATE(I915_GEM_CREATE, struct drm_i915_gem_create, size, handle),
		.mmap = GEM_MMAP(I915_GEM_MMAP, struct drm_i915_gem_mmap, handle, offset, size,
				 addr_ptr),
		.parts = true,
		.buffers = { { "smem-mmap" } },
	},
	{
		.driver = "i915",
		.create = GEM_CREATE(I915_GEM_CREATE_EXT, struct drm_i915_gem_create_ext, size,
				     handle),
		.complete = i915_lmem0,
		I915_OFFSET(I915_MMAP_OFFSET_FIXED),
		.buffers = { { "lmem0", .video = true } },
	},
	{
		.driver = "intel_vpu",
		.name = "ivpu",
		.create = GEM_CREATE(IVPU_BO_CREATE, struct drm_ivpu_bo_create, size, handle),
		.offset = GEM_OFFSET(IVPU_BO_INFO, struct drm_ivpu_bo_info, handle, mmap_offset),
		.buffers = {
			{ "bo", &(struct drm_ivpu_bo_create) { .flags = DRM_IVPU_BO_MAPPABLE } },
			{ "wc", &(struct drm_ivpu_bo_create) {
				.flags = DRM_IVPU_BO_MAPPABLE | DRM_IVPU_BO_WC } },
		},
	},
	{
		.driver = "lima",
		.create = GEM_CREATE(LIMA_GEM_CREATE, struct drm_lima_gem_create, size, handle),
		.offset = GEM_OFFSET(LIMA_GEM_INFO, struct drm_lima_gem_info, handle, offset),
		.imports = true,
		.buffers = { { "bo" } },
	},
	{
		.driver = "msm",
		.create = GEM_CREATE(MSM_GEM_NEW, struct drm_msm_gem_new, size, handle),
		.offset = GEM_OFFSET(MSM_GEM_INFO, struct drm_msm_gem_info, handle, value),
		.imports = true,
		.by_itself = true,	/* msm_gem_fault() */
		.buffers = {
			{ "wc", &(struct drm_msm_gem_new) { .flags = MSM_BO_WC } },
			{ "cached", &(struct drm_msm_gem_new) { .flags = MSM_BO_CACHED } },
		},
	},
	{
		.driver = "nouveau",
		.create = GEM_CREATE(NOUVEAU_GEM_NEW, struct drm_nouveau_gem_new, info.size,
				     info.handle),
		.offset = GEM_OFFSET(NOUVEAU_GEM_INFO, struct drm_nouveau_gem_info, handle,
				     map_handle),
		.buffers = {
			{ "vram", &(struct drm_nouveau_gem_new) {
				.info.domain = NOUVEAU_GEM_DOMAIN_VRAM | NOUVEAU_GEM_DOMAIN_MAPPABLE },
			  .video = true },
			{ "gart", &(struct drm_nouveau_gem_new) {
				.info.domain = NOUVEAU_GEM_DOMAIN_GART | NOUVEAU_GEM_DOMAIN_MAPPABLE } },
			{ "gart-coherent", &(struct drm_nouveau_gem_new) {
				.info.domain = NOUVEAU_GEM_DOMAIN_GART | NOUVEAU_GEM_DOMAIN_MAPPABLE |
					       NOUVEAU_GEM_DOMAIN_COHERENT } },
		},
	},
	{
		.driver = "omapdrm",
		.name = "omap",
		.create = GEM_CREATE(OMAP_GEM_NEW, struct drm_omap_gem_new, size.bytes, handle),
		.offset = GEM_OFFSET(OMAP_GEM_INFO, struct drm_omap_gem_info, handle, offset),
		.imports = true,
		.buffers = {
			{ "wc", &(struct drm_omap_gem_new) { .flags = OMAP_BO_WC } },
			{ "cached", &(struct drm_omap_gem_new) { .flags = OMAP_BO_CACHED } },
			/* In pages of system memory, too, where there is no DMM to scan it out. */
			{ "scanout", &(struct drm_omap_gem_new) {
				.flags = OMAP_BO_SCANOUT | OMAP_BO_WC } },
		},
	},
	{
		/* Mapped by the DMM, a slice at a time. */
		.driver = "omapdrm",
		.name = "omap",
		.create = GEM_CREATE(OMAP_GEM_NEW, struct drm_omap_gem_new, size.tiled.height,
				     handle),
		.unit = PITCH,
		.offset = GEM_OFFSET(OMAP_GEM_INFO, struct drm_omap_gem_info, handle, offset),
		.imports = true,
		.buffers = {
			{ "tiled", &(struct drm_omap_gem_new) {
				.flags = OMAP_BO_TILED_32 | OMAP_BO_WC,
				.size.tiled.width = WIDTH } },
		},
	},
	{
		.driver = "panfrost",
		.create = GEM_CREATE(PANFROST_CREATE_BO, struct drm_panfrost_create_bo, size,
				     handle),
		.offset = GEM_OFFSET(PANFROST_MMAP_BO, struct drm_panfrost_mmap_bo, handle, offset),
		.imports = true,
		.buffers = {
			{ "bo" },
			{ "cached", &(struct drm_panfrost_create_bo) {
				.flags = PANFROST_BO_WB_MMAP } },
		},
	},
	{
		.driver = "panthor",
		.create = GEM_CREATE(PANTHOR_BO_CREATE, struct drm_panthor_bo_create, size, handle),
		.offset = GEM_OFFSET(PANTHOR_BO_MMAP_OFFSET, struct drm_panthor_bo_mmap_offset,
				     handle, offset),
		.imports = true,
		.buffers = {
			{ "bo" },
			{ "cached", &(struct drm_panthor_bo_create) {
				.flags = DRM_PANTHOR_BO_WB_MMAP } },
		},
	},
	{
		.driver = "powervr",
		.create = GEM_CREATE(PVR_CREATE_BO, struct drm_pvr_ioctl_create_bo_args, size,
				     handle),
		.offset = GEM_OFFSET(PVR_GET_BO_MMAP_OFFSET,
				     struct drm_pvr_ioctl_get_bo_mmap_offset_args, handle, offset),
		.buffers = {
			{ "bo", &(struct drm_pvr_ioctl_create_bo_args) {
				.flags = DRM_PVR_BO_ALLOW_CPU_USERSPACE_ACCESS } },
		},
	},
	{
		.driver = "qaic",
		.create = GEM_CREATE(QAIC_CREATE_BO, struct qaic_create_bo, size, handle),
		.offset = GEM_OFFSET(QAIC_MMAP_BO, struct qaic_mmap_bo, handle, offset),
		.buffers = { { "bo" } },
	},
	{
		.driver = "qxl",
		.create = GEM_CREATE(QXL_ALLOC, struct drm_qxl_alloc, size, handle),
		.logs = QXL_IS_FULL,
		.offset = GEM_OFFSET(QXL_MAP, struct drm_qxl_map, handle, offset),
		.buffers = { { "vram", .video = true } },
	},
	{
		.driver = "qxl",
		.create = GEM_CREATE(QXL_ALLOC_SURF, struct drm_qxl_alloc_surf, height, handle),
		.unit = PITCH,
		.logs = QXL_IS_FULL,
		.offset = GEM_OFFSET(QXL_MAP, struct drm_qxl_map, handle, offset),
		.buffers = {
			{ "surface", &(struct drm_qxl_alloc_surf) {
				.format = 32, .width = WIDTH, .stride = PITCH },
			  .video = true },
		},
	},
	{
		/* drm_radeon.c has those in video memory. */
		.driver = "radeon",
		.ready = radeon_has_gart,
		.create = GEM_CREATE(RADEON_GEM_CREATE, struct drm_radeon_gem_create, size, handle),
		.offset = GEM_OFFSET(RADEON_GEM_MMAP, struct drm_radeon_gem_mmap, handle, addr_ptr),
		.buffers = {
			{ "gtt", &(struct drm_radeon_gem_create) {
				.initial_domain = RADEON_GEM_DOMAIN_GTT } },
			{ "gtt-wc", &(struct drm_radeon_gem_create) {
				.initial_domain = RADEON_GEM_DOMAIN_GTT,
				.flags = RADEON_GEM_GTT_WC } },
		},
	},
	{
		.driver = "rocket",
		.create = GEM_CREATE(ROCKET_CREATE_BO, struct drm_rocket_create_bo, size, handle),
		.told = DRM_FIELD(struct drm_rocket_create_bo, offset),
		.buffers = { { "bo" } },
	},
	{
		.driver = "tegra",
		.create = GEM_CREATE(TEGRA_GEM_CREATE, struct drm_tegra_gem_create, size, handle),
		.offset = GEM_OFFSET(TEGRA_GEM_MMAP, struct drm_tegra_gem_mmap, handle, offset),
		.imports = true,
		.by_itself = true,
		.wild = true,	/* from 0 on, if there is no IOMMU (__tegra_gem_mmap()) */
		.buffers = { { "bo" } },
	},
	{
		.driver = "v3d",
		.create = GEM_CREATE(V3D_CREATE_BO, struct drm_v3d_create_bo, size, handle),
		.offset = GEM_OFFSET(V3D_MMAP_BO, struct drm_v3d_mmap_bo, handle, offset),
		.imports = true,
		.buffers = { { "bo" } },
	},
	{
		.driver = "vc4",
		.create = GEM_CREATE(VC4_CREATE_BO, struct drm_vc4_create_bo, size, handle),
		.offset = GEM_OFFSET(VC4_MMAP_BO, struct drm_vc4_mmap_bo, handle, offset),
		.imports = true,
		.buffers = { { "bo" } },
	},
	{
		.driver = "virtio_gpu",
		.create = GEM_CREATE(VIRTGPU_RESOURCE_CREATE_BLOB,
				     struct drm_virtgpu_resource_create_blob, size, bo_handle),
		.offset = GEM_OFFSET(VIRTGPU_MAP, struct drm_virtgpu_map, handle, offset),
		.buffers = {
			{ "blob", &(struct drm_virtgpu_resource_create_blob) {
				.blob_mem = VIRTGPU_BLOB_MEM_GUEST,
				.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE |
					      VIRTGPU_BLOB_FLAG_USE_SHAREABLE } },
		},
	},
	{
		.driver = "virtio_gpu",
		.ready = virtio_gpu_is_venus,
		.create = GEM_CREATE(VIRTGPU_RESOURCE_CREATE_BLOB,
				     struct drm_virtgpu_resource_create_blob, size, bo_handle),
		.offset = GEM_OFFSET(VIRTGPU_MAP, struct drm_virtgpu_map, handle, offset),
		.buffers = {
			{ "host3d", &(struct drm_virtgpu_resource_create_blob) {
				.blob_mem = VIRTGPU_BLOB_MEM_HOST3D,
				.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE |
					      VIRTGPU_BLOB_FLAG_USE_SHAREABLE } },
		},
	},
	{
		.driver = "vmwgfx",
		.create = GEM_CREATE(VMW_ALLOC_BO, union drm_vmw_alloc_bo_arg, req.size,
				     rep.handle),
		.told = DRM_FIELD(union drm_vmw_alloc_bo_arg, rep.map_handle),
		.buffers = { { "bo" } },
	},
	{
		.driver = "xe",
		.create = GEM_CREATE(XE_GEM_CREATE, struct drm_xe_gem_create, size, handle),
		.offset = GEM_OFFSET(XE_GEM_MMAP_OFFSET, struct drm_xe_gem_mmap_offset, handle, offset),
		.align = 64 << 10,	/* of what is in video memory */
		.buffers = {
			/* A bit for each region, of which the first is the system's memory. */
			{ "system", &(struct drm_xe_gem_create) {
				.placement = 1 << 0, .cpu_caching = DRM_XE_GEM_CPU_CACHING_WB } },
			{ "system-wc", &(struct drm_xe_gem_create) {
				.placement = 1 << 0, .cpu_caching = DRM_XE_GEM_CPU_CACHING_WC } },
			{ "vram0", &(struct drm_xe_gem_create) {
				.placement = 1 << 1, .cpu_caching = DRM_XE_GEM_CPU_CACHING_WC,
				.flags = DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM },
			  .video = true },
			{ "vram1", &(struct drm_xe_gem_create) {
				.placement = 1 << 2, .cpu_caching = DRM_XE_GEM_CPU_CACHING_WC,
				.flags = DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM },
			  .video = true },
		},
	},
	{ }
};
