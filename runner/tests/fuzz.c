// SPDX-License-Identifier: MIT
/*
 * Gives one of the runner's readers what a file of the corpus has: each in a process of
 * its own, which may end with 0, or with 2 and a message, and with nothing else. Or,
 * built by scripts/fuzz.sh, what libFuzzer makes of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../executor.c"
#include "../expect.h"
#include "../html.h"
#include "../json.h"
#include "../junit.h"
#include "../ktap.h"
#include "../report.h"

/* What each may take: of memory in MiB, of time in seconds. */
#define MEMORY 256
#define SECONDS 20

/* Of a file of the corpus: "== NAME" begins what is in the file NAME of the directory. */
static void unpack(const char *text, size_t len, int dirfd)
{
	const char *end = text + len, *name, *body;

	mkdirat(dirfd, "0", 0777);
	mkdirat(dirfd, "0/attachments", 0777);
	for (const char *at = text; at < end && len > 3 && !memcmp(at, "== ", 3); at = body) {
		char path[64] = "";
		int fd;

		name = at + 3;
		body = memchr(name, '\n', end - name);
		if (!body)
			return;
		memcpy(path, name, body - name < 63 ? body - name : 63);
		at = ++body;
		body = memmem(at, end - at, "\n== ", 4);
		body = body ? body + 1 : end;
		/* It is to write nowhere else. */
		if (strstr(path, "..") || path[0] == '/')
			continue;
		fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0)
			continue;
		if (write(fd, at, body - at) != body - at)
			abort();
		close(fd);
	}
}

/* What is in junit.xml must be XML: its elements are closed, and no byte is forbidden. */
static void check_xml(const char *xml)
{
	const char *open[8];
	size_t depth = 0;

	for (const char *at = xml; *at; ) {
		size_t n = printable_length(at);

		if (!n)
			abort();
		if (*at == '>' || (*at == '&' && !memchr(at, ';', strnlen(at, 6))))
			abort();
		if (*at != '<') {
			at += n;
			continue;
		}
		n = strcspn(++at, " />?");
		if (at[0] == '/') {
			n = strcspn(++at, ">");
			if (!depth-- || strncmp(open[depth], at, n) || open[depth][n] == '/')
				abort();
			at += n + 1;
			continue;
		}
		if (depth == 8)
			abort();
		open[depth++] = at;
		for (bool quoted = false; *at != '>' || quoted; at++) {
			if (!*at || *at == '<')
				abort();
			quoted ^= *at == '"';
		}
		if (at[-1] == '/' || at[-1] == '?')
			depth--;
		at++;
	}
	if (depth)
		abort();
}

/* A whole results directory, and all that is written of it. */
static void read_results(int dirfd)
{
	static const char html[] = "report.html";
	struct run_results run;
	char *xml;

	report(".", dirfd, NULL);
	xml = slurp(dirfd, "junit.xml");
	if (!xml)
		abort();
	check_xml(xml);
	report_ktap(".", dirfd, NULL);
	if (!results_read(&run, dirfd) || !html_write(&run, 1, html))
		abort();
}

static void read_expectations(int dirfd)
{
	struct expectations known;
	struct run_results run = {
		.results = &(struct result){
			.binary = (char *)"fake", .subtest = (char *)"fails",
			.dynamic = (char *)"one", .verdict = FAIL,
		},
		.count = 1,
	};

	expectations_read(&known, ".", "6.12.0");
	expectations_apply(&known, &run);
}

/* What a test prints, as it comes, and what it asks. */
static void watch(int dirfd)
{
	struct settings settings = { .results_path = (char *)"." };
	struct job job = { .binary = (char *)"fake", .subtests = (char *)"fails" };
	struct run run = { .settings = &settings, .job = &job, .dir = dirfd, .prefix = "", .asked = -1 };
	int in = openat(dirfd, "stdout", O_RDONLY | O_CLOEXEC), sockets[2];
	char *question = slurp(dirfd, "question");

	open_files(&run);
	run.pipes[OUT] = in;
	while (in >= 0 && drain(&run, OUT) == SOMETHING)
		;
	if (run.line_len)
		watch_line(&run);
	if (!question || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets))
		return;
	run.asked = sockets[0];
	send(sockets[1], question, strnlen(question, 10000), MSG_NOSIGNAL);
	answer(&run);
}

/* What a run is continued by. */
static void read_run(int dirfd)
{
	struct settings settings;
	struct job_list list;

	settings_read(&settings, dirfd);
	job_list_read(&list, dirfd);
	settings_write(&settings, dirfd);
	job_list_write(&list, dirfd);
}

static void read_test_list(int dirfd)
{
	struct settings settings = {
		.test_list = (char *)"list", .test_root = (char *)"/nothing",
	};
	struct job_list list;

	job_list_create(&list, &settings);
}

static const struct {
	const char *name;
	void (*read)(int dirfd);
} readers[] = {
	{ "results", read_results },
	{ "expectations", read_expectations },
	{ "output", watch },
	{ "run", read_run },
	{ "list", read_test_list },
};

static void (*reader_of(const char *name))(int dirfd)
{
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (!strcmp(readers[i].name, name))
			return readers[i].read;
	die("there is no reader '%s'", name);
}

static int remove_it(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

#ifdef FUZZING
static jmp_buf dead;

/* The linker puts it in the place of die(), for all must go on in this process. */
void __wrap_die(const char *fmt, ...) __attribute__((noreturn));
void __wrap_die(const char *fmt, ...)
{
	longjmp(dead, 1);
}

static long used(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss >> 10;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dir[] = "/dev/shm/fuzz.XXXXXX";
	static bool begun;
	static int home;
	int dirfd;
	long before;

	if (!begun) {
		begun = true;
		home = open(".", O_PATH);
		if (!mkdtemp(dir) || !freopen("/dev/null", "w", stdout))
			abort();
	}
	if (mkdir(dir, 0777) && errno != EEXIST)
		abort();
	if (chdir(dir))
		abort();
	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unpack((const char *)data, size, dirfd);
	before = used();
	if (!setjmp(dead))
		reader_of(getenv("FUZZ_READER"))(dirfd);
	if (used() > before + MEMORY)
		abort();
	/* What was open where it died: all has a higher number. */
	close_range(dirfd, ~0U, 0);
	if (fchdir(home))
		abort();
	nftw(dir, remove_it, 1, FTW_DEPTH | FTW_PHYS);
	return 0;
}
#else
/* How it ended, as waitpid() has it. */
static int read_file(void (*reader)(int dirfd), const char *path)
{
	char dir[] = "/dev/shm/fuzz.XXXXXX", *text;
	int fd = open(path, O_RDONLY | O_CLOEXEC), status, dirfd;
	struct stat st;
	ssize_t len;
	pid_t pid;

	if (fd < 0 || fstat(fd, &st) || !mkdtemp(dir))
		die("%s: %s", path, strerror(errno));
	text = xrealloc(NULL, st.st_size + 1);
	len = pread(fd, text, st.st_size, 0);
	close(fd);
	pid = fork();
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout) || chdir(dir))
			abort();
		setrlimit(RLIMIT_AS, &(struct rlimit){ MEMORY << 20, MEMORY << 20 });
		alarm(SECONDS);
		dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		unpack(text, len, dirfd);
		reader(dirfd);
		exit(0);
	}
	waitpid(pid, &status, 0);
	free(text);
	nftw(dir, remove_it, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 3)
		die("usage: fuzz READER FILE...");
	for (char **path = argv + 2; *path; path++) {
		int status = read_file(reader_of(argv[1]), *path);

		if (WIFEXITED(status) && WEXITSTATUS(status) % 2 == 0 && WEXITSTATUS(status) <= 2)
			continue;
		fprintf(stderr, "%s: %s %d\n", *path, WIFEXITED(status) ? "exit status" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		failed++;
	}
	return failed ? 1 : 0;
}
#endif
