// SPDX-License-Identifier: MIT
/*
 * TEST: fixtures
 * Description: What a fixture decides is the result of every subtest that
 *              follows in its group, and of no other.
 */
#include "igt.h"

IGT_TEST_DESCRIPTION("Fixtures that skip and fail, in groups.");

int igt_main()
{
	igt_describe("Comes before the groups.");
	igt_subtest("before");

	igt_subtest_group() {
		igt_fixture() {
			errno = 0;
			igt_require_f(false, "the fixture skips\n");
		}

		igt_fixture()
			igt_info("a fixture after a skip must not run\n");

		for (int i = 0; i < 2; i++) {
			igt_describe("Is skipped by its fixture.");
			igt_subtest_f("skipped-%d", i)
				igt_info("must not run\n");
		}

		igt_describe("Is skipped by its fixture.");
		igt_subtest_with_dynamic("skipped-dynamic")
			igt_info("must not run\n");

		igt_subtest_group() {
			igt_describe("Is skipped by the fixture of the group around its own.");
			igt_subtest("skipped-inner")
				igt_info("must not run\n");
		}
	}

	igt_describe("The group before does not touch it.");
	igt_subtest("between");

	igt_subtest_group() {
		igt_fixture() {
			errno = 0;
			igt_assert_f(false, "the fixture fails\n");
		}

		for (int i = 0; i < 2; i++) {
			igt_describe("Fails by its fixture.");
			igt_subtest_f("failed-%d", i)
				igt_info("must not run\n");
		}
	}

	igt_describe("The groups before do not touch it.");
	igt_subtest("after");
}
