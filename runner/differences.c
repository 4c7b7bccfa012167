// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "differences.h"
#include "matrix.h"
#include "resultgen.h"
#include "util.h"

struct cells {
	struct words rows, columns;
	unsigned int *bits;	/* a run, a row, a column */
	bool *there;		/* a run, a row */
};

static size_t index_of(const struct cells *all, size_t run, size_t row, size_t column)
{
	return (run * all->rows.count + row) * all->columns.count + column;
}

static bool counts(const struct result *r)
{
	return r->dynamic && r->clauses[0];
}

static void collect(struct cells *all, const struct run_results *runs, size_t count)
{
	for (size_t n = 0; n < count; n++)
		for (size_t i = 0; i < runs[n].count; i++) {
			const struct result *r = &runs[n].results[i];

			if (!counts(r))
				continue;
			word(&all->rows, r->dynamic, strlen(r->dynamic));
			for_each_clause(at, len, r)
				word(&all->columns, at, len);
		}
	all->bits = calloc(count * all->rows.count * all->columns.count + 1, sizeof(*all->bits));
	all->there = calloc(count * all->rows.count + 1, sizeof(*all->there));
	if (!all->bits || !all->there)
		die("out of memory");
	for (size_t n = 0; n < count; n++)
		for (size_t i = 0; i < runs[n].count; i++) {
			const struct result *r = &runs[n].results[i];
			size_t row;

			if (!counts(r))
				continue;
			row = word(&all->rows, r->dynamic, strlen(r->dynamic));
			all->there[n * all->rows.count + row] = true;
			for_each_clause(at, len, r) {
				size_t column = word(&all->columns, at, len);

				all->bits[index_of(all, n, row, column)] |=
					matrix_judge(r, all->columns.words[column]);
			}
		}
}

/* Who is in some of the runs only, a line for those that are in the same ones. */
static void print_absent(FILE *f, const struct cells *all, char *const *names, size_t count)
{
	struct words where = { }, *who = NULL;
	size_t lines = 0;

	for (size_t row = 0; row < all->rows.count; row++) {
		struct words in = { };
		size_t n;
		char *text;

		for (n = 0; n < count; n++)
			if (all->there[n * all->rows.count + row])
				word(&in, names[n], strlen(names[n]));
		text = join_words(&in, ", ");
		n = in.count < count ? word(&where, text, strlen(text)) : lines;
		if (in.count < count && where.count > lines)
			grow(who, lines);
		if (in.count < count)
			word(&who[n], all->rows.words[row], strlen(all->rows.words[row]));
		free(text);
		free_words(&in);
	}
	for (size_t i = 0; i < lines; i++) {
		char *text = join_words(&who[i], ", ");

		fprintf(f, "%sonly in %s: %s\n", i ? "" : "\n", where.words[i], text);
		free(text);
		free_words(&who[i]);
	}
	free(who);
	free_words(&where);
}

void differences_print(FILE *f, const struct run_results *runs, char *const *names, size_t count)
{
	struct cells all = { };
	size_t width = 0, clause_width = 0, lesser = 0, printed = 0;

	collect(&all, runs, count);
	print_absent(f, &all, names, count);
	for (size_t i = 0; i < all.rows.count; i++)
		if (strlen(all.rows.words[i]) > width)
			width = strlen(all.rows.words[i]);
	for (size_t i = 0; i < all.columns.count; i++)
		if (strlen(all.columns.words[i]) > clause_width)
			clause_width = strlen(all.columns.words[i]);

	for (size_t row = 0; row < all.rows.count; row++)
		for (size_t column = 0; column < all.columns.count; column++) {
			const char *first = NULL;
			bool differ = false, bad = false;

			for (size_t n = 0; n < count; n++) {
				unsigned int bits = all.bits[index_of(&all, n, row, column)];

				if (!all.there[n * all.rows.count + row])
					continue;
				bad |= bits & (BROKEN | WARNED);
				differ |= first && strcmp(first, matrix_cell_name(bits));
				first = matrix_cell_name(bits);
			}
			lesser += differ && !bad;
			if (!differ || !bad)
				continue;
			if (!printed++) {
				fprintf(f, "\n%-*s", (int)(width + clause_width + 2), "what differs");
				for (size_t n = 0; n < count; n++)
					fprintf(f, "  %-4s", names[n]);
				fputc('\n', f);
			}
			fprintf(f, "%-*s  %-*s", (int)width, all.rows.words[row], (int)clause_width,
				all.columns.words[column]);
			for (size_t n = 0; n < count; n++) {
				const size_t len = strlen(names[n]);

				fprintf(f, "  %-*s", n + 1 < count ? (int)(len < 4 ? 4 : len) : 0,
					!all.there[n * all.rows.count + row] ? "-" :
					matrix_cell_name(all.bits[index_of(&all, n, row, column)]));
			}
			fputc('\n', f);
		}
	if (lesser)
		fprintf(f, "%s%zu differ in how much of a clause was judged\n",
			printed ? "and " : "\n", lesser);
	else if (!printed)
		fprintf(f, "\nin no clause of an exporter do they differ\n");
	free(all.bits);
	free(all.there);
	free_words(&all.rows);
	free_words(&all.columns);
}
