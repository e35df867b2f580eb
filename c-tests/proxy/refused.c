/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_proxy_protocol: a connection that does not begin with a header, or does not send
 * one in time, is refused, with a trace event that says from whom and why; nobody is told of
 * it otherwise, and it harms no other. Until it has sent its header it counts among the
 * accepted ones; one that has not when the listener is closed, is closed.
 */
/* TIMEOUT: 60 */
#include "proxy.h"

static uint64_t refused;

/* Writes, ends its sending side if it is to, and sees the end. */
static void refuse(const void *data, size_t len, bool end, const char *why)
{
	struct sockaddr_in own;
	socklen_t own_len = sizeof(own);
	struct step step;
	char text[128];
	int fd = peer_connect(gate.port);

	forget_steps(&steps);
	REQUIRE_EQ(getsockname(fd, (struct sockaddr *)&own, &own_len), 0);
	peer_write(fd, data, len);
	if (end)
		shutdown(fd, SHUT_WR);
	PEER_EOF(fd);
	close(fd);
	step = wait_step(&steps, MRPC_TRACE_ERROR, 0);
	CHECK_EQ(step.event.connection, 0);
	snprintf(text, sizeof(text), "a connection from 127.0.0.1 port %d is refused: %s",
		 ntohs(own.sin_port), why);
	CHECK_STR(step.text, text);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_ERROR, 0), 1);
	CHECK_EQ(set_stats(gate.set).connections_refused, ++refused);
}

int main(void)
{
	static const char *const none = "it does not begin with a PROXY header";
	static const char *const ended = "it ends before a PROXY header";
	unsigned char bytes[300], rpc[HEADER_LEN];
	int silent[3], fd, i;
	struct leaks leaks;
	size_t len;

	leaks_begin(&leaks);
	gate_open();

	SECTION("something else");
	peer_header(rpc, 7, PENDING, nr_test_ping, 0);
	refuse(rpc, sizeof(rpc), false, none);
	refuse("GET / HTTP/1.1\r\n\r\n", 18, false, none);
	refuse("\r\n\r\nx", 5, false, none);
	refuse("PROXY TCP4 192.0.2.1 10.0.0.1 40000 80\r\n", 40, false,
	       "its PROXY header is of version 1, and only version 2 is known");
	len = header(bytes, 0x11, TCP4, v4, sizeof(v4));
	refuse(bytes, len, false, "its PROXY header has an unknown version or command");
	len = header(bytes, 0x22, TCP4, v4, sizeof(v4));
	refuse(bytes, len, false, "its PROXY header has an unknown version or command");
	len = header(bytes, PROXY, TCP4, v4, 11);
	refuse(bytes, len, false, "its PROXY header is too short for its addresses");
	len = header(bytes, PROXY, TCP6, v4, sizeof(v4));
	refuse(bytes, len, false, "its PROXY header is too short for its addresses");

	SECTION("an end before it, wherever");
	len = header(bytes, PROXY, TCP4, v4, sizeof(v4));
	for (i = 0; i < (int)len; i += 3)
		refuse(bytes, (size_t)i, true, ended);

	SECTION("at the bound of connections, those without a header count");
	CHECK_EQ(mrpc_set_max_connections(gate.set, 3), 0);
	for (i = 0; i < 3; i++)
		silent[i] = peer_connect(gate.port);
	peer_write(silent[1], bytes, len - 1);
	fd = peer_connect(gate.port);
	peer_write(fd, bytes, len);
	STAYS(counter_get(&gate.accepted) == 0, 50);
	forget_steps(&steps);
	close(silent[0]);
	COUNTER_WAIT(&gate.accepted, 1);
	ping(fd);
	CHECK_EQ(set_stats(gate.set).connections_refused, ++refused);
	wait_step(&steps, MRPC_TRACE_ERROR, 0);

	SECTION("silent ones are refused in time, the others served meanwhile");
	forget_steps(&steps);
	PEER_EOF(silent[1]);
	PEER_EOF(silent[2]);
	close(silent[1]);
	close(silent[2]);
	CHECK(strstr(wait_step(&steps, MRPC_TRACE_ERROR, 0).text, ": its PROXY header does not come"));
	CHECK_EQ(set_stats(gate.set).connections_refused, refused += 2);
	ping(fd);

	SECTION("those that wait when the listener is closed are closed");
	CHECK_EQ(mrpc_set_max_connections(gate.set, 0), 0);
	for (i = 0; i < 3; i++) {
		silent[i] = peer_connect(gate.port);
		peer_write(silent[i], bytes, (size_t)i);
	}
	/* they have left the backlog: a later one has been served */
	close(fd);
	fd = peer_connect(gate.port);
	peer_write(fd, bytes, len);
	ping(fd);
	mrpc_listen_close(gate.set);
	for (i = 0; i < 3; i++) {
		PEER_EOF(silent[i]);
		close(silent[i]);
	}
	ping(fd);
	close(fd);
	CHECK_EQ(set_stats(gate.set).connections_refused, refused);

	SECTION("nobody was told of them; nothing is left");
	CHECK_EQ(counter_get(&gate.accepted), 2);
	gate_close();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
