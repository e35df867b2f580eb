#define _GNU_SOURCE
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

void put_u32(void *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof(value));
}

uint32_t get_u32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return ntohl(value);
}

void peer_header(void *at, uint32_t seq, int32_t status, int32_t cmd, uint32_t len)
{
	unsigned char *p = at;

	put_u32(p, seq);
	put_u32(p + 4, (uint32_t)status);
	put_u32(p + 8, (uint32_t)cmd);
	put_u32(p + 12, len);
}

int peer_bind(struct mrpc_connection *conn)
{
	int fds[2];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_bind_fd(conn, fds[0]), 0);
	return fds[1];
}

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in addr;

	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.sin_port = htons((uint16_t)port);
	return addr;
}

int peer_connect(const char *port)
{
	struct sockaddr_in addr = loopback(atoi(port));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(fd >= 0);
	REQUIRE_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

int peer_listen(char port[8])
{
	struct sockaddr_in addr = loopback(0);
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(fd >= 0);
	REQUIRE_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	REQUIRE_EQ(listen(fd, 16), 0);
	REQUIRE_EQ(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(port, 8, "%d", ntohs(addr.sin_port));
	return fd;
}

static bool wait_readable(int fd, int64_t ms)
{
	struct pollfd p = { fd, POLLIN, 0 };
	int64_t end = now_ms() + ms, left;

	while ((left = end - now_ms()) >= 0) {
		int n = poll(&p, 1, (int)left);

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
	return false;
}

int peer_accept(int listener)
{
	int fd;

	REQUIRE(wait_readable(listener, scaled(10000)));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	REQUIRE(fd >= 0);
	return fd;
}

void peer_write(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		REQUIRE(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

void peer_send(int fd, uint32_t seq, int32_t status, int32_t cmd, const void *data,
	       size_t len)
{
	unsigned char *message = malloc(HEADER_LEN + len);

	REQUIRE(message != NULL);
	peer_header(message, seq, status, cmd, (uint32_t)len);
	if (len > 0)
		memcpy(message + HEADER_LEN, data, len);
	peer_write(fd, message, HEADER_LEN + len);
	free(message);
}

bool peer_read(int fd, void *data, size_t len)
{
	int64_t end = now_ms() + scaled(10000);
	char *p = data;

	while (len > 0) {
		ssize_t n;

		if (!wait_readable(fd, end - now_ms()))
			return false;
		n = recv(fd, p, len, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

void peer_recv(int fd, struct frame *f)
{
	unsigned char header[HEADER_LEN];

	REQUIRE(peer_read(fd, header, sizeof(header)));
	f->seq = get_u32(header);
	f->status = (int32_t)get_u32(header + 4);
	f->cmd = (int32_t)get_u32(header + 8);
	f->len = get_u32(header + 12);
	f->data = malloc((size_t)f->len + 1);
	REQUIRE(f->data != NULL);
	REQUIRE(peer_read(fd, f->data, f->len));
}

bool peer_expect(int fd, uint32_t seq, int32_t status, int32_t cmd, const void *data,
		 size_t len, const char *file, int line)
{
	struct frame f;
	bool ok;

	peer_recv(fd, &f);
	ok = tap_check_msg(f.seq == seq && f.status == status && f.cmd == cmd &&
			   f.len == len, file, line,
			   "message (seq %u, status %d, cmd %d, %u bytes), "
			   "expected (%u, %d, %d, %zu)", f.seq, f.status, f.cmd, f.len,
			   seq, status, cmd, len);
	if (ok && len > 0)
		ok = tap_check_mem(f.data, data, len, file, line, "payload");
	free(f.data);
	return ok;
}

bool peer_quiet(int fd, int ms, const char *file, int line)
{
	return tap_check_msg(!wait_readable(fd, ms), file, line,
			     "something arrived, where nothing should");
}

bool peer_eof(int fd, const char *file, int line)
{
	char byte;
	ssize_t n;

	if (!wait_readable(fd, scaled(10000)))
		return tap_check_msg(false, file, line, "the connection is still open");
	n = recv(fd, &byte, 1, MSG_DONTWAIT);
	return tap_check_msg(n == 0 || (n < 0 && errno == ECONNRESET), file, line,
			     "data arrived instead of the end of the stream");
}
