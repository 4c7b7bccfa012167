// SPDX-License-Identifier: MIT
/**
 * TEST: dmabuf find
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: exporters
 * Description: Which exporters this machine has, and whether those are there
 *              that should be. The other tests judge what they find: an exporter
 *              that is missing would be missing without a word.
 *
 * SUBTEST: expected
 * Description: The exporters that DMABUF_EXPECT names are there.
 *
 * SUBTEST: makes-buffers
 * Description: Each exporter that was found makes a buffer that can be mapped.
 */
#include "dmabuf.h"
#include "dmabuf_contract.h"
#include "igt.h"

IGT_TEST_DESCRIPTION("The exporters that this machine should have are found, and make "
		     "buffers.");

#define SIZE (64 << 10)

static const struct dmabuf_exporter *must_be_found(const char *name)
{
	char found[4096] = "";

	for_each_dmabuf_exporter(e) {
		size_t used = strlen(found);

		if (!strcmp(e->name, name))
			return e;
		snprintf(found + used, sizeof(found) - used, " %s", e->name);
	}
	igt_critical("%s is expected on this machine, by DMABUF_EXPECT, and was not found; found:%s\n",
		     name, found[0] ? found : " none");
	igt_fail(IGT_EXIT_FAILURE);
}

/* It can be mapped by its own file descriptor, or by its driver's or importer's mmap. */
static void makes_a_buffer(const void *exporter)
{
	const struct dmabuf_exporter *e = exporter;
	struct dmabuf buf = dmabuf_alloc(e, SIZE);
	bool mapped = false;

	for_each_dmabuf_way(way)
		if (!mapped && way->of_importer == e->imports &&
		    !(way->why_not && way->why_not(e)))
			mapped = way->map(&buf, NULL, buf.size, PROT_READ | PROT_WRITE,
					  MAP_SHARED, 0) != MAP_FAILED;
	dmabuf_require(mapped, "%s makes a buffer that cannot be mapped: %s", e->name,
		       strerror(errno));
	dmabuf_saw("", "it makes a buffer of %zu bytes that can be mapped", buf.size);
}

/* What should be there and makes nothing is as bad as what is missing. */
static void must_make_a_buffer(const struct dmabuf_exporter *e)
{
	char why[512];

	if (!dmabuf_skips(makes_a_buffer, e, why, sizeof(why)))
		return;
	igt_critical("%s is expected on this machine, by DMABUF_EXPECT, and is of no use: %s\n",
		     e->name, why);
	exit(IGT_EXIT_FAILURE);
}

int dmabuf_main()
{
	igt_fixture()
		dmabuf_find_devices();

	igt_describe("Every exporter named in the environment variable DMABUF_EXPECT (names "
		     "separated by blanks, such as \"heap-system udmabuf-memfd\") must be "
		     "found and make a buffer that can be mapped: that is how a CI farm says what a machine has, so that none goes "
		     "missing in silence. Skips where it is not set.");
	igt_subtest_with_dynamic("expected") {
		const char *expect = getenv("DMABUF_EXPECT");
		char *names, *name;

		igt_require_f(expect, "set DMABUF_EXPECT to the names of the exporters that this machine must have\n");
		names = strdup(expect);
		while ((name = strsep(&names, " ")))
			if (name[0] && dmabuf_exporter_is_chosen(name))
				igt_dynamic(name) {
					const struct dmabuf_exporter *e = must_be_found(name);

					dmabuf_limited(DMABUF_LIMIT)
						must_make_a_buffer(e);
				}
	}

	igt_describe("Each exporter that was found makes a buffer of 64 KiB that can be mapped "
		     "by its file descriptor. Skips, with the reason, those that make none: "
		     "the other tests will skip them for the same reason; and DRM cards and "
		     "accelerators of which no exporter was found.");
	igt_subtest_with_dynamic("makes-buffers") {
		for_each_dmabuf_exporter(e)
			igt_dynamic(e->name)
				dmabuf_limited(DMABUF_LIMIT)
					makes_a_buffer(e);
		for_each_dmabuf_missing(m)
			igt_dynamic(m->name)
				igt_skip("%s\n", m->why);
	}
}
