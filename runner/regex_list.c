// SPDX-License-Identifier: MIT
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "regex_list.h"
#include "util.h"

char *regex_list_add(struct regex_list *list, const char *pattern, int kind)
{
	const uint32_t options = (kind & REGEX_CASELESS ? PCRE2_CASELESS : 0) |
				 (kind & REGEX_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0);
	struct regex *regex;
	PCRE2_UCHAR why[128];
	PCRE2_SIZE where;
	pcre2_code *code;
	int err;

	code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &err, &where,
			     NULL);
	if (!code) {
		pcre2_get_error_message(err, why, sizeof(why));
		return xasprintf("'%s' is no regular expression: %s", pattern, (char *)why);
	}
	regex = grow(list->regexes, list->count);
	regex->code = code;
	regex->text = xstrdup(pattern);
	return NULL;
}

/* What takes more is no match; the library's own limit is ten million. */
#define MAX_STEPS 100000

/* Of what matched, only where that begins and ends is asked. */
static pcre2_match_data *data;

static int match(const struct regex *regex, const char *s, uint32_t options)
{
	static pcre2_match_context *context;

	if (!data) {
		data = pcre2_match_data_create(1, NULL);
		context = pcre2_match_context_create(NULL);
		if (!data || !context)
			die("out of memory");
		/* A test gives some of them, and has no time to lose for others. */
		pcre2_set_match_limit(context, MAX_STEPS);
	}
	return pcre2_match(regex->code, (PCRE2_SPTR)s, PCRE2_ZERO_TERMINATED, 0, options, data,
			   context);
}

bool regex_match(const struct regex *regex, const char *s)
{
	return match(regex, s, 0) >= 0;
}

bool regex_may_match(const struct regex *regex, const char *s)
{
	int is = match(regex, s, PCRE2_PARTIAL_HARD);

	return is >= 0 || is == PCRE2_ERROR_PARTIAL;
}

const struct regex *regex_list_match(const struct regex_list *list, const char *s)
{
	for (size_t i = 0; i < list->count; i++)
		if (regex_match(&list->regexes[i], s))
			return &list->regexes[i];
	return NULL;
}

bool regex_list_reaches(const struct regex_list *list, const char *s, size_t offset)
{
	for (size_t i = 0; i < list->count; i++)
		if (regex_match(&list->regexes[i], s) &&
		    pcre2_get_ovector_pointer(data)[1] > offset)
			return true;
	return false;
}

void regex_list_free(struct regex_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		pcre2_code_free(list->regexes[i].code);
		free(list->regexes[i].text);
	}
	free(list->regexes);
	memset(list, 0, sizeof(*list));
}
