// SPDX-License-Identifier: MIT
/*
 * Makes verdicts of a results directory. The rules are igt_results', found by
 * running it: a result line counts whatever the exit status was; a subtest that
 * started and has none is incomplete, unless it ran out of time or aborted.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job_list.h"
#include "resultgen.h"
#include "util.h"

const char *const verdict_names[] = {
	[PASS] = "pass", [SKIP] = "skip", [FAIL] = "fail", [WARN] = "warn",
	[DMESG_WARN] = "dmesg-warn", [DMESG_FAIL] = "dmesg-fail", [CRASH] = "crash",
	[TIMEOUT] = "timeout", [INCOMPLETE] = "incomplete", [ABORT] = "abort",
	[NOTRUN] = "notrun",
};

bool verdict_is_bad(enum verdict verdict)
{
	return verdict != PASS && verdict != SKIP && verdict != NOTRUN;
}

/* The exit statuses of a test that say more than pass or fail. */
#define EXIT_SKIP 77
#define EXIT_INVALID 79
#define EXIT_ABORT 112

/* More than so many results of one job are no results, nor is what has a longer name. */
#define MAX_RESULTS 10000
#define MAX_NAME 512

/* What a job left. */
struct job_output {
	char *out, *err, *dmesg, *journal;
	bool timed_out, exited;
	int exitcode;
	double time;
	struct regex_list ignored;	/* kernel messages that the test expected */
	size_t end;			/* of its results, at most */
};

/* One kind of part of a job's output, by the lines that begin and end it. */
struct markers {
	const char *start, *result, *kernel_start, *kernel_end;
};

static const struct markers subtest_markers = {
	"Starting subtest: ", "Subtest ", "starting subtest ", "finished subtest ",
};
static const struct markers dynamic_markers = {
	"Starting dynamic subtest: ", "Dynamic subtest ", "starting dynamic subtest ",
	"finished dynamic subtest ",
};

/* The first line that is marker and then name, up to the line's end or stop. */
static const char *find_line(const char *text, const char *marker, const char *name,
			     const char *stop)
{
	size_t len = strlen(name);

	for (const char *at = text; *at; at = next_line(at)) {
		const char *rest;

		if (starts_with(at, marker, &rest) && !strncmp(rest, name, len) &&
		    (strchr(stop, rest[len]) || !rest[len]))
			return at;
	}
	return NULL;
}

/*
 * From where it starts, or failing that from its result, to behind its result, or
 * failing that to where the next one starts.
 */
static char *cut(const char *text, const struct markers *m, const char *name,
		 const char **result)
{
	const char *begin = find_line(text, m->start, name, "\n");
	const char *end = find_line(begin ?: text, m->result, name, ":");

	*result = end;
	if (!begin && !end)
		return NULL;
	begin = begin ?: end;
	end = next_line(end ?: begin);
	while (!*result && *end && !starts_with(end, m->start, NULL))
		end = next_line(end);
	return xstrndup(begin, end - begin);
}

/* Of what is said about a result beyond so much nothing more is read. */
#define MAX_SAID (64 << 10)

static char *join(char *lines, const char *line, size_t len, const char *between)
{
	char *all;

	if (strlen(lines) + len > MAX_SAID)
		return lines;
	all = xasprintf("%s%s%.*s", lines, lines[0] ? between : "", (int)len, line);

	free(lines);
	return all;
}

/*
 * A subtest's part of stderr begins behind the result of the one before it. Of a
 * test that does not say there where it is, it is all.
 */
static char *cut_err(const char *err, const char *subtest)
{
	const char *begin = err, *start, *result;
	char *part;

	if (!strstr(err, subtest_markers.start))
		return xstrdup(err);
	start = find_line(err, subtest_markers.start, subtest, "\n");
	for (const char *at = err; start && at < start; at = next_line(at))
		if (starts_with(at, subtest_markers.result, NULL))
			begin = next_line(at);
	part = cut(begin, &subtest_markers, subtest, &result);
	if (start && part) {
		char *whole = xasprintf("%.*s%s", (int)(start - begin), begin, part);

		free(part);
		part = whole;
	}
	return part ?: xstrdup("");
}

/* Of "Subtest NAME: RESULT (1.234s)" what follows the name. */
static bool parse_result(const char *at, enum verdict *verdict, double *time)
{
	static const struct { const char *word; enum verdict verdict; } words[] = {
		{ "SUCCESS", PASS }, { "SKIP", SKIP }, { "FAIL", FAIL }, { "CRASH", CRASH },
		{ "TIMEOUT", TIMEOUT }, { "INCOMPLETE", INCOMPLETE },
	};
	const char *paren = strchrnul(at, '(');

	if (!starts_with(at, ": ", &at))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!starts_with(at, words[i].word, NULL))
			continue;
		*verdict = words[i].verdict;
		*time = *paren && paren < strchrnul(at, '\n') ? strtod(paren + 1, NULL) : 0;
		return true;
	}
	return false;
}

/* The first line on stderr that does not merely say where in it we are. */
static const char *first_warning(const char *err)
{
	for (const char *at = err; *at; at = next_line(at))
		if (!starts_with(at, subtest_markers.start, NULL) &&
		    !starts_with(at, subtest_markers.result, NULL) &&
		    !starts_with(at, dynamic_markers.start, NULL) &&
		    !starts_with(at, dynamic_markers.result, NULL))
			return at;
	return NULL;
}

/* The text of a kernel log record; NULL if the line is none (a dictionary). */
static const char *kernel_message(const char *line, int *level)
{
	const char *text = memchr(line, ';', strcspn(line, "\n"));

	if (!isdigit((unsigned char)line[0]) || !text)
		return NULL;
	*level = atoi(line) & 7;
	return text + 1;
}

/*
 * Where printk.devkmsg is not "on", the kernel drops some of the lines by which a
 * test says where it is, and warns of that.
 */
static bool is_our_own_noise(const char *message)
{
	return starts_with(message, "printk: ", NULL) &&
	       strstr(message, " output lines suppressed due to ratelimiting");
}

/*
 * The kernel's report of a warning is many lines, of which the second says what it is. One
 * that was expected by that is expected whole. Called for each line of the log.
 */
static bool in_expected_report(const struct job_output *job, const char *at,
			       const char *message, bool *expected)
{
	const char *next;
	bool is;
	char *line;
	int level;

	if (starts_with(message, "------------[ cut here ]", NULL)) {
		next = kernel_message(next_line(at), &level);
		line = next ? xstrndup(next, strchrnul(next, '\n') - next) : xstrdup("");
		*expected = regex_list_match(&job->ignored, line);
		free(line);
	}
	is = *expected;
	if (starts_with(message, "---[ end trace", NULL))
		*expected = false;
	return is;
}

/*
 * The messages of the level asked for or worse between a part's own marks; those
 * of a dynamic part count where another subtest has not started since.
 */
static char *kernel_warnings(const struct job_output *job, const char *subtest,
			     const char *dynamic, int worst_level)
{
	const struct markers *m = dynamic ? &dynamic_markers : &subtest_markers;
	const char *name = dynamic ?: subtest;
	char *text, *line = NULL;
	size_t len, name_len = strlen(name);
	FILE *f = open_memstream(&text, &len);
	bool inside = false, elsewhere = false, expected = false;

	for (const char *at = job->dmesg; *at; at = next_line(at)) {
		const char *mark, *message, *rest;
		bool told;
		int level;

		message = kernel_message(at, &level);
		if (!message)
			continue;
		told = in_expected_report(job, at, message, &expected);
		if (!starts_with(message, "[IGT] ", NULL) && !(inside && level <= worst_level))
			continue;
		free(line);
		line = xstrndup(message, strchrnul(message, '\n') - message);
		if (starts_with(line, "[IGT] ", NULL) && strchr(line, ':')) {
			mark = strchr(line, ':') + 1;
			mark += *mark == ' ';
			if (starts_with(mark, subtest_markers.kernel_start, &rest)) {
				elsewhere = strcmp(rest, subtest);
				inside &= !elsewhere;
			}
			if (starts_with(mark, m->kernel_start, &mark))
				inside = !elsewhere && !strcmp(mark, name);
			else if (starts_with(mark, m->kernel_end, &mark) &&
				 !strncmp(mark, name, name_len) && mark[name_len] == ',')
				inside = false;
			continue;
		}
		if (inside && level <= worst_level && !told && !is_our_own_noise(line) &&
		    ftell(f) < MAX_SAID && !regex_list_match(&job->ignored, line))
			fprintf(f, "<%d> %s\n", level, line);
	}
	free(line);
	fclose(f);
	return text;
}

/*
 * "[12.345678] (binary:pid) CRITICAL: text": the text; NULL if the line is another.
 * Before IGT 2.5 there is no time in front.
 */
static const char *critical(const char *line)
{
	static const char mark[] = "CRITICAL: ";
	const char *at;

	if (line[0] == '[')
		line += strspn(line, "[0123456789. ]");
	if (line[0] != '(')
		return NULL;
	at = memmem(line, strcspn(line, "\n"), mark, strlen(mark));
	return at ? at + strlen(mark) : NULL;
}

static bool is_word_of(const char *words, const char *word, size_t len)
{
	for (const char *at = words; *at; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");

		if (n == len && !strncmp(at, word, n))
			return true;
		at += n;
	}
	return false;
}

/*
 * Where a clause is broken because another one is not kept in some place: the other one,
 * of which the evidence says "..., this does not hold: CLAUSE: rule".
 */
static char *inner_clause(const struct result *r)
{
	static const char mark[] = ", this does not hold: ";
	const char *end = strchrnul(r->evidence, '\n'), *at = strstr(r->evidence, mark);

	if (!at || at > end)
		return xstrdup(r->broken);
	at += strlen(mark);
	return xstrndup(at, strcspn(at, ":\n"));
}

/* Of a line that is told, which may be all that a test printed. */
#define MAX_LINE 4096

static int line_length(const char *line)
{
	const size_t len = strcspn(line, "\n");

	return len < MAX_LINE ? len : MAX_LINE;
}

/* What a failure says: "CLAUSE: rule" if it names one, and the evidence. */
static void read_failure(struct result *r)
{
	for (const char *at = r->err; *at; at = next_line(at)) {
		const char *text = critical(at);
		size_t len, colon;

		if (starts_with(at, "**** DEBUG ****", NULL))
			break;		/* which says it all again */
		if (!text || starts_with(text, "Test assertion failure function ", NULL))
			continue;
		len = line_length(text);
		colon = strcspn(text, ":");
		if (!r->message[0]) {
			free(r->message);
			r->message = xstrndup(text, len);
			if (colon < len && is_word_of(r->clauses, text, colon)) {
				free(r->broken);
				r->broken = xstrndup(text, colon);
			}
		} else {
			r->evidence = join(r->evidence, text, len, "\n");
		}
	}
	free(r->cause);
	r->cause = inner_clause(r);
}

/* Why it was skipped: what it printed, less what every test prints. */
static void read_skip(struct result *r)
{
	static const char *const noise[] = {
		"Starting ", "Subtest ", "Dynamic subtest ", "Clause: ", "IGT-Version: ",
		"Saw: ", "Unseen: ", "Not asked of ", "Test requirement not met in ",
		"Test requirement: ",
	};

	const char *not_asked = NULL;

	for (const char *at = r->out; *at; at = next_line(at)) {
		size_t i = 0;

		starts_with(at, "Not asked of ", &not_asked);
		while (i < sizeof(noise) / sizeof(noise[0]) &&
		       !starts_with(at, noise[i], NULL))
			i++;
		if (i == sizeof(noise) / sizeof(noise[0]) && *at != '\n')
			r->message = join(r->message, at, line_length(at), " ");
	}
	/* Why nobody was asked, by the last who was not. */
	if (!r->dynamic && not_asked) {
		not_asked += strcspn(not_asked, " \n");
		r->message = join(r->message, not_asked, line_length(not_asked), "");
	}
}

static void read_words(struct result *r)
{
	const char *line = NULL;

	for (const char *at = r->out; !line && *at; at = next_line(at))
		starts_with(at, "Clause: ", &line);
	r->clauses = line ? xstrndup(line, line_length(line)) : xstrdup("");
	r->broken = xstrdup("");
	r->cause = xstrdup("");
	r->message = xstrdup("");
	r->evidence = xstrdup("");

	if (r->verdict == SKIP)
		read_skip(r);
	else if (verdict_is_bad(r->verdict))
		read_failure(r);
	if (r->verdict == NOTRUN)
		r->message = join(r->message, "it was not run", 14, "");
	if (r->message[0] || !verdict_is_bad(r->verdict))
		return;
	free(r->message);
	switch (r->verdict) {
	case DMESG_WARN:
	case DMESG_FAIL:
		r->message = xasprintf("the kernel warned: %.*s", line_length(r->dmesg), r->dmesg);
		free(r->evidence);
		r->evidence = xstrdup(next_line(r->dmesg));
		break;
	case WARN:
		line = first_warning(r->err) ?: "?";
		r->message = xasprintf("it printed on stderr: %.*s", line_length(line), line);
		break;
	case TIMEOUT:
		r->message = xasprintf("it did not end within %.0f s and was killed", r->time);
		break;
	case INCOMPLETE:
		r->message = xstrdup("the test, or the machine, died before there was a verdict");
		break;
	case ABORT:
		r->message = xstrdup("the test found the machine unfit for further tests");
		break;
	default:
		r->message = xasprintf("%s, without a word", verdict_names[r->verdict]);
	}
}

/* What became of a (dynamic) subtest that started and has no result line. */
static enum verdict unfinished(const struct job_output *job)
{
	if (job->timed_out)
		return TIMEOUT;
	return job->exited && job->exitcode == EXIT_ABORT ? ABORT : INCOMPLETE;
}

/* What a whole run's texts take of the memory, and after that of each result's. */
#define MAX_KEPT (64 << 20)
#define SHORT_TEXT 1024

/* Of a text that is too long its end, behind those of its lines that reports ask for. */
static char *shorten(const char *text, size_t *kept)
{
	const size_t limit = *kept < MAX_KEPT ? MAX_SAID : SHORT_TEXT, len = strlen(text);
	const char *end = text + (len > limit ? len - limit : 0);
	char *notes = xstrdup(""), *whole;

	while (end > text && (*end & 0xc0) == 0x80)
		end--;
	for (const char *at = text; at < end; at = next_line(at))
		if (starts_with(at, "Saw: ", NULL) || starts_with(at, "Unseen: ", NULL) ||
		    starts_with(at, "Follows: ", NULL))
			notes = join(notes, at, next_line(at) - at, "");
	if (strlen(notes) > limit)
		notes[limit] = 0;
	whole = end == text ? xstrdup(text) :
		xasprintf("%s[the first %zu bytes are left out]\n%s", notes, end - text, end);
	free(notes);
	*kept += strlen(whole);
	return whole;
}

/*
 * Adds the result of a subtest or of one of its dynamic parts: out and err are its
 * part of what was printed, line its result; without one, the verdict is the one
 * given.
 */
static void add(struct run_results *run, const struct job_output *job,
		const struct job *j, const char *subtest, const char *dynamic,
		const char *out, const char *err, const char *line,
		enum verdict otherwise)
{
	const struct markers *m = dynamic ? &dynamic_markers : &subtest_markers;
	const char *name = dynamic ?: subtest ?: "";
	struct result *r;

	if (run->count >= job->end)
		return;
	r = grow(run->results, run->count);
	r->binary = xstrdup(j->binary);
	r->subtest = subtest ? xstrdup(subtest) : NULL;
	r->dynamic = dynamic ? xstrdup(dynamic) : NULL;
	r->out = (char *)out;
	r->err = (char *)err;
	r->dmesg = kernel_warnings(job, subtest ?: "", dynamic,
				   run->settings.dmesg_warn_level);

	if (!line || !parse_result(line + strlen(m->result) + strlen(name), &r->verdict, &r->time)) {
		r->time = job->time;
		r->verdict = otherwise;
	}
	if (r->verdict == PASS && first_warning(r->err))
		r->verdict = WARN;
	if (r->dmesg[0] && (r->verdict == PASS || r->verdict == WARN))
		r->verdict = DMESG_WARN;
	else if (r->dmesg[0] && r->verdict == FAIL)
		r->verdict = DMESG_FAIL;
	read_words(r);
	r->out = shorten(out, &run->kept);
	r->err = shorten(err, &run->kept);
	run->kept += strlen(r->dmesg) + strlen(r->message) + strlen(r->evidence);
}

static void free_result(struct result *r)
{
	char *texts[] = {
		r->binary, r->subtest, r->dynamic, r->out, r->err, r->dmesg, r->clauses,
		r->broken, r->cause, r->message, r->evidence,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
}

static void add_subtest(struct run_results *run, const struct job_output *job,
			const struct job *j, const char *subtest)
{
	char *out, *err = cut_err(job->err, subtest);
	struct words seen = { };
	const char *line;

	out = cut(job->out, &subtest_markers, subtest, &line);
	add(run, job, j, subtest, NULL, out ?: "", err, line, unfinished(job));
	for (const char *at = out ?: ""; *at; at = next_line(at)) {
		const char *name, *result, *ignored;
		char *dynamic, *part, *part_err;
		const size_t before = seen.count;

		/* One that comes twice counts once, the first time. */
		if (!starts_with(at, dynamic_markers.start, &name) || run->count >= job->end ||
		    strcspn(name, "\n") > MAX_NAME ||
		    word(&seen, name, strcspn(name, "\n")) < before)
			continue;
		dynamic = seen.words[seen.count - 1];
		part = cut(at, &dynamic_markers, dynamic, &result);
		part_err = cut(err, &dynamic_markers, dynamic, &ignored);
		add(run, job, j, subtest, dynamic, part, part_err ?: "", result,
		    unfinished(job));
		free(part_err);
		free(part);
	}
	free_words(&seen);
	free(err);
	free(out);
}

/* A binary without subtests, or one that never got to any: its exit status. */
static enum verdict by_exit(const struct job_output *job, bool has_subtests)
{
	if (!job->exited)
		return unfinished(job);
	switch (job->exitcode) {
	case 0:
		return has_subtests ? FAIL : PASS;
	case EXIT_SKIP:
		return SKIP;
	case EXIT_INVALID:
		return NOTRUN;
	case EXIT_ABORT:
		return ABORT;
	default:
		return job->exitcode < 0 ? CRASH : FAIL;
	}
}

/* Each is looked for in each message. */
#define MAX_IGNORED 100

/* A regular expression may have any byte but the newline in it. */
void find_ignored(struct regex_list *ignored, const char *dmesg)
{
	static const char mark[] = "add ignored dmesg regex: ";

	for (const char *at = strstr(dmesg, mark); at; at = strstr(at, mark)) {
		char *pattern;

		if (ignored->count >= MAX_IGNORED)
			return;
		at += strlen(mark);
		pattern = xstrndup(at, strcspn(at, "\n"));
		free(regex_list_add(ignored, pattern, 0));
		free(pattern);
	}
}

static void read_journal(struct job_output *job)
{
	for (const char *at = job->journal; *at; at = next_line(at)) {
		const char *rest, *paren;

		job->timed_out |= starts_with(at, "timeout:", &rest);
		job->exited |= starts_with(at, "exit:", &rest);
		if (!starts_with(at, "timeout:", &rest) && !starts_with(at, "exit:", &rest))
			continue;
		job->exitcode = atoi(rest);
		paren = strchr(rest, '(');
		job->time = paren ? strtod(paren + 1, NULL) : 0;
	}
}

static bool asks_for(const struct job *j, const char *name, size_t len)
{
	for (const char *at = j->subtests ?: ""; *at; at += *at == ',') {
		if (strcspn(at, ",@") == len && !strncmp(at, name, len))
			return true;
		at += strcspn(at, ",");
	}
	return false;
}

/* What a test claims of a subtest that another job was asked for is that one's to say. */
static bool is_for_another(const struct job_list *jobs, const struct job *j, const char *name,
			   size_t len)
{
	/* A pattern may ask for anything. */
	if (!jobs || !j->subtests || strpbrk(j->subtests, "*?[!") || asks_for(j, name, len))
		return false;
	for (size_t i = 0; i < jobs->count; i++)
		if (!strcmp(jobs->jobs[i].binary, j->binary) &&
		    asks_for(&jobs->jobs[i], name, len))
			return true;
	return false;
}

static void add_name(struct words *subtests, const char *name, size_t len)
{
	if (len && len <= MAX_NAME && subtests->count < MAX_RESULTS)
		word(subtests, name, len);
}

static void drop_claims(struct words *subtests, const struct job *j, const struct job_list *jobs)
{
	size_t kept = 0;

	for (size_t i = 0; i < subtests->count; i++) {
		char *name = subtests->words[i];

		if (is_for_another(jobs, j, name, strlen(name)))
			free(name);
		else
			subtests->words[kept++] = name;
	}
	subtests->count = kept;
}

/*
 * The subtests that began or had a result, whatever was asked for: the joblist may
 * have patterns, or no names, and a test may run another subtest.
 */
static void find_subtests(const struct job_output *job, struct words *subtests)
{
	for (const char *at = job->journal; *at; at = next_line(at)) {
		size_t len = strcspn(at, "\n");

		/* A result's text without a subtest, which igt_runner takes for one. */
		if (!len || memchr(at, ' ', len) || starts_with(at, "timeout:", NULL) ||
		    starts_with(at, "exit:", NULL))
			continue;
		add_name(subtests, at, len);
	}
	for (const char *at = job->out; *at; at = next_line(at)) {
		enum verdict verdict;
		const char *name;
		double time;

		if (starts_with(at, subtest_markers.start, &name))
			add_name(subtests, name, strcspn(name, "\n"));
		else if (starts_with(at, subtest_markers.result, &name) &&
			 parse_result(name + strcspn(name, ": \n"), &verdict, &time))
			add_name(subtests, name, strcspn(name, ":"));
	}
}

/* What was asked for by name and not run; first is the first one's verdict. */
static void add_not_run(struct run_results *run, const struct job_output *job,
			const struct job *j, const struct words *begun, enum verdict first)
{
	char *names = xstrdup(j->subtests ?: ""), *rest = names, *name;
	bool any = false;

	while ((name = strsep(&rest, ","))) {
		enum verdict verdict = !any && !begun->count ? first : NOTRUN;
		char *dynamic = strchr(name, '@');
		bool known = begun->count && (!j->subtests || strpbrk(name, "*?[!"));

		if (dynamic)
			*dynamic = 0;
		for (size_t i = 0; i < begun->count; i++)
			known |= !strcmp(begun->words[i], name);
		if (!known)
			add(run, job, j, j->subtests ? name : NULL, NULL, job->out,
			    verdict == NOTRUN ? "" : job->err, NULL, verdict);
		any = true;
	}
	free(names);
}

static char *read_output(int dir, const char *prefix, const char *name)
{
	char *path = xasprintf("%s%s", prefix, name), *text = slurp_output(dir, path);

	free(path);
	return text;
}

void job_results_read(struct run_results *run, const struct job *j, int dir, const char *prefix)
{
	struct job_output job = {
		.out = read_output(dir, prefix, "out.txt"),
		.err = read_output(dir, prefix, "err.txt"),
		.dmesg = read_output(dir, prefix, "dmesg.txt"),
		.journal = read_output(dir, prefix, "journal.txt"),
		.end = run->count + MAX_RESULTS,
	};
	struct words begun = { };

	read_journal(&job);
	find_ignored(&job.ignored, job.dmesg);
	find_subtests(&job, &begun);
	drop_claims(&begun, j, run->jobs);
	for (size_t i = 0; i < begun.count; i++)
		add_subtest(run, &job, j, begun.words[i]);
	add_not_run(run, &job, j, &begun, by_exit(&job, j->subtests));
	if (run->count == job.end)
		fprintf(stderr, "%s has more than %d results, of which the rest is left out\n",
			j->binary, MAX_RESULTS);
	regex_list_free(&job.ignored);
	free_words(&begun);
	free(job.out);
	free(job.err);
	free(job.dmesg);
	free(job.journal);
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* What became of those of this job's results, from first on, that were run again. */
static void read_tries(struct run_results *run, size_t first, const struct job *j, int dir)
{
	char prefix[64];

	for (int n = 1; n <= MAX_TRIES; n++) {
		struct run_results again = { .settings = run->settings };
		char *journal;
		bool tried;

		snprintf(prefix, sizeof(prefix), TRY_PREFIX, n);
		journal = xasprintf("%sjournal.txt", prefix);
		tried = !faccessat(dir, journal, F_OK, 0);
		free(journal);
		if (!tried)
			return;
		job_results_read(&again, j, dir, prefix);
		for (size_t i = first; i < run->count; i++)
			for (size_t k = 0; k < again.count; k++) {
				struct result *r = &run->results[i], *s = &again.results[k];

				if (!same(r->subtest, s->subtest) || !same(r->dynamic, s->dynamic))
					continue;
				r->tries++;
				r->passed_again |= s->verdict == PASS;
			}
		/* Nothing else of it is asked for. */
		for (size_t k = 0; k < again.count; k++)
			free_result(&again.results[k]);
		free(again.results);
	}
}

/* Of a subtest that is not pruned some dynamic one may be, and the other way round. */
static void mark_pruned(struct run_results *run, const struct job_list *list)
{
	for (size_t i = 0; i < run->count; i++) {
		struct result *r = &run->results[i];
		const struct job *job = &list->jobs[r->job];
		const char *asked = strchr(job->subtests ?: "", '@');

		switch (run->settings.prune_mode) {
		case KEEP_DYNAMIC:
			r->pruned = !r->dynamic && i + 1 < run->count && r[1].dynamic;
			break;
		case KEEP_SUBTESTS:
			r->pruned = r->dynamic;
			break;
		case KEEP_REQUESTED:
			r->pruned = asked ? !r->dynamic || strcmp(r->dynamic, asked + 1) : !!r->dynamic;
			break;
		case KEEP_ALL:
			break;
		}
	}
}

void results_prune(struct run_results *run)
{
	size_t kept = 0;

	for (size_t i = 0; i < run->count; i++) {
		struct result *r = &run->results[i];
		bool parts = false;

		for (size_t j = i + 1; !r->dynamic && j < run->count && run->results[j].dynamic; j++)
			parts |= !run->results[j].pruned;
		if (r->pruned && !parts) {
			free_result(r);
			continue;
		}
		/* It stays as the name of its parts, which tell it. */
		if (r->pruned) {
			r->verdict = PASS;
			r->expected = AS_IT_IS;
		}
		run->results[kept++] = *r;
	}
	run->count = kept;
}

static double read_time(int dirfd, const char *file)
{
	char *text = slurp(dirfd, file);
	double t = text ? strtod(text, NULL) : 0;

	free(text);
	return t;
}

/* "Linux NODE RELEASE VERSION... ARCH" */
static void read_uname(struct run_results *run, int dirfd)
{
	char *uname = slurp(dirfd, "uname.txt"), *rest = uname, *arch;

	run->uname = xstrdup(uname ?: "");
	run->uname[strcspn(run->uname, "\n")] = 0;
	strsep(&rest, " ");
	strsep(&rest, " ");
	run->release = xstrdup(rest ? strsep(&rest, " \n") : "unknown");
	if (rest)
		rest[strcspn(rest, "\n")] = 0;
	arch = rest ? strrchr(rest, ' ') : NULL;
	run->arch = xstrdup(arch ? arch + 1 : "unknown");
	free(uname);
}

/* More than these are no run's. */
#define MAX_RUN 300000

bool results_read(struct run_results *run, int dirfd)
{
	static const struct job_output none = {
		.out = (char *)"", .err = (char *)"", .dmesg = (char *)"", .end = MAX_RUN,
	};
	static const struct words no_names;
	struct job_list list;

	memset(run, 0, sizeof(*run));
	if (!settings_read(&run->settings, dirfd) || !job_list_read(&list, dirfd))
		return false;
	read_uname(run, dirfd);
	run->machine = slurp(dirfd, "machine.txt");
	if (run->machine)
		run->machine[strcspn(run->machine, "\n")] = 0;
	run->start = read_time(dirfd, "starttime.txt");
	run->end = read_time(dirfd, "endtime.txt");
	run->aborted = slurp(dirfd, "aborted.txt");
	run->jobs = &list;

	for (size_t i = 0; i < list.count; i++) {
		const size_t first = run->count;
		char dir[32];
		int fd;

		if (run->count >= MAX_RUN)
			die("more than %d results", MAX_RUN);
		snprintf(dir, sizeof(dir), "%zu", i);
		fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* That it was not run is a verdict, too. */
		if (fd < 0 && errno != ENOENT)
			die("%s: %s", dir, strerror(errno));
		if (fd < 0) {
			add_not_run(run, &none, &list.jobs[i], &no_names, NOTRUN);
			for (size_t j = first; j < run->count; j++)
				run->results[j].job = i;
			continue;
		}
		job_results_read(run, &list.jobs[i], fd, "");
		read_tries(run, first, &list.jobs[i], fd);
		for (size_t j = first; j < run->count; j++)
			run->results[j].job = i;
		close(fd);
	}
	mark_pruned(run, &list);
	run->jobs = NULL;
	return true;
}

const char *result_name(const struct result *r)
{
	return r->dynamic ?: r->subtest ?: r->binary;
}

bool result_is_told_by_parts(const struct run_results *run, size_t i)
{
	bool parts = false, bad_part = false;

	if (run->results[i].dynamic)
		return false;
	for (size_t j = i + 1; j < run->count && run->results[j].dynamic; j++) {
		parts = true;
		bad_part |= verdict_is_bad(run->results[j].verdict);
	}
	return parts && (bad_part || !verdict_is_bad(run->results[i].verdict));
}

int results_status(const struct run_results *run)
{
	size_t passed = 0, known = 0, bad = 0, not_run = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];

		not_run += r->verdict == NOTRUN;
		if (result_is_told_by_parts(run, i))
			continue;
		passed += r->verdict == PASS;
		known += r->expected == KNOWN || r->expected == FLAKY;
		bad += r->expected == IMPROVED ||
		       (r->expected == AS_IT_IS && verdict_is_bad(r->verdict));
	}
	if (not_run || !run->end) {
		fprintf(stderr, "The run did not come to its end: %zu subtests were not run.%s%s",
			not_run, run->aborted ? " " : "\n", run->aborted ?: "");
		return 2;
	}
	if (!passed && !known && !bad) {
		fprintf(stderr, "Nothing was tested: every subtest was skipped.\n");
		return 2;
	}
	return bad ? 1 : 0;
}
