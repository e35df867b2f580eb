/* Finding the library's descriptors among the process's own. */
#ifndef API_FDS_H
#define API_FDS_H

#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* The value of an int socket option, or -1. */
__attribute__((unused)) static int sockopt(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

/* The number in network order is at the same place for both families. */
__attribute__((unused)) static int port_of(const struct sockaddr_storage *addr)
{
	return ntohs(((const struct sockaddr_in *)addr)->sin_port);
}

/* Up to max listening sockets; how many. */
__attribute__((unused)) static int find_listeners(int *fds, int max)
{
	int n = 0;

	for (int fd = 0; fd < 256 && n < max; fd++)
		if (sockopt(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
			fds[n++] = fd;
	return n;
}

/* The descriptor of the end that has connected to (client) or was accepted on
 * the port; -1 if there is none. */
__attribute__((unused)) static int find_end(const char *port, bool client)
{
	for (int fd = 0; fd < 256; fd++) {
		struct sockaddr_storage local, remote;
		socklen_t len = sizeof(local);

		if (getsockname(fd, (struct sockaddr *)&local, &len) != 0)
			continue;
		len = sizeof(remote);
		if (getpeername(fd, (struct sockaddr *)&remote, &len) != 0)
			continue;
		if (local.ss_family != AF_INET && local.ss_family != AF_INET6)
			continue;
		if (port_of(client ? &remote : &local) == atoi(port))
			return fd;
	}
	return -1;
}

#endif
