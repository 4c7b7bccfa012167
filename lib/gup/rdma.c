// SPDX-License-Identifier: MIT
/*
 * RDMA memory registration: ibv_reg_mr takes long-term pins
 * (drivers/infiniband/core/umem.c). Any device will do; rxe makes one of a
 * network interface.
 */
#include "config.h"

#include "dmabuf_contract.h"
#include "igt.h"
#include "users.h"

#ifdef HAVE_RDMA
#include <dlfcn.h>
#include <infiniband/verbs.h>
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
	/* rxe logs every refusal, which is what is asked for here. */
	igt_emit_ignore_dmesg_regex("rxe_reg_user_mr|Unable to pin memory region");
	load();
	devices = verbs.get_device_list(NULL);
	for (int i = 0; devices && devices[i] && !context; i++)
		context = verbs.open_device(devices[i]);
	dmabuf_require(context, "no RDMA device that can be opened");
	pd = verbs.alloc_pd(context);
	dmabuf_require(pd, "no RDMA protection domain: %s", strerror(errno));
}

static ssize_t attempt(void *addr, size_t length)
{
	struct ibv_mr *mr = verbs.reg_mr(pd, addr, length, IBV_ACCESS_LOCAL_WRITE);

	if (!mr)
		return -errno;
	verbs.dereg_mr(mr);
	return length;
}
#else
static void setup(size_t length)
{
	dmabuf_skip("built without RDMA (libibverbs)");
}

static ssize_t attempt(void *addr, size_t length)
{
	return -ENOSYS;
}
#endif

const struct gup_user gup_rdma = {
	.name = "rdma-reg-mr",
	.description = "ibv_reg_mr() for local writing (long-term pins by ib_umem_get)",
	.writes = true,
	.setup = setup,
	.attempt = attempt,
};
