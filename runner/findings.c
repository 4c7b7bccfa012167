// SPDX-License-Identifier: MIT
/*
 * Makes a few findings of many failures: an exporter that breaks one rule fails every
 * subtest that stands on it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "resultgen.h"

#define COLUMNS 100

/* So many are told with their evidence, and so many more in a line each. */
#define TOLD 6
#define NAMED 12

/* The clause that this result broke, or what happened. */
static char *cause_of(const struct result *r)
{
	return r->cause[0] ? xstrdup(r->cause) :
			     xasprintf("%s: %s", verdict_names[r->verdict], r->message);
}

/* What the test said of "Follows: CLAUSE from OTHER"; NULL if nothing. */
static char *follows(const struct result *r, const char *clause)
{
	const size_t len = strlen(clause);

	for (const char *at = r->out; *at; at = next_line(at)) {
		const char *rest;

		if (starts_with(at, "Follows: ", &rest) && !strncmp(rest, clause, len) &&
		    starts_with(rest + len, " from ", &rest))
			return xstrndup(rest, strcspn(rest, " \n"));
	}
	return NULL;
}

/* A text without what differs between two that say the same. */
static char *normal(const char *text, size_t len, const char *name)
{
	const size_t name_len = strlen(name);
	char *s = xstrndup(text, len), *to = s;

	for (const char *at = s; *at; ) {
		if (name_len && starts_with(at, name, NULL)) {
			at += name_len;
			*to++ = '*';
		} else if (isdigit((unsigned char)*at)) {
			while (isxdigit((unsigned char)*at) || *at == 'x')
				at++;
			*to++ = '#';
		} else {
			*to++ = *at++;
		}
	}
	*to = 0;
	return s;
}

static bool says_the_same(const struct result *a, const struct result *b)
{
	char *x = normal(a->evidence, strcspn(a->evidence, "\n"), result_name(a));
	char *y = normal(b->evidence, strcspn(b->evidence, "\n"), result_name(b));
	bool same = !strcmp(x, y);

	free(x);
	free(y);
	return same;
}

static size_t num_words(const char *s)
{
	size_t n = 0;

	for (; *(s += strspn(s, " ")); s += strcspn(s, " "))
		n++;
	return n;
}

/*
 * Whether a says more than b: it names the cause itself, of a subtest that is about fewer
 * things; between equals the first one does.
 */
static bool says_more(const struct result *a, const struct result *b, const char *clause)
{
	bool a_itself = !strcmp(a->broken, clause), b_itself = !strcmp(b->broken, clause);

	if (a_itself != b_itself)
		return a_itself;
	return num_words(a->clauses) < num_words(b->clauses);
}

static void add_count(struct finding *finding, const char *clause, size_t n)
{
	const size_t before = finding->clauses.count;
	const size_t i = word(&finding->clauses, clause, strlen(clause));

	if (finding->clauses.count > before) {
		finding->counts = xrealloc(finding->counts,
					   finding->clauses.count * sizeof(*finding->counts));
		finding->counts[i] = 0;
	}
	finding->counts[i] += n;
	finding->count += n;
}

static struct finding *find(struct findings *findings, const char *name, const char *clause)
{
	for (size_t i = 0; i < findings->count; i++)
		if (!strcmp(findings->list[i].clause, clause) &&
		    !strcmp(findings->list[i].names.words[0], name))
			return &findings->list[i];
	return NULL;
}

static void remove_finding(struct findings *findings, size_t i)
{
	struct finding *finding = &findings->list[i];

	free(finding->clause);
	free_words(&finding->names);
	free_words(&finding->clauses);
	free(finding->counts);
	memmove(finding, finding + 1, (--findings->count - i) * sizeof(*finding));
}

/* The second one's results are the first one's. */
static void merge(struct findings *findings, size_t to, size_t from)
{
	struct finding *finding = &findings->list[to], *gone = &findings->list[from];

	for (size_t i = 0; i < gone->names.count; i++)
		word(&finding->names, gone->names.words[i], strlen(gone->names.words[i]));
	for (size_t i = 0; i < gone->clauses.count; i++)
		add_count(finding, gone->clauses.words[i], gone->counts[i]);
	remove_finding(findings, from);
}

static void collect(struct findings *findings, const struct result *r)
{
	const char *name = result_name(r);
	char *clause = cause_of(r);
	struct finding *finding = find(findings, name, clause);

	if (!finding) {
		finding = grow(findings->list, findings->count);
		finding->clause = xstrdup(clause);
		finding->lead = r;
		word(&finding->names, name, strlen(name));
	}
	if (says_more(r, finding->lead, clause))
		finding->lead = r;
	add_count(finding, r->broken[0] ? r->broken : verdict_names[r->verdict], 1);
	free(clause);
}

static int by_count(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->lead < y->lead ? -1 : 1;
}

void findings_of(struct findings *findings, const struct run_results *run,
		 bool (*wanted)(const struct run_results *run, size_t i))
{
	memset(findings, 0, sizeof(*findings));
	for (size_t i = 0; i < run->count; i++)
		if (wanted(run, i))
			collect(findings, &run->results[i]);

	for (size_t i = 0; i < findings->count; ) {
		struct finding *finding = &findings->list[i];
		char *why = follows(finding->lead, finding->clause);
		struct finding *cause = why ? find(findings, finding->names.words[0], why) : NULL;

		free(why);
		if (cause && cause != finding)
			merge(findings, cause - findings->list, i);
		else
			i++;
	}
	for (size_t i = 0; i < findings->count; i++)
		for (size_t j = i + 1; j < findings->count; )
			if (!strcmp(findings->list[i].clause, findings->list[j].clause) &&
			    says_the_same(findings->list[i].lead, findings->list[j].lead))
				merge(findings, i, j);
			else
				j++;
	if (findings->count)
		qsort(findings->list, findings->count, sizeof(*findings->list), by_count);
}

char *result_command(const struct result *r)
{
	return xasprintf("%s%s%s%s%s", r->binary, r->subtest ? " --run-subtest " : "",
			 r->subtest ?: "", r->dynamic ? " --dynamic-subtest " : "",
			 r->dynamic ?: "");
}

/* In lines of COLUMNS, indented, and no more than so many of them. */
static void print_wrapped(FILE *f, const char *text, size_t len, int lines)
{
	const size_t width = COLUMNS - 4;

	while (lines-- && len) {
		size_t n = len;

		if (n > width) {
			for (n = width - (lines ? 0 : 3); n && text[n] != ' '; )
				n--;
			n = n ?: width - 3;
		}
		fprintf(f, "    %.*s%s\n", (int)n, text, n < len && !lines ? "..." : "");
		text += n;
		len -= n;
		n = strspn(text, " ");
		n = n < len ? n : len;
		text += n;
		len -= n;
	}
}

static void print_heading(FILE *f, const struct finding *finding)
{
	const struct result *r = finding->lead;

	for (size_t i = 0; i < finding->names.count; i++)
		fprintf(f, "%s%s", i ? ", " : "", finding->names.words[i]);
	if (r->verdict != FAIL)
		fprintf(f, ": %s", verdict_names[r->verdict]);
	fprintf(f, ": %s\n", r->message);
}

static void print_counts(FILE *f, const struct finding *finding)
{
	fprintf(f, "    %zu %s", finding->count, finding->count == 1 ? "subtest" : "subtests");
	for (size_t i = 0; i < finding->clauses.count && finding->count > 1; i++)
		fprintf(f, "%s%zu %s", i ? ", " : ": ", finding->counts[i],
			finding->clauses.words[i]);
	fputc('\n', f);
}

void findings_print(FILE *f, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count && i < TOLD + NAMED; i++) {
		const struct finding *finding = &findings->list[i];
		const struct result *r = finding->lead;
		char *command = result_command(r);
		const char *first = r->evidence, *second = next_line(first);

		print_heading(f, finding);
		if (i < TOLD) {
			print_wrapped(f, first, strcspn(first, "\n"), *second ? 1 : 2);
			print_wrapped(f, second, strcspn(second, "\n"), 1);
			print_counts(f, finding);
			fprintf(f, "    run it alone: %s\n", command);
		}
		free(command);
	}
	if (findings->count > TOLD + NAMED)
		fprintf(f, "and %zu more\n", findings->count - TOLD - NAMED);
}
