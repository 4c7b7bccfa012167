// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "json.h"
#include "resultgen.h"
#include "util.h"

void json_put_string(FILE *f, const char *s, size_t len)
{
	const char *end = s + len;

	fputc('"', f);
	for (size_t n; s < end; s += n) {
		const unsigned char c = *s;

		n = 1;
		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c == '\t')
			fputs("\\t", f);
		else if (c < 0x20 || c == 0x7f || c == '<')
			fprintf(f, "\\u%04x", c);
		else if (c < 0x80)
			fputc(c, f);
		else if ((n = printable_length(s)) && s + n <= end)
			fwrite(s, 1, n, f);
		else
			fputs("\\ufffd", f), n = 1;
	}
	fputc('"', f);
}

/*
 * Parts overlap: a test that dies among many of them must not fill the disk. Beyond so
 * much of the file a field is no longer than that.
 */
#define MAX_JSON (256 << 20)
#define SHORT_FIELD 1024

static void put_field(FILE *f, const char *name, const char *s, size_t len)
{
	if (len > SHORT_FIELD && ftell(f) > MAX_JSON)
		len = SHORT_FIELD;
	fprintf(f, ",\n   \"%s\": ", name);
	json_put_string(f, s, len);
}

static void put_time(FILE *f, const char *name, double start, double end)
{
	fprintf(f, "\"%s\": {\"__type__\": \"TimeAttribute\", \"start\": %.6f, \"end\": %.6f}", name,
		start, end);
}

struct slice {
	const char *at, *end;
};

/* The line "MARKER NAME" with one of these behind the name, in a slice; NULL if none. */
static const char *find(struct slice in, const char *marker, const char *name, const char *behind)
{
	const size_t len = strlen(name);

	for (const char *at = in.at; at < in.end; at = next_line(at)) {
		const char *rest;

		if (starts_with(at, marker, &rest) && !strncmp(rest, name, len) &&
		    strchr(behind, rest[len]))
			return at;
	}
	return NULL;
}

static const char *const starts[] = { "Starting subtest: ", "Starting dynamic subtest: " };
static const char *const results[] = { "Subtest ", "Dynamic subtest " };

/*
 * igt_results' parts: each goes to where the next one starts, and the last to the end. What
 * is between the result of one and the start of the next is in both.
 */
static struct slice take(struct slice *rest, const char *name, const char *next, bool dynamic)
{
	const char *result = find(*rest, results[dynamic], name, ":");
	struct slice part = *rest;

	if (next)
		part.end = find(*rest, starts[dynamic], next, "\n") ?:
			   result ? next_line(result) : rest->end;
	rest->at = result ? next_line(result) : part.end;
	return part;
}

/* It has no time for one that never began, nor for one that ended the run. */
static bool has_time(struct slice out, const struct result *r)
{
	const char *name = r->dynamic ?: r->subtest;

	return name && r->verdict != ABORT &&
	       (find(out, starts[!!r->dynamic], name, "\n") ||
		find(out, results[!!r->dynamic], name, ":"));
}

/* It knows of no dynamic subtest that it ran out of time. */
static enum verdict verdict_there(const struct result *r)
{
	return r->dynamic && r->verdict == TIMEOUT ? INCOMPLETE : r->verdict;
}

/* What is told of several that have one key, the last of these that there are. */
static const enum verdict by_weight[] = {
	NOTRUN, SKIP, PASS, WARN, DMESG_WARN, FAIL, DMESG_FAIL, CRASH, TIMEOUT, INCOMPLETE, ABORT,
};

static size_t weight(const struct result *r)
{
	size_t i = 0;

	while (by_weight[i] != r->verdict)
		i++;
	return i;
}

struct keyed {
	char *key;
	const struct result *result;
};

/* By key, and of one key the one that is told before the others. */
static int compare(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	const int order = strcmp(x->key, y->key);
	const size_t i = weight(x->result), k = weight(y->result);

	if (order)
		return order;
	return i != k ? (i < k) - (i > k) : (x->result > y->result) - (x->result < y->result);
}

/*
 * Of each result whether it is told: not if it is pruned, nor if another one has its key. Where
 * two dynamic subtests were asked for by themselves, their subtest ran twice.
 */
static bool *find_told(const struct run_results *run)
{
	struct keyed *all = xrealloc(NULL, (run->count + 1) * sizeof(*all));
	bool *told = xrealloc(NULL, run->count + 1);
	size_t count = 0;

	memset(told, false, run->count + 1);
	for (size_t i = 0; i < run->count; i++)
		if (!run->results[i].pruned)
			all[count++] = (struct keyed){ result_key(&run->results[i]),
						       &run->results[i] };
	qsort(all, count, sizeof(*all), compare);
	for (size_t i = 0; i < count; i++)
		if (!i || strcmp(all[i].key, all[i - 1].key))
			told[all[i].result - run->results] = true;
	for (size_t i = 0; i < count; i++)
		free(all[i].key);
	free(all);
	return told;
}

/* The name of the next result of the same kind; NULL behind the last. */
static const char *next_name(const struct run_results *run, size_t i)
{
	const struct result *r = &run->results[i], *s = r;

	while (++s < run->results + run->count && s->job == r->job) {
		if (r->dynamic)
			return s->dynamic;
		if (!s->dynamic)
			return s->subtest;
	}
	return NULL;
}

/* What the kernel said in a part: all of it, and what of that warns. */
struct text {
	char *s;			/* NULL for nothing */
	size_t len, room;
};

struct said {
	char *subtest, *dynamic;	/* dynamic: NULL for the subtest itself */
	struct text all, warnings;
};

struct log {
	struct said *parts;
	size_t count;
};

static void append(struct text *text, const char *line)
{
	const size_t len = strlen(line);

	if (text->len + len >= text->room) {
		text->room = 2 * (text->len + len + 1);
		text->s = xrealloc(text->s, text->room);
	}
	memcpy(text->s + text->len, line, len + 1);
	text->len += len;
}

/* Files under its name what was said so far, if it has one, and begins anew. */
static void file(struct log *log, struct said *said)
{
	if (said->subtest) {
		*grow(log->parts, log->count) = *said;
		log->parts[log->count - 1].subtest = xstrdup(said->subtest);
		log->parts[log->count - 1].dynamic = said->dynamic ? xstrdup(said->dynamic) : NULL;
	} else {
		free(said->all.s);
		free(said->warnings.s);
	}
	said->all = said->warnings = (struct text){ };
}

static void name(char **to, const char *from)
{
	free(*to);
	*to = from ? xstrdup(from) : NULL;
}

/*
 * igt_results' parts of the log: each goes to where the next one of its kind starts, and
 * what is before the first belongs to that.
 */
static void read_log(struct log *log, const char *text, int worst_level,
		     const struct regex_list *ignored)
{
	struct said subtest = { }, dynamic = { };

	for (const char *at = text; *at; at = next_line(at)) {
		const char *end = strchrnul(at, '\n'), *message = memchr(at, ';', end - at), *mark;
		unsigned long long usec;
		char *line, *formatted, *rest;
		int level;

		/* "LEVEL,NUMBER,MICROSECONDS,-;TEXT"; sscanf() would look for the file's end. */
		if (!isdigit((unsigned char)*at) || !message)
			continue;
		level = strtol(at, &rest, 10) & 7;
		if (*rest == ',')
			strtoull(rest + 1, &rest, 10);
		if (*rest != ',' || !isdigit((unsigned char)rest[1]))
			continue;
		usec = strtoull(rest + 1, NULL, 10);
		line = xstrndup(message + 1, end - message - 1);
		mark = starts_with(line, "[IGT] ", NULL) ? strstr(line, ": starting ") : NULL;
		if (mark && starts_with(mark, ": starting subtest ", &mark)) {
			if (subtest.subtest) {
				file(log, &subtest);
				name(&dynamic.subtest, dynamic.dynamic ? subtest.subtest : NULL);
				file(log, &dynamic);
				name(&dynamic.dynamic, NULL);
			}
			name(&subtest.subtest, mark);
		} else if (mark && starts_with(mark, ": starting dynamic subtest ", &mark) &&
			   subtest.subtest) {
			if (dynamic.dynamic) {
				name(&dynamic.subtest, subtest.subtest);
				file(log, &dynamic);
			}
			name(&dynamic.dynamic, mark);
		}
		formatted = xasprintf("<%d> [%llu.%06llu] %s\n", level, usec / 1000000,
				      usec % 1000000, line);
		append(&subtest.all, formatted);
		append(&dynamic.all, formatted);
		if (level <= worst_level && !regex_list_match(ignored, line)) {
			append(&subtest.warnings, formatted);
			append(&dynamic.warnings, formatted);
		}
		free(formatted);
		free(line);
	}
	name(&dynamic.subtest, dynamic.dynamic ? subtest.subtest : NULL);
	/* Without a start it is what all of them say. */
	if (!subtest.subtest)
		name(&subtest.subtest, "");
	file(log, &subtest);
	file(log, &dynamic);
}

static const struct said *said_in(const struct log *log, const struct result *r)
{
	static const struct said nothing;

	for (size_t i = 0; i < log->count; i++) {
		const struct said *said = &log->parts[i];

		if (!said->subtest[0] && !r->dynamic)
			return said;
		if (!strcmp(said->subtest, r->subtest ?: "") && !said->dynamic == !r->dynamic &&
		    (!r->dynamic || !strcmp(said->dynamic, r->dynamic)))
			return said;
	}
	return &nothing;
}

static void free_log(struct log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		free(log->parts[i].subtest);
		free(log->parts[i].dynamic);
		free(log->parts[i].all.s);
		free(log->parts[i].warnings.s);
	}
	free(log->parts);
}

/* The results of one job, from i on; returns where the next one's begin. */
static size_t put_job(FILE *f, const struct run_results *run, const bool *told, size_t i, int dirfd,
		      bool *first)
{
	struct slice out[2], err[2];	/* what is left for subtests, and for the dynamic ones */
	const size_t job = run->results[i].job;
	char *texts[3] = { };
	static const char *const names[] = { "out.txt", "err.txt", "dmesg.txt" };
	struct regex_list ignored = { };
	struct log log = { };

	for (int n = 0; n < 3; n++) {
		char *path = xasprintf("%zu/%s", job, names[n]);

		texts[n] = slurp_output(dirfd, path);
		free(path);
	}
	find_ignored(&ignored, texts[2]);
	read_log(&log, texts[2], run->settings.dmesg_warn_level, &ignored);
	out[0] = out[1] = (struct slice){ texts[0], strchr(texts[0], 0) };
	err[0] = err[1] = (struct slice){ texts[1], strchr(texts[1], 0) };

	for (; i < run->count && run->results[i].job == job; i++) {
		const struct result *r = &run->results[i];
		const struct said *said = said_in(&log, r);
		const bool dynamic = r->dynamic;
		const char *next = next_name(run, i), *version, *part = r->dynamic ?: r->subtest;
		char *key;
		struct slice o, e;

		o = part ? take(&out[dynamic], part, next, dynamic) : out[0];
		e = part ? take(&err[dynamic], part, next, dynamic) : err[0];
		if (!dynamic) {
			out[1] = o;
			err[1] = e;
		}
		if (!told[i])
			continue;
		fprintf(f, "%s\n  ", *first ? "" : ",");
		*first = false;
		key = result_key(r);
		json_put_string(f, key, strlen(key));
		fprintf(f, ": {\n   \"result\": \"%s\"", verdict_names[verdict_there(r)]);
		put_field(f, "out", o.at, o.end - o.at);
		put_field(f, "err", e.at, e.end - e.at);
		put_field(f, "dmesg", said->all.s ?: "", said->all.len);
		if (said->warnings.s)
			put_field(f, "dmesg-warnings", said->warnings.s, said->warnings.len);
		if (starts_with(texts[0], "IGT-Version: ", &version))
			put_field(f, "igt-version", texts[0], strcspn(texts[0], "\n"));
		if (has_time(o, r)) {
			fputs(",\n   ", f);
			put_time(f, "time", 0, r->time);
		}
		fputs("}", f);
		free(key);
	}
	free_log(&log);
	regex_list_free(&ignored);
	for (int n = 0; n < 3; n++)
		free(texts[n]);
	return i;
}

/* Why a run was given up is a failure of a test that there is not. */
static const char aborted[] = "runner";

static void put_aborted(FILE *f, const struct run_results *run)
{
	if (!run->aborted)
		return;
	fprintf(f, ",\n  \"igt@%s@aborted\": {\n   \"result\": \"fail\"", aborted);
	put_field(f, "out", run->aborted, strlen(run->aborted));
	put_field(f, "err", "", 0);
	put_field(f, "dmesg", "", 0);
	fputc('}', f);
}

static void put_totals(FILE *f, const struct run_results *run, const bool *told, const char *name,
		       const char *binary)
{
	size_t sums[NUM_VERDICTS] = { };

	sums[FAIL] = run->aborted && (!binary || !strcmp(binary, aborted));
	for (size_t i = 0; i < run->count; i++)
		sums[verdict_there(&run->results[i])] += told[i] &&
			(!binary || !strcmp(run->results[i].binary, binary));
	fprintf(f, "  \"%s%s\": {", binary ? "igt@" : "", name);
	for (enum verdict v = 0; v < NUM_VERDICTS; v++)
		fprintf(f, "%s\"%s\": %zu", v ? ", " : "", verdict_names[v], sums[v]);
	fputc('}', f);
}

bool json_write(const struct run_results *run, int dirfd)
{
	FILE *f = create_file(dirfd, "results.json");
	struct words binaries = { };
	bool first = true, *told;

	if (!f)
		return false;
	told = find_told(run);
	for (size_t i = 0; i < run->count; i++)
		word(&binaries, run->results[i].binary, strlen(run->results[i].binary));
	fputs("{\n \"__type__\": \"TestrunResult\",\n \"results_version\": 10,\n \"name\": ", f);
	json_put_string(f, run->settings.name ?: "", strlen(run->settings.name ?: ""));
	fputs(",\n \"uname\": ", f);
	json_put_string(f, run->uname, strlen(run->uname));
	fputs(",\n \"cmdline\": [", f);
	for (int i = 0; i < run->settings.argc; i++) {
		fputs(i ? ", " : "", f);
		json_put_string(f, run->settings.argv[i], strlen(run->settings.argv[i]));
	}
	fputs("],\n ", f);
	put_time(f, "time_elapsed", run->start, run->end);
	fputs(",\n \"tests\": {", f);
	for (size_t i = 0; i < run->count; )
		i = put_job(f, run, told, i, dirfd, &first);
	put_aborted(f, run);
	fputs("\n },\n \"totals\": {\n", f);
	put_totals(f, run, told, "", NULL);
	fputs(",\n", f);
	put_totals(f, run, told, "root", NULL);
	for (size_t i = 0; i < binaries.count; i++) {
		fputs(",\n", f);
		put_totals(f, run, told, binaries.words[i], binaries.words[i]);
	}
	if (run->aborted) {
		fputs(",\n", f);
		put_totals(f, run, told, aborted, aborted);
	}
	fputs("\n },\n \"runtimes\": {", f);
	for (size_t i = 0; i < binaries.count; i++) {
		double sum = 0;

		for (size_t j = 0; j < run->count; j++)
			if (!run->results[j].dynamic &&
			    !strcmp(run->results[j].binary, binaries.words[i]))
				sum += run->results[j].time;
		fprintf(f, "%s\n  \"igt@%s\": {", i ? "," : "", binaries.words[i]);
		put_time(f, "time", 0, sum);
		fputc('}', f);
	}
	fputs("\n }\n}\n", f);
	free_words(&binaries);
	free(told);
	return replace_file(f, dirfd, "results.json");
}
