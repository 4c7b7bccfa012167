/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules of dmabuf_calib.h: what is written of one, read into a table, and
 * whether it holds. Knows nothing of buffers; for dmabuf_calib.c alone.
 */
#ifndef CALIB_RULE_H
#define CALIB_RULE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "dmabuf_calib.h"

enum calib_event {
	CALIB_AT_MMAP,
	CALIB_AT_FAULT,
	CALIB_AT_ACCESS,
	CALIB_AT_FORK,
	CALIB_AT_SPLIT,
	CALIB_AT_MREMAP,
	CALIB_AT_MPROTECT,
	CALIB_AT_MUNMAP,
	CALIB_AT_BEGIN,
	CALIB_AT_END,
	CALIB_AT_ATTACH,
	CALIB_AT_DETACH,
	CALIB_AT_MOVE,
	CALIB_AT_CLOSE,
	CALIB_AT_RELEASE,
	CALIB_NUM_EVENTS
};

static const char *const calib_events[] = {
	[CALIB_AT_MMAP] = "mmap",
	[CALIB_AT_FAULT] = "fault",
	[CALIB_AT_ACCESS] = "access",
	[CALIB_AT_FORK] = "fork",
	[CALIB_AT_SPLIT] = "split",
	[CALIB_AT_MREMAP] = "mremap",
	[CALIB_AT_MPROTECT] = "mprotect",
	[CALIB_AT_MUNMAP] = "munmap",
	[CALIB_AT_BEGIN] = "begin",
	[CALIB_AT_END] = "end",
	[CALIB_AT_ATTACH] = "attach",
	[CALIB_AT_DETACH] = "detach",
	[CALIB_AT_MOVE] = "move",
	[CALIB_AT_CLOSE] = "close",
	[CALIB_AT_RELEASE] = "release",
};

#define CALIB_ANY	(BIT(CALIB_NUM_EVENTS) - 1)
/* Where there is a VMA. */
#define CALIB_VMA	(BIT(CALIB_AT_MMAP) | BIT(CALIB_AT_FAULT) | BIT(CALIB_AT_ACCESS) | \
			 BIT(CALIB_AT_FORK) | BIT(CALIB_AT_SPLIT) | BIT(CALIB_AT_MREMAP) | \
			 BIT(CALIB_AT_MPROTECT) | BIT(CALIB_AT_MUNMAP))
#define CALIB_FAULTS	BIT(CALIB_AT_FAULT)

/* What an exporter can see of its user. */
enum calib_fact {
	/* Of the buffer. */
	CALIB_SIZE,
	CALIB_BUFFER,
	CALIB_BUFFERS,
	CALIB_MAPPINGS,
	CALIB_MOVES_SO_FAR,
	CALIB_BEGUN,
	CALIB_BEGINS,
	CALIB_ENDS,
	CALIB_SYNC_READS,
	CALIB_SYNC_WRITES,
	CALIB_ATTACHED,
	CALIB_ATTACHES,
	CALIB_CLOSED,
	CALIB_FD_READ_ONLY,
	CALIB_THREAD,
	CALIB_ORPHAN,
	CALIB_NOBODY,
	/* Of the mapping. */
	CALIB_MAPPING,
	CALIB_OFFSET,
	CALIB_LENGTH,
	CALIB_ALIGNED,
	CALIB_CHILD,
	CALIB_OTHER_PROCESS,
	CALIB_OTHER_THREAD,
	CALIB_READ_ONLY,
	CALIB_IS_PRIVATE,
	CALIB_LOCKED,
	CALIB_NATIVE,
	CALIB_FORKS,
	CALIB_SPLITS,
	CALIB_MREMAPS,
	CALIB_MPROTECTS,
	CALIB_MOVED,
	CALIB_ADVISED,
	CALIB_EXEC,
	/* Of the page. */
	CALIB_PAGE,
	CALIB_FROM_END,
	CALIB_MIDDLE,
	/* Of the fault; CALIB_STORE of an access, too. */
	CALIB_NTH_FAULT,
	CALIB_REFAULT,
	CALIB_STORE,
	CALIB_USER,
	CALIB_REMOTE,
	CALIB_OTHERS,
	CALIB_INTERRUPTED,
	CALIB_NUM_FACTS
};

/* At which events it is known; page: of each page, where an action has pages. */
static const struct {
	const char *name;
	unsigned int events;
	bool page;
} calib_facts[] = {
	[CALIB_SIZE] = { "size", CALIB_ANY },
	[CALIB_BUFFER] = { "buffer", CALIB_ANY },
	[CALIB_BUFFERS] = { "buffers", CALIB_ANY },
	[CALIB_MAPPINGS] = { "mappings", CALIB_ANY },
	[CALIB_MOVES_SO_FAR] = { "moves", CALIB_ANY },
	[CALIB_BEGUN] = { "begun", CALIB_ANY },
	[CALIB_BEGINS] = { "begins", CALIB_ANY },
	[CALIB_ENDS] = { "ends", CALIB_ANY },
	[CALIB_SYNC_READS] = { "sync-reads", CALIB_ANY },
	[CALIB_SYNC_WRITES] = { "sync-writes", CALIB_ANY },
	[CALIB_ATTACHED] = { "attached", CALIB_ANY },
	[CALIB_ATTACHES] = { "attaches", CALIB_ANY },
	[CALIB_CLOSED] = { "closed", CALIB_ANY },
	[CALIB_FD_READ_ONLY] = { "fd-read-only", CALIB_ANY },
	[CALIB_THREAD] = { "thread", CALIB_ANY },
	[CALIB_ORPHAN] = { "orphan", CALIB_ANY },
	[CALIB_NOBODY] = { "nobody", CALIB_ANY },
	/* Of a move: of each VMA, where "stale" asks. */
	[CALIB_MAPPING] = { "mapping", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_OFFSET] = { "offset", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_LENGTH] = { "length", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_ALIGNED] = { "aligned", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_CHILD] = { "child", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_OTHER_PROCESS] = { "other-process", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_OTHER_THREAD] = { "other-thread", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_READ_ONLY] = { "read-only", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_IS_PRIVATE] = { "private", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_LOCKED] = { "locked", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_NATIVE] = { "native", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_FORKS] = { "forks", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_SPLITS] = { "splits", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_MREMAPS] = { "mremaps", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_MPROTECTS] = { "mprotects", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_MOVED] = { "moved", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_ADVISED] = { "advised", CALIB_VMA | BIT(CALIB_AT_MOVE) },
	[CALIB_EXEC] = { "exec", BIT(CALIB_AT_MUNMAP) },
	[CALIB_PAGE] = { "page", CALIB_ANY, true },
	[CALIB_FROM_END] = { "from-end", CALIB_ANY, true },
	[CALIB_MIDDLE] = { "middle", CALIB_ANY, true },
	[CALIB_NTH_FAULT] = { "nth-fault", CALIB_FAULTS },
	[CALIB_REFAULT] = { "refault", CALIB_FAULTS },
	[CALIB_STORE] = { "store", CALIB_FAULTS | BIT(CALIB_AT_ACCESS) },
	[CALIB_USER] = { "user", CALIB_FAULTS },
	[CALIB_REMOTE] = { "remote", CALIB_FAULTS },
	[CALIB_OTHERS] = { "others", CALIB_FAULTS },
	[CALIB_INTERRUPTED] = { "interrupted", CALIB_FAULTS },
};

enum calib_action {
	CALIB_DO_NOTHING,
	/* Of the mapping. */
	CALIB_DO_NORMAL,
	CALIB_DO_MIXED,
	CALIB_DO_MIXED_SPECIAL,
	CALIB_DO_MAY_WRITE,
	CALIB_DO_REFUSE,
	/* Of a page that faults. */
	CALIB_DO_NOT_SPECIAL,
	CALIB_DO_WRONG,
	CALIB_DO_BLANK,
	CALIB_DO_COPY,
	CALIB_DO_STALE,
	CALIB_DO_SIGBUS,
	CALIB_DO_WRITABLE,
	/* Of a move. */
	CALIB_DO_NOT_COPIED,
	CALIB_DO_COPIED_EARLY,
	CALIB_DO_UNNOTIFIED,
	/* Of a SYNC. */
	CALIB_DO_REVERT,
	/* Of all. */
	CALIB_DO_LOSE,
	CALIB_DO_PIN,
	CALIB_DO_LEAK,
	CALIB_DO_LEAK_MEMORY,
	CALIB_DO_WARN,
	CALIB_DO_TAINT,
	CALIB_NUM_ACTIONS
};

/* At which events it can be done; pages: at which of these to each page by itself. */
static const struct {
	const char *name;
	unsigned int events;
	unsigned int pages;
} calib_actions[] = {
	[CALIB_DO_NORMAL] = { "normal", BIT(CALIB_AT_MMAP) },
	[CALIB_DO_MIXED] = { "mixed", BIT(CALIB_AT_MMAP) },
	[CALIB_DO_MIXED_SPECIAL] = { "mixed-special", BIT(CALIB_AT_MMAP) },
	[CALIB_DO_MAY_WRITE] = { "may-write", BIT(CALIB_AT_MMAP) },
	[CALIB_DO_REFUSE] = { "refuse", BIT(CALIB_AT_MMAP) | BIT(CALIB_AT_BEGIN) |
			      BIT(CALIB_AT_END) | BIT(CALIB_AT_MOVE) },
	[CALIB_DO_NOT_SPECIAL] = { "not-special", CALIB_FAULTS, CALIB_FAULTS },
	[CALIB_DO_WRONG] = { "wrong", CALIB_FAULTS | BIT(CALIB_AT_ACCESS),
			     CALIB_FAULTS | BIT(CALIB_AT_ACCESS) },
	[CALIB_DO_BLANK] = { "blank", CALIB_FAULTS, CALIB_FAULTS },
	[CALIB_DO_COPY] = { "copy", CALIB_FAULTS, CALIB_FAULTS },
	[CALIB_DO_STALE] = { "stale", CALIB_FAULTS | BIT(CALIB_AT_MOVE),
			     CALIB_FAULTS | BIT(CALIB_AT_MOVE) },
	[CALIB_DO_SIGBUS] = { "sigbus", CALIB_FAULTS, CALIB_FAULTS },
	[CALIB_DO_WRITABLE] = { "writable", CALIB_FAULTS | BIT(CALIB_AT_ACCESS),
				CALIB_FAULTS },
	[CALIB_DO_NOT_COPIED] = { "not-copied", BIT(CALIB_AT_MOVE), BIT(CALIB_AT_MOVE) },
	[CALIB_DO_COPIED_EARLY] = { "copied-early", BIT(CALIB_AT_MOVE) },
	[CALIB_DO_UNNOTIFIED] = { "unnotified", BIT(CALIB_AT_MOVE) },
	[CALIB_DO_REVERT] = { "revert", BIT(CALIB_AT_END) },
	/* What a move loses is not copied. */
	[CALIB_DO_LOSE] = { "lose", CALIB_ANY & ~BIT(CALIB_AT_MOVE),
			    CALIB_ANY & ~BIT(CALIB_AT_MOVE) },
	[CALIB_DO_PIN] = { "pin", CALIB_ANY, CALIB_FAULTS },
	[CALIB_DO_LEAK] = { "leak", CALIB_ANY & ~BIT(CALIB_AT_CLOSE) & ~BIT(CALIB_AT_RELEASE),
			    CALIB_FAULTS },
	[CALIB_DO_LEAK_MEMORY] = { "leak-memory", CALIB_ANY & ~BIT(CALIB_AT_CLOSE) & ~BIT(CALIB_AT_RELEASE),
				   CALIB_FAULTS },
	[CALIB_DO_WARN] = { "warn", CALIB_ANY, CALIB_FAULTS },
	[CALIB_DO_TAINT] = { "taint", CALIB_ANY, CALIB_FAULTS },
};

/* What is allowed. */
enum calib_option {
	CALIB_OPT_REMAP,
	CALIB_OPT_HUGE,
	CALIB_OPT_PREFAULT,
	CALIB_OPT_AROUND,
	CALIB_OPT_SLOW,
	CALIB_OPT_MOVES,
	CALIB_OPT_SYNC_MOVES,
	CALIB_OPT_ZAPS,
	CALIB_OPT_ACCESS,
	CALIB_OPT_PRIVATE,
	CALIB_OPT_OWN_FILE,
	CALIB_OPT_ROUND,
	CALIB_OPT_POOL,
	CALIB_OPT_SINGLE,
	CALIB_OPT_ONCE,
	CALIB_OPT_LATE,
	CALIB_OPT_DONT_COPY,
	CALIB_OPT_RETRIES,
	CALIB_OPT_YIELDS,
	CALIB_OPT_INTERRUPTS,
	CALIB_OPT_NO_DEVICES,
	CALIB_NUM_OPTIONS
};

static const char *const calib_options[] = {
	[CALIB_OPT_REMAP] = "remap",
	[CALIB_OPT_HUGE] = "huge",
	[CALIB_OPT_PREFAULT] = "prefault",
	[CALIB_OPT_AROUND] = "around",
	[CALIB_OPT_SLOW] = "slow",
	[CALIB_OPT_MOVES] = "moves",
	[CALIB_OPT_SYNC_MOVES] = "sync-moves",
	[CALIB_OPT_ZAPS] = "zaps",
	[CALIB_OPT_ACCESS] = "access",
	[CALIB_OPT_PRIVATE] = "private",
	[CALIB_OPT_OWN_FILE] = "own-file",
	[CALIB_OPT_ROUND] = "round",
	[CALIB_OPT_POOL] = "pool",
	[CALIB_OPT_SINGLE] = "single",
	[CALIB_OPT_ONCE] = "once",
	[CALIB_OPT_LATE] = "late",
	[CALIB_OPT_DONT_COPY] = "dont-copy",
	[CALIB_OPT_RETRIES] = "retries",
	[CALIB_OPT_YIELDS] = "yields",
	[CALIB_OPT_INTERRUPTS] = "interrupts",
	[CALIB_OPT_NO_DEVICES] = "no-devices",
};

#define CALIB_MAX_CONDITIONS 8

/**
 * struct calib_rule - an exporter that a line made
 * @name:	of its device
 * @line:	as it was written
 * @options:	a number for each that was given, 0 for others
 * @event:	when something may be done
 * @conditions:	that must all hold
 * @count:	of them
 * @action:	what is done then
 * @done:	how often it was
 * @made:	buffers so far
 * @alive:	of those, not freed yet
 * @used:	pages in those
 */
struct calib_rule {
	char name[32];
	char line[256];
	unsigned long options[CALIB_NUM_OPTIONS];
	enum calib_event event;
	struct calib_condition {
		enum calib_fact fact;
		bool not;
		char compare;
		unsigned long value;
	} conditions[CALIB_MAX_CONDITIONS];
	unsigned int count;
	enum calib_action action;
	atomic_t done;
	atomic_t made;
	atomic_t alive;
	atomic_long_t used;
};

/* The index of the word in a table whose entries begin with names; -1: it is none. */
#define calib_find(table, member, word) ({					\
	int __i = ARRAY_SIZE(table);						\
	while (__i-- && (!(table)[__i] member || strcmp((table)[__i] member, (word))))	\
		;								\
	__i; })

static inline int calib_bad_rule(const char *line, const char *why, const char *word)
{
	pr_notice("dmabuf_calib: %s: %s '%s'\n", line, why, word ?: "");
	return -EINVAL;
}

/* "WORD=N" and the like: cuts the word off; false if N is no number. */
static inline bool calib_cut_value(char *word, const char *compares, char *compare,
				   unsigned long *value)
{
	char *at = strpbrk(word, compares);

	*compare = 0;
	*value = 1;
	if (!at)
		return true;
	*compare = *at;
	*at++ = 0;
	return !kstrtoul(at, 0, value) && (*compare != '%' || *value);
}

static inline int calib_parse_condition(struct calib_rule *rule, char *word)
{
	struct calib_condition *c = &rule->conditions[rule->count];
	const char *given = word;
	int fact;

	if (rule->count == CALIB_MAX_CONDITIONS)
		return calib_bad_rule(rule->line, "too many conditions at", word);
	c->not = *word == '!';
	word += c->not;
	if (!calib_cut_value(word, "=<>%", &c->compare, &c->value))
		return calib_bad_rule(rule->line, "no number behind", given);
	fact = calib_find(calib_facts, .name, word);
	if (fact < 0)
		return calib_bad_rule(rule->line, "nobody can see", word);
	if (!(calib_facts[fact].events & BIT(rule->event)) ||
	    (calib_facts[fact].page && !(calib_actions[rule->action].pages & BIT(rule->event))) ||
	    (rule->event == CALIB_AT_MOVE && rule->action != CALIB_DO_STALE &&
	     fact >= CALIB_MAPPING && fact <= CALIB_ADVISED))
		return calib_bad_rule(rule->line, "it is not known then of", word);
	c->fact = fact;
	rule->count++;
	return 0;
}

/* What is between "if" and "do" is kept for later: the action says what is known. */
static inline int calib_parse_event(struct calib_rule *rule, char *rest)
{
	char *conditions[CALIB_MAX_CONDITIONS], *word;
	unsigned int count = 0, i;
	bool in_if = false;
	int index;

	word = strsep(&rest, " ");
	index = word ? calib_find(calib_events, , word) : -1;
	if (index < 0)
		return calib_bad_rule(rule->line, "no event", word);
	rule->event = index;
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (!strcmp(word, "do"))
			break;
		if (!in_if && strcmp(word, "if"))
			return calib_bad_rule(rule->line, "neither if nor do, but", word);
		if (in_if && count < ARRAY_SIZE(conditions))
			conditions[count++] = word;
		else if (in_if)
			return calib_bad_rule(rule->line, "too many conditions at", word);
		in_if = true;
	}
	word = word ? strsep(&rest, " ") : NULL;
	index = word ? calib_find(calib_actions, .name, word) : -1;
	if (index < 0 || !(calib_actions[index].events & BIT(rule->event)) || rest)
		return calib_bad_rule(rule->line, "nothing that can be done then is", word);
	rule->action = index;
	for (i = 0; i < count; i++) {
		int ret = calib_parse_condition(rule, conditions[i]);

		if (ret)
			return ret;
	}
	return 0;
}

/* Reads a line, whose words are cut apart. */
static inline int calib_parse_rule(struct calib_rule *rule, char *line)
{
	char *word, *c, compare;
	int option;

	if (strscpy(rule->line, line, sizeof(rule->line)) < 0)
		return calib_bad_rule(line, "too long", NULL);
	word = strsep(&line, " ");
	for (c = word; *c; c++)
		if (!islower(*c) && !isdigit(*c) && *c != '-')
			return calib_bad_rule(rule->line, "not fit for a name:", word);
	if (c == word || strscpy(rule->name, word, sizeof(rule->name)) < 0)
		return calib_bad_rule(rule->line, "not fit for a name:", word);
	while ((word = strsep(&line, " "))) {
		unsigned long value;

		if (!*word)
			continue;
		if (!strcmp(word, "at"))
			return calib_parse_event(rule, line);
		if (!calib_cut_value(word, "=", &compare, &value) || !value)
			return calib_bad_rule(rule->line, "no number behind", word);
		option = calib_find(calib_options, , word);
		if (option < 0)
			return calib_bad_rule(rule->line, "no option", word);
		rule->options[option] = value;
	}
	return 0;
}

/* Whether all its conditions hold, given all facts. */
static inline bool calib_rule_holds(const struct calib_rule *rule, const unsigned long *is)
{
	unsigned int i;

	for (i = 0; i < rule->count; i++) {
		const struct calib_condition *c = &rule->conditions[i];
		unsigned long fact = is[c->fact];
		bool holds;

		switch (c->compare) {
		case '=': holds = fact == c->value; break;
		case '<': holds = fact < c->value; break;
		case '>': holds = fact > c->value; break;
		case '%': holds = fact % c->value == 0; break;
		default: holds = fact; break;
		}
		if (holds == c->not)
			return false;
	}
	return true;
}

#endif
