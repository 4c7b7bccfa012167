// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

void die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

void *xrealloc(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (!p)
		die("out of memory");
	return p;
}

char *xstrndup(const char *s, size_t len)
{
	char *copy = xrealloc(NULL, len + 1);

	memcpy(copy, s, len);
	copy[len] = 0;
	return copy;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		die("out of memory");
	return s;
}

/* No file but what a test printed is larger. */
#define MAX_FILE (16 << 20)

/* Of what a test printed: beyond these, only its ends, and so much of the lines between. */
#define MAX_OUTPUT (4 << 20)
#define END_OF_OUTPUT (1 << 20)
#define MAX_LINE 512

static char *without_nul(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = '?';
	text[len] = 0;
	return text;
}

char *slurp(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, room = 4096;
	char *text;
	ssize_t n;

	if (fd < 0)
		return NULL;
	text = xrealloc(NULL, room);
	while ((n = read(fd, text + len, room - len - 1)) > 0) {
		len += n;
		if (room - len < 4096)
			text = xrealloc(text, room *= 2);
		if (len > MAX_FILE) {
			errno = EFBIG;
			n = -1;
			break;
		}
	}
	close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	return without_nul(text, len);
}

/* By which a test says where it is. */
static bool is_mark(const char *line)
{
	return starts_with(line, "Starting ", NULL) || starts_with(line, "Subtest ", NULL) ||
	       starts_with(line, "Dynamic subtest ", NULL) || starts_with(line, "exit:", NULL) ||
	       starts_with(line, "timeout:", NULL) || strstr(line, ";[IGT] ");
}

/* The marks in the middle of a file, from where f is up to end. */
static size_t read_marks(FILE *f, off_t end, char *to, size_t room)
{
	char line[MAX_LINE];
	/* The first one's begin is elsewhere. */
	size_t n = sizeof(line), len = 0;
	int c;

	for (off_t at = ftello(f); at < end && (c = getc_unlocked(f)) != EOF; at++) {
		if (n < sizeof(line))
			line[n++] = c ?: '?';
		if (c != '\n')
			continue;
		if (n < sizeof(line) && len + n < room) {
			line[n] = 0;
			if (is_mark(line))
				len = stpcpy(to + len, line) - to;
		}
		n = 0;
	}
	return len;
}

char *slurp_output(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t len = 0;
	char *text;
	FILE *f;

	if (fd < 0 && errno == ENOENT)
		return xstrdup("");
	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	/* Of most there is little, and of them there are many: no stream for these. */
	if (st.st_size <= MAX_OUTPUT) {
		ssize_t n = 0;

		text = xrealloc(NULL, st.st_size + 1);
		while (len < (size_t)st.st_size && (n = read(fd, text + len, st.st_size - len)) > 0)
			len += n;
		if (n < 0)
			die("%s: %s", path, strerror(errno));
		close(fd);
		return without_nul(text, len);
	}
	f = fdopen(fd, "r");
	if (!f)
		die("%s: %s", path, strerror(errno));
	text = xrealloc(NULL, 3 * END_OF_OUTPUT + 100);
	len = fread(text, 1, END_OF_OUTPUT, f);
	len += sprintf(text + len, "\n[%lld bytes of this are left out]\n",
		       (long long)st.st_size - 2 * END_OF_OUTPUT);
	len += read_marks(f, st.st_size - END_OF_OUTPUT, text + len, END_OF_OUTPUT);
	fseeko(f, st.st_size - END_OF_OUTPUT, SEEK_SET);
	len += fread(text + len, 1, END_OF_OUTPUT, f);
	if (ferror(f))
		die("%s: %s", path, strerror(errno));
	fclose(f);
	return xrealloc(without_nul(text, len), len + 1);
}

bool spew(int dirfd, const char *path, const char *fmt, ...)
{
	FILE *f = create_file(dirfd, path);
	va_list ap;

	if (!f)
		return false;
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	return replace_file(f, dirfd, path);
}

FILE *create_file(int dirfd, const char *name)
{
	char *new = xasprintf("%s.new", name);
	int fd = openat(dirfd, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	free(new);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

bool replace_file(FILE *f, int dirfd, const char *name)
{
	char *new = xasprintf("%s.new", name);
	/* What is written once is worth waiting for, and after a crash it must not be empty. */
	bool ok = !fflush(f) && !ferror(f) && !fsync(fileno(f)) &&
		  !renameat(dirfd, new, dirfd, name);
	int why = errno;

	fclose(f);
	if (!ok)
		unlinkat(dirfd, new, 0);
	free(new);
	errno = why;
	return ok;
}

void lock_results(int dirfd, const char *path)
{
	/* There are file systems that cannot lock a directory. */
	if (flock(dirfd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		die("%s is in use by another runner", path);
}

size_t find_word(const struct words *list, const char *s, size_t len)
{
	size_t i = 0;

	while (i < list->count && (strncmp(list->words[i], s, len) || list->words[i][len]))
		i++;
	return i;
}

size_t word(struct words *list, const char *s, size_t len)
{
	const size_t i = find_word(list, s, len);

	if (i == list->count)
		*grow(list->words, list->count) = xstrndup(s, len);
	return i;
}

char *join_words(const struct words *list, const char *between)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < list->count; i++) {
		char *more = xasprintf("%s%s%s", text, i ? between : "", list->words[i]);

		free(text);
		text = more;
	}
	return text;
}

void free_words(struct words *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->words[i]);
	free(list->words);
}

bool starts_with(const char *s, const char *prefix, const char **rest)
{
	size_t len = strlen(prefix);

	if (strncmp(s, prefix, len))
		return false;
	if (rest)
		*rest = s + len;
	return true;
}

const char *next_line(const char *s)
{
	s = strchrnul(s, '\n');
	return *s ? s + 1 : s;
}

size_t printable_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 :
		     s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, beyond Unicode; and XML's two non-characters. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ||
	    (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe))
		return 0;
	/* The control characters of ASCII, and those of Latin 1. */
	if ((s[0] < 0x20 && s[0] != '\n' && s[0] != '\t') || s[0] == 0x7f ||
	    (s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	return len;
}

void put_printable(FILE *f, const char *text)
{
	for (size_t n; *text; text += n ?: 1) {
		n = printable_length(text);
		if (n)
			fwrite(text, 1, n, f);
		else
			fprintf(f, "\\x%02x", (unsigned char)*text);
	}
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}
