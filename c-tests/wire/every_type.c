/* PROTO: every.mx */
/* MODES: plain asan (executes itself) */
/*
 * A conversation of every type, in both directions, with another process: with
 * one for another machine where TEST_OTHER_END names this test's program as it
 * was built there. Values are compared with what either end makes of their
 * number, the bytes of numbers with those of RFC 4506.
 */
#define _GNU_SOURCE
#include "samples.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include "every_client.h"
#include "every_server.h"

enum { SAMPLES = 6 };

/* ---- both ends ---- */

static struct counter told = COUNTER_INIT;

/* Answers a sample by the next one. */
static mrpc_status_t on_exchange(void *data, struct mrpc_message *msg, everything *in,
				 everything *out)
{
	(void)data;
	(void)msg;
	check(in, in->sample);
	make(out, in->sample + 1);
	return MINIRPC_OK;
}

static void on_told(void *data, struct mrpc_message *msg, everything *in)
{
	(void)data;
	(void)msg;
	check(in, (int)counter_get(&told));
	counter_add(&told, 1);
}

/* ---- the server, which is another process ---- */

static struct mrpc_connection *server_conn;

static mrpc_status_t on_get(void *data, struct mrpc_message *msg, everything *out)
{
	(void)data;
	(void)msg;
	make(out, 4);
	return MINIRPC_OK;
}

static mrpc_status_t on_put(void *data, struct mrpc_message *msg, everything *in)
{
	(void)data;
	(void)msg;
	return check(in, 5) ? 7 : 8;
}

static mrpc_status_t on_plain(void *data, struct mrpc_message *msg, numbers *in, numbers *out)
{
	numbers own;

	(void)data;
	(void)msg;
	make_numbers(&own, 3);
	CHECK(same_numbers(in, &own));
	make_numbers(out, 4);
	return MINIRPC_OK;
}

static mrpc_status_t on_wide(void *data, struct mrpc_message *msg, big *in, big *out)
{
	(void)data;
	(void)msg;
	*out = *in + 1;
	return MINIRPC_OK;
}

static mrpc_status_t on_three(void *data, struct mrpc_message *msg, row *in, row *out)
{
	int i;

	(void)data;
	(void)msg;
	for (i = 0; i < 3; i++)
		(*out)[i] = (*in)[2 - i];
	return MINIRPC_OK;
}

static mrpc_status_t on_fixed(void *data, struct mrpc_message *msg, digest *in, digest *out)
{
	(void)data;
	(void)msg;
	memcpy(out, in, sizeof(*out));
	return MINIRPC_OK;
}

static mrpc_status_t on_bytes(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)msg;
	*out = *in;
	memset(in, 0, sizeof(*in));
	return MINIRPC_OK;
}

static mrpc_status_t on_word(void *data, struct mrpc_message *msg, text *in, text *out)
{
	(void)data;
	(void)msg;
	*out = *in;
	*in = NULL;
	return MINIRPC_OK;
}

/* A kind answers by the next one. */
static mrpc_status_t on_pick(void *data, struct mrpc_message *msg, choice *in, choice *out)
{
	int sample = in->kind == -1 ? 0 : in->kind == 2 ? 1 : in->kind == 3 ? 2 : 3;
	choice own;

	(void)data;
	(void)msg;
	memset(&own, 0, sizeof(own));
	make_choice(&own, sample);
	CHECK(same_choice(in, &own));
	free_choice(&own, 0);
	make_choice(out, sample + 1);
	return MINIRPC_OK;
}

static mrpc_status_t on_tint(void *data, struct mrpc_message *msg, shade *in, shade *out)
{
	(void)data;
	(void)msg;
	*out = *in == DARK ? MIDDLE : *in == MIDDLE ? LIGHT : DARK;
	return MINIRPC_OK;
}

/* The server's turn to call. */
static mrpc_status_t on_converse(void *data, struct mrpc_message *msg, big *in, big *out)
{
	everything e, *reply;
	int i;

	(void)data;
	(void)msg;
	for (i = 0; i < *in; i++) {
		make(&e, i);
		CHECK_EQ(every_told(server_conn, &e), MINIRPC_OK);
		if (CHECK_EQ(every_back(server_conn, &e, &reply), MINIRPC_OK)) {
			check(reply, i + 1);
			free_everything(reply, 1);
			*out += 1;
		}
		free_everything(&e, 0);
	}
	return MINIRPC_OK;
}

static const struct every_server_operations server_ops = {
	.exchange = on_exchange, .get = on_get, .put = on_put, .plain = on_plain,
	.wide = on_wide, .three = on_three, .fixed = on_fixed, .bytes = on_bytes,
	.word = on_word, .pick = on_pick, .tint = on_tint, .converse = on_converse,
	.tell = on_told,
};
static const struct every_client_operations client_ops = {
	.back = on_exchange, .told = on_told,
};

/* The program when it is called with a descriptor: the other end. */
static int serve(int fd)
{
	struct mrpc_conn_set *set;
	struct probe probe;

	SECTION("the other end");
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, every_server, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_conn_create(&server_conn, set, &probe), 0);
	REQUIRE_EQ(every_server_set_operations(server_conn, &server_ops), 0);
	REQUIRE_EQ(mrpc_bind_fd(server_conn, fd), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(counter_get(&probe.ioerrs), 0);
	CHECK_EQ(counter_get(&told), SAMPLES);
	mrpc_conn_unref(server_conn);
	mrpc_conn_set_unref(set);
	return tap_done();
}

/* ---- the client ---- */

static void on_plain_reply(void *data, void *private, mrpc_status_t status, numbers *reply)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	CHECK(reply == NULL);
}

static void exact_bytes(struct mrpc_conn_set *set)
{
	static const unsigned char wire[] = {
		0, 0, 0, 0x7f,                          /* char */
		0, 0, 0, 0xfe,
		0xff, 0xff, 0x80, 0x01,
		0, 0, 0x80, 0x02,
		0x80, 0, 0, 0x03,
		0x87, 0x65, 0x43, 0x21,
		0x80, 0, 0, 0x01,                       /* long */
		0xff, 0xff, 0xff, 0xfe,
		0x80, 0, 0, 0, 0, 0, 0, 0x05,
		0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,
		0xc0, 0x49, 0x0f, 0xdb,                 /* float */
		0x40, 0x05, 0xbf, 0x0a, 0x8b, 0x14, 0x57, 0x69,
		0, 0, 0, 1,
		0xff, 0xff, 0xff, 0xfe,
	};
	numbers n = {
		0x7f, 0xfe, -0x7fff, 0x8002, INT_MIN + 3, 0x87654321u, INT32_MIN + 1,
		0xfffffffeu, INT64_MIN + 5, 0xfedcba9876543210u, -3.14159274f,
		2.718281828459045, TRUE, DARK,
	};
	static struct probe probe;      /* its end is dispatched later */
	struct mrpc_connection *conn;
	struct frame f;
	int fd;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	fd = peer_bind(conn);
	REQUIRE_EQ(every_plain_async(conn, on_plain_reply, NULL, &n), MINIRPC_OK);
	peer_recv(fd, &f);
	CHECK_EQ(f.cmd, nr_every_plain);
	CHECK_EQ(f.len, sizeof(wire));
	CHECK_MEM(f.data, wire, sizeof(wire));
	free(f.data);
	close(fd);
	mrpc_conn_close(conn);
	mrpc_conn_unref(conn);
}

static void small_types(struct mrpc_connection *conn)
{
	big wide = -2, *wide_reply;
	row three = { INT_MIN, 0, 1 }, *three_reply;
	digest fixed = { 1, 2, 0, 4, 5 }, *fixed_reply;
	char raw[] = { 'r', 'a', 'w', 0, 5, 6, 7 };
	blob bytes = { sizeof(raw), raw }, *bytes_reply;
	text word = (char *)(uintptr_t)"a word", *word_reply;
	shade tint = DARK, *tint_reply;
	numbers plain, *plain_reply;
	choice picked, own, *picked_reply;
	int i;

	REQUIRE_EQ(every_wide(conn, &wide, &wide_reply), MINIRPC_OK);
	CHECK_EQ(*wide_reply, -1);
	free_big(wide_reply, 1);
	REQUIRE_EQ(every_three(conn, &three, &three_reply), MINIRPC_OK);
	CHECK((*three_reply)[0] == 1 && (*three_reply)[1] == 0 && (*three_reply)[2] == INT_MIN);
	free_row(three_reply, 1);
	REQUIRE_EQ(every_fixed(conn, &fixed, &fixed_reply), MINIRPC_OK);
	CHECK_MEM(fixed_reply, &fixed, sizeof(fixed));
	free_digest(fixed_reply, 1);
	REQUIRE_EQ(every_bytes(conn, &bytes, &bytes_reply), MINIRPC_OK);
	CHECK_EQ(bytes_reply->blob_len, sizeof(raw));
	CHECK_MEM(bytes_reply->blob_val, raw, sizeof(raw));
	free_blob(bytes_reply, 1);
	REQUIRE_EQ(every_word(conn, &word, &word_reply), MINIRPC_OK);
	CHECK_STR(*word_reply, word);
	free_text(word_reply, 1);
	REQUIRE_EQ(every_tint(conn, &tint, &tint_reply), MINIRPC_OK);
	CHECK_EQ(*tint_reply, MIDDLE);
	free_shade(tint_reply, 1);
	make_numbers(&plain, 3);
	REQUIRE_EQ(every_plain(conn, &plain, &plain_reply), MINIRPC_OK);
	make_numbers(&plain, 4);
	CHECK(same_numbers(plain_reply, &plain));
	free_numbers(plain_reply, 1);
	for (i = 0; i < 4; i++) {
		memset(&picked, 0, sizeof(picked));
		memset(&own, 0, sizeof(own));
		make_choice(&picked, i);
		make_choice(&own, i + 1);
		REQUIRE_EQ(every_pick(conn, &picked, &picked_reply), MINIRPC_OK);
		CHECK(same_choice(picked_reply, &own));
		free_choice(picked_reply, 1);
		free_choice(&own, 0);
		free_choice(&picked, 0);
	}
}

static void whole_samples(struct mrpc_connection *conn)
{
	everything e, *reply;
	int i;

	for (i = 0; i < SAMPLES; i++) {
		make(&e, i);
		CHECK_EQ(every_tell(conn, &e), MINIRPC_OK);
		REQUIRE_EQ(every_exchange(conn, &e, &reply), MINIRPC_OK);
		check(reply, i + 1);
		free_everything(reply, 1);
		free_everything(&e, 0);
	}
	REQUIRE_EQ(every_get(conn, &reply), MINIRPC_OK);
	check(reply, 4);
	free_everything(reply, 1);
	make(&e, 5);
	CHECK_EQ(every_put(conn, &e), 7);
	free_everything(&e, 0);
}

/* Starts the other end; its descriptor of the pair is in fds[1]. */
static pid_t start_other_end(const char *self, const int fds[2])
{
	const char *other = getenv("TEST_OTHER_END");
	char fd[16];
	pid_t pid;

	if (other == NULL || *other == '\0')
		other = self;
	else
		tap_note("the other end is %s", other);
	snprintf(fd, sizeof(fd), "%d", fds[1]);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		/* Its library is beside it. */
		if (other != self)
			unsetenv("LD_LIBRARY_PATH");
		execl(other, other, fd, (char *)NULL);
		_exit(66);
	}
	REQUIRE(pid > 0);
	return pid;
}

int main(int argc, char **argv)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	big rounds = SAMPLES, *answered;
	pid_t pid;
	int fds[2], status;

	if (argc > 1)
		return serve(atoi(argv[1]));
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = start_other_end(argv[0], fds);
	close(fds[1]);
	REQUIRE_EQ(mrpc_conn_set_create(&set, every_client, NULL), 0);
	probe_watch(set);

	SECTION("the bytes of numbers");
	exact_bytes(set);

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	REQUIRE_EQ(every_client_set_operations(conn, &client_ops), 0);
	REQUIRE_EQ(mrpc_bind_fd(conn, fds[0]), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);

	SECTION("arguments and results of every type, to the server");
	whole_samples(conn);
	small_types(conn);

	SECTION("and from it");
	REQUIRE_EQ(every_converse(conn, &rounds, &answered), MINIRPC_OK);
	CHECK_EQ(*answered, SAMPLES);
	free_big(answered, 1);
	CHECK_EQ(counter_get(&told), SAMPLES);
	CHECK_EQ(counter_get(&probe.ioerrs), 0);

	SECTION("the other end found everything right");
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	return tap_done();
}
