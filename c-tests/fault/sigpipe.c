/* PROTO: test.mx */
/*
 * SIGPIPE is never raised, nor left pending in a thread that blocks it, by any
 * path that writes: calls, messages, replies, the rest of a queue.
 */
#include "extra_rt.h"
#include "keep.h"

#include <dirent.h>

static struct counter inside, called;

static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&inside, 1);
	return MINIRPC_OK;
}

static mrpc_status_t echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	counter_add(&inside, 1);
	return answer_echo(data, msg, in, out);
}

static const struct test_server_operations ops = {
	.ping = ping, .later_void = keep_later_void, .echo = echo
};

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	counter_add(&called, 1);
}

/* A thread that blocks SIGPIPE keeps the one that its write raised. */
static void check_not_pending(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	char path[300], line[128];

	REQUIRE(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		f = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (f == NULL)
			continue;
		while (fgets(line, sizeof(line), f) != NULL)
			if (strncmp(line, "SigPnd:", 7) == 0 || strncmp(line, "ShdPnd:", 7) == 0)
				CHECK_MSG(!(strtoull(line + 7, NULL, 16) >> (SIGPIPE - 1) & 1),
					  "SIGPIPE is pending in thread %s", entry->d_name);
		fclose(f);
	}
	closedir(dir);
}

/* From now on every write of ours fails with EPIPE, and no event says so. */
static void stop_reading(int fd)
{
	REQUIRE_EQ(shutdown(fd, SHUT_RD), 0);
}

static void failed(struct end *e)
{
	end_await(e);
	CHECK(e->probe.reason != MRPC_DISC_USER);
	check_not_pending();
	end_close(e);
}

static void open_end(struct end *e)
{
	counter_init(&inside);
	counter_init(&called);
	end_open_server(e, &ops, 1);
}

static void fill(struct mrpc_connection *conn)
{
	static char payload[65536];
	blob b = { sizeof(payload), payload };
	int i;

	for (i = 0; i < 30; i++)
		CHECK_EQ(test_flood(conn, &b), MINIRPC_OK);
}

static void on_echo(void *data, void *private, mrpc_status_t status, blob *reply)
{
	(void)reply;
	on_ping(data, private, status);
}

/* Payloads that are sent from where they are, by another system call. */
static void large(unsigned len)
{
	blob b = { len, calloc(1, len) }, *out = NULL;
	mrpc_status_t status;
	struct end e;

	REQUIRE(b.blob_val != NULL);
	SECTION("a sync call of %u bytes", len);
	open_end(&e);
	stop_reading(e.fd);
	CHECK_EQ(test_client_echo(e.conn, &b, &out), MINIRPC_NETWORK_FAILURE);
	CHECK_PTR(out, NULL);
	failed(&e);

	SECTION("an async call of %u bytes", len);
	open_end(&e);
	stop_reading(e.fd);
	status = test_client_echo_async(e.conn, on_echo, NULL, &b);
	CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	end_await(&e);
	CHECK_EQ(counter_get(&called), status == MINIRPC_OK);
	failed(&e);

	SECTION("a one-way message of %u bytes", len);
	open_end(&e);
	stop_reading(e.fd);
	status = test_flood(e.conn, &b);
	CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	failed(&e);

	SECTION("a handler's reply of %u bytes", len);
	open_end(&e);
	REQUIRE_EQ(mrpc_set_max_buf_len(e.set, len + 4), 0);
	stop_reading(e.fd);
	put_u32(b.blob_val, len - 4);
	peer_send(e.fd, 1, PENDING, nr_test_echo, b.blob_val, len);
	COUNTER_WAIT(&inside, 1);
	failed(&e);
	free(b.blob_val);
}

int main(void)
{
	mrpc_status_t status;
	struct leaks leaks;
	struct end e;
	number n = 1;

	leaks_begin(&leaks);
	signal(SIGPIPE, SIG_DFL);

	SECTION("a sync call");
	open_end(&e);
	stop_reading(e.fd);
	CHECK_EQ(test_client_ping(e.conn), MINIRPC_NETWORK_FAILURE);
	failed(&e);

	SECTION("an async call");
	open_end(&e);
	stop_reading(e.fd);
	status = test_client_ping_async(e.conn, on_ping, NULL);
	CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	end_await(&e);
	CHECK_EQ(counter_get(&called), status == MINIRPC_OK);
	failed(&e);

	SECTION("a one-way message");
	open_end(&e);
	stop_reading(e.fd);
	status = test_event(e.conn, &n);
	CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	failed(&e);

	SECTION("a handler's reply");
	open_end(&e);
	stop_reading(e.fd);
	peer_send(e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	COUNTER_WAIT(&inside, 1);
	failed(&e);

	SECTION("a later reply");
	open_end(&e);
	peer_number(e.fd, 1, nr_test_later_void, 1);
	COUNTER_WAIT(&keeps, 1);
	stop_reading(e.fd);
	status = test_later_void_send_async_reply(kept[0]);
	CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	failed(&e);

	large(20000);
	large(200000);
	large(4000000);

	SECTION("an error that the library replies with");
	open_end(&e);
	stop_reading(e.fd);
	peer_send(e.fd, 1, PENDING, 77, NULL, 0);
	failed(&e);

	SECTION("the rest of a queue, by the background thread");
	open_end(&e);
	fill(e.conn);
	close(e.fd);
	e.fd = -1;
	failed(&e);

	SECTION("the rest of a queue after mrpc_conn_close");
	open_end(&e);
	fill(e.conn);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	close(e.fd);
	e.fd = -1;
	end_await(&e);
	CHECK_EQ(e.probe.reason, MRPC_DISC_USER);
	check_not_pending();
	end_close(&e);

	SECTION("over TCP: calls until the reset is noticed");
	open_end(&e);
	close(e.fd);
	end_await(&e);
	end_unref(&e);
	end_open(&e, test_server, 1, true);
	close(e.fd);
	e.fd = -1;
	while (test_event(e.conn, &n) == MINIRPC_OK)
		tap_pause();
	failed(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
