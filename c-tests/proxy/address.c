/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_proxy_protocol: the accept function and mrpc_conn_get_peer_address are given the
 * address of the header, of each family; the balancer's own where the header names nobody.
 * What follows the header is the connection's, however the two arrive; accept is not called
 * before the header is complete. Off, which is the default, a header is no header.
 */
#include "proxy.h"

static unsigned char bytes[70000];

/* Sends a header and a request behind it, in pieces; the connection is accepted and answers. */
static int arrive(size_t len, size_t piece)
{
	long before = counter_get(&gate.accepted);
	int fd = peer_connect(gate.port);
	size_t at = 0;

	peer_header(bytes + len, 7, PENDING, nr_test_ping, 0);
	for (at = 0; at < len + HEADER_LEN; at += piece) {
		size_t rest = len + HEADER_LEN - at;

		CHECK(at >= len || counter_get(&gate.accepted) == before);
		peer_write(fd, bytes + at, piece < rest ? piece : rest);
	}
	answered(fd);
	CHECK_EQ(counter_get(&gate.accepted), before + 1);
	return fd;
}

static void is_v4(void)
{
	const struct sockaddr_in *from = (struct sockaddr_in *)&gate.from;
	struct sockaddr_in wanted = { .sin_family = AF_INET, .sin_port = htons(40000) };

	inet_pton(AF_INET, "192.0.2.1", &wanted.sin_addr);
	CHECK_EQ(gate.from_len, sizeof(wanted));
	CHECK_MEM(from, &wanted, sizeof(wanted));
}

/* The socket's own address at its other end. */
static void is_own(int fd)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);

	REQUIRE_EQ(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	CHECK_EQ(gate.from_len, len);
	CHECK_MEM(&gate.from, &own, len);
}

int main(void)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(258) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	unsigned char addresses[216];
	struct leaks leaks;
	size_t len, piece;
	int fd;

	leaks_begin(&leaks);
	CHECK_EQ(mrpc_set_proxy_protocol(NULL, 1), EINVAL);
	gate_open();

	SECTION("IPv4, in one piece and in many");
	for (piece = 1; piece <= 64; piece = 2 * piece + 1) {
		len = header(bytes, PROXY, TCP4, v4, sizeof(v4));
		fd = arrive(len, piece);
		is_v4();
		close(fd);
	}

	SECTION("what follows the addresses is passed over, as much as there can be");
	memset(bytes, 0xee, sizeof(bytes));
	header(bytes, PROXY, TCP4, v4, sizeof(v4));
	bytes[14] = bytes[15] = 0xff;
	fd = arrive(16 + 65535, 4096);
	is_v4();
	close(fd);

	SECTION("IPv6, also on a listener of IPv4");
	inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
	memset(addresses, 0, sizeof(addresses));
	memcpy(addresses, &v6.sin6_addr, 16);
	addresses[32] = 1;
	addresses[33] = 2;
	fd = arrive(header(bytes, PROXY, TCP6, addresses, 36), 1000);
	CHECK_EQ(gate.from_len, sizeof(v6));
	CHECK_MEM(&gate.from, &v6, sizeof(v6));
	close(fd);

	SECTION("Unix: a path, a path of the greatest length, another name");
	memset(addresses, 0, sizeof(addresses));
	strcpy((char *)addresses, "/run/client");
	fd = arrive(header(bytes, PROXY, UNIX, addresses, 216), 1000);
	CHECK_EQ(gate.from_len, offsetof(struct sockaddr_un, sun_path) + sizeof("/run/client"));
	CHECK_EQ(gate.from.ss_family, AF_UNIX);
	CHECK_STR(((struct sockaddr_un *)&gate.from)->sun_path, "/run/client");
	close(fd);
	memset(addresses, 'x', 108);
	fd = arrive(header(bytes, PROXY, UNIX, addresses, 216), 1000);
	memset(un.sun_path, 'x', sizeof(un.sun_path));
	CHECK_EQ(gate.from_len, sizeof(un));
	CHECK_MEM(&gate.from, &un, sizeof(un));
	close(fd);
	memset(addresses, 0, 108);
	strcpy((char *)addresses + 1, "name");
	fd = arrive(header(bytes, PROXY, UNIX, addresses, 216), 1000);
	CHECK_EQ(gate.from_len, offsetof(struct sockaddr_un, sun_path) + 5);
	CHECK_MEM(((struct sockaddr_un *)&gate.from)->sun_path, "\0name", 5);
	close(fd);

	SECTION("the balancer's own: LOCAL, unspecified, another transport");
	fd = arrive(header(bytes, LOCAL, 0, "", 0), 1000);
	is_own(fd);
	close(fd);
	fd = arrive(header(bytes, LOCAL, TCP4, v4, sizeof(v4)), 1000);
	is_own(fd);
	close(fd);
	fd = arrive(header(bytes, PROXY, 0, "", 0), 1000);
	is_own(fd);
	close(fd);
	fd = arrive(header(bytes, PROXY, 0x12, v4, sizeof(v4)), 1000);
	is_own(fd);

	SECTION("off again: connections have no header, and those that are there go on");
	CHECK_EQ(mrpc_set_proxy_protocol(gate.set, 0), 0);
	ping(fd);
	close(fd);
	fd = peer_connect(gate.port);
	ping(fd);
	is_own(fd);
	close(fd);

	SECTION("nothing was refused, nothing is left");
	CHECK_EQ(set_stats(gate.set).connections_refused, 0);
	gate_close();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
