// SPDX-License-Identifier: MIT
/*
 * The IGT test protocol: what igt_runner, and a person, expect of a test
 * binary. One process is one state machine: it enumerates or executes, it is
 * in a fixture, a subtest, a dynamic subtest or none, and it has seen this or
 * that result so far.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "config.h"
#include "igt_core.h"
#include "igt_hook.h"
#include "igt_version.h"

#define LOG_LINES 256
#define MAX_EXIT_HANDLERS 10
#define MAX_CHILDREN 64

/* What SIGKILL cannot end in this many seconds is stuck in the kernel. */
#define KILL_GRACE 3

sigjmp_buf igt_subtest_jmpbuf;
sigjmp_buf igt_dynamic_subtest_jmpbuf;

enum verdict { SUCCESS, SKIP, FAIL, CRASH };

static const char *const verdict_names[] = {
	[SUCCESS] = "SUCCESS", [SKIP] = "SKIP", [FAIL] = "FAIL", [CRASH] = "CRASH",
};

enum mode { EXECUTE, LIST, TESTLIST, DESCRIBE };

static enum mode mode;
static const char *test_name = "igt";
static const char *run_subtest_pattern;
static const char *run_dynamic_pattern;
static bool debug_on_stdout;
static const char *debug_domain;

static bool subtest_matched, dynamic_matched, dynamic_missed;
static bool in_fixture;
static char in_subtest[256], in_dynamic[256];
static struct timespec subtest_start, dynamic_start;
static char pending_description[1024];

/* Counts of the current igt_subtest_with_dynamic(); -1 outside of one. */
static int dynamic_executed = -1, dynamic_failed, dynamic_succeeded;

/* What a fixture decided for the subtests that follow it. */
static enum verdict henceforth;

static bool any_success, any_skip, any_fail;
static int failure_code = IGT_EXIT_FAILURE;
static int crash_signal;	/* the first that a subtest died of, or 0 */
static bool exiting;		/* exit handlers run */

/* Of dmabuf_runner: whether it wants a dynamic subtest is asked here; -1: all of them. */
static int ask_fd = -1;

/* igt_runner asks for it, and igt_results cuts what stderr has by it. */
static bool sentinels_on_stderr;

static bool test_child;
static pid_t children[MAX_CHILDREN];
static int num_children;

static igt_exit_handler_t exit_handlers[MAX_EXIT_HANDLERS];
static int num_exit_handlers;

static char *log_ring[LOG_LINES];
static unsigned int log_next;

static const char *timeout_op;

static const char *const level_names[] = { "DEBUG", "INFO", "WARNING", "CRITICAL" };

const char *igt_test_name(void)
{
	return test_name;
}

/*
 * Every test writes where it is to the kernel log, in upstream's words:
 * igt_results tells by these lines which message belongs to which subtest.
 * Opened anew for each: the kernel limits the rate by open file, ten lines in
 * five seconds, and warns of what it left out, which would make a dmesg-warn of
 * a pass (devkmsg_write() in kernel/printk/printk.c).
 */
static void kmsg(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void kmsg(const char *fmt, ...)
{
	int n, fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char line[512];
	va_list ap;

	if (fd < 0)
		return;
	n = snprintf(line, sizeof(line), "<6>[IGT] %s: ", test_name);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	write(fd, line, strlen(line));
	close(fd);
}

void igt_emit_ignore_dmesg_regex(const char *ignore_dmesg_regex)
{
	kmsg("add ignored dmesg regex: %s\n", ignore_dmesg_regex);
}

static void log_reset(void)
{
	for (int i = 0; i < LOG_LINES; i++) {
		free(log_ring[i]);
		log_ring[i] = NULL;
	}
	log_next = 0;
}

/* What failed, which is what the process is in, and its log. */
static void log_dump(void)
{
	if (in_dynamic[0])
		fprintf(stderr, "Dynamic subtest %s failed.\n", in_dynamic);
	else if (in_subtest[0])
		fprintf(stderr, "Subtest %s failed.\n", in_subtest);
	else
		fprintf(stderr, "Test %s failed.\n", test_name);
	if (!log_next) {
		fprintf(stderr, "No log.\n");
		return;
	}
	fprintf(stderr, "**** DEBUG ****\n");
	for (int i = 0; i < LOG_LINES; i++) {
		const char *line = log_ring[(log_next + i) % LOG_LINES];

		if (line)
			fputs(line, stderr);
	}
	fprintf(stderr, "****  END  ****\n");
}

/*
 * A text that ends in no newline goes on with the next one, as upstream's does: it
 * has no prefix of its own, and a line of the protocol behind it is lost to runners.
 */
static bool line_open;

void igt_vlog(const char *domain, enum igt_log_level level, const char *fmt,
	      va_list ap)
{
	char prefix[256] = "", *text, *line;
	struct timespec now;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!line_open)
		snprintf(prefix, sizeof(prefix), "[%ld.%06ld] (%s:%d) %s%s%s: ",
			 (long)now.tv_sec, now.tv_nsec / 1000, test_name, getpid(),
			 domain ?: "", domain ? "-" : "", level_names[level]);
	line_open = !text[0] ? line_open : text[strlen(text) - 1] != '\n';
	if (asprintf(&line, "%s%s", prefix, text) < 0) {
		free(text);
		return;
	}

	if (level >= IGT_LOG_WARN) {
		fputs(line, stderr);
	} else if (level == IGT_LOG_INFO) {
		fputs(text, stdout);
		fflush(stdout);
	} else if (debug_on_stdout &&
		   (!debug_domain || !strcmp(debug_domain, domain ?: "application"))) {
		fputs(line, stdout);
		fflush(stdout);
	}
	free(text);

	free(log_ring[log_next % LOG_LINES]);
	log_ring[log_next++ % LOG_LINES] = line;
}

void igt_log(const char *domain, enum igt_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	igt_vlog(domain, level, fmt, ap);
	va_end(ap);
}

uint64_t igt_nsec_elapsed(struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!start->tv_sec && !start->tv_nsec)
		*start = now;
	return (now.tv_sec - start->tv_sec) * 1000000000ll + now.tv_nsec - start->tv_nsec;
}

static double seconds_since(struct timespec *start)
{
	return igt_nsec_elapsed(start) / 1e9;
}

bool __igt_timed_out(struct timespec *start, double seconds)
{
	double elapsed = seconds_since(start);

	return elapsed && elapsed >= seconds;
}

const char *__igt_format_name(char *buf, size_t len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, len, fmt, ap);
	va_end(ap);
	return buf;
}

/*
 * IGT's wildcards: patterns between commas, "!" in front excludes, and the
 * last pattern that matches decides.
 */
static bool matches(const char *name, const char *patterns)
{
	bool found = false;
	const char *at, *end;

	for (at = patterns; ; at = end + 1) {
		char pattern[256];
		bool negate = *at == '!';

		end = strchrnul(at, ',');
		snprintf(pattern, sizeof(pattern), "%.*s",
			 (int)(end - at - negate), at + negate);
		if (fnmatch(pattern, name, 0) == 0)
			found = !negate;
		if (!*end)
			return found;
	}
}

/* A line that tells runners where the test is: flushed, they read it live. */
static void sentinel(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void sentinel(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	line_open = false;
	fputs(line, stdout);
	fflush(stdout);
	if (sentinels_on_stderr)
		fputs(line, stderr);
}

static void print_result(const char *what, const char *name, enum verdict verdict,
			 double seconds)
{
	sentinel("%s %s: %s (%.3fs)\n", what, name, verdict_names[verdict], seconds);
}

static void note_verdict(enum verdict verdict)
{
	if (verdict == SUCCESS)
		any_success = true;
	else if (verdict == SKIP)
		any_skip = true;
	else
		any_fail = true;
}

static void announce(const char *what, const char *name)
{
	igt_hook_run(in_dynamic[0] ? IGT_HOOK_PRE_DYN_SUBTEST : IGT_HOOK_PRE_SUBTEST, test_name,
		     in_subtest, in_dynamic, "");
	sentinel("Starting %s: %s\n", what, name);
	kmsg("starting %s %s\n", what, name);
}

/* Waits for one child; false if it still runs at the deadline (0: for ever). */
static bool wait_child(pid_t pid, struct timespec *start, int seconds, int *status)
{
	/* The kernel, or who filters its calls, may not have it. */
	struct pollfd pfd = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	pid_t ended;

	while ((ended = waitpid(pid, status, seconds ? WNOHANG : 0)) <= 0) {
		double left = seconds - seconds_since(start);

		if (ended < 0 && errno != EINTR)
			break;
		if (ended == 0 && left <= 0)
			break;
		if (ended == 0 && pfd.fd >= 0)
			poll(&pfd, 1, left * 1000 + 1);
		else if (ended == 0)
			usleep(2000);
	}
	if (pfd.fd >= 0)
		close(pfd.fd);
	return ended > 0;
}

/* Those that nobody waited for. One that is stuck in the kernel is left to it. */
static void kill_children(void)
{
	struct timespec start = { 0, 0 };
	int status;

	for (int i = 0; i < num_children; i++)
		kill(children[i], SIGKILL);
	while (num_children)
		wait_child(children[--num_children], &start, KILL_GRACE, &status);
}

/* Prints the result and leaves the (dynamic) subtest for where it began. */
static void exit_subtest(enum verdict verdict) __attribute__((noreturn));
static void exit_subtest(enum verdict verdict)
{
	bool dynamic = in_dynamic[0];
	const char *what = dynamic ? "Dynamic subtest" : "Subtest";
	char *name = dynamic ? in_dynamic : in_subtest;
	double seconds = seconds_since(dynamic ? &dynamic_start : &subtest_start);

	igt_reset_timeout();
	kill_children();

	print_result(what, name, verdict, seconds);
	kmsg("finished %ssubtest %s, %s\n", dynamic ? "dynamic " : "", name,
	     verdict_names[verdict]);
	igt_hook_run(dynamic ? IGT_HOOK_POST_DYN_SUBTEST : IGT_HOOK_POST_SUBTEST, test_name,
		     in_subtest, in_dynamic, verdict_names[verdict]);

	name[0] = 0;
	log_reset();
	if (dynamic) {
		dynamic_failed += verdict >= FAIL;
		dynamic_succeeded += verdict == SUCCESS;
		siglongjmp(igt_dynamic_subtest_jmpbuf, 1);
	}
	dynamic_executed = -1;
	note_verdict(verdict);
	siglongjmp(igt_subtest_jmpbuf, 1);
}

/* Where a skip or failure goes from wherever the test is. */
static void leave(enum verdict verdict) __attribute__((noreturn));
static void leave(enum verdict verdict)
{
	if (exiting)
		_exit(IGT_EXIT_FAILURE);
	if (test_child && verdict == SKIP) {
		igt_critical("A child of igt_fork() must not skip.\n");
		verdict = FAIL;
	}
	if (verdict >= FAIL)
		log_dump();
	if (test_child)
		_exit(failure_code);
	if (in_subtest[0])
		exit_subtest(verdict);
	if (verdict >= FAIL || !in_fixture)
		note_verdict(verdict);
	if (!in_fixture)
		igt_exit();
	in_fixture = false;
	henceforth = verdict;
	siglongjmp(igt_subtest_jmpbuf, 1);
}

void igt_describe(const char *description)
{
	snprintf(pending_description, sizeof(pending_description), "%s", description);
}

void igt_describe_f(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(pending_description, sizeof(pending_description), fmt, ap);
	va_end(ap);
}

bool __igt_fixture(void)
{
	if (mode != EXECUTE || in_fixture || henceforth != SUCCESS)
		return false;
	in_fixture = true;
	return true;
}

void __igt_fixture_complete(void)
{
	in_fixture = false;
	siglongjmp(igt_subtest_jmpbuf, 1);
}

void __igt_subtest_group_save(int *saved)
{
	saved[1] = henceforth;
	pending_description[0] = 0;
}

void __igt_subtest_group_restore(int *saved)
{
	henceforth = saved[1];
	saved[0] = 1;
}

static bool valid_name(const char *name)
{
	return name[0] && !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789-_")];
}

bool __igt_run_subtest(const char *subtest_name, const char *file, int line)
{
	char description[sizeof(pending_description)];

	strcpy(description, pending_description);
	pending_description[0] = 0;

	if (!valid_name(subtest_name)) {
		igt_critical("Invalid subtest name \"%s\"\n", subtest_name);
		exit(IGT_EXIT_INVALID);
	}
	if (run_subtest_pattern && !matches(subtest_name, run_subtest_pattern))
		return false;
	subtest_matched = true;

	switch (mode) {
	case LIST:
		puts(subtest_name);
		return false;
	case TESTLIST:
		printf("igt@%s@%s\n", test_name, subtest_name);
		return false;
	case DESCRIBE:
		printf("SUB %s %s:%d:\n  %s\n\n", subtest_name, file, line,
		       description[0] ? description : "NO DOCUMENTATION!");
		return false;
	case EXECUTE:
		break;
	}

	log_reset();
	if (henceforth != SUCCESS) {
		print_result("Subtest", subtest_name, henceforth, 0);
		note_verdict(henceforth);
		return false;
	}

	snprintf(in_subtest, sizeof(in_subtest), "%s", subtest_name);
	clock_gettime(CLOCK_MONOTONIC, &subtest_start);
	announce("subtest", subtest_name);
	return true;
}

void __igt_begin_dynamic_subtests(void)
{
	dynamic_executed = dynamic_failed = dynamic_succeeded = 0;
}

/*
 * Runners learn the names of dynamic subtests only when they begin. One that has
 * something to say about them answers 'n' for those that it does not want.
 */
static bool runner_wants(const char *name)
{
	char question[600], answer = 'y';
	int n = snprintf(question, sizeof(question), "%s@%s", in_subtest, name);

	if (ask_fd < 0 || send(ask_fd, question, n, MSG_NOSIGNAL) != n)
		return true;
	while (recv(ask_fd, &answer, 1, 0) < 0 && errno == EINTR)
		;
	return answer != 'n';
}

bool __igt_run_dynamic_subtest(const char *dynamic_subtest_name)
{
	if (dynamic_executed < 0 || !valid_name(dynamic_subtest_name)) {
		igt_critical("Invalid dynamic subtest \"%s\"\n", dynamic_subtest_name);
		igt_fail(IGT_EXIT_INVALID);
	}
	if (run_dynamic_pattern && !matches(dynamic_subtest_name, run_dynamic_pattern)) {
		dynamic_missed = true;
		return false;
	}
	dynamic_matched = true;
	if (!runner_wants(dynamic_subtest_name))
		return false;
	dynamic_executed++;
	snprintf(in_dynamic, sizeof(in_dynamic), "%s", dynamic_subtest_name);
	clock_gettime(CLOCK_MONOTONIC, &dynamic_start);
	announce("dynamic subtest", dynamic_subtest_name);
	return true;
}

void igt_success(void)
{
	if (in_subtest[0] && !in_dynamic[0] && dynamic_executed >= 0) {
		if (dynamic_failed)
			exit_subtest(FAIL);
		if (!dynamic_executed)
			igt_skip("No dynamic tests executed.\n");
		if (!dynamic_succeeded)
			igt_skip("Every dynamic test was skipped.\n");
	}
	exit_subtest(SUCCESS);
}

static void print_text(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0)));
static void print_text(const char *fmt, va_list ap)
{
	if (fmt)
		igt_vlog(NULL, IGT_LOG_INFO, fmt, ap);
}

void igt_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_text(fmt, ap);
	va_end(ap);
	leave(SKIP);
}

void __igt_skip_check(const char *file, int line, const char *func,
		      const char *check, const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	igt_info("Test requirement not met in function %s, file %s:%d:\n",
		 func, file, line);
	igt_info("Test requirement: %s\n", check);
	va_start(ap, fmt);
	print_text(fmt, ap);
	va_end(ap);
	if (err && !fmt)
		igt_info("Last errno: %d, %s\n", err, strerror(err));
	leave(SKIP);
}

void igt_fail(int exitcode)
{
	if (exitcode != IGT_EXIT_SUCCESS && exitcode != IGT_EXIT_SKIP)
		failure_code = exitcode;
	leave(FAIL);
}

void __igt_fail_assert(const char *domain, const char *file, int line,
		       const char *func, const char *assertion,
		       const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	igt_log(domain, IGT_LOG_CRITICAL,
		"Test assertion failure function %s, file %s:%d:\n", func, file, line);
	igt_log(domain, IGT_LOG_CRITICAL, "Failed assertion: %s\n", assertion);
	if (err)
		igt_log(domain, IGT_LOG_CRITICAL, "Last errno: %d, %s\n",
			err, strerror(err));
	if (fmt) {
		va_start(ap, fmt);
		igt_vlog(domain, IGT_LOG_CRITICAL, fmt, ap);
		va_end(ap);
	}
	igt_fail(IGT_EXIT_FAILURE);
}

void igt_abort_on_f_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	igt_vlog(NULL, IGT_LOG_CRITICAL, fmt, ap);
	va_end(ap);
	log_dump();
	kmsg("exiting, ret=%d\n", IGT_EXIT_ABORT);
	exit(IGT_EXIT_ABORT);
}

void igt_install_exit_handler(igt_exit_handler_t fn)
{
	igt_assert_f(num_exit_handlers < MAX_EXIT_HANDLERS, "too many exit handlers\n");
	exit_handlers[num_exit_handlers++] = fn;
}

static void run_exit_handlers(int sig)
{
	exiting = true;
	while (num_exit_handlers)
		exit_handlers[--num_exit_handlers](sig);
}

static void at_exit(void)
{
	if (!test_child)
		run_exit_handlers(0);
}

/* Ends the process as this signal does that nobody handles. */
static void die_by(int sig)
{
	if (!test_child)
		run_exit_handlers(sig);
	fflush(NULL);
	signal(sig, SIG_DFL);
	raise(sig);
	/* Blocked in a handler of it: it comes when the handler returns. */
}

void igt_exit(void)
{
	int code = IGT_EXIT_SUCCESS;

	if (run_subtest_pattern && !subtest_matched) {
		igt_critical("Unknown subtest: %s\n", run_subtest_pattern);
		exit(IGT_EXIT_INVALID);
	}
	if (mode != EXECUTE)
		exit(IGT_EXIT_SUCCESS);
	if (dynamic_missed && !dynamic_matched) {
		igt_critical("Unknown dynamic subtest: %s\n", run_dynamic_pattern);
		exit(IGT_EXIT_INVALID);
	}

	if (any_fail)
		code = failure_code;
	else if (any_skip && !any_success)
		code = IGT_EXIT_SKIP;
	igt_hook_run(IGT_HOOK_POST_TEST, test_name, "", "",
		     verdict_names[crash_signal ? CRASH : any_fail ? FAIL :
				   code == IGT_EXIT_SKIP ? SKIP : SUCCESS]);
	if (crash_signal)
		die_by(crash_signal);
	kmsg("exiting, ret=%d\n", code);
	exit(code);
}

bool __igt_fork(void)
{
	pid_t parent = getpid(), pid;

	igt_assert_f(num_children < MAX_CHILDREN, "too many children\n");
	fflush(NULL);
	pid = fork();
	igt_assert_f(pid >= 0, "fork failed\n");
	if (pid) {
		children[num_children++] = pid;
		return false;
	}
	/* A test that is killed must not leave children at work. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(IGT_EXIT_FAILURE);
	test_child = true;
	num_children = 0;
	num_exit_handlers = 0;
	return true;
}

static void wait_children(int seconds, const char *reason)
{
	struct timespec start = { 0, 0 };
	bool failed = false;

	for (int i = 0; i < num_children; i++) {
		int status, code;

		errno = 0;
		if (!wait_child(children[i], &start, seconds, &status)) {
			bool ended;

			kill(children[i], SIGKILL);
			ended = wait_child(children[i], &start, seconds + KILL_GRACE, &status);
			igt_critical("child %d did not end within %d s%s: %s\n", i, seconds,
				     ended ? " and was killed" :
				     ", nor when it was killed: it is stuck in the kernel",
				     reason);
			failed = true;
			continue;
		}
		code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (!code)
			continue;
		igt_critical("child %d failed with %s %d%s%s\n", i,
			     WIFEXITED(status) ? "exit status" : "signal",
			     WIFEXITED(status) ? code : WTERMSIG(status),
			     reason ? ": " : "", reason ?: "");
		failed = true;
	}
	num_children = 0;
	if (failed)
		igt_fail(IGT_EXIT_FAILURE);
}

void igt_waitchildren(void)
{
	wait_children(0, NULL);
}

void igt_waitchildren_timeout(int seconds, const char *reason)
{
	wait_children(seconds, reason);
}

/*
 * A fault is the fault of one (dynamic) subtest, and those after it still run;
 * but the process dies of it in the end, so that every runner sees a crash.
 */
static void fatal_signal(int sig)
{
	bool crash = sig != SIGINT && sig != SIGTERM && sig != SIGHUP && sig != SIGQUIT;

	if (crash && !test_child && !exiting && in_subtest[0]) {
		igt_critical("Received signal SIG%s.\n", sigabbrev_np(sig));
		crash_signal = crash_signal ?: sig;
		log_dump();
		exit_subtest(CRASH);
	}
	die_by(sig);
}

static void alarm_signal(int sig) __attribute__((noreturn));
static void alarm_signal(int sig)
{
	igt_critical("Timed out: %s\n", timeout_op ?: "no operation given");
	igt_fail(IGT_EXIT_FAILURE);
}

void igt_set_timeout(unsigned int seconds, const char *op)
{
	struct sigaction sa = { .sa_handler = seconds ? alarm_signal : SIG_DFL };

	timeout_op = op;
	sigaction(SIGALRM, &sa, NULL);
	alarm(seconds);
}

void igt_reset_timeout(void)
{
	igt_set_timeout(0, NULL);
}

static void install_signal_handlers(void)
{
	static const int signals[] = {
		SIGILL, SIGABRT, SIGFPE, SIGSEGV, SIGBUS,
		SIGINT, SIGTERM, SIGHUP, SIGQUIT,
	};
	struct sigaction sa = { .sa_handler = fatal_signal };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	atexit(at_exit);
}

static void print_version(void)
{
	struct utsname u;

	uname(&u);
	printf("IGT-Version: %s-g%s (%s) (Linux: %s %s)\n", PACKAGE_VERSION, IGT_GIT,
	       u.machine, u.release, u.machine);
	fflush(stdout);
}

static void print_usage(FILE *out, const char *help_str)
{
	fprintf(out,
		"Usage: %s [OPTION]...\n"
		"  --list-subtests             print the names of the subtests\n"
		"  --show-testlist             print them as igt@BINARY@SUBTEST\n"
		"  --run-subtest PATTERN       run the subtests that match\n"
		"  --dynamic-subtest PATTERN   run the dynamic subtests that match\n"
		"  --describe[=PATTERN]        print what each subtest checks\n"
		"  --help-description          print what the test is about\n"
		"  --debug[=DOMAIN]            print debug messages too\n"
		"  --hook [EVENTS:]COMMAND     run a command at these events\n"
		"  --help-hook                 print which there are\n"
		"  --trace-on-oops             have the kernel dump its trace on an oops\n"
		"  --device, --connector, --interactive-debug, --skip-crc-compare\n"
		"                              are taken, and have no effect here\n"
		"  --version                   print the version and the kernel's\n"
		"  --help                      print this text\n"
		"PATTERN: shell wildcards, separated by commas; ! excludes.\n"
		"Exit status: 0 passed, 77 skipped, 79 invalid, 98 failed, 112 abort.\n%s",
		test_name, help_str ?: "");
}

static const char trace_file[] = "/proc/sys/kernel/ftrace_dump_on_oops";
static char trace_before[64];

static bool write_trace(const char *value)
{
	FILE *f = fopen(trace_file, "we");

	return f && fputs(value, f) >= 0 && !fclose(f);
}

static void restore_trace(int sig)
{
	write_trace(trace_before);
}

/* Until the test ends. */
static void trace_on_oops(void)
{
	FILE *f = fopen(trace_file, "re");

	if (f && fgets(trace_before, sizeof(trace_before), f) && write_trace("1"))
		igt_install_exit_handler(restore_trace);
	else
		printf("--trace-on-oops has no effect: %s: %s\n", trace_file, strerror(errno));
	if (f)
		fclose(f);
}

static void invalid(const char *help_str) __attribute__((noreturn));
static void invalid(const char *help_str)
{
	print_usage(stderr, help_str);
	exit(IGT_EXIT_INVALID);
}

/*
 * igt_subtest_init_parse_opts:
 *
 * Takes IGT's options and the test's own; exits 79 on an option that is
 * neither. What only prints exits at once or lets the test enumerate itself.
 */
int igt_subtest_init_parse_opts(int *argc, char **argv,
				const char *extra_short_opts,
				const struct option *extra_long_opts,
				const char *help_str,
				igt_opt_handler_t extra_opt_handler,
				void *handler_data)
{
	/* Values beyond any that a test's own options may have. */
	enum {
		OPT_LIST = 0x10000, OPT_TESTLIST, OPT_RUN, OPT_DYNAMIC, OPT_DESCRIBE,
		OPT_DESCRIPTION, OPT_DEBUG, OPT_HOOK, OPT_HELP_HOOK, OPT_TRACE, OPT_NO_EFFECT,
		OPT_VERSION, OPT_HELP,
	};
	static const struct option igt_options[] = {
		{ "list-subtests", no_argument, NULL, OPT_LIST },
		{ "show-testlist", no_argument, NULL, OPT_TESTLIST },
		{ "run-subtest", required_argument, NULL, OPT_RUN },
		{ "dynamic-subtest", required_argument, NULL, OPT_DYNAMIC },
		{ "dynamic", required_argument, NULL, OPT_DYNAMIC },
		{ "describe", optional_argument, NULL, OPT_DESCRIBE },
		{ "help-description", no_argument, NULL, OPT_DESCRIPTION },
		{ "debug", optional_argument, NULL, OPT_DEBUG },
		{ "hook", required_argument, NULL, OPT_HOOK },
		{ "help-hook", no_argument, NULL, OPT_HELP_HOOK },
		{ "trace-on-oops", no_argument, NULL, OPT_TRACE },
		{ "device", required_argument, NULL, OPT_NO_EFFECT },
		{ "connector", required_argument, NULL, OPT_NO_EFFECT },
		{ "interactive-debug", optional_argument, NULL, OPT_NO_EFFECT },
		{ "skip-crc-compare", no_argument, NULL, OPT_NO_EFFECT },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP },
	};
	const size_t num_igt = sizeof(igt_options) / sizeof(igt_options[0]);
	char short_opts[64];
	struct option *options;
	const char *no_effect = NULL;
	size_t num_extra = 0;
	bool trace = false;
	int opt, index;

	test_name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	sentinels_on_stderr = getenv("IGT_SENTINEL_ON_STDERR");
	ask_fd = atoi(getenv("IGT_DYNAMIC_FD") ?: "-1");
	if (ask_fd >= 0)
		fcntl(ask_fd, F_SETFD, FD_CLOEXEC);

	while (extra_long_opts && extra_long_opts[num_extra].name)
		num_extra++;
	options = calloc(num_igt + num_extra + 1, sizeof(*options));
	memcpy(options, igt_options, sizeof(igt_options));
	if (num_extra)
		memcpy(options + num_igt, extra_long_opts, num_extra * sizeof(*options));
	snprintf(short_opts, sizeof(short_opts), "%sh", extra_short_opts ?: "");

	while ((opt = getopt_long(*argc, argv, short_opts, options, &index)) != -1) {
		switch (opt) {
		case OPT_LIST:
			mode = LIST;
			break;
		case OPT_TESTLIST:
			mode = TESTLIST;
			break;
		case OPT_RUN:
			run_subtest_pattern = optarg;
			break;
		case OPT_DYNAMIC:
			run_dynamic_pattern = optarg;
			break;
		case OPT_DESCRIBE:
			mode = DESCRIBE;
			if (optarg)
				run_subtest_pattern = optarg;
			break;
		case OPT_DESCRIPTION:
			puts(&__igt_test_description ? __igt_test_description :
			     "no description");
			exit(IGT_EXIT_SUCCESS);
		case OPT_DEBUG:
			debug_on_stdout = true;
			debug_domain = optarg;
			break;
		case OPT_HOOK:
			if (igt_hook_add(optarg))
				break;
			fprintf(stderr, "%s: '%s' is no hook, see --help-hook\n", test_name,
				optarg);
			exit(IGT_EXIT_INVALID);
		case OPT_HELP_HOOK:
			fputs(igt_hook_help, stdout);
			exit(IGT_EXIT_SUCCESS);
		case OPT_TRACE:
			trace = true;
			break;
		case OPT_NO_EFFECT:
			no_effect = options[index].name;
			break;
		case OPT_VERSION:
			print_version();
			exit(IGT_EXIT_SUCCESS);
		case OPT_HELP:
		case 'h':
			print_usage(stdout, help_str);
			exit(IGT_EXIT_SUCCESS);
		case '?':
			invalid(help_str);
		default:
			if (!extra_opt_handler ||
			    extra_opt_handler(opt, index, handler_data) !=
			    IGT_OPT_HANDLER_SUCCESS)
				invalid(help_str);
		}
	}
	if (optind < *argc) {
		fprintf(stderr, "%s: unexpected argument '%s'\n", test_name, argv[optind]);
		invalid(help_str);
	}
	free(options);

	if (mode == DESCRIBE && &__igt_test_description)
		printf("%s\n\n", __igt_test_description);
	if (mode == EXECUTE) {
		install_signal_handlers();
		print_version();
		kmsg("executing\n");
		if (no_effect)
			printf("--%s has no effect here.\n", no_effect);
		if (trace)
			trace_on_oops();
		igt_hook_run(IGT_HOOK_PRE_TEST, test_name, "", "", "");
	}
	return 0;
}
