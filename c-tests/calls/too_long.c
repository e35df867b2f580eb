/* PROTO: test.mx */
/* MODES: plain (measures resident memory) */
/*
 * What would not fit the header's length, 2^32 - 1 bytes of payload, is refused
 * with an encoding error before it is copied, in calls, messages and replies;
 * nothing of it is sent.
 */
#include "calls.h"
#include "keep.h"

#include <sys/mman.h>

enum { MIB = 1 << 20 };

/* All zeros, and no memory: all readers of it share one page. */
static char *region;
static unsigned result_len;

static mrpc_status_t echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	if (in->blob_len == 0)
		return keep(msg);
	/* The library frees it; as nobody has written to it, it costs nothing. */
	out->blob_val = malloc(result_len);
	out->blob_len = out->blob_val != NULL ? result_len : 0;
	CHECK(out->blob_val != NULL);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = answer_ping, .echo = echo };

static void on_echo(void *data, void *private, mrpc_status_t status, blob *reply)
{
	(void)data;
	(void)private;
	(void)status;
	(void)reply;
	CHECK(!"called for a call that was refused");
}

/* The most that was resident, ever. */
static long peak_bytes(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = atol(line + 6);
	fclose(f);
	REQUIRE(kib > 0);
	return kib * 1024;
}

/* Refused in every way it could be sent; the connection is in step. */
static void refused(struct end *client, struct end *server, unsigned len)
{
	blob b = { len, region }, small = { 1, region }, *out = (void *)&b;
	blob parts[2] = { small, { len - 8, region } };
	parcel p = { { 2, parts } };
	big *weight = (void *)&b;
	long grown = peak_bytes();

	SECTION("a sync call, %u bytes", len);
	CHECK_EQ(test_echo(client->conn, &b, &out), MINIRPC_ENCODING_ERR);
	CHECK_PTR(out, NULL);
	SECTION("a sync call, the second part of which is too long");
	CHECK_EQ(test_weigh(client->conn, &p, &weight), MINIRPC_ENCODING_ERR);
	CHECK_PTR(weight, NULL);
	SECTION("an async call, %u bytes", len);
	CHECK_EQ(test_echo_async(client->conn, on_echo, NULL, &b), MINIRPC_ENCODING_ERR);
	SECTION("a message, %u bytes", len);
	CHECK_EQ(test_push(client->conn, &b), MINIRPC_ENCODING_ERR);
	CHECK_EQ(test_flood(server->conn, &b), MINIRPC_ENCODING_ERR);

	SECTION("nothing of them was sent; no memory was taken for them");
	PEER_QUIET(client->fd, 10);
	PEER_QUIET(server->fd, 10);
	grown = peak_bytes() - grown;
	CHECK_MSG(grown < 64 * MIB, "grown by %ld bytes", grown);

	SECTION("a handler's result, %u bytes", len);
	grown = peak_bytes();
	result_len = len;
	peer_send(server->fd, 1, PENDING, nr_test_echo, "\0\0\0\1a\0\0\0", 8);
	PEER_EXPECT(server->fd, 1, MINIRPC_ENCODING_ERR, nr_test_echo, NULL, 0);

	SECTION("a later reply, %u bytes: it can still be made", len);
	counter_init(&keeps);
	peer_send(server->fd, 2, PENDING, nr_test_echo, "\0\0\0\0", 4);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(test_echo_send_async_reply(kept[0], &b), MINIRPC_ENCODING_ERR);
	PEER_QUIET(server->fd, 10);
	CHECK_EQ(test_echo_send_async_reply(kept[0], &small), MINIRPC_OK);
	PEER_EXPECT(server->fd, 2, MINIRPC_OK, nr_test_echo, "\0\0\0\1\0\0\0\0", 8);
	grown = peak_bytes() - grown;
	CHECK_MSG(grown < 64 * MIB, "grown by %ld bytes", grown);
}

int main(void)
{
	struct end client, server;
	struct leaks leaks;

	leaks_begin(&leaks);
	region = mmap(NULL, 0xffffffffu, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		      0);
	if (region == MAP_FAILED)
		tap_skip("no 4 GiB of address space");
	end_open_client(&client, NULL, 1);
	end_open_server(&server, &ops, 1);
	refused(&client, &server, 0xffffffff);
	refused(&client, &server, 0xfffffffc);
	end_close(&client);
	end_close(&server);
	CHECK_EQ(counter_get(&server.probe.ioerrs), 2);         /* the handler's results */
	LEAKS_CHECK(&leaks);
	return tap_done();
}
