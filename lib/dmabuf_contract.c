// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "dmabuf_contract.h"
#include "igt.h"

static const struct dmabuf_clause clauses[] = {
	{ "PFNMAP", "the VMA of a DMA buffer is VM_PFNMAP, not merely VM_MIXEDMAP" },
	{ "SPECIAL", "every page-table entry is special, so that lockless get_user_pages_fast refuses too" },
	{ "GUP", "every user of get_user_pages is refused with EFAULT" },
	{ "ACCOUNT", "the pages are not accounted as normal memory" },
	{ "ENTRY", "an importer's mmap of an imported DMA buffer obeys the same rules" },
	{ "BO", "the driver's own mmap of a buffer object obeys the same rules" },
	{ "HELPER", "drivers on the DMA helpers obey the same rules" },
	{ "HUGE", "huge mappings obey the same rules, at a huge page's alignment too" },
	{ "MOVE", "when the exporter moves the buffer, the next CPU access sees the new place with unchanged contents" },
	{ "RACE", "refaults that race with a move see the right place, and pins stay refused meanwhile" },
	{ "LIFE", "the mapping keeps the whole DMA buffer alive, and nothing else does" },
	{ "WHOLE", "every page of the mapping obeys, and CPU access to every page works" },
	{ "RO", "what is mapped or exported read-only never becomes writable" },
	{ "PIN", "no user of get_user_pages keeps a reference after it was refused" },
	{ "NOTIFY", "those who map the buffer without get_user_pages follow its moves" },
	{ "WARN", "neither mapping a DMA buffer nor using it makes the kernel warn" },
};

const struct dmabuf_clause *dmabuf_clause(const char *id)
{
	for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++)
		if (!strcmp(clauses[i].id, id))
			return &clauses[i];
	fprintf(stderr, "no clause '%s'\n", id);
	abort();
}

void dmabuf_judges(const char *ids, const char *more_ids)
{
	/* In every part the kernel is watched for WARN. */
	if (more_ids && more_ids[0])
		igt_info("Clause: %s %s WARN\n", ids, more_ids);
	else
		igt_info("Clause: %s WARN\n", ids);
}

/*
 * What the kernel says of its own state (admin-guide/tainted-kernels.rst), less
 * what loading a module does: machine check, bad page, userspace, oops, warning,
 * soft lockup.
 */
#define TAINTS (1ul << 4 | 1ul << 5 | 1ul << 6 | 1ul << 7 | 1ul << 9 | 1ul << 14)

static unsigned long taints(void)
{
	static int fd = -1;
	char mask[32] = "";

	if (fd < 0)
		fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, mask, sizeof(mask) - 1, 0) <= 0)
		return 0;
	return strtoul(mask, NULL, 10) & TAINTS;
}

enum verdict { NONE, HELD, SKIPPED, VIOLATED };

/* What the child tells its parent, in memory that both share. */
struct outcome {
	enum verdict verdict;
	char stage[256];
	char text[4096];
};

static struct outcome *outcome;
static bool in_child;

/* Where to go on if an access faults that may. */
static sigjmp_buf faulted;
static volatile bool may_fault;

/* Ends the child with its verdict. */
static void conclude(enum verdict verdict, const char *fmt, ...)
	__attribute__((noreturn)) __attribute__((format(printf, 2, 3)));
static void conclude(enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(outcome->text, sizeof(outcome->text), fmt, ap);
	va_end(ap);
	outcome->verdict = verdict;
	fflush(NULL);
	_exit(IGT_EXIT_SUCCESS);
}

static void bad_access(int sig, siginfo_t *info, void *context)
	__attribute__((noreturn));
static void bad_access(int sig, siginfo_t *info, void *context)
{
	if (may_fault)
		siglongjmp(faulted, 1);
	dmabuf_violation("WHOLE", "SIG%s at address %p while %s\n", sigabbrev_np(sig),
			 info->si_addr, outcome->stage);
}

static unsigned long taints_before;
static int kernel_log = -1;

static void open_kernel_log(void)
{
	if (kernel_log < 0)
		kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kernel_log >= 0)
		lseek(kernel_log, 0, SEEK_END);
}

/*
 * A WARN() or BUG() since then whose report says that it was in a process of this
 * test ("Comm:"): its first line; NULL if there is none. What others provoke, or
 * write to the log, is not for a verdict.
 */
static const char *kernel_complaint(void)
{
	static char record[8192], first[512];
	char comm[32];
	bool inside = false, ours = false;
	ssize_t n;

	/* As the kernel cuts it off. */
	snprintf(comm, sizeof(comm), "Comm: %.15s", igt_test_name());
	while (kernel_log >= 0 && ((n = read(kernel_log, record, sizeof(record) - 1)) > 0 ||
				   (n < 0 && errno == EPIPE))) {
		const char *text;

		record[n < 0 ? 0 : n] = 0;
		record[strcspn(record, "\n")] = 0;
		text = strchr(record, ';');
		/* The facility above the level's three bits: 0 is the kernel's own. */
		if (!text || ours || atoi(record) > 7)
			continue;
		if (!strncmp(text, ";WARNING: ", 10) || !strncmp(text, ";BUG: ", 6)) {
			snprintf(first, sizeof(first), "%s", text + 1);
			inside = true;
		}
		ours = inside && strstr(text, comm);
		if (!strncmp(text, ";---[ end trace", 15))
			inside = false;
	}
	return ours ? first : NULL;
}

/* WARN: no part of a test gets away with it, whatever else it was about. */
static void kernel_must_be_quiet(void)
{
	const char *complaint = kernel_complaint();

	dmabuf_blame(NULL, NULL);
	dmabuf_must("WARN", !complaint, "the kernel log has: %s\n", complaint);
	dmabuf_must("WARN", !(taints() & ~taints_before),
		    "/proc/sys/kernel/tainted has the new bits %#lx\n",
		    taints() & ~taints_before);
}

bool __dmabuf_limited_enter(int seconds)
{
	struct sigaction sa = { .sa_sigaction = bad_access, .sa_flags = SA_SIGINFO };

	if (!outcome)
		outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	igt_assert(outcome != MAP_FAILED);
	memset(outcome, 0, sizeof(*outcome));
	strcpy(outcome->stage, "starting");
	taints_before = taints();
	open_kernel_log();

	if (__igt_fork()) {
		in_child = true;
		sigaction(SIGBUS, &sa, NULL);
		sigaction(SIGSEGV, &sa, NULL);
		/* A limit on file sizes is an errno like any other: EFBIG. */
		signal(SIGXFSZ, SIG_IGN);
		return true;
	}
	igt_waitchildren_timeout(seconds, outcome->stage);

	switch (outcome->verdict) {
	case HELD:
		kernel_must_be_quiet();
		return false;
	case SKIPPED:
		kernel_must_be_quiet();
		igt_skip("%s", outcome->text);
	case VIOLATED:
		igt_critical("%s", outcome->text);
		igt_fail(IGT_EXIT_FAILURE);
	case NONE:
		break;
	}
	igt_assert_f(false, "the child ended without a verdict while %s\n",
		     outcome->stage);
	return false;
}

void __dmabuf_limited_leave(void)
{
	conclude(HELD, "%s", "");
}

bool dmabuf_load_faults(const void *addr)
{
	igt_assert(in_child);
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
	igt_assert(in_child);
	if (sigsetjmp(faulted, 1)) {
		may_fault = false;
		return true;
	}
	may_fault = true;
	*(volatile uint32_t *)addr = value;
	may_fault = false;
	return false;
}

void dmabuf_stage(const char *fmt, ...)
{
	va_list ap;

	if (!in_child)
		return;
	va_start(ap, fmt);
	vsnprintf(outcome->stage, sizeof(outcome->stage), fmt, ap);
	va_end(ap);
}

/* Where a skip goes while dmabuf_skips() asks whether there would be one. */
static sigjmp_buf *skip_to;
static char *skip_reason;
static size_t skip_reason_len;

void dmabuf_skip(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (skip_to) {
		snprintf(skip_reason, skip_reason_len, "%s", text);
		siglongjmp(*skip_to, 1);
	}
	if (in_child)
		conclude(SKIPPED, "%s", text);
	igt_skip("%s", text);
}

bool dmabuf_skips(void (*fn)(const void *arg), const void *arg, char *why, size_t len)
{
	sigjmp_buf here;

	skip_reason = why;
	skip_reason_len = len;
	skip_to = &here;
	if (sigsetjmp(here, 0)) {
		skip_to = NULL;
		return true;
	}
	fn(arg);
	skip_to = NULL;
	return false;
}

static const char *blamed, *blamed_how;

void dmabuf_blame(const char *clause, const char *how)
{
	blamed = clause;
	blamed_how = how;
}

void dmabuf_violation(const char *clause, const char *fmt, ...)
{
	char text[3072];
	va_list ap;
	int n = 0;

	/* The evidence says which rule it was that failed there. */
	if (blamed && strcmp(blamed, clause)) {
		n = snprintf(text, sizeof(text), "%s, this does not hold: %s: %s\n",
			     blamed_how, clause, dmabuf_clause(clause)->rule);
		clause = blamed;
	} else if (blamed_how) {
		n = snprintf(text, sizeof(text), "%s:\n", blamed_how);
	}
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	if (in_child)
		conclude(VIOLATED, "%s: %s\n%s", clause, dmabuf_clause(clause)->rule,
			 text);
	igt_critical("%s: %s\n%s", clause, dmabuf_clause(clause)->rule, text);
	igt_fail(IGT_EXIT_FAILURE);
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
	if (outcome->verdict != NONE)
		_exit(IGT_EXIT_SUCCESS);
}
