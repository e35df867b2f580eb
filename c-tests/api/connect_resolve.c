/*
 * mrpc_connect: errors of resolution, and several addresses. This program's
 * getaddrinfo takes the place of libc's.
 */
/* PROTO: test.mx */
#define _GNU_SOURCE
#include "fds.h"

#include <netdb.h>
#include "test_client.h"

static int outcome;                     /* an EAI_ value */
static int outcome_errno;
static struct addrinfo *addresses;      /* where outcome is 0 */
static struct addrinfo asked;
static int calls;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	(void)host;
	(void)service;
	calls++;
	if (hints != NULL)
		asked = *hints;
	*res = addresses;
	errno = outcome_errno;
	return outcome;
}

void freeaddrinfo(struct addrinfo *res)
{
	(void)res;
}

static const struct { int eai; const char *name; int expected; } errors[] = {
	{ EAI_ADDRFAMILY, "ADDRFAMILY", EADDRNOTAVAIL },
	{ EAI_AGAIN, "AGAIN", EAGAIN },
	{ EAI_BADFLAGS, "BADFLAGS", EINVAL },
	{ EAI_FAIL, "FAIL", EIO },
	{ EAI_FAMILY, "FAMILY", EAFNOSUPPORT },
	{ EAI_MEMORY, "MEMORY", ENOMEM },
	{ EAI_NODATA, "NODATA", ENOENT },
	{ EAI_NONAME, "NONAME", ENOENT },
	{ EAI_SERVICE, "SERVICE", ENOENT },
	{ EAI_OVERFLOW, "OVERFLOW", EIO },
	{ EAI_SOCKTYPE, "SOCKTYPE", EOPNOTSUPP },
	{ EAI_SYSTEM, "SYSTEM", EMFILE },
	{ EAI_INPROGRESS, "INPROGRESS", EIO },
	{ -9999, "an unknown one", EIO },
};

static struct sockaddr_in sockaddrs[3];
static struct addrinfo nodes[3];

/* A list of addresses on the loopback; port 0 stands for a family that no
 * socket can be made of. */
static void resolve_to(int n, const int *ports)
{
	for (int i = 0; i < n; i++) {
		memset(&nodes[i], 0, sizeof(nodes[i]));
		memset(&sockaddrs[i], 0, sizeof(sockaddrs[i]));
		sockaddrs[i].sin_family = AF_INET;
		sockaddrs[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		sockaddrs[i].sin_port = htons((uint16_t)ports[i]);
		nodes[i].ai_family = ports[i] == 0 ? 45 : AF_INET;
		nodes[i].ai_socktype = SOCK_STREAM;
		nodes[i].ai_addr = (struct sockaddr *)&sockaddrs[i];
		nodes[i].ai_addrlen = sizeof(sockaddrs[i]);
		nodes[i].ai_next = i + 1 < n ? &nodes[i + 1] : NULL;
	}
	addresses = &nodes[0];
	outcome = 0;
	outcome_errno = 0;
}

static int connect_to(struct mrpc_connection *conn, int a, int b, int c)
{
	int ports[3] = { a, b, c };

	resolve_to(c >= 0 ? 3 : b >= 0 ? 2 : 1, ports);
	return mrpc_connect(conn, AF_INET, "name", "service");
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	char open_port[8], closed_port[8];
	int listener, open, closed, peer;
	struct leaks leaks;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	close(peer_listen(closed_port));
	listener = peer_listen(open_port);
	open = atoi(open_port);
	closed = atoi(closed_port);

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		SECTION("getaddrinfo fails: %s", errors[i].name);
		outcome = errors[i].eai;
		outcome_errno = EMFILE;
		CHECK_EQ(mrpc_connect(conn, AF_INET, "name", "service"), errors[i].expected);
		CHECK_EQ(calls, i + 1);
	}

	SECTION("it is asked for streams of the family given");
	CHECK_EQ(asked.ai_socktype, SOCK_STREAM);
	CHECK_EQ(asked.ai_family, AF_INET);

	SECTION("the errno of the last address tried");
	CHECK_EQ(connect_to(conn, closed, -1, -1), ECONNREFUSED);
	CHECK_EQ(connect_to(conn, closed, closed, closed), ECONNREFUSED);
	CHECK_EQ(connect_to(conn, 0, -1, -1), EAFNOSUPPORT);
	CHECK_EQ(connect_to(conn, 0, closed, -1), ECONNREFUSED);

	SECTION("a connect error is not replaced by a later socket error");
	CHECK_EQ(connect_to(conn, closed, 0, -1), ECONNREFUSED);
	CHECK_EQ(connect_to(conn, closed, 0, 0), ECONNREFUSED);

	SECTION("every address is tried, in order, on the same handle");
	CHECK_EQ(connect_to(conn, closed, 0, open), 0);
	peer = peer_accept(listener);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	PEER_EOF(peer);
	close(peer);
	mrpc_conn_unref(conn);

	SECTION("and none after the first that works");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	CHECK_EQ(connect_to(conn, open, open, open), 0);
	peer = peer_accept(listener);
	PEER_QUIET(listener, 50);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	close(peer);
	mrpc_conn_unref(conn);

	SECTION("nothing is left");
	close(listener);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
