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
	}
	close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = '?';
	text[len] = 0;
	return text;
}

bool spew(int dirfd, const char *path, const char *fmt, ...)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	va_list ap;
	bool ok;

	if (fd < 0)
		return false;
	va_start(ap, fmt);
	ok = vdprintf(fd, fmt, ap) >= 0;
	va_end(ap);
	/* What is written once is worth waiting for. */
	if (ok)
		fsync(fd);
	return !close(fd) && ok;
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
	bool ok = !ferror(f);

	ok = !fclose(f) && ok && !renameat(dirfd, new, dirfd, name);
	free(new);
	return ok;
}

void lock_results(int dirfd, const char *path)
{
	/* There are file systems that cannot lock a directory. */
	if (flock(dirfd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		die("%s is in use by another runner", path);
}

size_t word(struct words *list, const char *s, size_t len)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strncmp(list->words[i], s, len) && !list->words[i][len])
			return i;
	*grow(list->words, list->count) = xstrndup(s, len);
	return list->count - 1;
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
