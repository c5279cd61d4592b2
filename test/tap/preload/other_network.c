/*
 * A network that is not there, for LD_PRELOAD: names under .test resolve to the addresses in the file
 * CAPEAI_NETWORK (`name address` on each line, read at each lookup), and IPv4 connections go to 127.0.0.1, to the
 * port that was asked for. So a resolver can say one thing now and another then, and a public address be
 * reached without leaving the machine.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The addresses of `name`, at most `most`; how many there are. */
static int look_up(const char *name, char addresses[][64], int most)
{
	const char *path = getenv("CAPEAI_NETWORK");
	FILE *file = path ? fopen(path, "re") : NULL;
	char found[256], address[64];
	int count = 0;
	if (!file) return 0;
	while (count < most && fscanf(file, "%255s %63s", found, address) == 2)
		if (strcmp(found, name) == 0) strcpy(addresses[count++], address);
	fclose(file);
	return count;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	const size_t length = node ? strlen(node) : 0;
	char addresses[8][64];
	struct addrinfo **last = result, numeric;
	int count;
	if (length < 5 || strcmp(node + length - 5, ".test") != 0) return real(node, service, hints, result);
	count = look_up(node, addresses, 8);
	memset(&numeric, 0, sizeof numeric);
	if (hints) numeric = *hints;
	numeric.ai_flags = AI_NUMERICHOST;
	numeric.ai_family = AF_UNSPEC;
	*result = NULL;
	for (int i = 0; i < count; ++i)
	{
		if (real(addresses[i], service, &numeric, last) != 0) continue;
		while (*last) last = &(*last)->ai_next;
	}
	return *result ? 0 : EAI_NONAME;
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (!getenv("CAPEAI_NETWORK") || address->sa_family != AF_INET) return real(fd, address, length);
	here.sin_port = ((const struct sockaddr_in *) address)->sin_port;
	return real(fd, (const struct sockaddr *) &here, sizeof here);
}
