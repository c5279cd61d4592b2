/*
 * A fault for LD_PRELOAD: the capeai worker dies by SIGSEGV when it reads a claimed task's input with the word of
 * CAPEAI_CRASH_ON_READING in one of its members (Json::FromTokens, which sets them by jansson's
 * json_object_set_new_nocheck), or makes a document with that of CAPEAI_CRASH_ON_WRITING (Json::Set, which does it
 * by json_object_set_new). No other process does.
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

static void look_at(const json_t *value, const char *variable)
{
	if (json_is_string(value)) look(json_string_value(value), json_string_length(value), variable);
}

int json_object_set_new_nocheck(json_t *object, const char *key, json_t *value)
{
	int (*real)(json_t *, const char *, json_t *) = dlsym(RTLD_NEXT, "json_object_set_new_nocheck");
	look_at(value, "CAPEAI_CRASH_ON_READING");
	return real(object, key, value);
}

int json_object_set_new(json_t *object, const char *key, json_t *value)
{
	int (*real)(json_t *, const char *, json_t *) = dlsym(RTLD_NEXT, "json_object_set_new");
	look_at(value, "CAPEAI_CRASH_ON_WRITING");
	return real(object, key, value);
}
