// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "ktap.h"
#include "resultgen.h"
#include "util.h"

static void put_head(FILE *f, int depth, const char *name, size_t count)
{
	fprintf(f, "%*sKTAP version 1\n", 2 * depth, "");
	if (name)
		fprintf(f, "%*s# Subtest: %s\n", 2 * depth, "", name);
	fprintf(f, "%*s1..%zu\n", 2 * depth, "", count);
}

static void put_diagnosis(FILE *f, int depth, const struct result *r)
{
	char *command = result_command(r);

	fprintf(f, "%*s# %s: %s\n", 2 * depth, "", verdict_names[r->verdict], r->message);
	for (const char *at = r->evidence; *at; at = next_line(at))
		fprintf(f, "%*s#     %.*s\n", 2 * depth, "", (int)strcspn(at, "\n"), at);
	fprintf(f, "%*s#     run it alone: %s\n", 2 * depth, "", command);
	free(command);
}

/* By what KTAP has a directive for. */
static void put_result(FILE *f, int depth, size_t number, const char *name,
		       const struct result *r, bool told_by_parts)
{
	const char *directive = "";
	bool ok = false;

	switch (r->verdict) {
	case PASS:
		ok = r->expected != IMPROVED;
		break;
	case SKIP:
	case NOTRUN:
		ok = true;
		directive = " # SKIP ";
		break;
	case TIMEOUT:
		directive = " # TIMEOUT ";
		break;
	case CRASH:
	case INCOMPLETE:
	case ABORT:
		directive = " # ERROR ";
		break;
	default:
		break;
	}
	if (r->expected == KNOWN || r->expected == FLAKY) {
		ok = true;
		directive = " # XFAIL ";
	}
	if (verdict_is_bad(r->verdict) && !told_by_parts)
		put_diagnosis(f, depth, r);
	fprintf(f, "%*s%s %zu %s%s", 2 * depth, "", ok ? "ok" : "not ok", number, name, directive);
	if (r->expected == IMPROVED)
		fprintf(f, " # expected to fail (%s), and passed", r->fault);
	else if (r->expected == KNOWN)
		fputs(r->fault, f);
	else if (r->expected == FLAKY)
		fputs("flaky", f);
	else if (directive[0])
		fputs(r->verdict == SKIP ? r->message : verdict_names[r->verdict], f);
	fputc('\n', f);
}

/* A subtest, and whether it, or all of its parts, did what was expected. */
static bool put_subtest(FILE *f, const struct run_results *run, size_t i, size_t number)
{
	const struct result *r = &run->results[i];
	const bool told = result_is_told_by_parts(run, i);
	struct result sum = *r;
	size_t parts = 0;

	while (i + parts + 1 < run->count && run->results[i + parts + 1].dynamic)
		parts++;
	if (parts)
		put_head(f, 2, r->subtest, parts);
	/* What is known of all the parts that failed is known of the whole. */
	for (size_t n = 1; n <= parts; n++) {
		const struct result *part = &run->results[i + n];

		put_result(f, 2, n, part->dynamic, part, false);
		if (!told)
			continue;
		if (part->expected == IMPROVED ||
		    (part->expected == AS_IT_IS && verdict_is_bad(part->verdict)))
			sum.expected = IMPROVED;
		else if (part->expected != AS_IT_IS && sum.expected == AS_IT_IS) {
			sum.expected = KNOWN;
			sum.fault = part->fault ?: "flaky";
		}
	}
	if (sum.expected == IMPROVED && told) {
		sum.expected = AS_IT_IS;
		sum.verdict = FAIL;
	}
	put_result(f, 1, number, r->subtest ?: r->binary, &sum, told);
	return sum.expected == KNOWN || sum.expected == FLAKY ||
	       (sum.expected == AS_IT_IS && !verdict_is_bad(sum.verdict));
}

static size_t end_of_binary(const struct run_results *run, size_t i, size_t *subtests)
{
	const char *binary = run->results[i].binary;

	for (*subtests = 0; i < run->count && !strcmp(run->results[i].binary, binary); i++)
		*subtests += !run->results[i].dynamic;
	return i;
}

void ktap_print(FILE *f, const struct run_results *run)
{
	size_t binaries = 0, number = 0, subtests;

	for (size_t i = 0; i < run->count; binaries++)
		i = end_of_binary(run, i, &subtests);
	put_head(f, 0, NULL, binaries);
	fprintf(f, "# Linux %s, %s%s%s\n", run->release, run->arch, run->machine ? ", " : "",
		run->machine ?: "");
	for (size_t i = 0, end; i < run->count; i = end) {
		bool ok = true;
		size_t n = 0;

		end = end_of_binary(run, i, &subtests);
		put_head(f, 1, run->results[i].binary, subtests);
		for (size_t j = i; j < end; j++)
			if (!run->results[j].dynamic)
				ok &= put_subtest(f, run, j, ++n);
		fprintf(f, "%s %zu %s\n", ok ? "ok" : "not ok", ++number, run->results[i].binary);
	}
}
