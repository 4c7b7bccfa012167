/* SPDX-License-Identifier: MIT */
#ifndef DMABUF_OPTIONS_H
#define DMABUF_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>

/*
 * Options that every test takes: --disruptive, also by DMABUF_DISRUPTIVE=1 in
 * the environment, for runners that give tests no options.
 */
extern const struct option dmabuf_options[];
extern const char dmabuf_options_help[];
int dmabuf_option(int opt, int index, void *data);

bool dmabuf_is_disruptive(void);

/* Skips unless --disruptive was given: "what" is the harm to a user's machine. */
void dmabuf_require_disruptive(const char *what);

#define dmabuf_main() \
	igt_main_args("", dmabuf_options, dmabuf_options_help, dmabuf_option, NULL)

#endif /* DMABUF_OPTIONS_H */
