// SPDX-License-Identifier: GPL-2.0
/*
 * What is written to /sys/module/catastrophe/parameters/make happens to the kernel: for
 * scripts/check-survives.py, in the lab.
 */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(lock);

static int make(const char *what, const struct kernel_param *param)
{
	if (sysfs_streq(what, "warning")) {
		WARN(1, "as it was asked for\n");
	} else if (sysfs_streq(what, "oops")) {
		BUG();
	} else if (sysfs_streq(what, "panic")) {
		panic("as it was asked for");
	} else if (sysfs_streq(what, "stuck")) {
		/* Until power off: not even SIGKILL wakes it. */
		for (;;) {
			set_current_state(TASK_UNINTERRUPTIBLE);
			schedule();
		}
	} else if (sysfs_streq(what, "deadlock")) {
		unsigned long flags;

		spin_lock_irqsave(&lock, flags);
		spin_lock(&lock);
	} else {
		return -EINVAL;
	}
	return 0;
}

static const struct kernel_param_ops ops = { .set = make };

module_param_cb(make, &ops, NULL, 0200);
MODULE_PARM_DESC(make, "warning, oops, panic, stuck or deadlock");
MODULE_DESCRIPTION("Makes a kernel fail");
MODULE_LICENSE("GPL");
