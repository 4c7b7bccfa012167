// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job_list.h"
#include "settings.h"
#include "util.h"

/* What a binary without subtests answers when it is asked to list them. */
#define EXIT_NO_SUBTESTS 79

/* The kernel takes no argument of a program that is twice as long. */
#define MAX_NAMES (64 << 10)

static void add_job(struct job_list *list, const char *binary, const char *subtests)
{
	struct job *job = grow(list->jobs, list->count);

	job->binary = xstrdup(binary);
	job->subtests = subtests ? xstrdup(subtests) : NULL;
}

static char *job_name(const struct job *job)
{
	return xasprintf("igt@%s%s%s", job->binary, job->subtests ? "@" : "",
			 job->subtests ?: "");
}

/*
 * Marks what an expression for names of (dynamic) subtests asks for. If no subtest's own
 * name matches it is about dynamic ones, which are not known yet: it asks for the subtests
 * in which there may be one that matches.
 */
static void mark(const struct regex *regex, char **names, bool *marked, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++)
		if (regex_match(regex, names[i]))
			any = marked[i] = true;
	for (size_t i = 0; i < count && !any; i++) {
		char *begin = xasprintf("%s@", names[i]);

		if (regex_may_match(regex, begin))
			marked[i] = true;
		free(begin);
	}
	for (size_t i = 0; i < count; i++)
		any |= marked[i];
	if (!any)
		memset(marked, true, count);
}

static void filter(struct job_list *list, const struct settings *settings)
{
	char **names = xrealloc(NULL, (list->count + 1) * sizeof(*names));
	bool *marked = xrealloc(NULL, list->count + 1);
	size_t kept = 0;

	memset(marked, !settings->include.count, list->count);
	for (size_t i = 0; i < list->count; i++)
		names[i] = job_name(&list->jobs[i]);
	for (size_t i = 0; i < settings->include.count; i++)
		mark(&settings->include.regexes[i], names, marked, list->count);
	for (size_t i = 0; i < list->count; i++) {
		if (marked[i] && !settings_exclude(settings, names[i]))
			list->jobs[kept++] = list->jobs[i];
		free(names[i]);
	}
	list->count = kept;
	free(marked);
	free(names);
}

/* Asks a binary for its subtests, without a shell between. */
static void list_binary(struct job_list *list, const struct settings *settings,
			const char *binary)
{
	char *path = xasprintf("%s/%s", settings->test_root, binary), line[512];
	int pipefd[2], status;
	pid_t pid;
	FILE *f;

	if (access(path, X_OK))
		die("%s, named in test-list.txt: %s", path, strerror(errno));
	if (pipe2(pipefd, O_CLOEXEC) || (pid = fork()) < 0)
		die("starting %s: %s", path, strerror(errno));
	if (!pid) {
		dup2(pipefd[1], STDOUT_FILENO);
		execl(path, path, "--list-subtests", NULL);
		_exit(127);
	}
	close(pipefd[1]);
	f = fdopen(pipefd[0], "r");
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0])
			add_job(list, binary, line);
	}
	fclose(f);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_SUBTESTS)
		add_job(list, binary, NULL);
	else if (status)
		die("%s --list-subtests failed (%s %d)", path,
		    WIFEXITED(status) ? "exit status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	free(path);
}

static void from_test_root(struct job_list *list, const struct settings *settings)
{
	char *path = xasprintf("%s/test-list.txt", settings->test_root);
	char *text = slurp(AT_FDCWD, path), *rest = text, *word;
	bool inside = false;

	if (!text)
		die("%s: %s: is this a directory of IGT tests?", path, strerror(errno));
	while ((word = strsep(&rest, " \t\r\n"))) {
		if (!strcmp(word, "TESTLIST"))
			inside = true;
		else if (!strcmp(word, "END"))
			break;
		else if (inside && word[0])
			list_binary(list, settings, word);
	}
	if (!inside)
		die("%s has no line TESTLIST", path);
	free(text);
	free(path);
}

/* Names as igt_runner takes them: igt@binary or igt@binary@subtest a line. */
static void from_test_list(struct job_list *list, const struct settings *settings)
{
	FILE *f = fopen(settings->test_list, "re");
	char line[1024];

	if (!f)
		die("%s: %s", settings->test_list, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		char *rest = line, *word, *binary, *subtest;

		line[strcspn(line, "#\r\n")] = 0;
		word = strsep(&rest, "@");
		binary = strsep(&rest, "@");
		/* Its dynamic subtest with it, if there is one. */
		subtest = rest;
		if (!word[strspn(word, " \t")] && !binary)
			continue;
		if (strcmp(word, "igt") || !binary || !binary[0])
			die("%s: '%s' is not igt@BINARY@SUBTEST", settings->test_list, line);
		if (!subtest || !subtest[0])
			list_binary(list, settings, binary);
		else
			add_job(list, binary, subtest);
	}
	fclose(f);
}

/* In turns, so that the shares take about as long: what is alike is side by side. */
static void take_shard(struct job_list *list, const struct settings *settings)
{
	size_t kept = 0;

	for (size_t i = settings->shard - 1; i < list->count; i += settings->shards)
		list->jobs[kept++] = list->jobs[i];
	list->count = kept;
}

void job_list_create(struct job_list *list, const struct settings *settings)
{
	memset(list, 0, sizeof(*list));
	if (settings->test_list)
		from_test_list(list, settings);
	else
		from_test_root(list, settings);
	filter(list, settings);
	if (settings->shards)
		take_shard(list, settings);
	if (!list->count)
		die("no subtest is left to run: the filters match none");
}

static bool is_plain(const struct job *job)
{
	return job->subtests && !strpbrk(job->subtests, "@*?[!");
}

void job_list_join(struct job_list *list)
{
	struct job *last = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct job *job = &list->jobs[i];

		if (last && is_plain(last) && is_plain(job) && !strcmp(last->binary, job->binary) &&
		    strlen(last->subtests) < MAX_NAMES) {
			char *all = xasprintf("%s,%s", last->subtests, job->subtests);

			free(last->subtests);
			last->subtests = all;
			free(job->binary);
			free(job->subtests);
		} else {
			last = &list->jobs[kept++];
			*last = *job;
		}
	}
	list->count = kept;
}

static void add_name(char **names, const char *name)
{
	char *more = *names ? xasprintf("%s,%s", *names, name) : xstrdup(name);

	free(*names);
	*names = more;
}

void job_list_split(struct job_list *list, size_t index, const char *journal)
{
	char *binary = list->jobs[index].binary, *names, *rest, *name, *done = NULL, *left = NULL;
	struct words begun = { };
	size_t known;

	if (!is_plain(&list->jobs[index]) || !strchr(list->jobs[index].subtests, ','))
		return;
	for (const char *at = journal; *at; at = next_line(at))
		word(&begun, at, strcspn(at, "\n"));
	known = begun.count;
	names = rest = list->jobs[index].subtests;
	while ((name = strsep(&rest, ",")))
		add_name(word(&begun, name, strlen(name)) < known ? &done : &left, name);
	if (!done) {
		rest = left;
		add_name(&done, strsep(&rest, ","));
		rest = xstrdup(rest);
		free(left);
		left = rest;
	}
	list->jobs[index].subtests = done;
	if (left) {
		add_job(list, binary, left);
		for (size_t i = list->count - 1; i > index + 1; i--) {
			const struct job last = list->jobs[i];

			list->jobs[i] = list->jobs[i - 1];
			list->jobs[i - 1] = last;
		}
	}
	free(left);
	free(names);
	free_words(&begun);
}

bool job_list_write(const struct job_list *list, int dirfd)
{
	FILE *f = create_file(dirfd, "joblist.txt");

	for (size_t i = 0; f && i < list->count; i++)
		fprintf(f, "%s%s%s\n", list->jobs[i].binary,
			list->jobs[i].subtests ? " " : "", list->jobs[i].subtests ?: "");
	return f && replace_file(f, dirfd, "joblist.txt");
}

/* More than these are no run's. */
#define MAX_JOBS 100000

bool job_list_read(struct job_list *list, int dirfd)
{
	char *text = slurp(dirfd, "joblist.txt"), *rest = text, *line;

	memset(list, 0, sizeof(*list));
	while ((line = strsep(&rest, "\n"))) {
		char *subtests = line, *binary = strsep(&subtests, " ");

		if (binary[0])
			add_job(list, binary, subtests);
		if (list->count > MAX_JOBS)
			die("joblist.txt has more than %d lines", MAX_JOBS);
	}
	free(text);
	return list->count;
}
