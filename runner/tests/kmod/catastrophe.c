// SPDX-License-Identifier: GPL-2.0
/*
 * What is written to /sys/kernel/debug/catastrophe happens to the kernel: for
 * scripts/check-survives.py, in the lab. Not a module parameter: those have one lock, which
 * a writer that is stuck would keep.
 */
#include <linux/bug.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

static DEFINE_SPINLOCK(lock);

static struct dentry *file;

static ssize_t make(struct file *f, const char __user *user, size_t len, loff_t *at)
{
	char what[16] = "";

	if (len >= sizeof(what) || copy_from_user(what, user, len))
		return -EINVAL;
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
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = make,
};

static int __init begin(void)
{
	file = debugfs_create_file("catastrophe", 0200, NULL, NULL, &operations);
	return PTR_ERR_OR_ZERO(file);
}
module_init(begin);

static void __exit end(void)
{
	debugfs_remove(file);
}
module_exit(end);

MODULE_DESCRIPTION("Makes a kernel fail");
MODULE_LICENSE("GPL");
