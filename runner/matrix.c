// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "matrix.h"
#include "resultgen.h"
#include "util.h"

#define COLUMNS 100

/* The words in order of their first appearance. */
struct words {
	char **words;
	size_t count;
};

static size_t word(struct words *list, const char *s, size_t len)
{
	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->words[i]) == len && !strncmp(list->words[i], s, len))
			return i;
	*grow(list->words, list->count) = xstrndup(s, len);
	return list->count - 1;
}

/* Calls fn for each clause that a result judges. */
#define for_each_clause(at, len, r) \
	for (const char *at = (r)->clauses; \
	     (at += strspn(at, " ")), *at; at += strcspn(at, " ")) \
		for (size_t len = strcspn(at, " "); len; len = 0)

/* What results say of a clause, together. */
enum {
	SKIPPED = 1, HELD = 2, WARNED = 4, BROKEN = 8,
};

static const char *cell_name(unsigned int cell)
{
	if (cell & BROKEN)
		return "FAIL";
	if (cell & WARNED)
		return "warn";
	if (cell & HELD)
		return cell & SKIPPED ? "part" : "pass";
	return cell & SKIPPED ? "skip" : ".";
}

/* Whether a line "KIND: CLAUSES: TEXT" of what a test printed has this clause. */
static bool notes_have(const struct result *r, const char *kind, const char *clause)
{
	const size_t len = strlen(clause);

	for (const char *at = r->out; *at; at = next_line(at)) {
		const char *word;

		if (!starts_with(at, kind, &word))
			continue;
		for (; *word >= 'A' && *word <= 'Z'; word += strspn(word, " ")) {
			size_t n = strcspn(word, " :\n");

			if (n == len && !strncmp(word, clause, n))
				return true;
			word += n;
			if (*word == ':')
				break;
		}
	}
	return false;
}

static bool says_what_it_saw(const struct result *r)
{
	for (const char *at = r->out; *at; at = next_line(at))
		if (starts_with(at, "Saw: ", NULL))
			return true;
	return false;
}

/*
 * A pass is one of the clauses that the test saw hold; of the others that it is about,
 * and of those that it could not see, it was no judge. A failure that names a clause breaks
 * that one and says nothing of the others; one that names none (a crash, a timeout) leaves
 * all of them in doubt. A warning of the kernel or the test is no proof that a clause is
 * broken.
 */
static unsigned int judge(const struct result *r, const char *clause)
{
	if (r->verdict == PASS)
		return (!says_what_it_saw(r) || notes_have(r, "Saw: ", clause) ? HELD : 0) |
		       (notes_have(r, "Unseen: ", clause) ? SKIPPED : 0);
	if (!verdict_is_bad(r->verdict))
		return notes_have(r, "Saw: ", clause) ? HELD : SKIPPED;
	if (r->verdict == WARN || r->verdict == DMESG_WARN)
		return WARNED;
	return !r->broken[0] || !strcmp(r->broken, clause) ? BROKEN : 0;
}

static void print_matrix(FILE *f, const struct run_results *run)
{
	struct words rows = { }, columns = { };
	size_t width = 0, first, last;
	unsigned int *cells;

	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];

		if (!r->dynamic || !r->clauses[0])
			continue;
		word(&rows, r->dynamic, strlen(r->dynamic));
		for_each_clause(at, len, r)
			word(&columns, at, len);
		if (strlen(r->dynamic) > width)
			width = strlen(r->dynamic);
	}
	if (!rows.count)
		return;

	cells = xrealloc(NULL, rows.count * columns.count * sizeof(*cells));
	memset(cells, 0, rows.count * columns.count * sizeof(*cells));
	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];

		if (!r->dynamic || !r->clauses[0])
			continue;
		for_each_clause(at, len, r) {
			size_t column = word(&columns, at, len);

			cells[word(&rows, r->dynamic, strlen(r->dynamic)) * columns.count +
			      column] |= judge(r, columns.words[column]);
		}
	}

	/* As many columns side by side as fit. */
	for (first = 0; first < columns.count; first = last) {
		size_t used = width;

		fprintf(f, "\n%-*s", (int)width, "");
		for (last = first; last < columns.count; last++) {
			size_t len = strlen(columns.words[last]);

			used += 2 + (len < 4 ? 4 : len);
			if (used > COLUMNS && last > first)
				break;
			fprintf(f, "  %-4s", columns.words[last]);
		}
		fputc('\n', f);
		for (size_t row = 0; row < rows.count; row++) {
			fprintf(f, "%-*s", (int)width, rows.words[row]);
			for (size_t i = first; i < last; i++) {
				int len = strlen(columns.words[i]);
				const char *cell = cell_name(cells[row * columns.count + i]);

				if (i + 1 < last)
					fprintf(f, "  %-*s", len < 4 ? 4 : len, cell);
				else
					fprintf(f, "  %s", cell);
			}
			fputc('\n', f);
		}
	}
	free(cells);
}

/* What no verdict covers: the reasons, and whom each is about. */
struct unjudged {
	struct words reasons;
	struct words *of;	/* for each reason */
};

static void add_unjudged(struct unjudged *all, const struct result *r, char *reason)
{
	const char *name = r->dynamic ?: r->subtest ?: r->binary;
	size_t before = all->reasons.count;
	size_t i = word(&all->reasons, reason, strlen(reason));

	if (all->reasons.count > before) {
		all->of = xrealloc(all->of, all->reasons.count * sizeof(*all->of));
		all->of[i] = (struct words){ };
	}
	word(&all->of[i], name, strlen(name));
	free(reason);
}

static void print_unjudged(FILE *f, const struct run_results *run)
{
	struct unjudged all = { };

	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];
		const char *text;

		if (result_is_told_by_parts(run, i))
			continue;
		if (r->verdict == SKIP && r->message[0])
			add_unjudged(&all, r, xstrdup(r->message));
		for (const char *at = r->out; *at; at = next_line(at))
			if (starts_with(at, "Unseen: ", &text))
				add_unjudged(&all, r, xstrndup(text, strcspn(text, "\n")));
	}
	if (all.reasons.count)
		fprintf(f, "\nnot judged:\n");
	for (size_t i = 0; i < all.reasons.count; i++) {
		fprintf(f, "    %s (", all.reasons.words[i]);
		for (size_t j = 0; j < all.of[i].count; j++)
			fprintf(f, "%s%s", j ? ", " : "", all.of[i].words[j]);
		fprintf(f, ")\n");
	}
}

static void print_failure(FILE *f, const struct result *r)
{
	for (const char *at = r->evidence; *at; at = next_line(at))
		fprintf(f, "    %.*s\n", (int)strcspn(at, "\n"), at);
	fprintf(f, "    run it alone: %s --run-subtest %s%s%s\n", r->binary, r->subtest ?: "",
	       r->dynamic ? " --dynamic-subtest " : "", r->dynamic ?: "");
}

/* One heading for all failures of one part that say the same. */
static void print_failures(FILE *f, const struct run_results *run)
{
	bool *done = xrealloc(NULL, run->count + 1);

	memset(done, 0, run->count);
	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];
		const char *name = r->dynamic ?: r->subtest ?: r->binary;

		if (done[i] || !verdict_is_bad(r->verdict) || result_is_told_by_parts(run, i))
			continue;
		fprintf(f, "\n%s: %s: %s\n", name, verdict_names[r->verdict], r->message);
		for (size_t j = i; j < run->count; j++) {
			const struct result *other = &run->results[j];

			if (done[j] || other->verdict != r->verdict ||
			    strcmp(other->dynamic ?: other->subtest ?: other->binary, name) ||
			    strcmp(other->message, r->message) ||
			    result_is_told_by_parts(run, j))
				continue;
			print_failure(f, other);
			done[j] = true;
		}
	}
	free(done);
}

static void print_sums(FILE *f, const struct run_results *run)
{
	size_t sums[NUM_VERDICTS] = { };

	for (size_t i = 0; i < run->count; i++)
		if (!result_is_told_by_parts(run, i))
			sums[run->results[i].verdict]++;
	fprintf(f, "\nLinux %s: ", run->release);
	for (enum verdict v = 0, first = true; v < NUM_VERDICTS; v++) {
		if (!sums[v])
			continue;
		fprintf(f, "%s%zu %s", first ? "" : ", ", sums[v], verdict_names[v]);
		first = false;
	}
	if (run->end > run->start)
		fprintf(f, ", in %.1f s", run->end - run->start);
	fputc('\n', f);
}

void matrix_print(const struct run_results *run)
{
	char *text;
	size_t len, n;
	FILE *f = open_memstream(&text, &len);

	print_failures(f, run);
	print_matrix(f, run);
	print_unjudged(f, run);
	print_sums(f, run);
	fclose(f);
	/* What tests print must not drive the terminal. */
	for (const char *at = text; *at; at += n ?: 1) {
		n = printable_length(at);
		if (n)
			fwrite(at, 1, n, stdout);
		else
			printf("\\x%02x", (unsigned char)*at);
	}
	fflush(stdout);
	free(text);
}
