/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_EXPECT_H
#define RUNNER_EXPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "regex_list.h"

struct result;
struct run_results;

/*
 * What is known of a kernel, in the format of the kernel's drivers/gpu/drm/ci:
 * NAME-fails.txt ("PATTERN,Fail" a line), NAME-flakes.txt and NAME-skips.txt (a pattern a
 * line), for names igt@BINARY@SUBTEST@DYNAMIC, with or without "igt@".
 */
struct expectations {
	char *name;			/* what the files begin with; NULL: there are none */
	struct regex_list fails, flakes, skips;
	struct fault {
		unsigned int verdicts;	/* a bit each */
		const char *title;	/* the comment above, or "" */
	} *faults;			/* of fails */
	size_t num_faults;
};

/*
 * expectations_read:
 *
 * path is what the files' names begin with, or a directory with a file "kernels", whose
 * lines are "GLOB NAME": the first that the kernel's release matches names the files, and
 * if none does nothing is known. Says what is wrong with a file and exits 2.
 */
void expectations_read(struct expectations *e, const char *path, const char *release);

/* How often a flake is run again, and what the names of the files of that begin with. */
#define MAX_TRIES 2
#define TRY_PREFIX "attachments/again-%d-"

/* What a result is, by what was expected of it. */
enum expected { AS_IT_IS, KNOWN, FLAKY, IMPROVED };

/*
 * expectations_apply:
 *
 * Sets what each result is, and the fault that it is of. A flake that failed is FLAKY, if
 * it passed when it was run again or was not run again.
 */
void expectations_apply(const struct expectations *e, struct run_results *run);

/* The name of a result, "igt@...". */
char *result_key(const struct result *r);

#endif /* RUNNER_EXPECT_H */
