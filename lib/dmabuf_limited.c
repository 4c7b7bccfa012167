// SPDX-License-Identifier: MIT
/*
 * dmabuf_limited(): a judgement in a process of its own, with a time limit for each
 * thing that it tries.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dmabuf_contract.h"
#include "dmabuf_outcome.h"
#include "igt.h"

/* What SIGKILL cannot end in this many seconds is stuck in the kernel. */
#define KILL_GRACE 3

/*
 * So many limits make the most that a stage may take, however well it goes on; and so many
 * milliseconds, unless one limit is more: a runner gives a subtest two minutes.
 */
#define MOST_LIMITS 6
#define MOST_MS 90000

struct outcome *dmabuf_outcome;
bool dmabuf_in_child;

static struct timespec start;
static pid_t child;

/* Where to go on if an access faults that may. */
static sigjmp_buf faulted;
static volatile bool may_fault;

static long since_start(void)
{
	return igt_nsec_elapsed(&start) / 1000000;
}

/* Milliseconds that a stage gets. */
static long stage_limit(void)
{
	return (dmabuf_outcome->limit + dmabuf_outcome->extra) * 1000l;
}

static void renew_deadline(void)
{
	dmabuf_outcome->begun = since_start();
	dmabuf_outcome->deadline = dmabuf_outcome->begun + stage_limit();
}

void dmabuf_conclude(enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dmabuf_outcome->text, sizeof(dmabuf_outcome->text), fmt, ap);
	va_end(ap);
	renew_deadline();
	dmabuf_outcome->verdict = verdict;
	fflush(NULL);
	_exit(IGT_EXIT_SUCCESS);
}

static void bad_access(int sig, siginfo_t *info, void *context)
	__attribute__((noreturn));
static void bad_access(int sig, siginfo_t *info, void *context)
{
	if (may_fault)
		siglongjmp(faulted, 1);
	if (dmabuf_outcome->setting_up)
		dmabuf_conclude(SKIPPED, "SIG%s while %s", sigabbrev_np(sig),
				dmabuf_outcome->stage);
	dmabuf_violation("WHOLE", "SIG%s at address %p while %s\n", sigabbrev_np(sig),
			 info->si_addr, dmabuf_outcome->stage);
}

/* In the child: what upstream's and our core do about signals is not for it. */
static void handle_signals(void)
{
	struct sigaction sa = { .sa_sigaction = bad_access, .sa_flags = SA_SIGINFO };
	static const int defaults[] = {
		SIGILL, SIGABRT, SIGFPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT,
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		signal(defaults[i], SIG_DFL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	/* A limit on file sizes is an errno like any other: EFBIG. */
	signal(SIGXFSZ, SIG_IGN);
}

/* True in the child, with a fresh outcome. */
static bool fork_limited(int seconds)
{
	struct outcome *o = dmabuf_outcome;

	if (!o)
		o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	igt_assert_f(o != MAP_FAILED, "no memory that is shared with a child\n");
	dmabuf_outcome = o;
	o->verdict = NONE;
	o->setting_up = true;
	o->too_large = false;
	o->limit = seconds;
	o->extra = o->saw.count = o->unseen.count = 0;
	o->text[0] = 0;
	strcpy(o->stage, "starting");
	start = (struct timespec){ 0, 0 };
	renew_deadline();

	child = dmabuf_fork();
	igt_assert_f(child >= 0, "no child: %s\n", strerror(errno));
	if (child)
		return false;
	dmabuf_in_child = true;
	handle_signals();
	return true;
}

/* Until something may have happened, and no longer than to the deadline. */
static void wait_a_while(int pidfd, long left)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0)
		poll(&pfd, 1, left);
	else
		usleep(2000);	/* the kernel, or who filters its calls, has no pidfd_open() */
}

/*
 * Waits for the child's end or for its deadline, which it moves on with each stage. What
 * it came to before it hung or died stands. Else the exporter is to blame, unless it was
 * a set-up or a control, or somebody killed it. Returns whether it had to be killed.
 */
static bool wait_for_child(char *why, size_t len)
{
	struct outcome *o = dmabuf_outcome;
	int pidfd = syscall(SYS_pidfd_open, child, 0), status = 0;
	bool killed = false, gone = false;
	long took = 0;

	why[0] = 0;
	while (!gone) {
		long left = o->deadline - since_start();

		if (left > 0) {
			wait_a_while(pidfd, left);
		} else if (!killed) {
			kill(child, SIGKILL);
			killed = true;
			took = since_start() - o->begun;
			o->deadline = since_start() + KILL_GRACE * 1000;
		} else {
			break;
		}
		gone = waitpid(child, &status, WNOHANG);
	}
	if (pidfd >= 0)
		close(pidfd);

	if (killed)
		snprintf(why, len, "it did not end within %ld s%s: %s", (took + 500) / 1000,
			 gone ? " and was killed" :
			 ", nor when it was killed: it is stuck in the kernel", o->stage);
	if (o->verdict != NONE)
		return killed;

	if (!killed && WIFSIGNALED(status))
		snprintf(why, len, "it died of SIG%s%s while %s", sigabbrev_np(WTERMSIG(status)),
			 WTERMSIG(status) == SIGKILL ?
			 ", by which the kernel ends processes when memory is short," : "",
			 o->stage);
	else if (!killed)
		snprintf(why, len, "the child ended without a verdict while %s", o->stage);
	if (o->setting_up ? WIFSIGNALED(status) || killed :
	    !killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		snprintf(o->text, sizeof(o->text), "%s", why);
		o->verdict = SKIPPED;
	}
	return killed;
}

bool __dmabuf_limited_enter(int seconds)
{
	struct outcome *o;
	char why[512];
	bool killed;

	dmabuf_watch_kernel();
	if (fork_limited(seconds))
		return true;
	o = dmabuf_outcome;
	killed = wait_for_child(why, sizeof(why));

	if (o->verdict == SKIPPED && o->saw.count) {
		dmabuf_unseen(dmabuf_judged(), "%s", o->text);
		o->verdict = HELD;
	}
	if (o->verdict == HELD && !o->saw.count) {
		snprintf(o->text, sizeof(o->text), "%s", o->unseen.count ? o->unseen.note[0].text :
			 "nothing was seen by which it could be judged");
		o->verdict = SKIPPED;
	}
	if (o->verdict == HELD || o->verdict == SKIPPED)
		dmabuf_kernel_must_be_quiet();
	dmabuf_print_notes();

	switch (o->verdict) {
	case HELD:
		if (killed)
			igt_warn("it had come to an end, but %s\n", why);
		return false;
	case SKIPPED:
		igt_skip("%s\n", o->text);
	case VIOLATED:
		dmabuf_print_violation(o->text);
		if (killed)
			igt_critical("and then %s\n", why);
		igt_fail(IGT_EXIT_FAILURE);
	case NONE:
		break;
	}
	igt_critical("%s\n", why);
	igt_fail(IGT_EXIT_FAILURE);
}

void __dmabuf_limited_leave(void)
{
	dmabuf_conclude(HELD, "%s", "");
}

/* What came of fn in a child; NONE: it hung or died, and why says how. */
static enum verdict try_in_child(int seconds, void (*fn)(const void *arg), const void *arg,
				 char *why, size_t len)
{
	if (fork_limited(seconds)) {
		fn(arg);
		dmabuf_conclude(HELD, "%s", "");
	}
	wait_for_child(why, len);
	return dmabuf_outcome->verdict;
}

const char *dmabuf_limited_skips(void (*fn)(const void *arg), const void *arg)
{
	static char why[512];

	switch (try_in_child(DMABUF_LIMIT, fn, arg, why, sizeof(why))) {
	case HELD:
		return NULL;
	case NONE:
		return why;
	default:
		snprintf(why, sizeof(why), "%.*s", (int)strcspn(dmabuf_outcome->text, "\n"),
			 dmabuf_outcome->text);
		return why;
	}
}

enum verdict dmabuf_trial(int seconds, void (*fn)(const void *arg), const void *arg, char *why,
			  size_t len)
{
	dmabuf_watch_kernel();
	return try_in_child(seconds, fn, arg, why, len);
}

bool dmabuf_load_faults(const void *addr)
{
	if (sigsetjmp(faulted, 1)) {
		may_fault = false;
		return true;
	}
	may_fault = true;
	(void)*(const volatile uint32_t *)addr;
	may_fault = false;
	return false;
}

bool dmabuf_store_faults(void *addr, uint32_t value)
{
	if (sigsetjmp(faulted, 1)) {
		may_fault = false;
		return true;
	}
	may_fault = true;
	*(volatile uint32_t *)addr = value;
	may_fault = false;
	return false;
}

static void set_stage(bool setting_up, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
static void set_stage(bool setting_up, const char *fmt, va_list ap)
{
	if (!dmabuf_in_child)
		return;
	vsnprintf(dmabuf_outcome->stage, sizeof(dmabuf_outcome->stage), fmt, ap);
	dmabuf_outcome->setting_up = setting_up;
	renew_deadline();
}

void dmabuf_stage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_stage(false, fmt, ap);
	va_end(ap);
}

void dmabuf_setup(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_stage(true, fmt, ap);
	va_end(ap);
}

void dmabuf_limit_for(size_t bytes)
{
	if (!dmabuf_in_child)
		return;
	dmabuf_outcome->extra = bytes >> 20;
	renew_deadline();
}

bool dmabuf_goes_on(void)
{
	const long limit = stage_limit();
	long next, last, most = MOST_LIMITS * limit;

	if (!dmabuf_in_child)
		return true;
	if (most > MOST_MS)
		most = limit > MOST_MS ? limit : MOST_MS;
	next = since_start() + limit;
	last = dmabuf_outcome->begun + most;
	dmabuf_outcome->deadline = next < last ? next : last;
	return last - since_start() > limit / 2;
}

pid_t dmabuf_fork(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(IGT_EXIT_FAILURE);
	}
	return pid;
}

void dmabuf_inherit_verdict(void)
{
	if (dmabuf_outcome->verdict != NONE)
		_exit(IGT_EXIT_SUCCESS);
}
