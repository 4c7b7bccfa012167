// SPDX-License-Identifier: MIT
/* 200 subtests that do nothing: what is left is the cost of running them. */
#include "igt.h"

IGT_TEST_DESCRIPTION("Subtests that do nothing, for the benchmark of the runners.");

int igt_main()
{
	for (int i = 0; i < 200; i++) {
		igt_describe("Passes.");
		igt_subtest_f("trivial-%d", i)
			igt_assert(true);
	}
}
