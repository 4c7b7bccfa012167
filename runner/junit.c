// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "junit.h"
#include "resultgen.h"
#include "util.h"

/* A test that floods its log must not make the file unreadable for everyone. */
#define MAX_TEXT (64 << 10)

/* Text from a dying test may hold any byte; XML 1.0 may not: \xNN is for it. */
static void put_escaped(FILE *f, const char *text, size_t limit)
{
	size_t len = strlen(text), n;
	const char *s = text;

	if (len > limit) {
		s += len - limit;
		while ((*s & 0xc0) == 0x80)
			s++;
		fprintf(f, "[the first %zu bytes are left out]\n", len - limit);
	}
	for (; *s; s += n) {
		n = printable_length(s);
		if (*s == '&')
			fputs("&amp;", f);
		else if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (*s == '"')
			fputs("&quot;", f);
		else if (!n)
			fprintf(f, "\\x%02x", (unsigned char)*s);
		else
			fwrite(s, 1, n, f);
		n = n ?: 1;
	}
}

/* In an attribute a parser makes blanks of line ends and tabs. */
static void put_attribute(FILE *f, const char *name, const char *value)
{
	fprintf(f, " %s=\"", name);
	put_escaped(f, value, 2000);
	fputc('"', f);
}

static void put_element(FILE *f, const char *name, const char *text)
{
	if (!text[0])
		return;
	fprintf(f, "<%s>", name);
	put_escaped(f, text, MAX_TEXT);
	fprintf(f, "</%s>\n", name);
}

/*
 * What JUnit has a name for. Readers count a failure as one whatever it says, so a fault
 * that is known is a skip, and says so.
 */
static const char *element(const struct result *r)
{
	if (r->expected == KNOWN || r->expected == FLAKY)
		return "skipped";
	if (r->expected == IMPROVED)
		return "failure";
	switch (r->verdict) {
	case PASS:
		return NULL;
	case SKIP:
	case NOTRUN:
		return "skipped";
	case FAIL:
	case WARN:
	case DMESG_WARN:
	case DMESG_FAIL:
		return "failure";
	default:
		return "error";
	}
}

static char *explain(const struct result *r)
{
	switch (r->expected) {
	case KNOWN:
		return xasprintf("%s, as is known (%s): %s", verdict_names[r->verdict], r->fault,
				 r->message);
	case FLAKY:
		return xasprintf("%s, and is known to be flaky%s: %s", verdict_names[r->verdict],
				 r->tries ? ": it passed when it was run again" : "", r->message);
	case IMPROVED:
		return xasprintf("it was expected to fail (%s), and passed", r->fault);
	default:
		return xstrdup(r->message);
	}
}

static void put_testcase(FILE *f, const struct result *r)
{
	const char *kind = element(r);
	char *class = r->dynamic ? xasprintf("%s.%s", r->binary, r->subtest) : xstrdup(r->binary);
	char *alone, *message;

	fputs("<testcase", f);
	put_attribute(f, "classname", class);
	put_attribute(f, "name", result_name(r));
	fprintf(f, " time=\"%.3f\"", r->time);
	free(class);
	if (!kind) {
		fputs("/>\n", f);
		return;
	}
	fprintf(f, ">\n<%s", kind);
	message = explain(r);
	put_attribute(f, "message", message);
	if (strcmp(kind, "skipped")) {
		put_attribute(f, "type", r->expected == IMPROVED ? "unexpected-pass" :
			      verdict_names[r->verdict]);
		fputc('>', f);
		put_escaped(f, message, MAX_TEXT);
		fputc('\n', f);
		put_escaped(f, r->evidence, MAX_TEXT);
		fputs(r->evidence[0] ? "\n" : "", f);
		alone = result_command(r);
		fputs("Run it alone: ", f);
		put_escaped(f, alone, MAX_TEXT);
		fputc('\n', f);
		free(alone);
		fprintf(f, "</%s>\n", kind);
		put_element(f, "system-out", r->out);
		put_element(f, "system-err", r->err);
	} else {
		fputs("/>\n", f);
	}
	fputs("</testcase>\n", f);
	free(message);
}

struct counts {
	size_t tests, failures, errors, skipped;
	double time;
};

static void count(struct counts *counts, const struct result *r)
{
	const char *kind = element(r);

	counts->tests++;
	counts->time += r->time;
	counts->skipped += kind && !strcmp(kind, "skipped");
	counts->failures += kind && !strcmp(kind, "failure");
	counts->errors += kind && !strcmp(kind, "error");
}

static void put_counts(FILE *f, const struct counts *counts)
{
	fprintf(f, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.3f\"",
		counts->tests, counts->failures, counts->errors, counts->time);
}

static void put_suite(FILE *f, const struct run_results *run, size_t first, size_t end)
{
	time_t start = run->start;
	struct counts counts = { };
	struct tm tm = { };
	char stamp[32];

	for (size_t i = first; i < end; i++)
		if (!result_is_told_by_parts(run, i))
			count(&counts, &run->results[i]);
	gmtime_r(&start, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);

	fputs("<testsuite", f);
	put_attribute(f, "name", run->results[first].binary);
	put_counts(f, &counts);
	/* Jenkins' schema (junit-10.xsd) has it here, and not for all suites together. */
	fprintf(f, " skipped=\"%zu\"", counts.skipped);
	put_attribute(f, "timestamp", stamp);
	fputs(">\n<properties>\n<property name=\"kernel\"", f);
	put_attribute(f, "value", run->release);
	fputs("/>\n<property name=\"run\"", f);
	put_attribute(f, "value", run->settings.name ?: "");
	fputs("/>\n</properties>\n", f);
	for (size_t i = first; i < end; i++)
		if (!result_is_told_by_parts(run, i))
			put_testcase(f, &run->results[i]);
	fputs("</testsuite>\n", f);
}

bool junit_write(const struct run_results *run, int dirfd)
{
	FILE *f = create_file(dirfd, "junit.xml");
	struct counts counts = { };

	if (!f)
		return false;
	for (size_t i = 0; i < run->count; i++)
		if (!result_is_told_by_parts(run, i))
			count(&counts, &run->results[i]);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", f);
	put_attribute(f, "name", run->settings.name ?: "");
	put_counts(f, &counts);
	fputs(">\n", f);
	for (size_t i = 0, end; i < run->count; i = end) {
		for (end = i; end < run->count &&
		     !strcmp(run->results[end].binary, run->results[i].binary); )
			end++;
		put_suite(f, run, i, end);
	}
	fputs("</testsuites>\n", f);
	return replace_file(f, dirfd, "junit.xml");
}
