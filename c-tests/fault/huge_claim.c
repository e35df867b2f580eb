/* PROTO: test.mx */
/* MODES: plain asan (measures resident memory) */
/*
 * A small payload that claims a huge array, string or opaque, or a list deeper
 * than any stack, is not believed: an encoding error, no memory, no crash.
 */
#include "fault.h"

enum { MIB = 1 << 20, NODES = 1000000 };

static mrpc_status_t describe(void *data, struct mrpc_message *msg, record *in, record *out)
{
	(void)data;
	(void)msg;
	(void)in;
	(void)out;
	CHECK(!"the handler is called");
	return MINIRPC_OK;
}

static mrpc_status_t walk(void *data, struct mrpc_message *msg, chain *in, chain *out)
{
	node *at;
	int n = 0;

	(void)data;
	(void)msg;
	for (at = in->first; at != NULL; at = at->next)
		n++;
	CHECK_EQ(n, NODES);
	out->first = in->first;
	in->first = NULL;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .echo = answer_echo, .describe = describe, .walk = walk
};

static void refused(int fd, int cmd, const uint32_t *words, size_t count)
{
	unsigned char payload[64];
	long before = rss_bytes(), grown;
	size_t i;

	for (i = 0; i < count; i++)
		put_u32(payload + 4 * i, words[i]);
	peer_send(fd, 3, PENDING, cmd, payload, 4 * count);
	PEER_EXPECT(fd, 3, MINIRPC_ENCODING_ERR, cmd, NULL, 0);
	grown = rss_bytes() - before;
	CHECK_MSG(grown < MIB, "grown by %ld bytes", grown);
}

#define REFUSED(fd, cmd, ...) do { \
	static const uint32_t words_[] = { __VA_ARGS__ }; \
	refused((fd), (cmd), words_, sizeof(words_) / sizeof(words_[0])); \
} while (0)

int main(void)
{
	unsigned char *list;
	struct leaks leaks;
	struct frame f;
	struct end e;
	int i;

	leaks_begin(&leaks);
	end_open_server(&e, &ops, 1);
	peer_send(e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);

	SECTION("opaque data");
	REFUSED(e.fd, nr_test_echo, 0xffffffff, 0, 0);
	REFUSED(e.fd, nr_test_echo, 0x7fffffff, 0, 0);
	REFUSED(e.fd, nr_test_echo, 0xfffffffc, 0, 0);
	REFUSED(e.fd, nr_test_echo, 1u << 28, 0, 0);
	SECTION("a string");
	REFUSED(e.fd, nr_test_describe, 0xffffffff, 0x61616161, 0);
	REFUSED(e.fd, nr_test_describe, 1u << 30, 0x61616161, 0);
	SECTION("an array");
	REFUSED(e.fd, nr_test_describe, 0, 1, 2, 3, 0xffffffff, 1, 2, 3);
	REFUSED(e.fd, nr_test_describe, 0, 1, 2, 3, 1u << 30, 1, 2, 3);
	REFUSED(e.fd, nr_test_describe, 0, 1, 2, 3, 1u << 28, 1, 2, 3);

	SECTION("a list of %d nodes", NODES);
	CHECK_EQ(mrpc_set_max_buf_len(e.set, 16 * MIB), 0);
	list = malloc(4 + NODES * 8);
	REQUIRE(list != NULL);
	put_u32(list, 1);
	for (i = 0; i < NODES; i++) {
		put_u32(list + 4 + 8 * (size_t)i, (uint32_t)i);
		put_u32(list + 8 + 8 * (size_t)i, i < NODES - 1);
	}
	peer_send(e.fd, 4, PENDING, nr_test_walk, list, 4 + NODES * 8);
	peer_recv(e.fd, &f);
	CHECK_EQ(f.status, MINIRPC_OK);
	CHECK_EQ(f.len, 4 + NODES * 8);
	if (f.len == 4 + NODES * 8)
		CHECK_MEM(f.data, list, 4 + NODES * 8);
	free(f.data);
	free(list);

	SECTION("the connection goes on; each refusal was an ioerr");
	peer_send(e.fd, 5, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(e.fd, 5, MINIRPC_OK, nr_test_ping, NULL, 0);
	COUNTER_WAIT(&e.probe.ioerrs, 9);
	end_close(&e);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 9);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
