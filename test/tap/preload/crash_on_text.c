/*
 * A fault for LD_PRELOAD: the capeai worker dies by SIGSEGV when it reads (jansson's json_loadb) or writes
 * (json_dump_callback) a text that contains the word of CAPEAI_CRASH_ON. No other process does.
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

struct writer
{
	json_dump_callback_t callback;
	void *data;
};

static int look_and_write(const char *buffer, size_t size, void *data)
{
	const struct writer *writer = data;
	look(buffer, size, "CAPEAI_CRASH_ON_WRITING");
	return writer->callback(buffer, size, writer->data);
}

int json_dump_callback(const json_t *json, json_dump_callback_t callback, void *data, size_t flags)
{
	int (*real)(const json_t *, json_dump_callback_t, void *, size_t) = dlsym(RTLD_NEXT, "json_dump_callback");
	struct writer writer = {callback, data};
	return real(json, look_and_write, &writer, flags);
}
