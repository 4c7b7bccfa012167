// SPDX-License-Identifier: MIT
/*
 * Sees to it that no process outlives the test, or the runner, that it belongs to. All that
 * descend from a test are known by a variable of their environment, which they take with
 * them wherever they go.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orphans.h"
#include "util.h"

static const char variable[] = "DMABUF_RUNNER";

/* How long what was killed may take to be gone, in seconds. */
#define GRACE 1

static char mark[64];		/* VARIABLE=VALUE, where it is in /proc/PID/environ */
static int alive = -1;		/* a pipe that ends with this process */
static pid_t guard = -1;

static size_t read_proc(const char *pid, const char *name, char *to, size_t room)
{
	char path[64];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < room && (n = read(fd, to + len, room - len)) > 0)
		len += n;
	if (fd >= 0)
		close(fd);
	return len;
}

/* "PID (NAME) STATE PARENT ...", and NAME may have anything in it. */
static pid_t parent_of(const char *pid)
{
	char stat[512], *at;

	stat[read_proc(pid, "stat", stat, sizeof(stat) - 1)] = 0;
	at = strrchr(stat, ')');
	return at && strlen(at) > 4 ? atoi(at + 4) : -1;
}

static bool has_mark(const char *pid)
{
	static char environment[256 << 10];
	size_t len = read_proc(pid, "environ", environment, sizeof(environment));

	return memmem(environment, len, mark, strlen(mark) + 1);
}

/* Kills a test's descendants, and this process's other children if it has a parent's name. */
static size_t kill_all(pid_t parent)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t killed = 0;

	while (proc && (entry = readdir(proc))) {
		const char *pid = entry->d_name;

		if (!isdigit((unsigned char)pid[0]) || atoi(pid) == getpid() || atoi(pid) == guard)
			continue;
		if ((parent > 0 && parent_of(pid) == parent) || has_mark(pid))
			killed += !kill(atoi(pid), SIGKILL);
	}
	if (proc)
		closedir(proc);
	return killed;
}

static void __attribute__((noreturn)) stand_guard(int pipe)
{
	double until;
	char byte;
	ssize_t n;

	/* Nothing of the runner's is to stay open, its lock least of all. */
	dup2(pipe, 0);
	close_range(1, ~0U, 0);
	setsid();
	do
		n = read(0, &byte, 1);
	while (n < 0 && errno == EINTR);
	/* A byte is the runner's own word that all is done. */
	for (until = now() + GRACE; n != 1 && kill_all(-1) && now() < until; )
		usleep(2000);
	_exit(0);
}

void orphans_begin(void)
{
	int pipefd[2];
	sigset_t all, old;

	snprintf(mark, sizeof(mark), "%s=%d.%.0f", variable, getpid(), 1e9 * now());
	setenv(variable, strchr(mark, '=') + 1, 1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(pipefd, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	fflush(stdout);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	/* Without a signal at its end it is none of those that waitid() tells of. */
	guard = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (!guard) {
		close(pipefd[1]);
		stand_guard(pipefd[0]);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (guard < 0)
		die("fork: %s", strerror(errno));
	close(pipefd[0]);
	alive = pipefd[1];
}

void orphans_end(void)
{
	static double grace = GRACE;
	const double until = now() + grace;

	for (;;) {
		siginfo_t info = { };

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG))
			return;
		if (info.si_pid)
			continue;
		if (now() > until)
			break;
		if (kill_all(getpid()))
			usleep(1000);
	}
	/* It is stuck in the kernel, and will be there at the end of each test. */
	grace = 0.05;
}

void orphans_finish(void)
{
	if (write(alive, "", 1) == 1)
		waitpid(guard, NULL, __WCLONE);
	close(alive);
}
