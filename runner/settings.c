// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "config.h"
#include "igt_hook.h"
#include "igt_version.h"
#include "settings.h"
#include "util.h"

/* A test that takes a hundred times as long as ours do is not going to end. */
#define PER_TEST_TIMEOUT 120

enum {
	OPT_ABORT = 0x100, OPT_TEST_LIST, OPT_IGNORE_MISSING, OPT_NON_ROOT,
	OPT_INACTIVITY, OPT_PER_TEST, OPT_OVERALL, OPT_WARN_LEVEL, OPT_NO_REPORT,
	OPT_EXPECTATIONS, OPT_SHARD, OPT_VERSION, OPT_PRUNE, OPT_DISK_USAGE, OPT_HOOK,
	OPT_HELP_HOOK, OPT_NOT_HERE,
};

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "name", required_argument, NULL, 'n' },
	{ "dry-run", no_argument, NULL, 'd' },
	{ "include-tests", required_argument, NULL, 't' },
	{ "exclude-tests", required_argument, NULL, 'x' },
	{ "blacklist", required_argument, NULL, 'b' },
	{ "test-list", required_argument, NULL, OPT_TEST_LIST },
	{ "ignore-missing", no_argument, NULL, OPT_IGNORE_MISSING },
	{ "list-all", no_argument, NULL, 'L' },
	{ "overwrite", no_argument, NULL, 'o' },
	{ "sync", no_argument, NULL, 's' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "allow-non-root", no_argument, NULL, OPT_NON_ROOT },
	{ "abort-on-monitored-error", optional_argument, NULL, OPT_ABORT },
	{ "inactivity-timeout", required_argument, NULL, OPT_INACTIVITY },
	{ "per-test-timeout", required_argument, NULL, OPT_PER_TEST },
	{ "overall-timeout", required_argument, NULL, OPT_OVERALL },
	{ "dmesg-warn-level", required_argument, NULL, OPT_WARN_LEVEL },
	{ "environment", required_argument, NULL, 'e' },
	{ "no-report", no_argument, NULL, OPT_NO_REPORT },
	{ "expectations", required_argument, NULL, OPT_EXPECTATIONS },
	{ "shard", required_argument, NULL, OPT_SHARD },
	{ "multiple-mode", no_argument, NULL, 'm' },
	{ "prune-mode", required_argument, NULL, OPT_PRUNE },
	{ "disk-usage-limit", required_argument, NULL, OPT_DISK_USAGE },
	{ "hook", required_argument, NULL, OPT_HOOK },
	{ "help-hook", no_argument, NULL, OPT_HELP_HOOK },
	{ "facts", no_argument, NULL, 'f' },
	{ "kmemleak", optional_argument, NULL, 'k' },
	{ "use-watchdog", no_argument, NULL, OPT_NOT_HERE },
	{ "piglit-style-dmesg", no_argument, NULL, OPT_NOT_HERE },
	{ "collect-code-cov", no_argument, NULL, OPT_NOT_HERE },
	{ "coverage-per-test", no_argument, NULL, OPT_NOT_HERE },
	{ "collect-script", required_argument, NULL, OPT_NOT_HERE },
	{ }
};

/* Options of igt_runner that are known, and refused; dmabuf_runner(1) says the same. */
static const struct { const char *name, *why; } not_here[] = {
	{ "facts", "nothing notes which GPUs and modules come and go: dmabuf_find tells what is there" },
	{ "kmemleak", "a scan takes longer than all tests: write to /sys/kernel/debug/kmemleak around the run" },
	{ "use-watchdog", "nothing feeds a watchdog: have a daemon do that, and the machine is reset if it hangs" },
	{ "piglit-style-dmesg", "its list is of what one driver says: choose by --dmesg-warn-level" },
	{ "collect-code-cov", "coverage is of the kernel: collect it around the run, or by --hook" },
	{ "coverage-per-test", "coverage is of the kernel: collect it around the run, or by --hook" },
	{ "collect-script", "coverage is of the kernel: collect it around the run, or by --hook" },
};

static const char help[] =
	"Usage: dmabuf_runner [OPTION]... TEST_ROOT RESULTS\n"
	"       dmabuf_runner --list-all [OPTION]... TEST_ROOT\n"
	"Runs every subtest of the tests in TEST_ROOT, each in a process of its own, and\n"
	"keeps what they say in the new directory RESULTS, as igt_runner does.\n"
	"\n"
	"  -t, --include-tests REGEX    run only what matches igt@BINARY@SUBTEST or\n"
	"                               igt@BINARY@SUBTEST@DYNAMIC\n"
	"  -x, --exclude-tests REGEX    do not run what matches\n"
	"  -b, --blacklist FILE         do not run what matches a regex in FILE\n"
	"      --test-list FILE         run what FILE names, igt@BINARY@SUBTEST a line\n"
	"      --shard I/N              of all that run only every Nth, from the Ith on\n"
	"      --expectations PATH      what is known of the kernel, by PATH-fails.txt,\n"
	"                               PATH-flakes.txt and PATH-skips.txt, or by what the\n"
	"                               directory PATH has for it\n"
	"      --ignore-missing         accepted and ignored, as igt_runner does\n"
	"  -L, --list-all               print what would be run, and stop\n"
	"  -m, --multiple-mode          run a binary's subtests in one process; what is behind\n"
	"                               one that ends it, in another\n"
	"  -d, --dry-run                prepare RESULTS for dmabuf_resume, and stop\n"
	"  -o, --overwrite              delete an earlier run in RESULTS first\n"
	"  -n, --name NAME              the run's name; default: that of RESULTS\n"
	"  -e, --environment KEY[=VALUE] set KEY for the tests\n"
	"  -s, --sync                   sync every file to disk as it is written\n"
	"  -l, --log-level LEVEL        quiet, normal or verbose (shows what tests print)\n"
	"      --allow-non-root         run although you are not root\n"
	"      --inactivity-timeout S   end a test that has said nothing for S seconds\n"
	"      --per-test-timeout S     end a (dynamic) subtest after S seconds (120);\n"
	"                               0: never\n"
	"      --overall-timeout S      start nothing after S seconds\n"
	"      --disk-usage-limit N     end a test that, with the kernel, has said more than N\n"
	"                               bytes, or with k, M or G behind N, of these\n"
	"      --abort-on-monitored-error[=taint,lockdep,all]\n"
	"                               stop when the kernel is found damaged after a test\n"
	"      --dmesg-warn-level N     kernel messages of this level or worse (4, a\n"
	"                               warning) turn a pass into a dmesg-warn\n"
	"      --prune-mode MODE        what is left of results: keep-all (the default),\n"
	"                               keep-subtests, without dynamic subtests,\n"
	"                               keep-dynamic-subtests or keep-dynamic, without\n"
	"                               subtests that have such, keep-requested\n"
	"      --hook HOOK              have each test run a command where it begins or ends\n"
	"      --help-hook              print what HOOK is\n"
	"      --no-report              leave the report to dmabuf_results\n"
	"      --version, -h, --help\n"
	"Not here, and dmabuf_runner(1) says why: --facts, -f, --kmemleak, -k, --use-watchdog,\n"
	"--piglit-style-dmesg, --collect-code-cov, --coverage-per-test, --collect-script\n"
	"\n"
	"Exit status: 0 everything ran and nothing failed; 1 something failed; 2 it could\n"
	"not run, or not to the end.\n";

static void add_regex(struct regex_list *list, const char *pattern)
{
	const char *wrong = regex_list_add(list, pattern, REGEX_CASELESS);

	if (wrong)
		die("%s", wrong);
}

/* A regular expression a line; blank lines and # comments are passed over. */
static void add_blacklist(struct regex_list *list, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[1024];

	if (!f)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "#\n")] = 0;
		for (size_t len = strlen(line); len && strchr(" \t\r", line[len - 1]); )
			line[--len] = 0;
		if (line[0])
			add_regex(list, line);
	}
	fclose(f);
}

static int number(const char *option, const char *arg)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (end == arg || *end || n < 0 || n > INT_MAX / 1000)
		die("--%s takes a whole number, not '%s'", option, arg);
	return n;
}

/* "10M", as igt_runner takes it: in powers of 1024. */
static long long bytes(const char *arg)
{
	static const char units[] = "kMG";
	long long n;
	char *end;

	errno = 0;
	n = strtoll(arg, &end, 10);
	if (end != arg && *end && !end[1] && strchr(units, *end == 'K' ? 'k' : *end)) {
		const int shift = 10 * (strchr(units, *end == 'K' ? 'k' : *end) - units + 1);

		if (n >> (62 - shift))
			n = -1;
		else
			n <<= shift;
		end++;
	}
	if (end == arg || *end || n < 0 || errno)
		die("--disk-usage-limit takes a whole number and k, M, G or nothing, not '%s'", arg);
	return n;
}

static enum prune_mode prune_mode(const char *arg)
{
	static const struct { const char *name; enum prune_mode mode; } modes[] = {
		{ "keep-dynamic-subtests", KEEP_DYNAMIC }, { "keep-dynamic", KEEP_DYNAMIC },
		{ "keep-subtests", KEEP_SUBTESTS }, { "keep-all", KEEP_ALL },
		{ "keep-requested", KEEP_REQUESTED },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, arg))
			return modes[i].mode;
	die("--prune-mode takes keep-all, keep-subtests, keep-dynamic-subtests or keep-requested, not '%s'",
	    arg);
}

static void refuse(const char *name) __attribute__((noreturn));
static void refuse(const char *name)
{
	size_t i = 0;

	while (strcmp(not_here[i].name, name))
		i++;
	die("--%s is igt_runner's, and not here: %s", name, not_here[i].why);
}

static void shard(struct settings *s, const char *arg)
{
	char end;

	if (sscanf(arg, "%d/%d%c", &s->shard, &s->shards, &end) != 2 || s->shard < 1 ||
	    s->shard > s->shards)
		die("--shard takes I/N with I from 1 to N, not '%s'", arg);
}

static unsigned int abort_conditions(const char *arg)
{
	static const struct { const char *name; unsigned int mask; } conditions[] = {
		{ "taint", ABORT_TAINT }, { "lockdep", ABORT_LOCKDEP }, { "all", ABORT_ALL },
		{ "ping", 0 }, { "", 0 },
	};
	unsigned int mask = 0;
	char *copy = xstrdup(arg), *rest = copy, *word;

	while ((word = strsep(&rest, ","))) {
		size_t i = 0;

		while (strcmp(conditions[i].name, word))
			if (++i == sizeof(conditions) / sizeof(conditions[0]))
				die("--abort-on-monitored-error knows taint, lockdep and all, not '%s'",
				    word);
		if (!strcmp(word, "ping"))
			die("--abort-on-monitored-error=ping is igt_runner's, and not here: %s",
			    "look from outside whether a machine still answers");
		mask |= conditions[i].mask;
	}
	free(copy);
	return mask;
}

static enum log_level log_level(const char *arg)
{
	static const char *const names[] = {
		[LOG_LEVEL_NORMAL] = "normal", [LOG_LEVEL_QUIET] = "quiet",
		[LOG_LEVEL_VERBOSE] = "verbose",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], arg))
			return i;
	die("--log-level takes quiet, normal or verbose, not '%s'", arg);
}

static void add_env(struct settings *s, const char *arg)
{
	const char *value = strchr(arg, '=') ? "" : getenv(arg);

	if (!value)
		die("--environment %s: it is not set here", arg);
	*grow(s->env, s->num_env) = strchr(arg, '=') ? xstrdup(arg) :
				    xasprintf("%s=%s", arg, value);
}

/* A line of metadata.txt is a setting. */
static void check_line(const char *text)
{
	if (text && strchr(text, '\n'))
		die("there is a newline in '%s', which metadata.txt cannot hold", text);
}

static char *absolute(const char *path)
{
	char *real = realpath(path, NULL), *cwd;

	if (real || path[0] == '/')
		return real ?: xstrdup(path);
	cwd = getcwd(NULL, 0);
	return xasprintf("%s/%s", cwd ?: "", path);
}

void settings_parse(struct settings *s, int argc, char **argv)
{
	const char *root = getenv("IGT_TEST_ROOT");
	int opt, index = 0;

	memset(s, 0, sizeof(*s));
	s->per_test_timeout = PER_TEST_TIMEOUT;
	s->dmesg_warn_level = 4;
	s->prune_mode = KEEP_ALL;
	s->argc = argc;
	s->argv = argv;

	while ((opt = getopt_long(argc, argv, "hn:dt:x:b:Losl:e:mfk::", options, &index)) != -1) {
		switch (opt) {
		case 'h':
			fputs(help, stdout);
			exit(0);
		case OPT_VERSION:
			printf("dmabuf_runner %s-g%s\n", PACKAGE_VERSION, IGT_GIT);
			exit(0);
		case 'n':
			s->name = xstrdup(optarg);
			break;
		case 'd':
			s->dry_run = true;
			break;
		case 't':
			add_regex(&s->include, optarg);
			break;
		case 'x':
			add_regex(&s->exclude, optarg);
			break;
		case 'b':
			add_blacklist(&s->exclude, optarg);
			break;
		case OPT_TEST_LIST:
			s->test_list = xstrdup(optarg);
			break;
		case OPT_IGNORE_MISSING:
			break;
		case 'L':
			s->list_all = true;
			break;
		case 'o':
			s->overwrite = true;
			break;
		case 's':
			s->sync = true;
			break;
		case 'l':
			s->log_level = log_level(optarg);
			break;
		case 'e':
			add_env(s, optarg);
			break;
		case OPT_NON_ROOT:
			s->allow_non_root = true;
			break;
		case OPT_ABORT:
			s->abort_mask = optarg ? abort_conditions(optarg) : ABORT_ALL;
			break;
		case OPT_INACTIVITY:
			s->inactivity_timeout = number("inactivity-timeout", optarg);
			break;
		case OPT_PER_TEST:
			s->per_test_timeout = number("per-test-timeout", optarg);
			break;
		case OPT_OVERALL:
			s->overall_timeout = number("overall-timeout", optarg);
			break;
		case OPT_WARN_LEVEL:
			s->dmesg_warn_level = number("dmesg-warn-level", optarg);
			break;
		case OPT_NO_REPORT:
			s->no_report = true;
			break;
		case OPT_SHARD:
			shard(s, optarg);
			break;
		case 'm':
			s->multiple_mode = true;
			break;
		case OPT_PRUNE:
			s->prune_mode = prune_mode(optarg);
			break;
		case OPT_DISK_USAGE:
			s->disk_usage_limit = bytes(optarg);
			break;
		case OPT_HOOK:
			if (!igt_hook_add(optarg))
				die("'%s' is no hook; see --help-hook", optarg);
			*grow(s->hooks, s->num_hooks) = xstrdup(optarg);
			break;
		case OPT_HELP_HOOK:
			fputs(igt_hook_help, stdout);
			exit(0);
		case 'f':
			refuse("facts");
		case 'k':
			refuse("kmemleak");
		case OPT_NOT_HERE:
			refuse(options[index].name);
		case OPT_EXPECTATIONS:
			s->expectations = absolute(optarg);
			break;
		default:
			die("see --help");
		}
	}

	if (!root && optind < argc)
		root = argv[optind++];
	else if (root && argc - optind == (s->list_all ? 1 : 2))
		optind++;	/* the environment overrides it */
	if (!root || (!s->list_all && optind >= argc))
		die("TEST_ROOT and RESULTS are needed; see --help");
	s->test_root = absolute(root);
	if (!s->list_all)
		s->results_path = absolute(argv[optind++]);
	if (optind < argc)
		die("unexpected argument '%s'; see --help", argv[optind]);
	if (s->results_path && !s->name)
		s->name = xstrdup(basename(s->results_path));
	for (int i = 0; i < argc; i++)
		check_line(argv[i]);
	for (size_t i = 0; i < s->num_env; i++)
		check_line(s->env[i]);
	check_line(s->name);
	check_line(s->test_root);
	check_line(s->results_path);
	check_line(s->expectations);
}

/* The numbers in metadata.txt that mean something here, by igt_runner's names. */
#define for_each_number(X) \
	X(abort_mask) X(dry_run) X(allow_non_root) X(sync) X(log_level) X(overwrite) \
	X(inactivity_timeout) X(per_test_timeout) X(overall_timeout) X(dmesg_warn_level) \
	X(multiple_mode) X(prune_mode) X(disk_usage_limit) X(no_report)

/* A hook and an empty line, as igt_runner has it. */
static const char hooks_file[] = "hooks.txt";

static bool write_hooks(const struct settings *s, int dirfd)
{
	FILE *f = s->num_hooks ? create_file(dirfd, hooks_file) : NULL;

	for (size_t i = 0; f && i < s->num_hooks; i++)
		fprintf(f, "%s\n\n", s->hooks[i]);
	return !s->num_hooks || (f && replace_file(f, dirfd, hooks_file));
}

static void read_hooks(struct settings *s, int dirfd)
{
	char *text = slurp(dirfd, hooks_file);

	for (const char *at = text ?: "", *end; *at; at = end + strspn(end, "\n")) {
		end = strstr(at, "\n\n") ?: strchr(at, 0);
		*grow(s->hooks, s->num_hooks) = xstrndup(at, end - at);
	}
	free(text);
}

bool settings_write(const struct settings *s, int dirfd)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool ok;

	fprintf(f, "name : %s\n", s->name);
#define X(key) fprintf(f, #key " : %lld\n", (long long)s->key);
	for_each_number(X)
#undef X
	fprintf(f, "test_root : %s\nresults_path : %s\n", s->test_root, s->results_path);
	for (size_t i = 0; i < s->num_env; i++)
		fprintf(f, "environment : %s\n", s->env[i]);
	if (s->expectations)
		fprintf(f, "expectations : %s\n", s->expectations);
	for (size_t i = 0; i < s->include.count; i++)
		fprintf(f, "include : %s\n", s->include.regexes[i].text);
	for (size_t i = 0; i < s->exclude.count; i++)
		fprintf(f, "exclude : %s\n", s->exclude.regexes[i].text);
	fprintf(f, "cmdline.argc : %d\n", s->argc);
	for (int i = 0; i < s->argc; i++)
		fprintf(f, "cmdline.argv[%d] : %s\n", i, s->argv[i]);
	fclose(f);
	ok = write_hooks(s, dirfd) && spew(dirfd, "metadata.txt", "%s", text);
	free(text);
	return ok;
}

bool settings_read(struct settings *s, int dirfd)
{
	char *text = slurp(dirfd, "metadata.txt");
	size_t argc = 0;

	memset(s, 0, sizeof(*s));
	s->dmesg_warn_level = 4;
	s->prune_mode = KEEP_ALL;
	if (!text)
		return false;
	for (const char *at = text; *at; at = next_line(at)) {
		const char *value = memmem(at, strcspn(at, "\n"), " : ", 3);
		char *key, *copy;

		if (!value)
			continue;
		key = xstrndup(at, value - at);
		value += 3;
		copy = xstrndup(value, strchrnul(value, '\n') - value);
		if (!strcmp(key, "name"))
			s->name = xstrdup(copy);
		else if (!strcmp(key, "test_root"))
			s->test_root = xstrdup(copy);
		else if (starts_with(key, "cmdline.argv[", NULL))
			*grow(s->argv, argc) = xstrdup(copy);
		else if (!strcmp(key, "include"))
			add_regex(&s->include, copy);
		else if (!strcmp(key, "exclude"))
			add_regex(&s->exclude, copy);
		else if (!strcmp(key, "expectations"))
			s->expectations = xstrdup(copy);
		else if (!strcmp(key, "environment"))
			*grow(s->env, s->num_env) = xstrdup(copy);
#define X(number) else if (!strcmp(key, #number)) s->number = atoll(copy);
		for_each_number(X)
#undef X
		free(key);
		free(copy);
	}
	s->argc = argc;
	read_hooks(s, dirfd);
	free(text);
	return s->test_root;
}

void settings_expect(struct settings *s)
{
	struct utsname u;

	uname(&u);
	if (s->expectations)
		expectations_read(&s->known, s->expectations, u.release);
}

bool settings_exclude(const struct settings *s, const char *name)
{
	const char *part = name;

	for (int i = 0; i < 3 && part; i++)
		part = strchr(part + !!i, '@');
	/*
	 * A block list of igt_runner's is about subtests, and "@(?!this$)" means all others:
	 * what says nothing of a dynamic subtest excludes none of them.
	 */
	if (part)
		return regex_list_reaches(&s->exclude, name, part - name) ||
		       regex_list_reaches(&s->known.skips, name, part - name);
	return regex_list_match(&s->exclude, name) || regex_list_match(&s->known.skips, name);
}

bool settings_choose(const struct settings *s)
{
	return s->include.count || s->exclude.count || s->known.skips.count;
}
