// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "html.h"
#include "json.h"
#include "matrix.h"
#include "resultgen.h"

/* What a pass saw is told by so many lines: a page of 10,000 has to open in a browser. */
#define SAW 6

static const char page[] =
#include "report.html.inc"
;

static void put(FILE *f, const char *name, const char *text)
{
	fprintf(f, ",\"%s\":", name);
	json_put_string(f, text, strlen(text));
}

static void put_saw(FILE *f, const struct result *r)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	int n = 0;

	for (const char *at = r->out; *at && n <= SAW; at = next_line(at)) {
		if (!starts_with(at, "Saw: ", NULL) && !starts_with(at, "Unseen: ", NULL))
			continue;
		if (n++ < SAW)
			fprintf(to, "%.*s\n", (int)strcspn(at, "\n"), at);
		else
			fputs("...\n", to);
	}
	fclose(to);
	if (len)
		put(f, "saw", text);
	free(text);
}

static void put_result(FILE *f, const struct run_results *run, size_t i)
{
	static const char *const expected[] = { "", "known", "flaky", "improved" };
	const struct result *r = &run->results[i];
	const bool told = result_is_told_by_parts(run, i);
	struct words clauses = { };
	char *command = result_command(r);

	fprintf(f, "%s\n{\"verdict\":\"%s\"", i ? "," : "", verdict_names[r->verdict]);
	put(f, "binary", r->binary);
	put(f, "subtest", r->subtest ?: "");
	if (r->dynamic)
		put(f, "dynamic", r->dynamic);
	if (told)
		fputs(",\"told\":true", f);
	if (!told && (verdict_is_bad(r->verdict) || r->expected == IMPROVED))
		fputs(",\"bad\":true", f);
	if (r->expected)
		put(f, "expected", expected[r->expected]);
	if (r->fault)
		put(f, "fault", r->fault);
	if (r->cause[0])
		put(f, "cause", r->cause);
	if (r->message[0] && !told)
		put(f, "message", r->message);
	if (r->evidence[0] && !told)
		put(f, "evidence", r->evidence);
	if (r->dynamic)
		put_saw(f, r);
	put(f, "command", command);
	fputs(",\"judged\":{", f);
	for (const char *at = r->clauses; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
		const size_t before = clauses.count, n = word(&clauses, at, strcspn(at, " "));

		if (clauses.count > before)
			fprintf(f, "%s\"%s\":%u", n ? "," : "", clauses.words[n],
				matrix_judge(r, clauses.words[n]));
	}
	fputs("}}", f);
	free_words(&clauses);
	free(command);
}

static void put_run(FILE *f, const struct run_results *run)
{
	size_t sums[NUM_VERDICTS] = { };
	bool any = false;

	for (size_t i = 0; i < run->count; i++)
		if (!result_is_told_by_parts(run, i))
			sums[run->results[i].verdict]++;
	fprintf(f, "{\"start\":%.0f", run->start);
	put(f, "name", run->settings.name ?: "");
	put(f, "release", run->release);
	put(f, "arch", run->arch);
	put(f, "machine", run->machine ?: "");
	fputs(",\"sums\":{", f);
	for (enum verdict v = 0; v < NUM_VERDICTS; v++) {
		if (!sums[v])
			continue;
		fprintf(f, "%s\"%s\":%zu", any ? "," : "", verdict_names[v], sums[v]);
		any = true;
	}
	fputs("},\"results\":[", f);
	for (size_t i = 0; i < run->count; i++)
		put_result(f, run, i);
	fputs("]}", f);
}

bool html_write(const struct run_results *runs, size_t count, const char *path)
{
	static const char mark[] = "@DATA@";
	const char *at = strstr(page, mark);
	FILE *f = create_file(AT_FDCWD, path);

	if (!f)
		return false;
	fwrite(page, 1, at - page, f);
	fputc('[', f);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? ",\n" : "", f);
		put_run(f, &runs[i]);
	}
	fputc(']', f);
	fputs(at + strlen(mark), f);
	return replace_file(f, AT_FDCWD, path);
}
