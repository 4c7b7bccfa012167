// SPDX-License-Identifier: MIT
/*
 * Runs one job after the other. A job's directory has what it printed, what the
 * kernel said meanwhile, and a journal of the subtests as they start; all of it
 * is written as it comes, for the machine may not live to tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor.h"
#include "expect.h"
#include "job_list.h"
#include "orphans.h"
#include "resultgen.h"
#include "settings.h"
#include "util.h"

/* How long an ended test may take to die, by each signal, before it is left. */
#define GRACE 3

/* The longest record of /dev/kmsg, and how often it is looked at, in seconds. */
#define KMSG_RECORD 8192
#define KMSG_INTERVAL 0.2

#define EXIT_SKIP 77

/* By which a test says that the machine is unfit for further ones. */
#define EXIT_ABORT 112

static const char *const file_names[] = {
	"out.txt", "err.txt", "dmesg.txt", "journal.txt", "comms",
};

/* It and comms stay empty, but igt_results complains of a job without them. */
static const char attachments[] = "attachments";

enum { OUT, ERR, DMESG, JOURNAL, COMMS, NUM_FILES };

struct run {
	const struct settings *settings;
	const struct job *job;
	const char *subtests;	/* that are asked for; NULL: all */
	const char *dynamic;	/* the dynamic subtests that are asked for, or NULL: all */
	const char *prefix;	/* of the files' names */
	int dir;
	int files[NUM_FILES];
	int pipes[2];		/* stdout and stderr of the test */
	int asked;		/* by the test, of its dynamic subtests; or -1 */
	int pid, pidfd;
	long long said;		/* so many bytes, by the test and the kernel */
	char line[512];		/* of stdout, as far as it has come */
	size_t line_len;
	char started[512];	/* the last subtest in the journal */
	double start, subtest_start, last_activity, last_kmsg;
	const char *write_error;
};

static int null = -1, kmsg = -1, signals = -1;
static bool interrupted;

static void put(struct run *run, int file, const char *data, size_t len)
{
	while (len && !run->write_error) {
		ssize_t n = write(run->files[file], data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			run->write_error = strerror(errno);
			return;
		}
		data += n;
		len -= n;
		if (file <= DMESG)
			run->said += n;
	}
	if (run->settings->sync)
		fdatasync(run->files[file]);
}

static bool says_too_much(const struct run *run)
{
	return run->settings->disk_usage_limit && run->said > run->settings->disk_usage_limit;
}

/* What it says, up to the limit. */
static void put_said(struct run *run, int file, const char *data, size_t len)
{
	if (!says_too_much(run))
		put(run, file, data, len);
}

static char *file_name(const struct run *run, int file)
{
	return xasprintf("%s%s", run->prefix, file_names[file]);
}

static void note_subtest(struct run *run, const char *name, size_t len)
{
	snprintf(run->started, sizeof(run->started), "%.*s\n", (int)len, name);
	put(run, JOURNAL, run->started, strlen(run->started));
	run->started[strlen(run->started) - 1] = 0;
}

/* What stdout tells: a subtest starts, or has a result without having started. */
static void watch_line(struct run *run)
{
	const char *name;
	size_t len;

	run->line[run->line_len] = 0;
	if (starts_with(run->line, "Starting dynamic subtest: ", NULL) ||
	    starts_with(run->line, "Dynamic subtest ", NULL)) {
		run->subtest_start = now();
	} else if (starts_with(run->line, "Starting subtest: ", &name)) {
		run->subtest_start = now();
		note_subtest(run, name, strlen(name));
	} else if (starts_with(run->line, "Subtest ", &name)) {
		char *path, *journal;
		bool known;

		/* Text may begin with the word as well; a name has no blank in it. */
		len = strcspn(name, ": ");
		known = name[len] != ':' ||
			(run->started[0] && !strncmp(run->started, name, len) && !run->started[len]);
		path = file_name(run, JOURNAL);
		journal = known ? NULL : slurp(run->dir, path);
		for (const char *at = journal ?: ""; *at; at = next_line(at))
			known |= !strncmp(at, name, len) && at[len] == '\n';
		if (!known)
			note_subtest(run, name, len);
		free(path);
		free(journal);
	}
	run->line_len = 0;
}

enum drained { SOMETHING, NOTHING_YET, AT_END };

/* Takes what there is on one of the test's pipes. */
static enum drained drain(struct run *run, int file)
{
	char data[16384];
	ssize_t n = read(run->pipes[file], data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return NOTHING_YET;
	if (n <= 0)
		return AT_END;
	run->last_activity = now();
	put_said(run, file, data, n);
	if (run->settings->log_level == LOG_LEVEL_VERBOSE) {
		fwrite(data, 1, n, stdout);
		fflush(stdout);
	}
	for (ssize_t i = 0; file == OUT && i < n; i++) {
		if (data[i] == '\n')
			watch_line(run);
		else if (run->line_len < sizeof(run->line) - 1)
			run->line[run->line_len++] = data[i];
	}
	return SOMETHING;
}

/*
 * Many records at once: the file may be far away, and the kernel's console is
 * where the last words of a dying kernel are.
 */
static void drain_kmsg(struct run *run)
{
	static char records[64 << 10];
	size_t len = 0;
	ssize_t n = 0;

	while (kmsg >= 0) {
		if (sizeof(records) - len < KMSG_RECORD) {
			put_said(run, DMESG, records, len);
			len = 0;
		}
		n = read(kmsg, records + len, sizeof(records) - len);
		/* EPIPE: the kernel wrote over what had not been read; go on behind it. */
		if (n <= 0 && !(n < 0 && errno == EPIPE))
			break;
		len += n > 0 ? n : 0;
	}
	if (len) {
		run->last_activity = now();
		put_said(run, DMESG, records, len);
	}
}

/* Whether a dynamic subtest, of which "SUBTEST@DYNAMIC" is asked, is to be run. */
static bool wants(const struct run *run, char *question)
{
	const struct settings *s = run->settings;
	char *name = xasprintf("igt@%s@%s", run->job->binary, question);
	bool included = !s->include.count || regex_list_match(&s->include, name);
	bool excluded = settings_exclude(s, name);

	/* What the subtest's own name asks for is asked for whole. */
	*strrchr(name, '@') = 0;
	included |= !!regex_list_match(&s->include, name);
	free(name);
	return included && !excluded;
}

static void answer(struct run *run)
{
	char question[1024];
	ssize_t n = recv(run->asked, question, sizeof(question) - 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		question[n] = 0;
		send(run->asked, wants(run, question) ? "y" : "n", 1, MSG_NOSIGNAL);
		return;
	}
	close(run->asked);
	run->asked = -1;
}

/* The command line of a test, up to a NULL. */
static char **arguments(const struct run *run, char *path)
{
	const struct settings *s = run->settings;
	char **argv = xrealloc(NULL, (6 + 2 * s->num_hooks) * sizeof(*argv)), **next = argv;

	*next++ = path;
	if (run->subtests) {
		*next++ = (char *)"--run-subtest";
		*next++ = (char *)run->subtests;
	}
	if (run->subtests && run->dynamic) {
		*next++ = (char *)"--dynamic-subtest";
		*next++ = (char *)run->dynamic;
	}
	for (size_t i = 0; i < s->num_hooks; i++) {
		*next++ = (char *)"--hook";
		*next++ = s->hooks[i];
	}
	*next = NULL;
	return argv;
}

/*
 * In a process that has the runner's memory until it has the test's, so that nothing of it is
 * copied: it changes none, and does not return.
 */
static void __attribute__((noreturn)) become_test(const int *fds, int ask, int runner,
						  const char *path, char *const *argv)
{
	sigset_t none;

	/* It must not run beside the next one that dmabuf_resume starts. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != runner)
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(fds[fd], fd);
	if (ask >= 0)
		fcntl(ask, F_SETFD, 0);
	execv(path, argv);
	dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

/* False, and a write_error, if there is nothing to start it with. */
static bool start(struct run *run)
{
	char *path = xasprintf("%s/%s", run->settings->test_root, run->job->binary);
	char **argv = arguments(run, path);
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, ask[2] = { -1, -1 }, runner = getpid();

	run->start = run->subtest_start = run->last_activity = run->last_kmsg = now();
	fflush(stdout);
	run->pid = run->pidfd = -1;
	if (!pipe2(out, O_CLOEXEC) && !pipe2(err, O_CLOEXEC) &&
	    (!settings_choose(run->settings) || !run->job->subtests ||
	     !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ask))) {
		const int fds[] = { null, out[1], err[1] };
		char fd[16];

		snprintf(fd, sizeof(fd), "%d", ask[1]);
		if (ask[1] >= 0)
			setenv("IGT_DYNAMIC_FD", fd, 1);
		else
			unsetenv("IGT_DYNAMIC_FD");
		run->pid = vfork();
		if (!run->pid)
			become_test(fds, ask[1], runner, path, argv);
	}
	if (run->pid > 0)
		run->pidfd = pidfd_open(run->pid, 0);
	if (run->pidfd < 0)
		run->write_error = xasprintf("it cannot be started: %s", strerror(errno));
	if (run->pidfd < 0 && run->pid > 0) {
		kill(-run->pid, SIGKILL);
		waitpid(run->pid, NULL, 0);
	}
	free(path);
	free(argv);
	close(out[1]);
	close(err[1]);
	if (ask[1] >= 0)
		close(ask[1]);
	if (run->pidfd < 0) {
		close(out[0]);
		close(err[0]);
		if (ask[0] >= 0)
			close(ask[0]);
		return false;
	}
	run->asked = ask[0];
	run->pipes[OUT] = out[0];
	run->pipes[ERR] = err[0];
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	return true;
}

/* Seconds until the first of the limits that were given is reached. */
static double time_left(const struct run *run)
{
	const struct settings *s = run->settings;
	double left = 1e9, t = now();

	if (s->inactivity_timeout)
		left = run->last_activity + s->inactivity_timeout - t;
	if (s->per_test_timeout && run->subtest_start + s->per_test_timeout - t < left)
		left = run->subtest_start + s->per_test_timeout - t;
	return left;
}

/* Waits so many seconds for something to happen; whether the test has ended. */
static bool wait_for_end(struct run *run, double seconds)
{
	struct pollfd fds[] = {
		{ .fd = run->pidfd, .events = POLLIN },
		{ .fd = run->pipes[OUT], .events = POLLIN },
		{ .fd = run->pipes[ERR], .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = run->asked, .events = POLLIN },
	};
	bool some;

	if (seconds < 0)
		seconds = 0;
	if (seconds > KMSG_INTERVAL)
		seconds = KMSG_INTERVAL;
	some = poll(fds, 5, (int)(seconds * 1000) + 1) > 0;
	if (now() - run->last_kmsg >= KMSG_INTERVAL) {
		drain_kmsg(run);
		run->last_kmsg = now();
	}
	if (!some)
		return false;
	for (int file = OUT; file <= ERR; file++)
		if (fds[1 + file].revents && drain(run, file) == AT_END) {
			close(run->pipes[file]);
			run->pipes[file] = -1;
		}
	if (fds[3].revents)
		interrupted = true;
	if (fds[4].revents)
		answer(run);
	return fds[0].revents;
}

/* Ends a test that went over a limit; false if not even SIGKILL can. */
static bool end(struct run *run, int *signal)
{
	static const int ladder[] = { SIGTERM, SIGKILL };

	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++) {
		double until = now() + GRACE;

		*signal = ladder[i];
		kill(-run->pid, *signal);
		while (now() < until)
			if (wait_for_end(run, until - now()))
				return true;
	}
	return false;
}

static void note(struct run *run, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void note(struct run *run, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		die("out of memory");
	put(run, JOURNAL, text, n);
	free(text);
}

static void open_files(struct run *run)
{
	for (int file = 0; file < NUM_FILES && !run->write_error; file++) {
		char *name = file_name(run, file);

		run->files[file] = openat(run->dir, name,
					  O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
					  0666);
		if (run->files[file] < 0)
			run->write_error = strerror(errno);
		free(name);
	}
	if (!run->write_error && mkdirat(run->dir, attachments, 0777) && !run->prefix[0])
		run->write_error = strerror(errno);
}

/* Where those look who ask why it has no verdict. */
static void note_too_much(struct run *run)
{
	char *text = xasprintf("(runner:%d) CRITICAL: it was ended, for it said %lld bytes, and "
			       "--disk-usage-limit is %lld\n", getpid(), run->said,
			       run->settings->disk_usage_limit);

	put(run, ERR, text, strlen(text));
	free(text);
}

enum outcome { ENDED, TIMED_OUT, UNWRITTEN, INTERRUPTED };

/* Runs one job; *exitcode is that of the test, or minus the signal that ended it. */
static enum outcome monitor(struct run *run, int *exitcode)
{
	bool ended = false, timed_out = false;
	int status = 0, sig = 0;

	if (!start(run))
		return UNWRITTEN;
	/* The files may be far away: the test takes its time to start, too. */
	open_files(run);
	while (!ended && !interrupted && !run->write_error && !timed_out && !says_too_much(run)) {
		ended = wait_for_end(run, time_left(run));
		timed_out = !ended && time_left(run) <= 0;
	}
	if (!ended)
		ended = end(run, &sig);
	/* What a test left behind would go on working beside the next one. */
	kill(-run->pid, SIGKILL);
	if (ended)
		waitpid(run->pid, &status, 0);
	orphans_end();
	for (int file = OUT; file <= ERR; file++) {
		double until = now() + GRACE;

		/* Who cannot be killed may still write. */
		while (run->pipes[file] >= 0 && drain(run, file) == SOMETHING && now() < until)
			;
		close(run->pipes[file]);
	}
	if (run->line_len)
		watch_line(run);
	drain_kmsg(run);
	close(run->pidfd);
	if (run->asked >= 0)
		close(run->asked);

	if (interrupted)
		return run->write_error ? UNWRITTEN : INTERRUPTED;
	if (says_too_much(run))
		note_too_much(run);
	*exitcode = sig ? -sig : WIFSIGNALED(status) ? -WTERMSIG(status) :
		    WEXITSTATUS(status);
	if (!ended)
		fprintf(stderr, "%s cannot be killed: it is stuck in the kernel (pid %d)\n",
			run->job->binary, run->pid);
	note(run, "%s:%d (%.3fs)\n", timed_out ? "timeout" : "exit", *exitcode,
	     now() - run->start);
	if (run->write_error)
		return UNWRITTEN;
	return timed_out ? TIMED_OUT : ENDED;
}

/* The kernel's own marks that it is past trusting (admin-guide/tainted-kernels). */
static char *kernel_damage(const struct settings *settings)
{
	static const struct { int bit; const char *why; } bits[] = {
		{ 4, "machine check" }, { 5, "bad page" }, { 7, "oops" }, { 9, "warning" },
		{ 14, "soft lockup" },
	};
	static unsigned long long at_start;
	static bool started;
	char *tainted, *stats;

	if (settings->abort_mask & ABORT_TAINT) {
		unsigned long long mask;

		tainted = slurp(AT_FDCWD, "/proc/sys/kernel/tainted");
		mask = tainted ? strtoull(tainted, NULL, 10) : 0;
		free(tainted);
		if (!started)
			at_start = mask;
		started = true;
		for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
			if ((mask & ~at_start) & (1ull << bits[i].bit))
				return xasprintf("the kernel became tainted: %s", bits[i].why);
	}
	if (settings->abort_mask & ABORT_LOCKDEP) {
		stats = slurp(AT_FDCWD, "/proc/lockdep_stats");
		if (stats) {
			const char *locks = strstr(stats, "debug_locks:");
			bool off = locks && atoi(locks + strlen("debug_locks:")) == 0;

			free(stats);
			if (off)
				return xstrdup("lockdep has found a fault and is off");
		}
	}
	return NULL;
}

/* By its directory a job counts as begun. */
static bool open_job(struct run *run, int dirfd, const char *dir)
{
	if (mkdirat(dirfd, dir, 0777))
		return false;
	run->dir = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return run->dir >= 0;
}

static void close_job(struct run *run, int dirfd, const char *dir, bool keep)
{
	for (int file = 0; file < NUM_FILES; file++) {
		if (run->files[file] >= 0)
			close(run->files[file]);
		if (!keep && run->dir >= 0)
			unlinkat(run->dir, file_names[file], 0);
	}
	if (!keep && run->dir >= 0)
		unlinkat(run->dir, attachments, AT_REMOVEDIR);
	if (run->dir >= 0)
		close(run->dir);
	if (!keep)
		unlinkat(dirfd, dir, AT_REMOVEDIR);
}

/*
 * Asks for a job's flakes that failed; false if there are none. A subtest that has dynamic
 * subtests is told by these.
 */
static bool ask_for_flakes(struct run *again, const struct run *run)
{
	struct run_results results = { .settings = *run->settings };
	struct words subtests = { }, dynamic = { };
	bool whole = false;

	if (!run->settings->known.flakes.count)
		return false;
	job_results_read(&results, run->job, run->dir, "");
	expectations_apply(&run->settings->known, &results);
	for (size_t i = 0; i < results.count; i++) {
		const struct result *r = &results.results[i];

		if (r->expected != FLAKY)
			continue;
		word(&subtests, r->subtest ?: "", strlen(r->subtest ?: ""));
		if (r->dynamic)
			word(&dynamic, r->dynamic, strlen(r->dynamic));
		whole |= !r->dynamic;
	}
	if (run->job->subtests)
		again->subtests = join_words(&subtests, ",");
	if (!whole)
		again->dynamic = join_words(&dynamic, ",");
	return subtests.count;
}

/* A flake is run again, until it passes, and what that says is kept beside the rest. */
static void run_flakes_again(const struct run *first)
{
	struct run asked = {
		.settings = first->settings, .job = first->job, .dir = first->dir,
	};

	if (!ask_for_flakes(&asked, first))
		return;
	for (int n = 1; n <= MAX_TRIES && !interrupted; n++) {
		struct run run = asked;
		char prefix[64];
		int exitcode = 0;
		bool passed;

		snprintf(prefix, sizeof(prefix), TRY_PREFIX, n);
		run.prefix = prefix;
		memset(run.files, -1, sizeof(run.files));
		passed = monitor(&run, &exitcode) == ENDED && !exitcode;
		for (int file = 0; file < NUM_FILES; file++)
			if (run.files[file] >= 0)
				close(run.files[file]);
		if (passed)
			break;
	}
}

/*
 * What a process did not come to, since it died, another one will. There is a directory for
 * each, so that whoever reads them need not know.
 */
static bool split_job(struct job_list *list, size_t i, int dirfd)
{
	const size_t before = list->count;
	char *path, *journal;

	if (!strchr(list->jobs[i].subtests ?: "", ','))
		return true;
	path = xasprintf("%zu/journal.txt", i);
	journal = slurp(dirfd, path);
	job_list_split(list, i, journal ?: "");
	free(path);
	free(journal);
	return list->count == before || job_list_write(list, dirfd);
}

static void write_time(int dirfd, const char *file)
{
	struct timeval t;

	gettimeofday(&t, NULL);
	spew(dirfd, file, "%lld.%06ld\n", (long long)t.tv_sec, (long)t.tv_usec);
}

static void open_sources(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&mask, caught[i]);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);

	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		fprintf(stderr, "The kernel log is not followed: /dev/kmsg: %s\n",
			strerror(errno));
	else
		lseek(kmsg, 0, SEEK_END);
}

/* Of all tests. What the command line says comes last. */
static void set_environment(const struct settings *settings)
{
	/* So that the log of a failure is found beside its subtest's name. */
	setenv("IGT_SENTINEL_ON_STDERR", "1", 1);
	for (size_t i = 0; i < settings->num_env; i++)
		putenv(settings->env[i]);
}

/* By what its firmware says; a machine that says nothing has no file. */
static void write_machine(int dirfd)
{
	static const char *const files[] = {
		"/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name",
		"/proc/device-tree/model",
	};
	char *name = xstrdup("");

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *text = slurp(AT_FDCWD, files[i]), *more;

		if (!text)
			continue;
		/* Of a device tree's string there is the NUL, too. */
		text[strcspn(text, "\n?")] = 0;
		more = xasprintf("%s%s%s", name, name[0] ? " " : "", text);
		free(name);
		free(text);
		name = more;
	}
	if (name[0])
		spew(dirfd, "machine.txt", "%s\n", name);
	free(name);
}

/* What the exit code alone says; the report looks closer. */
static const char *in_a_word(enum outcome outcome, int exitcode)
{
	if (outcome == TIMED_OUT)
		return "timeout";
	switch (exitcode) {
	case 0:
		return "pass";
	case EXIT_SKIP:
		return "skip";
	case EXIT_ABORT:
		return "abort";
	default:
		return exitcode < 0 ? "crash" : "fail";
	}
}

/* Of several subtests in a process, those that it had come to have their verdicts. */
static bool is_worth_keeping(const struct run *run, enum outcome outcome)
{
	struct stat journal;

	return outcome == ENDED || outcome == TIMED_OUT ||
	       (outcome == INTERRUPTED && run->subtests && strchr(run->subtests, ',') &&
		!fstat(run->files[JOURNAL], &journal) && journal.st_size);
}

/* The command line asks for what the job list says. */
static void ask_for(struct run *run, const struct job *job)
{
	const char *dynamic = strchr(job->subtests ?: "", '@');

	run->job = job;
	run->dynamic = dynamic ? dynamic + 1 : NULL;
	run->subtests = job->subtests ? xstrndup(job->subtests, strcspn(job->subtests, "@")) : NULL;
}

bool execute(const struct settings *settings, struct job_list *list, int dirfd)
{
	const bool quiet = settings->log_level == LOG_LEVEL_QUIET;
	double begin = now();
	size_t done = 0, first;
	struct utsname u;

	open_sources();
	uname(&u);
	if (!spew(dirfd, "uname.txt", "%s %s %s %s %s\n", u.sysname, u.nodename, u.release,
		  u.version, u.machine))
		die("uname.txt cannot be written: %s", strerror(errno));
	write_machine(dirfd);
	if (faccessat(dirfd, "starttime.txt", F_OK, 0))
		write_time(dirfd, "starttime.txt");
	free(kernel_damage(settings));
	set_environment(settings);
	orphans_begin();

	for (size_t i = 0; i < list->count; i++) {
		struct run run = { .settings = settings, .prefix = "", .dir = -1 };
		char dir[32];
		enum outcome outcome;
		int exitcode = 0;
		char *damage;

		snprintf(dir, sizeof(dir), "%zu", i);
		if (settings->resume && !faccessat(dirfd, dir, F_OK, 0)) {
			if (!split_job(list, i, dirfd))
				die("joblist.txt cannot be written: %s", strerror(errno));
			continue;
		}
		ask_for(&run, &list->jobs[i]);
		if (!done++)
			first = i;
		if (settings->overall_timeout && now() - begin > settings->overall_timeout) {
			fprintf(stderr, "The overall time of %d s is over: %zu subtests were not run\n",
				settings->overall_timeout, list->count - i);
			return false;
		}
		if (!quiet) {
			const char *names = run.job->subtests ?: "";

			printf("[%*zu/%zu] %s (%.80s%s) ", list->count > 99 ? 3 : 2, i + 1,
			       list->count, run.job->binary, names,
			       strlen(names) > 80 ? "..." : "");
			fflush(stdout);
		}

		memset(run.files, -1, sizeof(run.files));
		if (open_job(&run, dirfd, dir)) {
			outcome = monitor(&run, &exitcode);
		} else {
			run.write_error = strerror(errno);
			outcome = UNWRITTEN;
		}
		if (outcome == TIMED_OUT || (outcome == ENDED && exitcode && exitcode != EXIT_SKIP &&
					     exitcode != EXIT_ABORT))
			run_flakes_again(&run);
		/* What could not be written down has not been run: it will be again. */
		close_job(&run, dirfd, dir, is_worth_keeping(&run, outcome));
		if (outcome == UNWRITTEN || outcome == INTERRUPTED) {
			fprintf(stderr, "\nStopped in %s (%s): %s\n", run.job->binary,
				run.job->subtests ?: "", outcome == INTERRUPTED ?
				"interrupted" : run.write_error);
			return false;
		}
		if (!quiet) {
			double spent = now() - begin;

			printf("%s (%.1fs), %.0f s left\n",
			       in_a_word(outcome, exitcode),
			       now() - run.start,
			       spent / (i + 1 - first) * (list->count - i - 1));
			fflush(stdout);
		}

		if (!split_job(list, i, dirfd)) {
			fprintf(stderr, "joblist.txt cannot be written: %s\n", strerror(errno));
			return false;
		}
		run.job = &list->jobs[i];
		damage = exitcode == EXIT_ABORT ? xstrdup("the test asked for it (exit status 112)") :
			 kernel_damage(settings);
		if (damage) {
			const struct job *next = i + 1 < list->count ? &list->jobs[i + 1] : NULL;

			spew(dirfd, "aborted.txt",
			     "Aborting.\nPrevious test: %s (%s)\nNext test: %s (%s)\n\n%s\n",
			     run.job->binary, run.job->subtests ?: "",
			     next ? next->binary : "none", next ? next->subtests ?: "" : "",
			     damage);
			fprintf(stderr, "Aborted after %s (%s): %s\n", run.job->binary,
				run.job->subtests ?: "", damage);
			free(damage);
			return false;
		}
	}
	write_time(dirfd, "endtime.txt");
	return true;
}
