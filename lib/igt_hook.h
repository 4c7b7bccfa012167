/* SPDX-License-Identifier: MIT */
#ifndef IGT_HOOK_H
#define IGT_HOOK_H

#include <stdbool.h>

/*
 * IGT's hooks: shell commands that are run where a test begins and ends, with variables
 * IGT_HOOK_* that say where that is. For igt_core.c alone.
 */
enum igt_hook_event {
	IGT_HOOK_PRE_TEST, IGT_HOOK_PRE_SUBTEST, IGT_HOOK_PRE_DYN_SUBTEST,
	IGT_HOOK_POST_DYN_SUBTEST, IGT_HOOK_POST_SUBTEST, IGT_HOOK_POST_TEST,
	/* Not one of tests that load no modules: it never comes. */
	IGT_HOOK_POST_KMOD_UNBIND, IGT_HOOK_EVENTS
};

/* "[EVENT,...:]COMMAND", "*" for all events; false if an event is unknown. */
bool igt_hook_add(const char *descriptor);

/* Runs what was added for this event; names are "" where there is none. */
void igt_hook_run(enum igt_hook_event event, const char *test, const char *subtest,
		  const char *dynamic, const char *result);

extern const char igt_hook_help[];

#endif /* IGT_HOOK_H */
