// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "matrix.h"
#include "resultgen.h"
#include "util.h"

#define COLUMNS 100

/* A dying test may print what looks like any number of clauses. */
#define MAX_COLUMNS 64
#define MAX_CLAUSE 32

const char *matrix_cell_name(unsigned int cell)
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
unsigned int matrix_judge(const struct result *r, const char *clause)
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

static size_t column_width(const char *clause)
{
	const size_t len = strlen(clause);

	return len < 4 ? 4 : len;
}

void matrix_print(FILE *f, const struct run_results *run, size_t most)
{
	struct words rows = { }, columns = { };
	size_t width = 0, total = 0, clean = 0, first, last, gap;
	unsigned int *cells, *row_says;

	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];

		if (!r->dynamic || !r->clauses[0])
			continue;
		word(&rows, r->dynamic, strlen(r->dynamic));
		for_each_clause(at, len, r)
			if (columns.count < MAX_COLUMNS && len <= MAX_CLAUSE)
				word(&columns, at, len);
		if (strlen(r->dynamic) > width)
			width = strlen(r->dynamic);
	}
	if (!rows.count)
		return;
	if (width > COLUMNS / 2)
		width = COLUMNS / 2;

	cells = xrealloc(NULL, rows.count * columns.count * sizeof(*cells));
	memset(cells, 0, rows.count * columns.count * sizeof(*cells));
	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];

		if (!r->dynamic || !r->clauses[0])
			continue;
		for_each_clause(at, len, r) {
			size_t column = find_word(&columns, at, len);

			if (column == columns.count)
				continue;
			cells[word(&rows, r->dynamic, strlen(r->dynamic)) * columns.count +
			      column] |= matrix_judge(r, columns.words[column]);
		}
	}

	row_says = xrealloc(NULL, rows.count * sizeof(*row_says));
	for (size_t row = 0; row < rows.count; row++) {
		row_says[row] = 0;
		for (size_t i = 0; i < columns.count; i++)
			row_says[row] |= cells[row * columns.count + i];
		clean += !(row_says[row] & (WARNED | BROKEN));
	}

	/* As many columns side by side as fit. */
	for (size_t i = 0; i < columns.count; i++)
		total += column_width(columns.words[i]);
	gap = width + total + 2 * columns.count > COLUMNS ? 1 : 2;
	for (first = 0; first < columns.count; first = last) {
		size_t used = width;

		fprintf(f, "\n%-*s", (int)width, "");
		for (last = first; last < columns.count; last++) {
			used += gap + column_width(columns.words[last]);
			if (used > COLUMNS && last > first)
				break;
			fprintf(f, "%*s%-4s", (int)gap, "", columns.words[last]);
		}
		fputc('\n', f);
		for (size_t row = 0; row < rows.count; row++) {
			if (rows.count > most && !(row_says[row] & (WARNED | BROKEN)))
				continue;
			fprintf(f, "%-*s", (int)width, rows.words[row]);
			for (size_t i = first; i < last; i++) {
				const char *cell = matrix_cell_name(cells[row * columns.count + i]);

				fprintf(f, "%*s%-*s", (int)gap, "", i + 1 < last ?
					(int)column_width(columns.words[i]) : 0, cell);
			}
			fputc('\n', f);
		}
	}
	if (rows.count > most && clean)
		fprintf(f, "and %zu in which nothing failed\n", clean);
	free(row_says);
	free(cells);
	free_words(&rows);
	free_words(&columns);
}

/* What no verdict covers: the reasons, and whom each is about. */
struct unjudged {
	struct words reasons;
	struct words *of;	/* for each reason */
};

static void add_unjudged(struct unjudged *all, const struct result *r, char *reason)
{
	const char *name = result_name(r);
	size_t before = all->reasons.count;
	size_t i = word(&all->reasons, reason, strlen(reason));

	if (all->reasons.count > before) {
		all->of = xrealloc(all->of, all->reasons.count * sizeof(*all->of));
		all->of[i] = (struct words){ };
	}
	word(&all->of[i], name, strlen(name));
	free(reason);
}

#define MAX_REASONS 10000

size_t unjudged_print(FILE *f, const struct run_results *run)
{
	struct unjudged all = { };

	for (size_t i = 0; i < run->count && all.reasons.count < MAX_REASONS; i++) {
		const struct result *r = &run->results[i];
		const char *text;

		if (result_is_told_by_parts(run, i))
			continue;
		if (r->verdict == SKIP && r->message[0])
			add_unjudged(&all, r, xstrdup(r->message));
		for (const char *at = r->out; *at && all.reasons.count < MAX_REASONS;
		     at = next_line(at))
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
	return all.reasons.count;
}
