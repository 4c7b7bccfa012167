// SPDX-License-Identifier: MIT
/*
 * The report: on the terminal what a person wants to see at the end, and in the results
 * directory all there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "differences.h"
#include "executor.h"
#include "expect.h"
#include "findings.h"
#include "html.h"
#include "json.h"
#include "junit.h"
#include "ktap.h"
#include "matrix.h"
#include "orphans.h"
#include "report.h"
#include "resultgen.h"
#include "util.h"

/* More rows of the matrix than these do not fit on a screen beside the findings. */
#define ROWS 16

/* So many are named that did what was not expected of them. */
#define NAMED 8

static bool is_bad(const struct run_results *run, size_t i)
{
	return verdict_is_bad(run->results[i].verdict) && !result_is_told_by_parts(run, i);
}

static bool is_news(const struct run_results *run, size_t i)
{
	return run->results[i].expected == AS_IT_IS && is_bad(run, i);
}

/* One heading for all failures of one part that say the same. */
static void print_failures(FILE *f, const struct run_results *run)
{
	bool *done = xrealloc(NULL, run->count + 1);

	memset(done, 0, run->count);
	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];

		if (done[i] || !is_bad(run, i))
			continue;
		fprintf(f, "\n%s: %s: %s\n", result_name(r), verdict_names[r->verdict],
			r->message);
		for (size_t j = i; j < run->count; j++) {
			const struct result *s = &run->results[j];
			char *command;

			if (s->verdict != r->verdict || strcmp(s->message, r->message) ||
			    strcmp(result_name(s), result_name(r)))
				continue;
			for (const char *at = s->evidence; *at; at = next_line(at))
				fprintf(f, "    %.*s\n", (int)strcspn(at, "\n"), at);
			command = result_command(s);
			fprintf(f, "    run it alone: %s\n", command);
			free(command);
			done[j] = true;
		}
	}
	free(done);
}

/* The known faults that were met, each with whom. */
static void print_known(FILE *f, const struct run_results *run)
{
	struct words faults = { }, *names = NULL;
	size_t *counts = NULL;

	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];
		const size_t before = faults.count;
		size_t n;

		if (r->expected != KNOWN)
			continue;
		n = word(&faults, r->fault, strlen(r->fault));
		if (faults.count > before) {
			size_t unused = before;

			*grow(names, unused) = (struct words){ };
			unused = before;
			*grow(counts, unused) = 0;
		}
		word(&names[n], result_name(r), strlen(result_name(r)));
		counts[n]++;
	}
	if (faults.count)
		fprintf(f, "\nknown faults, by %s-fails.txt:\n", run->expectations);
	for (size_t i = 0; i < faults.count; i++) {
		fprintf(f, "    %s: %zu of ", faults.words[i][0] ? faults.words[i] : "(no title)",
			counts[i]);
		for (size_t j = 0; j < names[i].count; j++)
			fprintf(f, "%s%s", j ? ", " : "", names[i].words[j]);
		fputc('\n', f);
		free_words(&names[i]);
	}
	free_words(&faults);
	free(names);
	free(counts);
}

/* What is of this kind, under a heading, and no more than so many of it. */
static void print_those(FILE *f, const struct run_results *run, enum expected which,
			const char *heading, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];
		char *key;

		if (r->expected != which)
			continue;
		if (!n)
			fprintf(f, "\n%s:\n", heading);
		if (n++ >= most)
			continue;
		key = result_key(r);
		if (which == IMPROVED)
			fprintf(f, "    %s (%s)\n", key, r->fault);
		else
			fprintf(f, "    %s: %s, %s\n", key, verdict_names[r->verdict],
				r->tries ? "and a pass when it was run again" : "not run again");
		free(key);
	}
	if (n > most)
		fprintf(f, "    and %zu more\n", n - most);
}

static void print_expected(FILE *f, const struct run_results *run, size_t most)
{
	print_those(f, run, IMPROVED, "expected to fail, and passed", most);
	print_those(f, run, FLAKY, "flaky, as is known", most);
	print_known(f, run);
}

static void print_sum_line(FILE *f, const struct run_results *run)
{
	size_t sums[NUM_VERDICTS] = { }, known = 0;

	for (size_t i = 0; i < run->count; i++) {
		known += run->results[i].expected == KNOWN || run->results[i].expected == FLAKY;
		if (!result_is_told_by_parts(run, i))
			sums[run->results[i].verdict]++;
	}
	fprintf(f, "Linux %s, %s%s%s: ", run->release, run->arch, run->machine ? ", " : "",
		run->machine ?: "");
	for (enum verdict v = 0, first = true; v < NUM_VERDICTS; v++) {
		if (!sums[v])
			continue;
		fprintf(f, "%s%zu %s", first ? "" : ", ", sums[v], verdict_names[v]);
		first = false;
	}
	if (known)
		fprintf(f, " (%zu known)", known);
	if (run->end > run->start)
		fprintf(f, ", in %.1f s", run->end - run->start);
	fputc('\n', f);
}

static void print_sums(FILE *f, const struct run_results *run)
{
	fputc('\n', f);
	print_sum_line(f, run);
}

/* Printed so that it does nothing to the terminal. */
static void print_safely(FILE *to, void (*print)(FILE *f, const struct run_results *run),
			 const struct run_results *run)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	print(f, run);
	fclose(f);
	put_printable(to, text);
	free(text);
}

static void print_all(FILE *f, const struct run_results *run)
{
	print_failures(f, run);
	matrix_print(f, run, -1);
	unjudged_print(f, run);
	print_expected(f, run, -1);
	print_sums(f, run);
}

static void print_short(FILE *f, const struct run_results *run)
{
	struct findings findings;

	findings_of(&findings, run, is_news);
	if (findings.count)
		fputc('\n', f);
	findings_print(f, &findings);
	print_expected(f, run, NAMED);
	matrix_print(f, run, ROWS);
	print_sums(f, run);
}

static void read_all(struct run_results *run, const char *path, int dirfd,
		     const char *expectations)
{
	struct expectations known;

	if (!results_read(run, dirfd))
		die("%s has no results of igt_runner or dmabuf_runner (metadata.txt, joblist.txt)",
		    path);
	if (!expectations)
		return;
	expectations_read(&known, expectations, run->release);
	expectations_apply(&known, run);
	run->expectations = known.name;
}

int report(const char *path, int dirfd, const char *expectations)
{
	static const char name[] = "report.txt";
	struct run_results run;
	int json_error = 0;
	FILE *f;

	read_all(&run, path, dirfd, expectations);
	if (!json_write(&run, dirfd))
		json_error = errno;
	results_prune(&run);
	print_safely(stdout, print_short, &run);
	fflush(stdout);
	f = create_file(dirfd, name);
	if (f)
		print_safely(f, print_all, &run);
	if (!f || !replace_file(f, dirfd, name) || !junit_write(&run, dirfd) || json_error)
		die("%s: the report cannot be written: %s", path, strerror(json_error ?: errno));
	printf("each failure, and what was not judged: %s/%s\n", path, name);
	fflush(stdout);
	return results_status(&run);
}

int report_ktap(const char *path, int dirfd, const char *expectations)
{
	struct run_results run;

	read_all(&run, path, dirfd, expectations);
	results_prune(&run);
	print_safely(stdout, ktap_print, &run);
	fflush(stdout);
	return results_status(&run);
}

/* The worst of their statuses. */
static int read_runs(struct run_results *runs, char **paths, int count, const char *expectations)
{
	int worst = 0;

	for (int i = 0; i < count; i++) {
		int status, dirfd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dirfd < 0)
			die("%s: %s", paths[i], strerror(errno));
		read_all(&runs[i], paths[i], dirfd, expectations);
		results_prune(&runs[i]);
		close(dirfd);
		status = results_status(&runs[i]);
		worst = status > worst ? status : worst;
	}
	return worst;
}

static void print_news(FILE *f, const struct run_results *run)
{
	struct findings findings;

	print_sum_line(f, run);
	findings_of(&findings, run, is_news);
	findings_print(f, &findings);
	print_those(f, run, IMPROVED, "expected to fail, and passed", NAMED);
}

int report_several(char **paths, int count, const char *expectations)
{
	struct run_results *runs = xrealloc(NULL, count * sizeof(*runs));
	char **names = xrealloc(NULL, count * sizeof(*names));
	int worst = read_runs(runs, paths, count, expectations);

	for (int i = 0; i < count; i++) {
		names[i] = basename(paths[i]);
		printf("%s%s: ", i ? "\n" : "", names[i]);
		print_safely(stdout, print_news, &runs[i]);
	}
	differences_print(stdout, runs, names, count);
	fflush(stdout);
	free(names);
	free(runs);
	return worst;
}

int report_html(char **paths, int count, const char *html, const char *expectations)
{
	struct run_results *runs = xrealloc(NULL, count * sizeof(*runs));
	int worst = read_runs(runs, paths, count, expectations);

	if (!html_write(runs, count, html))
		die("%s: %s", html, strerror(errno));
	free(runs);
	return worst;
}

int report_compare(const char *old, const char *new, const char *expectations)
{
	const char *paths[] = { old, new };
	struct expectations known = { };
	struct run_results runs[2];
	char *text;
	size_t len;
	FILE *f;
	bool worse;

	for (int i = 0; i < 2; i++) {
		const int dirfd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dirfd < 0)
			die("%s: %s", paths[i], strerror(errno));
		read_all(&runs[i], paths[i], dirfd, NULL);
		results_prune(&runs[i]);
		close(dirfd);
	}
	if (expectations)
		expectations_read(&known, expectations, runs[1].release);
	f = open_memstream(&text, &len);
	worse = compare_print(f, &runs[0], &runs[1], &known.flakes);
	fclose(f);
	put_printable(stdout, text);
	fflush(stdout);
	free(text);
	return worse;
}

int run_and_report(const struct settings *settings, struct job_list *list,
		   int dirfd)
{
	bool complete = execute(settings, list, dirfd);

	orphans_finish();
	if (settings->no_report)
		return complete ? 0 : 2;
	return report(settings->results_path, dirfd, settings->expectations);
}
