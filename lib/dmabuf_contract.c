// SPDX-License-Identifier: MIT
#include <setjmp.h>

#include "dmabuf_contract.h"
#include "dmabuf_outcome.h"
#include "igt.h"

static const struct dmabuf_clause contract[] = {
	{ "PFNMAP", "the VMA of a DMA buffer is VM_PFNMAP, not merely VM_MIXEDMAP" },
	{ "SPECIAL", "every page-table entry is special, so that lockless get_user_pages_fast refuses too",
	  "PFNMAP" },
	{ "GUP", "every user of get_user_pages is refused with EFAULT", "PFNMAP" },
	{ "ACCOUNT", "the pages are not accounted as normal memory", "PFNMAP" },
	{ "ENTRY", "an importer's mmap of an imported DMA buffer obeys the same rules" },
	{ "BO", "the driver's own mmap of a buffer object obeys the same rules" },
	{ "HELPER", "drivers on the DMA helpers obey the same rules" },
	{ "HUGE", "huge mappings obey the same rules, at a huge page's alignment too" },
	{ "MOVE", "when the exporter moves the buffer, the next CPU access sees the new place with unchanged contents" },
	{ "RACE", "refaults that race with a move see the right place, and pins stay refused meanwhile" },
	{ "LIFE", "the mapping keeps the whole DMA buffer alive, and nothing else does" },
	{ "WHOLE", "every page of the mapping obeys, and CPU access to every page works" },
	{ "RO", "what is mapped or exported read-only never becomes writable" },
	{ "PIN", "no user of get_user_pages keeps a reference after it was refused" },
	{ "NOTIFY", "those who map the buffer without get_user_pages get what the mapping gives, and follow its moves" },
	{ "WARN", "neither mapping a DMA buffer nor using it makes the kernel warn" },
};

const struct dmabuf_clause *dmabuf_clause(const char *id)
{
	for (size_t i = 0; i < sizeof(contract) / sizeof(contract[0]); i++)
		if (!strcmp(contract[i].id, id))
			return &contract[i];
	fprintf(stderr, "no clause '%s'\n", id);
	abort();
}

static char judged[96];

void dmabuf_judges(const char *ids, const char *more_ids)
{
	snprintf(judged, sizeof(judged), "%s%s%s", ids, more_ids && more_ids[0] ? " " : "",
		 more_ids ?: "");
	/* In every part the kernel is watched for WARN. */
	igt_info("Clause: %s WARN\n", judged);
	/*
	 * What a busy machine says of its clocks, once, is not about buffers. (igt_results 2.5
	 * goes by what the dynamic subtest itself said, before the line.)
	 */
	igt_emit_ignore_dmesg_regex("hrtimer: interrupt took|clocksource: ");
}

const char *dmabuf_judged(void)
{
	return judged;
}

/* What else is judged by everything now, and what it is that is wrong then. */
static const char *way_clause = "";
static const char *blamed, *blamed_how;

void dmabuf_enter_by(const char *clause, const char *how)
{
	way_clause = clause;
	dmabuf_blame(clause[0] ? clause : NULL, clause[0] ? how : NULL);
}

void dmabuf_blame(const char *clause, const char *how)
{
	blamed = clause;
	blamed_how = how;
}

bool dmabuf_has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; *(at += strspn(at, " ")); at += strcspn(at, " "))
		if (strcspn(at, " ") == len && !strncmp(at, word, len))
			return true;
	return false;
}

static void add_word(char *words, size_t size, const char *word)
{
	size_t used = strlen(words);

	if (word && word[0] && !dmabuf_has_word(words, word))
		snprintf(words + used, size - used, "%s%s", used ? " " : "", word);
}

/* A line of it is no longer than this. */
#define NOTE_LINE (sizeof(struct note) + 64)

static int print_note(char *text, size_t size, const char *kind, const struct note *note)
{
	char times[24] = "";

	if (note->count > 1)
		snprintf(times, sizeof(times), " (%u times)", note->count);
	return snprintf(text, size, "%s: %s%s%s%s\n", kind, note->clauses,
			note->clauses[0] ? ": " : "", note->text, times);
}

static void take_note(const char *kind, struct notes *notes, const char *clauses,
		      const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));
static void take_note(const char *kind, struct notes *notes, const char *clauses,
		      const char *fmt, va_list ap)
{
	const unsigned int most = sizeof(notes->note) / sizeof(notes->note[0]);
	struct note note = { .count = 1 };
	unsigned int i = 0;

	snprintf(note.clauses, sizeof(note.clauses), "%s", clauses);
	add_word(note.clauses, sizeof(note.clauses), blamed);
	add_word(note.clauses, sizeof(note.clauses), way_clause);
	vsnprintf(note.text, sizeof(note.text), fmt, ap);
	for (char *c = note.text; *c; c++)
		if (*c == '\n')
			*c = ' ';

	while (notes && i < notes->count && (strcmp(notes->note[i].clauses, note.clauses) ||
					     strcmp(notes->note[i].text, note.text)))
		i++;
	/* Without a parent that prints them, or room: at once. */
	if (!notes || i == most) {
		char line[NOTE_LINE];

		print_note(line, sizeof(line), kind, &note);
		igt_info("%s", line);
	} else if (i < notes->count) {
		notes->note[i].count++;
	} else {
		notes->note[notes->count++] = note;
	}
}

void dmabuf_saw(const char *clauses, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	take_note("Saw", dmabuf_in_child ? &dmabuf_outcome->saw : NULL, clauses,
		  fmt, ap);
	va_end(ap);
}

void dmabuf_unseen(const char *clauses, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	take_note("Unseen", dmabuf_in_child ? &dmabuf_outcome->unseen : NULL, clauses,
		  fmt, ap);
	va_end(ap);
}

/* At once: who reads the lines is woken for each text that is written. */
void dmabuf_print_notes(void)
{
	static char text[2 * sizeof(struct notes) / sizeof(struct note) * NOTE_LINE];
	const struct { const char *kind; const struct notes *notes; } all[] = {
		{ "Saw", &dmabuf_outcome->saw }, { "Unseen", &dmabuf_outcome->unseen },
	};
	size_t used = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (unsigned int n = 0; n < all[i].notes->count; n++)
			used += print_note(text + used, sizeof(text) - used, all[i].kind,
					   &all[i].notes->note[n]);
	if (used)
		igt_info("%s", text);
}

/* The innermost part that a skip ends. */
static struct dmabuf_part *part;

void __dmabuf_part_enter(struct dmabuf_part *new, const char *clauses)
{
	new->clauses = clauses;
	new->outer = part;
	new->why[0] = 0;
	part = new;
}

void __dmabuf_part_leave(void)
{
	part = part->outer;
}

void dmabuf_skip(const char *fmt, ...)
{
	struct dmabuf_part *ends = part;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (ends) {
		if (ends->clauses)
			dmabuf_unseen(ends->clauses, "%s", text);
		snprintf(ends->why, sizeof(ends->why), "%.511s", text);
		part = ends->outer;
		siglongjmp(ends->env, 1);
	}
	if (dmabuf_in_child)
		dmabuf_conclude(SKIPPED, "%s", text);
	igt_skip("%s\n", text);
}

bool dmabuf_skips(void (*fn)(const void *arg), const void *arg, char *why, size_t len)
{
	static struct dmabuf_part asked;

	__dmabuf_part_enter(&asked, NULL);
	if (sigsetjmp(asked.env, 0)) {
		snprintf(why, len, "%s", asked.why);
		return true;
	}
	fn(arg);
	__dmabuf_part_leave();
	return false;
}

/* Reports make one finding of what has one cause. */
static void print_causes(const char *text)
{
	for (size_t i = 0; i < sizeof(contract) / sizeof(contract[0]); i++) {
		const char *id = contract[i].id, *at = strstr(text, id);

		if (contract[i].follows && at && at[strlen(id)] == ':' &&
		    (at == text || at[-1] == ' '))
			igt_info("Follows: %s from %s\n", id, contract[i].follows);
	}
}

void dmabuf_print_violation(const char *text)
{
	size_t len;

	print_causes(text);
	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		igt_critical("%.*s\n", (int)len, text);
	}
}

void dmabuf_violation(const char *clause, const char *fmt, ...)
{
	const char *named = blamed ?: clause;
	char text[4096];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "%s: %s\n", named, dmabuf_clause(named)->rule);
	/* The evidence says which rule it was that failed there. */
	if (strcmp(named, clause))
		n += snprintf(text + n, sizeof(text) - n, "%s, this does not hold: %s: %s\n",
			      blamed_how, clause, dmabuf_clause(clause)->rule);
	else if (blamed_how)
		n += snprintf(text + n, sizeof(text) - n, "%s:\n", blamed_how);
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	if (dmabuf_in_child)
		dmabuf_conclude(VIOLATED, "%s", text);
	dmabuf_print_violation(text);
	igt_fail(IGT_EXIT_FAILURE);
}
