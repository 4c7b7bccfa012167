/* SPDX-License-Identifier: MIT */
#ifndef IGT_CORE_H
#define IGT_CORE_H

/*
 * The IGT test protocol, spoken without libigt (which no distribution ships
 * headers for and which has no stable API). Names, arguments and semantics
 * are upstream's; the subset that this suite needs.
 */

#include <errno.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define IGT_EXIT_SUCCESS 0	/* a test passed */
#define IGT_EXIT_SKIP 77	/* nothing passed and nothing failed */
#define IGT_EXIT_INVALID 79	/* a bad option or an unknown subtest */
#define IGT_EXIT_FAILURE 98	/* a test failed */
#define IGT_EXIT_ABORT 112	/* the machine is unfit for further tests */

enum igt_log_level {
	IGT_LOG_DEBUG,
	IGT_LOG_INFO,
	IGT_LOG_WARN,
	IGT_LOG_CRITICAL,
	IGT_LOG_NONE,
};

/* What an option handler makes of one option. */
#define IGT_OPT_HANDLER_SUCCESS 0
#define IGT_OPT_HANDLER_ERROR (-2)

typedef int (*igt_opt_handler_t)(int opt, int opt_index, void *data);
typedef void (*igt_exit_handler_t)(int sig);

#ifndef IGT_LOG_DOMAIN
#define IGT_LOG_DOMAIN (NULL)
#endif

/*
 * Not for tests: what the macros below expand to.
 */
extern sigjmp_buf igt_subtest_jmpbuf;
extern sigjmp_buf igt_dynamic_subtest_jmpbuf;

int igt_subtest_init_parse_opts(int *argc, char **argv,
				const char *extra_short_opts,
				const struct option *extra_long_opts,
				const char *help_str,
				igt_opt_handler_t extra_opt_handler,
				void *handler_data);
bool __igt_run_subtest(const char *subtest_name, const char *file, int line);
void __igt_begin_dynamic_subtests(void);
bool __igt_run_dynamic_subtest(const char *dynamic_subtest_name);
bool __igt_fixture(void);
void __igt_fixture_complete(void) __attribute__((noreturn));
void __igt_subtest_group_save(int *saved);
void __igt_subtest_group_restore(int *saved);
bool __igt_fork(void);
const char *__igt_format_name(char *buf, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
extern const char *__igt_test_description __attribute__((weak));
bool __igt_timed_out(struct timespec *start, double seconds);

#define igt_tokencat2(x, y) x ## y
#define igt_tokencat(x, y) igt_tokencat2(x, y)

/*
 * igt_main:
 *
 * The body of a test with subtests: `int igt_main() { ... }`. It runs once to
 * enumerate as well as to execute, so code outside of igt_fixture() and
 * igt_subtest() must neither fail nor touch a device.
 */
#define igt_main() igt_main_args("", NULL, NULL, NULL, NULL)

/*
 * igt_main_args:
 *
 * As igt_main(), with options of the test's own: those for getopt_long(),
 * the text that --help adds, and the handler called for each.
 */
#define igt_main_args(short_opts, long_opts, help_str, opt_handler, data) \
	main(int argc, char **argv); \
	static void igt_tokencat(__igt_real_main, __LINE__)(void); \
	int main(int argc, char **argv) \
	{ \
		igt_subtest_init_parse_opts(&argc, argv, short_opts, \
					    long_opts, help_str, \
					    opt_handler, data); \
		igt_tokencat(__igt_real_main, __LINE__)(); \
		igt_exit(); \
	} \
	static void igt_tokencat(__igt_real_main, __LINE__)(void)

/* What the whole test is about; printed by --help-description. */
#define IGT_TEST_DESCRIPTION(str) const char *__igt_test_description = str

/* Describes the next subtest or group; required, and printed by --describe. */
void igt_describe(const char *description);
void igt_describe_f(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * igt_fixture:
 *
 * Code that subtests share and that is not run when they are only listed. A
 * skip or failure in it becomes the result of every subtest that follows (in
 * the group). Variables set here and used elsewhere must be static or volatile.
 */
#define igt_fixture() \
	for (; __igt_fixture() && sigsetjmp(igt_subtest_jmpbuf, 1) == 0; \
	     __igt_fixture_complete())

/* One question, with one result. */
#define igt_subtest(name) \
	for (; __igt_run_subtest((name), __FILE__, __LINE__) && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0; igt_success())

#define igt_subtest_f(...) \
	igt_subtest(__igt_format_name((char[256]){ 0 }, 256, __VA_ARGS__))

/*
 * igt_subtest_with_dynamic:
 *
 * A subtest whose parts are known only at run time (here: the exporters). Its
 * result is made from those of its igt_dynamic() parts: a failure if one
 * failed, a skip if none ran or all were skipped.
 */
#define igt_subtest_with_dynamic(name) \
	for (; __igt_run_subtest((name), __FILE__, __LINE__) && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0 && \
	     (__igt_begin_dynamic_subtests(), true); igt_success())

#define igt_subtest_with_dynamic_f(...) \
	igt_subtest_with_dynamic(__igt_format_name((char[256]){ 0 }, 256, \
						   __VA_ARGS__))

/* One part of an igt_subtest_with_dynamic(). */
#define igt_dynamic(name) \
	for (; __igt_run_dynamic_subtest(name) && \
	     sigsetjmp(igt_dynamic_subtest_jmpbuf, 1) == 0; igt_success())

#define igt_dynamic_f(...) \
	igt_dynamic(__igt_format_name((char[256]){ 0 }, 256, __VA_ARGS__))

/* Confines what a fixture in it skips or fails to the subtests in it. */
#define igt_subtest_group() \
	for (int igt_tokencat(__group, __LINE__)[2] = { 0, 0 }; \
	     igt_tokencat(__group, __LINE__)[0] == 0 && \
	     (__igt_subtest_group_save(igt_tokencat(__group, __LINE__)), true); \
	     __igt_subtest_group_restore(igt_tokencat(__group, __LINE__)))

/* Ends the current (dynamic) subtest as passed; its macro calls it. */
void igt_success(void) __attribute__((noreturn));

/* Ends the current (dynamic) subtest, fixture or test as skipped, saying why. */
void igt_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2))) __attribute__((noreturn));
void __igt_skip_check(const char *file, int line, const char *func,
		      const char *check, const char *fmt, ...)
	__attribute__((format(printf, 5, 6))) __attribute__((noreturn));

/* Ends the current (dynamic) subtest, fixture or test as failed. */
void igt_fail(int exitcode) __attribute__((noreturn));
void __igt_fail_assert(const char *domain, const char *file, int line,
		       const char *func, const char *assertion,
		       const char *fmt, ...)
	__attribute__((format(printf, 6, 7))) __attribute__((noreturn));

/* Ends the whole run of all tests: the machine is unfit to go on. */
void igt_abort_on_f_fail(const char *fmt, ...)
	__attribute__((format(printf, 1, 2))) __attribute__((noreturn));
#define igt_abort_on_f(cond, ...) \
	do { if (cond) igt_abort_on_f_fail(__VA_ARGS__); } while (0)

/* Ends the test with the exit code that its subtests add up to. */
void igt_exit(void) __attribute__((noreturn));

#define igt_assert(expr) \
	do { \
		if (!(expr)) \
			__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__, \
					  __func__, #expr, NULL); \
	} while (0)

#define igt_assert_f(expr, ...) \
	do { \
		if (!(expr)) \
			__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__, \
					  __func__, #expr, __VA_ARGS__); \
	} while (0)

#define igt_fail_on(expr) igt_assert(!(expr))
#define igt_fail_on_f(expr, ...) igt_assert_f(!(expr), __VA_ARGS__)

#define __igt_assert_cmp(type, fmt, a, cmp, b) \
	do { \
		type __a = (a), __b = (b); \
		if (!(__a cmp __b)) \
			__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__, \
					  __func__, #a " " #cmp " " #b, \
					  "error: " fmt " " #cmp " " fmt " is not so\n", \
					  __a, __b); \
	} while (0)

#define igt_assert_eq(a, b) __igt_assert_cmp(int, "%d", a, ==, b)
#define igt_assert_neq(a, b) __igt_assert_cmp(int, "%d", a, !=, b)
#define igt_assert_lt(a, b) __igt_assert_cmp(int, "%d", a, <, b)
#define igt_assert_lte(a, b) __igt_assert_cmp(int, "%d", a, <=, b)
#define igt_assert_eq_u64(a, b) \
	__igt_assert_cmp(unsigned long long, "%#llx", a, ==, b)
#define igt_assert_fd(fd) \
	igt_assert_f((fd) >= 0, "file descriptor " #fd " is %d\n", (fd))

#define igt_require(expr) \
	do { \
		if (!(expr)) \
			__igt_skip_check(__FILE__, __LINE__, __func__, #expr, \
					 NULL); \
	} while (0)

#define igt_require_f(expr, ...) \
	do { \
		if (!(expr)) \
			__igt_skip_check(__FILE__, __LINE__, __func__, #expr, \
					 __VA_ARGS__); \
	} while (0)

#define igt_skip_on(expr) igt_require(!(expr))
#define igt_skip_on_f(expr, ...) igt_require_f(!(expr), __VA_ARGS__)

/*
 * igt_log:
 *
 * INFO goes to stdout; WARN and CRITICAL go to stderr, which makes a warn of
 * a pass; DEBUG is shown on request and in the log of a failed subtest. The text
 * must end in a newline, here and wherever else the core prints one: without it
 * the line goes on, and the result that follows is lost to the runner.
 */
void igt_log(const char *domain, enum igt_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void igt_vlog(const char *domain, enum igt_log_level level, const char *fmt,
	      va_list ap) __attribute__((format(printf, 3, 0)));
#define igt_debug(...) igt_log(IGT_LOG_DOMAIN, IGT_LOG_DEBUG, __VA_ARGS__)
#define igt_info(...) igt_log(IGT_LOG_DOMAIN, IGT_LOG_INFO, __VA_ARGS__)
#define igt_warn(...) igt_log(IGT_LOG_DOMAIN, IGT_LOG_WARN, __VA_ARGS__)
#define igt_critical(...) igt_log(IGT_LOG_DOMAIN, IGT_LOG_CRITICAL, __VA_ARGS__)
#define igt_warn_on(cond) \
	do { if (cond) igt_warn("Warning on condition %s\n", #cond); } while (0)

/* Tells the runner that kernel messages which match are expected, not news. */
void igt_emit_ignore_dmesg_regex(const char *ignore_dmesg_regex);

/*
 * igt_fork:
 *
 * `igt_fork(child, n) { ... }` runs the block in n processes; a failure or crash
 * in one is the test's failure, found by igt_waitchildren(). None may skip.
 */
#define igt_fork(child, num_children) \
	for (int child = 0; child < (num_children); child++) \
		for (; __igt_fork(); exit(IGT_EXIT_SUCCESS))
void igt_waitchildren(void);
/* As igt_waitchildren(), but kills what still runs after so many seconds. */
void igt_waitchildren_timeout(int seconds, const char *reason);

/* Runs fn at exit and on a fatal signal, the last installed first. */
void igt_install_exit_handler(igt_exit_handler_t fn);

/* After so many seconds the current subtest fails, naming op. 0 disarms it. */
void igt_set_timeout(unsigned int seconds, const char *op);
void igt_reset_timeout(void);

/* Nanoseconds since *start. Where that is zero it becomes now, and 0 is returned. */
uint64_t igt_nsec_elapsed(struct timespec *start);

/* Repeats the statement that follows for so many seconds, at least once. */
#define igt_until_timeout(seconds) \
	for (struct timespec __until = { 0, 0 }; !__igt_timed_out(&__until, (seconds)); )

/* The test's name (that of its binary). */
const char *igt_test_name(void);

#endif /* IGT_CORE_H */
