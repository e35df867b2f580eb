#define _GNU_SOURCE
#include <stdatomic.h>

#include "scenes.h"
#include "handlers.h"

#include <minirpc/tls.h>

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>

static const struct fault *fault;
static atomic_bool all_worked;

struct arena arena;
static struct link *links;              /* all of the scene */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

enum { KEPT = 8192 };
static struct mrpc_message *kept[KEPT];
static int kept_len;

/* ---- judgement ---- */

/* Of the bystander nothing may be noticed at all. */
static __thread bool strictly;

bool is_unnoticed(void)
{
	return strictly || fault == NULL || fault->unnoticed;
}

bool scene_all_worked(void)
{
	return atomic_load(&all_worked);
}

static bool of_memory(void)
{
	return fault != NULL && fault->place >= AT_MALLOC;
}

bool judge(mrpc_status_t got, mrpc_status_t want, const char *what)
{
	bool allowed = got == want;

	if (!allowed)
		atomic_store(&all_worked, false);
	if (!is_unnoticed())
		allowed = allowed || got == MINIRPC_NETWORK_FAILURE || got == MINIRPC_TIMEDOUT ||
			got == MINIRPC_BUSY || (of_memory() && got == MINIRPC_ENCODING_ERR);
	return CHECK_MSG(allowed, "%s returned %d (%s)", what, got, mrpc_strerror(got));
}

bool judge_errno(int got, const char *what)
{
	/* What an end of a connection comes to at its other end. */
	static const int follows[] = { ECONNRESET, ECONNREFUSED, ECONNABORTED, EPIPE, ETIMEDOUT, EPROTO };
	bool allowed = got == 0;
	size_t i;

	if (!allowed)
		atomic_store(&all_worked, false);
	if (!is_unnoticed()) {
		allowed = allowed || got == fault->told;
		for (i = 0; i < sizeof(follows) / sizeof(follows[0]); i++)
			allowed = allowed || got == follows[i];
	}
	return CHECK_MSG(allowed, "%s returned %d (%s)", what, got, strerror(got));
}

/* ---- the handlers ---- */

/* Asks back on the same connection. */
static mrpc_status_t on_relay(void *data, struct mrpc_message *msg, number *in, number *out)
{
	struct mrpc_connection *conn = NULL;
	operands sum = { *in, 1 };
	number *got = NULL;
	mrpc_status_t status = MINIRPC_NETWORK_FAILURE;

	(void)data;
	if (mrpc_message_get_connection(msg, &conn) == 0) {
		status = test_client_add(conn, &sum, &got);
		if (status == MINIRPC_OK)
			*out = *got;
		free_number(got, 1);
		mrpc_conn_unref(conn);
	}
	judge(status, MINIRPC_OK, "a call from a handler");
	return status;
}

static mrpc_status_t on_later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)data;
	(void)in;
	(void)out;
	pthread_mutex_lock(&lock);
	if (kept_len < KEPT)
		kept[kept_len++] = msg;
	pthread_mutex_unlock(&lock);
	return MINIRPC_PENDING;
}

static void on_notify(void *data, struct mrpc_message *msg, number *in)
{
	struct mrpc_connection *conn = NULL;

	(void)data;
	atomic_fetch_add(&arena.messages, 1);
	if (*in > 0 && mrpc_message_get_connection(msg, &conn) == 0) {
		judge(test_event(conn, in), MINIRPC_OK, "a message from a handler");
		mrpc_conn_unref(conn);
	}
}

static void on_push(void *data, struct mrpc_message *msg, blob *in)
{
	(void)data;
	(void)msg;
	(void)in;
	atomic_fetch_add(&arena.messages, 1);
}

static void on_event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	atomic_fetch_add(&arena.events, 1);
}

static const struct test_server_operations server_ops = {
	.ping = answer_ping, .add = answer_add, .echo = answer_echo, .relay = on_relay,
	.later = on_later, .notify = on_notify, .push = on_push
};
static const struct test_client_operations client_ops = {
	.client_ping = answer_ping, .client_add = answer_add, .client_echo = answer_echo,
	.event = on_event
};

void answer_kept(void)
{
	number result = 5;
	int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < kept_len; i++) {
		mrpc_status_t status = test_later_send_async_reply(kept[i], &result);

		/* Its connection may have gone. */
		if (status != MINIRPC_NETWORK_FAILURE)
			judge(status, MINIRPC_OK, "a late reply");
	}
	kept_len = 0;
	pthread_mutex_unlock(&lock);
}

/* ---- connections ---- */

static struct link *link_note(struct mrpc_connection *conn)
{
	struct link *link = calloc(1, sizeof(*link));

	REQUIRE(link != NULL);
	link->conn = conn;
	pthread_mutex_lock(&lock);
	link->next = links;
	links = link;
	pthread_mutex_unlock(&lock);
	return link;
}

static void *on_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	struct link *link = link_note(conn);

	(void)data;
	(void)from;
	(void)len;
	CHECK_EQ(test_server_set_operations(conn, &server_ops), 0);
	link_came();
	mrpc_conn_unref(conn);
	return link;
}

static void on_disconnect(void *data, enum mrpc_disc_reason reason)
{
	struct link *link = data;

	(void)reason;
	CHECK_MSG(atomic_fetch_add(&link->ended, 1) == 0, "a connection was disconnected twice");
	atomic_fetch_add(&arena.went, 1);
}

static void on_ioerr(void *data, char *message)
{
	(void)data;
	CHECK(message[0] != '\0');
}

struct link *link_new(struct mrpc_conn_set *set, bool client)
{
	struct link *link = link_note(NULL);
	int error = mrpc_conn_create(&link->conn, set, link);

	if (!judge_errno(error, "mrpc_conn_create") || error != 0)
		return NULL;
	if (client)
		CHECK_EQ(test_client_set_operations(link->conn, &client_ops), 0);
	else
		CHECK_EQ(test_server_set_operations(link->conn, &server_ops), 0);
	return link;
}

void link_came(void)
{
	atomic_fetch_add(&arena.came, 1);
}

struct link *link_open(void)
{
	struct link *link = link_new(arena.client, true);
	int error;

	if (link == NULL)
		return NULL;
	error = mrpc_connect(link->conn, AF_INET, "127.0.0.1", arena.port);
	judge_errno(error, "mrpc_connect");
	if (error == 0) {
		link_came();
		return link;
	}
	mrpc_conn_unref(link->conn);
	return NULL;
}

void link_close(struct link *link)
{
	if (link == NULL)
		return;
	CHECK_EQ(mrpc_conn_close(link->conn), 0);
	mrpc_conn_unref(link->conn);
}

/* ---- calls ---- */

void call_ping(struct link *link)
{
	if (link != NULL)
		judge(test_ping(link->conn), MINIRPC_OK, "ping");
}

void call_add(struct link *link)
{
	operands in = { 40, 2 };
	number *out = NULL;

	if (link == NULL)
		return;
	if (judge(test_add(link->conn, &in, &out), MINIRPC_OK, "add") && out != NULL)
		CHECK_EQ(*out, 42);
	free_number(out, 1);
}

static char *pattern(unsigned len)
{
	char *bytes = malloc(len);
	unsigned i;

	REQUIRE(bytes != NULL);
	for (i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 256);
	return bytes;
}

void call_echo(struct link *link, unsigned len)
{
	blob in = { len, pattern(len) }, *out = NULL;

	if (link != NULL && judge(test_echo(link->conn, &in, &out), MINIRPC_OK, "echo") && out != NULL) {
		CHECK_EQ(out->blob_len, len);
		CHECK_MEM(out->blob_val, in.blob_val, len);
	}
	free_blob(out, 1);
	free(in.blob_val);
}

static void on_added(void *data, void *private, mrpc_status_t status, number *out)
{
	(void)private;
	strictly = data == arena.bystander;
	if (judge(status, MINIRPC_OK, "async add") && status == MINIRPC_OK)
		CHECK_EQ(*out, 42);
	strictly = false;
	atomic_fetch_add(&arena.answered, 1);
}

static void on_echoed(void *data, void *private, mrpc_status_t status, blob *out)
{
	(void)data;
	if (judge(status, MINIRPC_OK, "async echo") && status == MINIRPC_OK)
		CHECK_EQ(out->blob_len, (unsigned)(uintptr_t)private);
	atomic_fetch_add(&arena.answered, 1);
}

static void asked(mrpc_status_t status, const char *what)
{
	judge(status, MINIRPC_OK, what);
	if (status == MINIRPC_OK)
		atomic_fetch_add(&arena.asked, 1);
}

void ask_add(struct link *link)
{
	operands in = { 40, 2 };

	if (link != NULL)
		asked(test_add_async(link->conn, on_added, NULL, &in), "to ask for a sum");
}

void ask_echo(struct link *link, unsigned len)
{
	blob in = { len, pattern(len) };

	if (link != NULL)
		asked(test_echo_async(link->conn, on_echoed, (void *)(uintptr_t)len, &in),
		      "to ask for an echo");
	free(in.blob_val);
}

void tell(struct link *link, int n)
{
	if (link != NULL)
		judge(test_notify(link->conn, &n), MINIRPC_OK, "a message");
}

void push(struct link *link, unsigned len)
{
	blob in = { len, pattern(len) };

	if (link != NULL)
		judge(test_push(link->conn, &in), MINIRPC_OK, "a long message");
	free(in.blob_val);
}

void await_answers(void)
{
	AWAIT(atomic_load(&arena.answered) >= atomic_load(&arena.asked));
	CHECK_EQ(atomic_load(&arena.answered), atomic_load(&arena.asked));
}

/* ---- the arena ---- */

static const char *cert(const char *name)
{
	static __thread char paths[4][512];
	static __thread int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", getenv("TEST_CERTS"), name);
	return path;
}

static int with_tls(struct mrpc_conn_set *set, bool client)
{
	struct mrpc_tls *tls = NULL;
	int error = mrpc_tls_create(&tls);

	if (error == 0)
		error = mrpc_tls_set_identity(tls, cert(client ? "client.pem" : "p256.pem"),
					      cert(client ? "client.key" : "p256.key"));
	if (error == 0)
		error = mrpc_tls_trust(tls, cert("ca.pem"));
	if (error == 0)
		error = mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_REQUIRED);
	if (error == 0)
		error = mrpc_tls_set_server_name(tls, "localhost");
	if (error == 0)
		error = mrpc_set_tls(set, tls);
	mrpc_tls_unref(tls);
	return error;
}

struct mrpc_conn_set *set_new(bool client)
{
	struct mrpc_conn_set *set = NULL;
	int error = mrpc_conn_set_create(&set, client ? test_client : test_server, NULL);

	if (!judge_errno(error, "mrpc_conn_set_create") || error != 0) {
		CHECK(set == NULL);
		return NULL;
	}
	CHECK_EQ(mrpc_set_disconnect_func(set, on_disconnect), 0);
	CHECK_EQ(mrpc_set_ioerr_func(set, on_ioerr), 0);
	if (!client)
		CHECK_EQ(mrpc_set_accept_func(set, on_accept), 0);
	CHECK_EQ(mrpc_set_accept_backoff(set, 20), 0);
	CHECK_EQ(mrpc_set_linger(set, 3000), 0);
	CHECK_EQ(mrpc_set_call_timeout(set, 8000), 0);
	CHECK_EQ(mrpc_set_connect_timeout(set, 8000), 0);
	CHECK_EQ(mrpc_set_max_buf_len(set, 1 << 20), 0);
	if (arena.tls) {
		error = with_tls(set, client);
		judge_errno(error, "settings of TLS");
		if (error != 0) {
			mrpc_conn_set_unref(set);
			return NULL;
		}
	}
	return set;
}

/* A connection that nothing happens on while calls fail, in the same sets. */
static void arena_open(bool tls)
{
	memset(&arena, 0, sizeof(arena));
	arena.tls = tls;
	links = NULL;
	REQUIRE((arena.client = set_new(true)) != NULL);
	REQUIRE((arena.server = set_new(false)) != NULL);
	REQUIRE_EQ(mrpc_start_dispatch_thread(arena.client), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(arena.server), 0);
	REQUIRE_EQ(mrpc_listen(arena.server, AF_INET, "127.0.0.1", &arena.port), 0);
	REQUIRE((arena.bystander = link_open()) != NULL);
	call_ping(arena.bystander);
	await_answers();
}

/* The bystander, as ever. */
static void arena_goes_on(void)
{
	strictly = true;
	call_add(arena.bystander);
	ask_add(arena.bystander);
	await_answers();
	tell(arena.bystander, 0);
	call_echo(arena.bystander, 5000);
	strictly = false;
}

static void arena_close(void)
{
	struct link *link, *next;

	/* What was out of order is no more. */
	strictly = true;
	link = link_open();
	call_ping(link);
	link_close(link);
	strictly = false;
	link_close(arena.bystander);
	answer_kept();
	AWAIT(atomic_load(&arena.went) >= atomic_load(&arena.came));
	mrpc_listen_close(arena.server);
	mrpc_conn_set_unref(arena.client);
	mrpc_conn_set_unref(arena.server);
	free(arena.port);
	CHECK_EQ(atomic_load(&arena.went), atomic_load(&arena.came));
	for (link = links; link != NULL; link = next) {
		next = link->next;
		free(link);
	}
}

static void tell_alive(void *at, size_t size)
{
	tap_note("alive: %zu bytes at %p", size, at);
}

/* Above all descriptors that are open. */
static int next_fd(void)
{
	int fd, top = 0;

	for (fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			top = fd;
	return top + 1;
}

static void play_once(const struct scene *scene, bool tls, struct fault_control *c,
		      const struct fault *f)
{
	struct leaks leaks;
	bool worked;

	leaks_begin(&leaks);
	fault = NULL;
	arena_open(tls);
	fault = f;
	c->fd_from = next_fd();
	__atomic_store_n(&c->armed, true, __ATOMIC_RELEASE);
	scene->play();
	/* While the descriptor of another one fails. */
	if (c->fd >= 0)
		arena_goes_on();
	__atomic_store_n(&c->armed, false, __ATOMIC_RELEASE);
	worked = scene_all_worked();
	arena_goes_on();
	arena_close();
	atomic_store(&all_worked, worked);
	LEAKS_CHECK(&leaks);
}

void scene_run(const struct scene *scene, bool tls, struct fault_control *c, const struct fault *f)
{
	struct mrpc_conn_set *first = NULL;
	const struct fault_control as_told = *c;
	struct leaks leaks;
	long alive, more;
	int again;

	SECTION("%s", scene->name);
	atomic_store(&all_worked, true);
	/* What each process has once. */
	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&first, test_client, NULL), 0);
	mrpc_conn_set_unref(first);
	LEAKS_CHECK(&leaks);
	alive = fault_alive();
	play_once(scene, tls, c, f);
	/* What is kept to be used again is there once, however often it is played. */
	for (again = 0; f != NULL && (more = fault_alive() - alive) > 0 && again < 3; again++) {
		struct fault_control seen = *c;

		alive = fault_alive();
		*c = as_told;
		play_once(scene, tls, c, f);
		*c = seen;
	}
	if (f != NULL && !CHECK_MSG(again < 3, "%ld allocations are left, each time", more) && more < 10)
		fault_each_alive(tell_alive);
}
