/* Scenes of connections and sets: how they are made, and end. */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "scenes.h"

#include <minirpc/tls.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- connecting and listening ---- */

struct attempt {
	struct link *link;
	int wants;
	struct counter over;
};

static void on_connect(void *data, void *private, int error)
{
	struct attempt *attempt = private;

	(void)data;
	if (attempt->wants == 0 || error == 0)
		judge_errno(error, "mrpc_connect_async");
	else
		CHECK_MSG(error == attempt->wants || !is_unnoticed(),
			  "mrpc_connect_async came to %d, not %d", error, attempt->wants);
	if (error == 0)
		link_came();
	counter_add(&attempt->over, 1);
}

static void connect_later(const char *host, const char *port, int wants, bool call)
{
	struct attempt attempt = { .wants = wants };
	int error;

	counter_init(&attempt.over);
	attempt.link = link_new(arena.client, true);
	if (attempt.link == NULL)
		return;
	error = mrpc_connect_async(attempt.link->conn, AF_INET, host, port, on_connect, &attempt);
	judge_errno(error, "mrpc_connect_async at once");
	if (error == 0) {
		if (wants == ECANCELED)
			CHECK_EQ(mrpc_conn_close(attempt.link->conn), 0);
		COUNTER_WAIT(&attempt.over, 1);
		if (call && mrpc_conn_get_error(attempt.link->conn, (char[100]){ 0 }, 100) == 0)
			call_add(attempt.link);
		if (wants != ECANCELED)
			mrpc_conn_close(attempt.link->conn);
	}
	mrpc_conn_unref(attempt.link->conn);
}

/* A port that nobody listens on. */
static void refusing_port(char port[8])
{
	int fd = peer_listen(port);

	close(fd);
}

/* One that was to connect, and what came of it. */
static void ping_and_end(struct link *link, int error)
{
	if (error == 0) {
		link_came();
		call_ping(link);
		link_close(link);
	} else {
		mrpc_conn_unref(link->conn);
	}
}

void play_connecting(void)
{
	struct link *link;
	char port[8];
	int error;

	link = link_new(arena.client, true);
	if (link != NULL) {
		error = mrpc_connect(link->conn, AF_INET, "localhost", arena.port);
		judge_errno(error, "mrpc_connect by name");
		ping_and_end(link, error);
	}
	mrpc_set_connect_timeout(arena.client, 0);
	link = link_open();
	call_ping(link);
	link_close(link);
	mrpc_set_connect_timeout(arena.client, 8000);
	connect_later("localhost", arena.port, 0, is_unnoticed());
	refusing_port(port);
	connect_later("127.0.0.1", port, ECONNREFUSED, false);
	link = link_new(arena.client, true);
	if (link != NULL) {
		error = mrpc_connect(link->conn, AF_INET, "127.0.0.1", port);
		CHECK_MSG(error == ECONNREFUSED || (!is_unnoticed() && error != 0),
			  "mrpc_connect returned %d", error);
		/* The handle can be used again. */
		error = mrpc_connect(link->conn, AF_INET, "127.0.0.1", arena.port);
		judge_errno(error, "mrpc_connect again");
		ping_and_end(link, error);
	}
}

static void open_unix(const char *path)
{
	struct link *link = link_new(arena.client, true);
	int error;
	pid_t pid;
	uid_t uid;
	gid_t gid;

	if (link == NULL)
		return;
	error = mrpc_connect(link->conn, AF_UNIX, path, "");
	judge_errno(error, "mrpc_connect to a Unix socket");
	if (error == 0) {
		link_came();
		call_add(link);
		error = mrpc_conn_get_peer_credentials(link->conn, &pid, &uid, &gid);
		CHECK_MSG(error == 0 || (!is_unnoticed() && error == EOPNOTSUPP),
			  "mrpc_conn_get_peer_credentials returned %d", error);
		link_close(link);
	} else {
		mrpc_conn_unref(link->conn);
	}
}

void play_listening(void)
{
	char name[64], path[256], *none = NULL, *port = NULL;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int error, fd;

	snprintf(name, sizeof(name), "@faults-%d", getpid());
	error = mrpc_listen(arena.server, AF_UNIX, name, &none);
	if (judge_errno(error, "mrpc_listen on a name") && error == 0)
		open_unix(name);
	snprintf(path, sizeof(path), "%s/%d", test_scratch(), getpid());
	error = mrpc_listen(arena.server, AF_UNIX, path, &none);
	if (judge_errno(error, "mrpc_listen on a path") && error == 0)
		open_unix(path);
	snprintf(at.sun_path, sizeof(at.sun_path), "%cfaults-%d-fd", 0, getpid());
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	REQUIRE(fd >= 0);
	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "faults-%d-fd", getpid());
	REQUIRE_EQ(bind(fd, (struct sockaddr *)&at, (socklen_t)(3 + strlen(at.sun_path + 1))), 0);
	REQUIRE_EQ(listen(fd, 5), 0);
	error = mrpc_listen_fd(arena.server, fd);
	if (judge_errno(error, "mrpc_listen_fd") && error == 0) {
		snprintf(name, sizeof(name), "@faults-%d-fd", getpid());
		open_unix(name);
	} else {
		close(fd);
	}
	error = mrpc_listen(arena.server, AF_INET, "localhost", &port);
	judge_errno(error, "mrpc_listen by name");
	free(port);
}

static struct link *bind_link(struct mrpc_conn_set *set, bool client, int fd)
{
	struct link *link = set != NULL ? link_new(set, client) : NULL;
	int error;

	if (link == NULL) {
		close(fd);
		return NULL;
	}
	error = mrpc_bind_fd(link->conn, fd);
	judge_errno(error, "mrpc_bind_fd");
	if (error == 0) {
		link_came();
		return link;
	}
	close(fd);
	mrpc_conn_unref(link->conn);
	return NULL;
}

void play_bound(void)
{
	struct link *client, *server;
	int fds[2];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	server = bind_link(arena.server, false, fds[0]);
	client = bind_link(arena.client, true, fds[1]);
	call_add(client);
	call_echo(client, 30000);
	ask_add(client);
	await_answers();
	link_close(client);
	if (server != NULL) {
		mrpc_conn_close(server->conn);
		mrpc_conn_unref(server->conn);
	}
}

/* ---- sets ---- */

static void set_end(struct mrpc_conn_set *set)
{
	if (set == NULL)
		return;
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
}

void play_drain(void)
{
	struct mrpc_conn_set *server = set_new(false);
	struct link *link = NULL;
	char *port = NULL;
	int error = -1, i;

	if (server == NULL)
		return;
	error = mrpc_start_dispatch_thread(server);
	if (judge_errno(error, "mrpc_start_dispatch_thread") && error == 0) {
		error = mrpc_listen(server, AF_INET, "127.0.0.1", &port);
		judge_errno(error, "mrpc_listen");
	}
	if (error == 0 && (link = link_new(arena.client, true)) != NULL) {
		error = mrpc_connect(link->conn, AF_INET, "127.0.0.1", port);
		judge_errno(error, "mrpc_connect");
		if (error == 0)
			link_came();
		else
			mrpc_conn_unref(link->conn);
		for (i = 0; error == 0 && i < 5; i++)
			ask_add(link);
		if (error == 0)
			call_ping(link);
	}
	i = mrpc_drain(server, 9000);
	CHECK_MSG(i == 0 || (!is_unnoticed() && i == ETIMEDOUT), "mrpc_drain returned %d", i);
	await_answers();
	if (link != NULL && error == 0)
		link_close(link);
	free(port);
	set_end(server);
}

/* A set that is dispatched by hand, and one with two threads, over loops of their own. */
void play_sets(void)
{
	struct mrpc_conn_set *client = set_new(true), *server = set_new(false);
	struct link *near, *far;
	int fds[2], error, fd, threads = 0;

	if (server != NULL) {
		error = mrpc_start_dispatch_thread(server);
		judge_errno(error, "mrpc_start_dispatch_thread");
		threads += error == 0;
		error = mrpc_start_dispatch_thread(server);
		judge_errno(error, "mrpc_start_dispatch_thread");
		threads += error == 0;
	}
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	far = bind_link(server, false, fds[0]);
	near = bind_link(client, true, fds[1]);
	if (client != NULL) {
		mrpc_dispatcher_add(client);
		fd = mrpc_get_event_fd(client);
		if (!CHECK_MSG(fd >= 0 || !is_unnoticed(), "no event descriptor"))
			return;
		if (threads > 0 && far != NULL) {
			ask_add(near);
			ask_echo(near, 10000);
			DISPATCH_UNTIL(client, atomic_load(&arena.answered) == atomic_load(&arena.asked));
		}
		if (near != NULL) {
			link_close(near);
			DISPATCH_UNTIL(client, atomic_load(&near->ended) != 0);
		}
		mrpc_conn_set_unref(client);
		AWAIT(mrpc_dispatch(client, 0) == ENXIO);
		mrpc_dispatcher_remove(client);
	}
	if (far != NULL) {
		mrpc_conn_close(far->conn);
		if (threads == 0) {
			mrpc_dispatcher_add(server);
			DISPATCH_UNTIL(server, atomic_load(&far->ended) != 0);
			mrpc_dispatcher_remove(server);
		}
		mrpc_conn_unref(far->conn);
	}
	mrpc_conn_set_unref(server);
}

/* ---- strangers ---- */

/* Peers that are no peers. */
void play_strangers(void)
{
	unsigned char header[16];
	int fd, i;

	for (i = 0; i < 3; i++) {
		fd = peer_connect(arena.port);
		switch (i) {
		case 0: /* in the middle of a message */
			peer_header(header, 1, MINIRPC_PENDING, nr_test_echo, 1000);
			send(fd, header, sizeof(header), MSG_NOSIGNAL);
			break;
		case 1:
			send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 28, MSG_NOSIGNAL);
			break;
		case 2: /* with a reset */
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
				   sizeof(struct linger));
			break;
		}
		close(fd);
	}
	link_close(link_open());
}

/* A peer that asks, and takes no answer for as long as it can. */
void play_flood(void)
{
	enum { MANY = 4000 };
	static unsigned char requests[MANY * 20];
	char answers[4096];
	ssize_t got;
	size_t sent = 0;
	int fd = peer_connect(arena.port), i;

	for (i = 0; i < MANY; i++) {
		peer_header(requests + i * 20, (uint32_t)i + 1, MINIRPC_PENDING,
			    i % 2 == 0 ? nr_test_later : nr_test_ping, i % 2 == 0 ? 4 : 0);
		put_u32(requests + i * 20 + 16, 1);
	}
	/* Those without an argument are shorter. */
	for (i = 0; i < MANY; i++) {
		size_t len = i % 2 == 0 ? 20 : 16;

		memmove(requests + sent, requests + i * 20, len);
		sent += len;
	}
	got = send(fd, requests, sent, MSG_NOSIGNAL);
	CHECK(got == (ssize_t)sent || !is_unnoticed());
	shutdown(fd, SHUT_WR);
	/* Half are answered at once, the last one among them: so all others have been kept by then,
	 * and none is left to wait for an answer that nobody would give. */
	for (sent = 0; (got = recv(fd, answers, sizeof(answers), 0)) > 0; sent += (size_t)got)
		if (sent + (size_t)got >= MANY / 2 * 16)
			answer_kept();
	CHECK_MSG(sent == MANY * 18 || !is_unnoticed(), "%zu bytes of answers", sent);
	close(fd);
}

/* ---- TLS ---- */

static const char *cert_path(const char *name, char path[512])
{
	snprintf(path, 512, "%s/%s", getenv("TEST_CERTS"), name);
	return path;
}

static void refused_by(const char *ca, const char *name)
{
	struct mrpc_conn_set *set = NULL;
	struct mrpc_connection *conn = NULL;
	struct mrpc_tls *tls = NULL;
	char path[512];
	int error = mrpc_conn_set_create(&set, test_client, NULL);

	if (!judge_errno(error, "mrpc_conn_set_create") || error != 0)
		return;
	error = mrpc_tls_create(&tls);
	if (judge_errno(error, "mrpc_tls_create") && error == 0)
		error = mrpc_tls_trust(tls, cert_path(ca, path));
	if (error == 0)
		error = mrpc_tls_set_server_name(tls, name);
	if (error == 0)
		error = mrpc_set_tls(set, tls);
	judge_errno(error, "settings of TLS");
	mrpc_tls_unref(tls);
	if (error == 0 && mrpc_conn_create(&conn, set, NULL) == 0) {
		error = mrpc_connect(conn, AF_INET, "127.0.0.1", arena.port);
		CHECK_MSG(error == EPROTO || (!is_unnoticed() && error != 0),
			  "mrpc_connect returned %d", error);
		mrpc_conn_unref(conn);
	}
	mrpc_conn_set_unref(set);
}

void play_refusals(void)
{
	refused_by("other-ca.pem", "localhost");
	refused_by("ca.pem", "other.example");
	link_close(link_open());
}
