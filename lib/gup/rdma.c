// SPDX-License-Identifier: MIT
/*
 * RDMA memory registration: ibv_reg_mr takes long-term pins
 * (drivers/infiniband/core/umem.c, ib_umem_get), for writing if anyone may write.
 * Any device will do; rxe makes one of a network interface.
 *
 * With on-demand paging it pins nothing and succeeds on anything; what is refused
 * is to bring pages in (umem_odp.c: hmm_range_fault), as the device does when it
 * uses them, and as a prefetch does.
 */
#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

/* Asked of the compiler: an igt-gpu-tools checkout defines no symbol for it. */
#if !defined(WITHOUT_RDMA) && __has_include(<infiniband/verbs.h>)
#include <dlfcn.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#undef ibv_reg_mr

/*
 * Loaded when it is used: with what it drags in it would double the start of
 * every test, listing included.
 */
static struct {
	struct ibv_device **(*get_device_list)(int *num);
	struct ibv_context *(*open_device)(struct ibv_device *device);
	struct ibv_pd *(*alloc_pd)(struct ibv_context *context);
	struct ibv_mr *(*reg_mr)(struct ibv_pd *pd, void *addr, size_t length, int access);
	int (*dereg_mr)(struct ibv_mr *mr);
} verbs;

static struct ibv_pd *pd;

static void load(void)
{
	static const struct { const char *name; void *into; } symbols[] = {
		{ "ibv_get_device_list", &verbs.get_device_list },
		{ "ibv_open_device", &verbs.open_device },
		{ "ibv_alloc_pd", &verbs.alloc_pd },
		{ "ibv_reg_mr", &verbs.reg_mr },
		{ "ibv_dereg_mr", &verbs.dereg_mr },
	};
	void *lib = dlopen("libibverbs.so.1", RTLD_NOW);

	dmabuf_require(lib, "no libibverbs: %s", dlerror());
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *symbol = dlsym(lib, symbols[i].name);

		dmabuf_require(symbol, "libibverbs lacks %s", symbols[i].name);
		memcpy(symbols[i].into, &symbol, sizeof(symbol));
	}
}

static void setup(size_t length)
{
	struct ibv_device **devices;
	struct ibv_context *context = NULL;

	/* Asking libibverbs would make the kernel load the RDMA core. */
	dmabuf_require(!access("/sys/class/infiniband", F_OK), "no RDMA device");
	/*
	 * rxe logs every refusal, which is what is asked for here. Said again for each exporter:
	 * igt_results forgets what was said before a dynamic subtest.
	 */
	igt_emit_ignore_dmesg_regex("rxe_reg_user_mr|Unable to pin memory region");
	if (pd)
		return;
	load();
	devices = verbs.get_device_list(NULL);
	for (int i = 0; devices && devices[i] && !context; i++)
		context = verbs.open_device(devices[i]);
	dmabuf_require(context, "no RDMA device that can be opened");
	pd = verbs.alloc_pd(context);
	dmabuf_require(pd, "no RDMA protection domain: %s", strerror(errno));
}

static ssize_t reg_mr(void *addr, size_t length, int access)
{
	struct ibv_mr *mr = verbs.reg_mr(pd, addr, length, access);

	if (!mr)
		return -errno;
	verbs.dereg_mr(mr);
	return length;
}

static ssize_t attempt_read(void *addr, size_t length)
{
	return reg_mr(addr, length, IBV_ACCESS_REMOTE_READ);
}

static ssize_t attempt_write(void *addr, size_t length)
{
	return reg_mr(addr, length, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
		      IBV_ACCESS_REMOTE_READ);
}

/* Of the RDMA device, as the kernel numbers its drivers. */
static uint32_t driver_id;

/*
 * ibv_advise_mr(IBV_ADVISE_MR_ADVICE_PREFETCH), which waits for the pages. Straight
 * to the kernel: Debian 12's provider for rxe does not know it.
 */
static int prefetch(struct ibv_mr *mr, void *addr, size_t length)
{
	struct ib_uverbs_sge sge = {
		.addr = (uintptr_t)addr,
		.length = length,
		.lkey = mr->lkey,
	};
	const struct ib_uverbs_attr attrs[] = {
		{
			.attr_id = UVERBS_ATTR_ADVISE_MR_PD_HANDLE,
			.flags = UVERBS_ATTR_F_MANDATORY,
			.data = pd->handle,
		}, {
			.attr_id = UVERBS_ATTR_ADVISE_MR_ADVICE,
			.flags = UVERBS_ATTR_F_MANDATORY,
			.len = sizeof(uint64_t),
			.data = IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH,
		}, {
			.attr_id = UVERBS_ATTR_ADVISE_MR_FLAGS,
			.flags = UVERBS_ATTR_F_MANDATORY,
			.len = sizeof(uint64_t),
			.data = IB_UVERBS_ADVISE_MR_FLAG_FLUSH,
		}, {
			.attr_id = UVERBS_ATTR_ADVISE_MR_SGE_LIST,
			.flags = UVERBS_ATTR_F_MANDATORY,
			.len = sizeof(sge),
			.data = (uintptr_t)&sge,
		},
	};
	uint64_t room[(sizeof(struct ib_uverbs_ioctl_hdr) + sizeof(attrs)) / sizeof(uint64_t)];
	struct ib_uverbs_ioctl_hdr *cmd = (void *)room;

	*cmd = (struct ib_uverbs_ioctl_hdr) {
		.length = sizeof(room),
		.object_id = UVERBS_OBJECT_MR,
		.method_id = UVERBS_METHOD_ADVISE_MR,
		.num_attrs = sizeof(attrs) / sizeof(attrs[0]),
		.driver_id = driver_id,
	};
	memcpy(cmd->attrs, attrs, sizeof(attrs));
	return ioctl(pd->context->cmd_fd, RDMA_VERBS_IOCTL, cmd) ? -errno : 0;
}

static ssize_t attempt_on_demand(void *addr, size_t length)
{
	struct ibv_mr *mr = verbs.reg_mr(pd, addr, length,
					 IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_ON_DEMAND);
	int ret;

	if (!mr)
		return -errno;
	ret = prefetch(mr, addr, length);
	verbs.dereg_mr(mr);
	return ret ?: length;
}

static void setup_on_demand(size_t length)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t ret;

	setup(length);
	ret = reg_mr(p, page, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_ON_DEMAND);
	dmabuf_require(ret > 0, "the RDMA device does not page on demand (rxe does in 7.2, not in 6.12): %s",
		       strerror(-ret));
	/* EINVAL is what the wrong driver's number gives. */
	do
		ret = attempt_on_demand(p, page);
	while (ret == -EINVAL && ++driver_id < 64);
	dmabuf_require(ret > 0, "the RDMA device does not prefetch: %s", strerror(-ret));
}
#else
static void setup(size_t length)
{
	dmabuf_skip("built without RDMA (libibverbs)");
}
#define setup_on_demand setup

static ssize_t attempt_write(void *addr, size_t length)
{
	return -ENOSYS;
}
#define attempt_read attempt_write
#define attempt_on_demand attempt_write
#endif

const struct gup_user gup_rdma = {
	.name = "rdma-reg-mr",
	.description = "ibv_reg_mr() for local and remote writing (long-term pins for writing by ib_umem_get)",
	.writes = true,
	.setup = setup,
	.lasts = true,
	.attempt = attempt_write,
};

const struct gup_user gup_rdma_read = {
	.name = "rdma-reg-mr-read",
	.description = "ibv_reg_mr() for remote reading alone (long-term pins for reading by ib_umem_get)",
	.by_fd_alone = true,
	.setup = setup,
	.lasts = true,
	.attempt = attempt_read,
};

const struct gup_user gup_rdma_on_demand = {
	.name = "rdma-on-demand",
	.description = "Prefetch for an ibv_reg_mr() with on-demand paging (pages without references by hmm_range_fault)",
	.by_fd_alone = true,
	.setup = setup_on_demand,
	.attempt = attempt_on_demand,
	.mirrors = true,
};
