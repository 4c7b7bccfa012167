// SPDX-License-Identifier: MIT
#include "dmabuf_contract.h"
#include "dmabuf_options.h"
#include "igt.h"

static bool disruptive;

const struct option dmabuf_options[] = {
	{ "disruptive", no_argument, NULL, 'D' },
	{ "exporters", required_argument, NULL, 'X' },
	{ }
};

const char dmabuf_options_help[] =
	"  --disruptive                also do what a user of this machine would notice:\n"
	"                              set display modes, fill video memory\n"
	"                              (DMABUF_DISRUPTIVE=1 in the environment does the same)\n"
	"  --exporters PATTERNS        look at these exporters only, at all but those that\n"
	"                              follow a ! (or by DMABUF_EXPORTERS)\n";

int dmabuf_option(int opt, int index, void *data)
{
	switch (opt) {
	case 'D':
		disruptive = true;
		return IGT_OPT_HANDLER_SUCCESS;
	case 'X':
		setenv("DMABUF_EXPORTERS", optarg, 1);
		return IGT_OPT_HANDLER_SUCCESS;
	default:
		return IGT_OPT_HANDLER_ERROR;
	}
}

bool dmabuf_is_disruptive(void)
{
	const char *env = getenv("DMABUF_DISRUPTIVE");

	return disruptive || (env && !strcmp(env, "1"));
}

void dmabuf_require_disruptive(const char *what)
{
	dmabuf_require(dmabuf_is_disruptive(), "this %s: not without --disruptive", what);
}
