// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "expect.h"
#include "resultgen.h"
#include "util.h"

enum way { WORSE, BETTER, OTHERWISE, NUM_WAYS };

/* Results of one dynamic subtest and clause that turned in the same way. */
struct turn {
	enum way way;
	char *what;			/* "EXPORTER, CLAUSE: from VERDICT to VERDICT" */
	struct words subtests;
};

/* How bad a verdict is; what was not judged is between a pass and a failure. */
static unsigned int badness(enum verdict verdict)
{
	switch (verdict) {
	case PASS:
		return 0;
	case SKIP:
	case NOTRUN:
		return 1;
	case WARN:
	case DMESG_WARN:
		return 2;
	case FAIL:
		return 3;
	case DMESG_FAIL:
		return 4;
	default:
		return 5;
	}
}

static enum way way_of(enum verdict from, enum verdict to)
{
	if (badness(to) > badness(from))
		return WORSE;
	/* A failure that nobody asks about any more is not mended. */
	return badness(to) == badness(from) || badness(to) == 1 ? OTHERWISE : BETTER;
}

static char **keys_of(const struct run_results *run)
{
	char **keys = xrealloc(NULL, (run->count + 1) * sizeof(*keys));

	for (size_t i = 0; i < run->count; i++)
		keys[i] = result_key(&run->results[i]);
	return keys;
}

static void free_keys(char **keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(keys[i]);
	free(keys);
}

static const struct result *find(const struct run_results *run, char **keys, const char *key)
{
	for (size_t i = 0; i < run->count; i++)
		if (!strcmp(keys[i], key))
			return &run->results[i];
	return NULL;
}

/* The one of the other run, if that was asked for it: its subtest has begun there. */
static const struct result *other(const struct run_results *run, char **keys,
				  const struct result *r, const char *key)
{
	static char nothing[] = "";
	static const struct result absent = {
		.verdict = NOTRUN, .broken = nothing, .clauses = nothing,
	};
	const struct result *found = find(run, keys, key);
	char *subtest;

	if (found || !r->dynamic)
		return found;
	subtest = xstrndup(key, strrchr(key, '@') - key);
	found = find(run, keys, subtest);
	free(subtest);
	return found && found->verdict != NOTRUN ? &absent : NULL;
}

/* The clause that is broken now or was before, or else the first that was judged. */
static char *clause_of(const struct result *from, const struct result *to)
{
	const char *clauses = to->clauses[0] ? to->clauses : from->clauses;

	if (to->broken[0])
		return xstrdup(to->broken);
	if (from->broken[0])
		return xstrdup(from->broken);
	return clauses[0] ? xstrndup(clauses, strcspn(clauses, " ")) : xstrdup("no clause");
}

static void add(struct turn **turns, size_t *count, const struct result *from,
		const struct result *to)
{
	/* Whom it is about is said by the run that has it. */
	const struct result *r = to->binary ? to : from;
	const enum way way = way_of(from->verdict, to->verdict);
	char *clause = clause_of(from, to), *subtest, *what;
	struct turn *turn = NULL;

	/* A failure of another clause, where an earlier one was mended or not. */
	if (from->verdict == to->verdict)
		what = xasprintf("%s, %s: %s as before, of %s then", result_name(r), clause,
				 verdict_names[to->verdict], from->broken);
	else
		what = xasprintf("%s, %s: from %s to %s", result_name(r), clause,
				 from->binary ? verdict_names[from->verdict] : "absent",
				 to->binary ? verdict_names[to->verdict] : "absent");
	for (size_t i = 0; i < *count && !turn; i++)
		if (!strcmp((*turns)[i].what, what))
			turn = &(*turns)[i];
	if (!turn) {
		turn = grow(*turns, *count);
		turn->way = way;
		turn->what = xstrdup(what);
	}
	subtest = xasprintf("%s%s%s", r->binary, r->subtest ? "@" : "", r->subtest ?: "");
	word(&turn->subtests, subtest, strlen(subtest));
	free(subtest);
	free(clause);
	free(what);
}

static bool has_turned(const struct result *from, const struct result *to)
{
	return from->verdict != to->verdict ||
	       (from->broken[0] && to->broken[0] && strcmp(from->broken, to->broken));
}

bool compare_print(FILE *f, const struct run_results *old, const struct run_results *new,
		   const struct regex_list *flakes)
{
	static const char *const titles[] = { "worse", "better", "otherwise" };
	char **old_keys = keys_of(old), **new_keys = keys_of(new);
	struct turn *turns = NULL;
	size_t count = 0;
	bool worse = false;

	for (size_t i = 0; i < old->count; i++) {
		const struct result *from = &old->results[i], *to;

		if (result_is_told_by_parts(old, i) || regex_list_match(flakes, old_keys[i]))
			continue;
		to = other(new, new_keys, from, old_keys[i]);
		if (to && has_turned(from, to))
			add(&turns, &count, from, to);
	}
	for (size_t i = 0; i < new->count; i++) {
		const struct result *from, *to = &new->results[i];

		if (result_is_told_by_parts(new, i) || regex_list_match(flakes, new_keys[i]))
			continue;
		from = other(old, old_keys, to, new_keys[i]);
		if (from && !from->binary)
			add(&turns, &count, from, to);
	}
	for (enum way way = 0; way < NUM_WAYS; way++) {
		bool any = false;

		for (size_t i = 0; i < count; i++) {
			if (turns[i].way != way)
				continue;
			if (!any)
				fprintf(f, "%s:\n", titles[way]);
			any = true;
			fprintf(f, "    %s: %zu\n", turns[i].what, turns[i].subtests.count);
			for (size_t j = 0; j < turns[i].subtests.count; j++)
				fprintf(f, "        %s\n", turns[i].subtests.words[j]);
		}
		worse |= any && way == WORSE;
	}
	for (size_t i = 0; i < count; i++) {
		free(turns[i].what);
		free_words(&turns[i].subtests);
	}
	free(turns);
	free_keys(old_keys, old->count);
	free_keys(new_keys, new->count);
	return worse;
}
