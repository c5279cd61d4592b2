/*
 * A fault for LD_PRELOAD: the capeai worker dies by SIGSEGV when it reads (jansson's json_loadb) or writes
 * (json_dumpb) a text that contains the word of CAPEAI_CRASH_ON. No other process does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

static int in_worker(void)
{
	char title[64];
	const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, title, sizeof title - 1);
	if (fd >= 0) close(fd);
	if (n <= 0) return 0;
	title[n] = '\0';
	return strstr(title, "capeai worker") != NULL;
}

static void look(const char *text, size_t length, const char *variable)
{
	const char *word = getenv(variable);
	if (word && *word && memmem(text, length, word, strlen(word)) && in_worker()) raise(SIGSEGV);
}

json_t *json_loadb(const char *buffer, size_t length, size_t flags, json_error_t *error)
{
	json_t *(*real)(const char *, size_t, size_t, json_error_t *) = dlsym(RTLD_NEXT, "json_loadb");
	look(buffer, length, "CAPEAI_CRASH_ON_READING");
	return real(buffer, length, flags, error);
}

size_t json_dumpb(const json_t *json, char *buffer, size_t size, size_t flags)
{
	size_t (*real)(const json_t *, char *, size_t, size_t) = dlsym(RTLD_NEXT, "json_dumpb");
	const size_t written = real(json, buffer, size, flags);
	look(buffer, written < size ? written : size, "CAPEAI_CRASH_ON_WRITING");
	return written;
}
