// SPDX-License-Identifier: MIT
/*
 * TEST: dmabuf find
 * Description: Which exporters this machine has, and whether those are there
 *              that should be. The other tests judge what they find: an exporter
 *              that is missing would be missing without a word.
 */
#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("The exporters that this machine should have are found, and make "
		     "buffers.");

#define SIZE (64 << 10)

static void must_be_found(const char *name)
{
	char found[4096] = "";

	for_each_dmabuf_exporter(e) {
		size_t used = strlen(found);

		if (!strcmp(e->name, name))
			return;
		snprintf(found + used, sizeof(found) - used, " %s", e->name);
	}
	igt_critical("%s is expected on this machine, by DMABUF_EXPECT, and was not found; found:%s\n",
		     name, found[0] ? found : " none");
	igt_fail(IGT_EXIT_FAILURE);
}

static void makes_a_buffer(const struct dmabuf_exporter *e)
{
	struct dmabuf buf = dmabuf_alloc(e, SIZE);

	dmabuf_map(&buf, dmabuf_ways[0]);
}

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	igt_describe("Every exporter named in the environment variable DMABUF_EXPECT (names "
		     "separated by blanks, such as \"heap-system udmabuf-memfd\") must be "
		     "found: that is how a CI farm says what a machine has, so that none goes "
		     "missing in silence. Skips where it is not set.");
	igt_subtest_with_dynamic("expected") {
		const char *expect = getenv("DMABUF_EXPECT");
		char *names, *name;

		igt_require_f(expect, "set DMABUF_EXPECT to the names of the exporters that this machine must have\n");
		names = strdup(expect);
		while ((name = strsep(&names, " ")))
			if (name[0])
				igt_dynamic(name)
					must_be_found(name);
	}

	igt_describe("Each exporter that was found makes a buffer of 64 KiB that can be mapped "
		     "by its file descriptor. Skips, with the reason, those that make none: "
		     "the other tests will skip them for the same reason.");
	igt_subtest_with_dynamic("makes-buffers") {
		for_each_dmabuf_exporter(e)
			igt_dynamic(e->name)
				dmabuf_limited(DMABUF_LIMIT)
					makes_a_buffer(e);
	}
}
