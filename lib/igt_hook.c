// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "igt_hook.h"

#define MAX_HOOKS 16

static const char *const event_names[IGT_HOOK_EVENTS] = {
	"pre-test", "pre-subtest", "pre-dyn-subtest", "post-dyn-subtest", "post-subtest",
	"post-test", "post-kmod-unbind",
};

const char igt_hook_help[] =
	"--hook [EVENT,...:]COMMAND runs COMMAND by the shell at each EVENT, or at all.\n"
	"EVENT: pre-test, pre-subtest, pre-dyn-subtest, post-dyn-subtest, post-subtest,\n"
	"post-test; * for all. In COMMAND's environment:\n"
	"  IGT_HOOK_EVENT          the event\n"
	"  IGT_HOOK_TEST_FULLNAME  igt@TEST[@SUBTEST[@DYNAMIC_SUBTEST]]\n"
	"  IGT_HOOK_TEST           the test\n"
	"  IGT_HOOK_SUBTEST        the subtest, or nothing\n"
	"  IGT_HOOK_DYN_SUBTEST    the dynamic subtest, or nothing\n"
	"  IGT_HOOK_RESULT         after one has ended: SUCCESS, SKIP, FAIL or CRASH\n"
	"It may be given more than once. A COMMAND with a colon in it needs the events.\n";

static struct hook {
	unsigned int events;
	const char *command;
} hooks[MAX_HOOKS];
static unsigned int num_hooks;

bool igt_hook_add(const char *descriptor)
{
	const char *colon = strchr(descriptor, ':'), *at = descriptor;
	unsigned int events = 0;

	if (num_hooks == MAX_HOOKS)
		return false;
	while (colon && at < colon) {
		size_t len = strcspn(at, ",:"), i = 0;

		if (len == 1 && *at == '*') {
			events = -1;
		} else {
			while (strlen(event_names[i]) != len || strncmp(event_names[i], at, len))
				if (++i == IGT_HOOK_EVENTS)
					return false;
			events |= 1u << i;
		}
		at += len + 1;
	}
	if (colon && !events)
		return false;
	hooks[num_hooks].events = colon ? events : -1;
	hooks[num_hooks++].command = colon ? colon + 1 : descriptor;
	return true;
}

void igt_hook_run(enum igt_hook_event event, const char *test, const char *subtest,
		  const char *dynamic, const char *result)
{
	char name[768];

	if (!num_hooks)
		return;
	snprintf(name, sizeof(name), "igt@%s%s%s%s%s", test, subtest[0] ? "@" : "", subtest,
		 dynamic[0] ? "@" : "", dynamic);
	setenv("IGT_HOOK_EVENT", event_names[event], 1);
	setenv("IGT_HOOK_TEST_FULLNAME", name, 1);
	setenv("IGT_HOOK_TEST", test, 1);
	setenv("IGT_HOOK_SUBTEST", subtest, 1);
	setenv("IGT_HOOK_DYN_SUBTEST", dynamic, 1);
	setenv("IGT_HOOK_RESULT", result, 1);
	fflush(NULL);
	for (unsigned int i = 0; i < num_hooks; i++)
		if (hooks[i].events & (1u << event) && system(hooks[i].command) < 0)
			perror(hooks[i].command);
}
