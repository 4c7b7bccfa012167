// SPDX-License-Identifier: MIT
/*
 * TEST: core
 * Description: A test of every shape, with outcomes that are known: what the
 *              library must print and exit with is in core.table. It needs no
 *              more than upstream's names, so that it builds with libigt too.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "igt.h"

IGT_TEST_DESCRIPTION("Subtests of every shape, with known outcomes.");

static bool invalid_name;

static int option(int opt, int index, void *data)
{
	if (opt != 'I')
		return IGT_OPT_HANDLER_ERROR;
	invalid_name = true;
	return IGT_OPT_HANDLER_SUCCESS;
}

static const struct option options[] = {
	{ "invalid-name", no_argument, NULL, 'I' },
	{ }
};

static void say_handler(int sig)
{
	static const char line[] = "first handler\n";

	if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0)
		_exit(1);
}

static void say_last_handler(int sig)
{
	char line[] = "last handler, signal 00\n";

	line[21] += sig / 10;
	line[22] += sig % 10;
	if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0)
		_exit(1);
}

static void failing_handler(int sig)
{
	igt_assert_f(false, "in the exit handler\n");
}

static void pass(void)
{
	igt_info("text of a pass\n");
	igt_debug("debug of a pass\n");
}

static void skip(void)
{
	igt_skip("text of a skip\n");
}

static void skip_unended(void)
{
	igt_skip("text without its newline");
}

static void require_unended(void)
{
	igt_require_f(1 == 2, "text without its newline");
}

static void info_unended(void)
{
	igt_info("text without its newline");
}

static void assert_unended(void)
{
	errno = 0;
	igt_assert_f(1 == 2, "text without its newline");
}

static void several_lines(void)
{
	igt_critical("the first line\nand the second\n");
	igt_fail(IGT_EXIT_FAILURE);
}

static void require(void)
{
	errno = 0;
	igt_require(1 == 2);
}

static void require_f(void)
{
	igt_require_f(1 == 2, "one is not two\n");
}

static void fail(void)
{
	errno = 0;
	igt_debug("debug before the failure\n");
	igt_assert_f(1 == 2, "text of a failure\n");
}

static void fail_eq(void)
{
	errno = ENOENT;
	igt_assert_eq(1 + 1, 3);
}

static void warns(void)
{
	igt_warn("text of a warning\n");
}

static void abort_run(void)
{
	igt_abort_on_f(true, "the machine is unfit\n");
}

static void crash(void)
{
	raise(SIGSEGV);
}

static void call_abort(void)
{
	abort();
}

static void terminated(void)
{
	igt_install_exit_handler(say_handler);
	igt_install_exit_handler(say_last_handler);
	raise(SIGTERM);
}

static void crash_with_handler(void)
{
	igt_install_exit_handler(say_handler);
	igt_install_exit_handler(say_last_handler);
	raise(SIGSEGV);
}

static void handlers(void)
{
	igt_install_exit_handler(say_handler);
	igt_install_exit_handler(say_last_handler);
}

static void handler_fails(void)
{
	igt_install_exit_handler(failing_handler);
}

/* Dies without a chance to flush: what was printed must be out already. */
static void killed(void)
{
	igt_info("printed before the end\n");
	printf("printed by printf before the end\n");
	raise(SIGKILL);
}

static void child_passes(void)
{
	igt_fork(child, 3)
		igt_info("child %d ran\n", child);
	igt_waitchildren();
}

static void child_fails(void)
{
	igt_fork(child, 2) {
		errno = 0;
		igt_assert_f(child == 0, "text of child %d\n", child);
	}
	igt_waitchildren();
}

static void child_skips(void)
{
	igt_fork(child, 2) {
		if (child)
			skip();
	}
	igt_waitchildren();
}

static void child_crashes(void)
{
	igt_fork(child, 1) {
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	igt_waitchildren();
}

static void child_exits(void)
{
	igt_fork(child, 1)
		_exit(3);
	igt_waitchildren();
}

static void child_sleeps(void)
{
	igt_fork(child, 1)
		sleep(1000);
	igt_waitchildren_timeout(1, "the child sleeps");
}

/* As some containers have it, and Linux before 5.3. */
static void without_pidfd_open(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	igt_require_f(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
		      !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program),
		      "no seccomp: %s\n", strerror(errno));
	igt_assert(syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS);
}

static void no_pidfd_sleeps(void)
{
	without_pidfd_open();
	child_sleeps();
}

static void no_pidfd_passes(void)
{
	without_pidfd_open();
	igt_fork(child, 2)
		usleep(100000);
	igt_waitchildren_timeout(10, "the child takes its time");
}

/* A child that outlives its test would print, and hold the output open. */
static void child_orphaned(void)
{
	igt_fork(child, 1) {
		sleep(5);
		printf("an orphan\n");
	}
	usleep(100000);
	raise(SIGKILL);
}

static void child_left(void)
{
	igt_fork(child, 1) {
		sleep(5);
		printf("an orphan\n");
	}
	errno = 0;
	igt_assert_f(false, "fails before it waits\n");
}

static void timeout(void)
{
	igt_set_timeout(1, "sleeping");
	for (;;)
		pause();
}

static void timeout_reset(void)
{
	igt_set_timeout(1, "sleeping");
	igt_reset_timeout();
	usleep(1100000);
}

/* Its time limit must end with it. */
static void timeout_left(void)
{
	igt_set_timeout(1, "of the subtest before");
}

static void until_timeout(void)
{
	int times = 0;

	igt_until_timeout(1) {
		if (times++)
			usleep(200000);
	}
	igt_assert_lte(2, times);
	igt_assert_lte(times, 7);
}

static const struct {
	const char *name;
	void (*run)(void);
} shapes[] = {
	{ "pass", pass },
	{ "pass-too", pass },
	{ "skip", skip },
	{ "skip-unended", skip_unended },
	{ "require-unended", require_unended },
	{ "info-unended", info_unended },
	{ "assert-unended", assert_unended },
	{ "several-lines", several_lines },
	{ "require", require },
	{ "require-f", require_f },
	{ "fail", fail },
	{ "fail-eq", fail_eq },
	{ "warns", warns },
	{ "abort-run", abort_run },
	{ "crash", crash },
	{ "crash-abort", call_abort },
	{ "crash-with-handler", crash_with_handler },
	{ "terminated", terminated },
	{ "handlers", handlers },
	{ "handler-fails", handler_fails },
	{ "killed", killed },
	{ "child-passes", child_passes },
	{ "child-fails", child_fails },
	{ "child-skips", child_skips },
	{ "child-crashes", child_crashes },
	{ "child-exits", child_exits },
	{ "child-sleeps", child_sleeps },
	{ "no-pidfd-sleeps", no_pidfd_sleeps },
	{ "no-pidfd-passes", no_pidfd_passes },
	{ "child-orphaned", child_orphaned },
	{ "child-left", child_left },
	{ "timeout", timeout },
	{ "timeout-reset", timeout_reset },
	{ "timeout-left", timeout_left },
	{ "until-timeout", until_timeout },
};

int igt_main_args("", options, "  --invalid-name              have one\n", option, NULL)
{
	igt_fixture()
		igt_info("the fixture ran\n");

	for (int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		igt_describe_f("Shape %d.", i);
		igt_subtest(shapes[i].name)
			shapes[i].run();
	}

	igt_subtest("undescribed");

	igt_describe("Runs nothing.");
	igt_subtest_with_dynamic("dynamic-none");

	igt_describe("Skips both of its parts.");
	igt_subtest_with_dynamic("dynamic-skips") {
		igt_dynamic("a")
			skip();
		igt_dynamic("b")
			skip();
	}

	igt_describe("Passes and skips.");
	igt_subtest_with_dynamic("dynamic-passes") {
		for (int i = 0; i < 3; i++)
			igt_dynamic_f("n%d", i)
				igt_require_f(i != 1, "one skips\n");
	}

	igt_describe("One part fails, those after it still run.");
	igt_subtest_with_dynamic("dynamic-fails") {
		igt_dynamic("good")
			pass();
		igt_dynamic("bad")
			fail();
		igt_dynamic("good-too")
			igt_info("after the bad one\n");
	}

	igt_describe("One part crashes, those after it still run.");
	igt_subtest_with_dynamic("dynamic-crashes") {
		igt_dynamic("bad")
			crash();
		igt_dynamic("good")
			igt_info("after the bad one\n");
	}

	igt_describe("Skips outside of its parts.");
	igt_subtest_with_dynamic("dynamic-skips-itself") {
		igt_skip("text of a skip\n");
		igt_dynamic("never");
	}

	igt_describe("A part of it has a name that none may have.");
	igt_subtest_with_dynamic("dynamic-invalid") {
		igt_dynamic("not/valid")
			igt_info("must not run\n");
	}

	if (invalid_name)
		igt_subtest("not valid")
			igt_info("must not run\n");
}
