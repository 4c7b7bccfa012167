// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "expect.h"
#include "resultgen.h"
#include "util.h"

#define BIT(verdict) (1u << (verdict))

/* The statuses of drm/ci's files. */
static const struct { const char *word; unsigned int verdicts; } statuses[] = {
	{ "Fail", BIT(FAIL) | BIT(DMESG_FAIL) },
	{ "Warn", BIT(WARN) | BIT(DMESG_WARN) },
	{ "Crash", BIT(CRASH) | BIT(INCOMPLETE) | BIT(ABORT) },
	{ "Timeout", BIT(TIMEOUT) },
	/* What a run once did better than expected: that is expected of all others here. */
	{ "UnexpectedImprovement(Pass)", 0 },
	{ "UnexpectedImprovement(Skip)", 0 },
};

static void add(struct expectations *e, struct regex_list *list, char *line, const char *title,
		const char *path, size_t number)
{
	const bool fails = list == &e->fails;
	char *comma = fails ? strrchr(line, ',') : NULL, *wrong;
	unsigned int verdicts = 0;
	struct fault *fault;
	size_t i = 0;

	if (fails) {
		while (!comma || strcmp(statuses[i].word, comma + 1))
			if (!comma || ++i == sizeof(statuses) / sizeof(statuses[0]))
				die("%s:%zu: '%s' is not PATTERN,STATUS (Fail, Warn, Crash or Timeout)",
				    path, number, line);
		verdicts = statuses[i].verdicts;
		if (!verdicts)
			return;
		*comma = 0;
	}
	/* Of a list of results all is a name; of the others, also a part of one is taken. */
	wrong = regex_list_add(list, line, fails ? REGEX_WHOLE : 0);
	if (wrong)
		die("%s:%zu: %s", path, number, wrong);
	if (!fails)
		return;
	fault = grow(e->faults, e->num_faults);
	fault->verdicts = verdicts;
	fault->title = xstrdup(title);
}

/* Whether there is such a file. */
static bool read_file(struct expectations *e, struct regex_list *list, const char *kind)
{
	char *path = xasprintf("%s-%s.txt", e->name, kind), *title = xstrdup(""), *line;
	char *text = slurp(AT_FDCWD, path), *rest = text;
	const bool is_there = text;

	if (!text && errno != ENOENT)
		die("%s: %s", path, strerror(errno));
	for (size_t number = 1; (line = strsep(&rest, "\n")); number++) {
		line[strcspn(line, "\r")] = 0;
		for (size_t len = strlen(line); len && strchr(" \t", line[len - 1]); )
			line[--len] = 0;
		if (line[0] == '#') {
			free(title);
			title = xstrdup(line + 1 + strspn(line + 1, " "));
		} else if (line[0]) {
			add(e, list, line, title, path, number);
		}
	}
	free(title);
	free(path);
	free(text);
	return is_there;
}

/* The name by the table in a directory; NULL if the kernel is not in it. */
static char *name_of_kernel(const char *dir, const char *release)
{
	char *path = xasprintf("%s/kernels", dir), *text = slurp(AT_FDCWD, path), *rest = text;
	char *line, *name = NULL;

	if (!text)
		die("%s: %s", path, strerror(errno));
	while (!name && (line = strsep(&rest, "\n"))) {
		char *glob = strtok(line, " \t"), *word = glob ? strtok(NULL, " \t") : NULL;

		if (word && glob[0] != '#' && !fnmatch(glob, release, 0))
			name = xasprintf("%s/%s", dir, word);
	}
	free(text);
	free(path);
	return name;
}

void expectations_read(struct expectations *e, const char *path, const char *release)
{
	struct stat st;
	bool any;

	memset(e, 0, sizeof(*e));
	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		e->name = name_of_kernel(path, release);
	else
		e->name = xstrdup(path);
	if (!e->name)
		return;
	any = read_file(e, &e->fails, "fails");
	any |= read_file(e, &e->flakes, "flakes");
	any |= read_file(e, &e->skips, "skips");
	if (!any)
		die("there is no %s-fails.txt, -flakes.txt or -skips.txt", e->name);
}

char *result_key(const struct result *r)
{
	return xasprintf("igt@%s%s%s%s%s", r->binary, r->subtest ? "@" : "", r->subtest ?: "",
			 r->dynamic ? "@" : "", r->dynamic ?: "");
}

static bool matches(const struct regex *regex, const char *key)
{
	return regex_match(regex, key) || regex_match(regex, key + strlen("igt@"));
}

void expectations_apply(const struct expectations *e, struct run_results *run)
{
	for (size_t i = 0; i < run->count; i++) {
		struct result *r = &run->results[i];
		char *key;

		if (result_is_told_by_parts(run, i) ||
		    (r->verdict != PASS && !verdict_is_bad(r->verdict)))
			continue;
		key = result_key(r);
		for (size_t j = 0; j < e->fails.count && r->expected == AS_IT_IS; j++) {
			const bool right = r->verdict == PASS ||
					   e->faults[j].verdicts & BIT(r->verdict);

			if (!right || !matches(&e->fails.regexes[j], key))
				continue;
			r->expected = r->verdict == PASS ? IMPROVED : KNOWN;
			r->fault = e->faults[j].title;
		}
		/* A flake is free to pass; one that is known to fail is not run again. */
		for (size_t j = 0; j < e->flakes.count; j++) {
			if (!matches(&e->flakes.regexes[j], key))
				continue;
			if (r->expected == IMPROVED)
				r->expected = AS_IT_IS;
			else if (r->expected == AS_IT_IS && r->verdict != PASS &&
				 (!r->tries || r->passed_again))
				r->expected = FLAKY;
		}
		free(key);
	}
}
