/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_for_each_connection: each active connection once, the oldest first, with no lock
 * held: the function may call anything. Handles stay valid meanwhile.
 */
#include "view.h"

enum { CONNS = 5 };

struct walk {
	struct mrpc_conn_set *set;
	struct mrpc_connection *seen[2 * CONNS];
	uint64_t ids[2 * CONNS];
	int n;
	bool close;
};

static struct counter ended = COUNTER_INIT;

static void on_end(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&ended, 1);
}

static void look(void *data, struct mrpc_connection *conn)
{
	struct walk *w = data;
	struct walk inner = { .set = NULL };

	REQUIRE(w->n < 2 * CONNS);
	w->seen[w->n] = conn;
	CHECK_EQ(mrpc_conn_get_id(conn, &w->ids[w->n]), 0);
	w->n++;
	if (w->close) {
		/* the last reference on it is the walk's from here on */
		CHECK_EQ(mrpc_conn_close(conn), 0);
		COUNTER_WAIT(&ended, w->n);
		CHECK(conn_stats(conn).id > 0);
	}
	if (w->set != NULL) {
		CHECK_EQ(mrpc_for_each_connection(w->set, look, &inner), 0);
		CHECK_EQ(inner.n, CONNS);
		CHECK_EQ(set_stats(w->set).connections, CONNS);
	}
}

int main(void)
{
	struct mrpc_connection *conns[CONNS], *other;
	struct mrpc_conn_set *set;
	int fds[CONNS], i;
	struct leaks leaks;
	struct walk walk;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_end), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	SECTION("NULL; none");
	memset(&walk, 0, sizeof(walk));
	CHECK_EQ(mrpc_for_each_connection(NULL, look, &walk), EINVAL);
	CHECK_EQ(mrpc_for_each_connection(set, NULL, &walk), EINVAL);
	CHECK_EQ(mrpc_for_each_connection(set, look, &walk), 0);
	CHECK_EQ(walk.n, 0);

	SECTION("each once, in order; not those that are not up; walks within a walk");
	REQUIRE_EQ(mrpc_conn_create(&other, set, NULL), 0);
	for (i = 0; i < CONNS; i++)
		fds[i] = end_add(set, &conns[i], NULL, false);
	memset(&walk, 0, sizeof(walk));
	walk.set = set;
	CHECK_EQ(mrpc_for_each_connection(set, look, &walk), 0);
	CHECK_EQ(walk.n, CONNS);
	for (i = 0; i < CONNS; i++) {
		CHECK_PTR(walk.seen[i], conns[i]);
		CHECK_EQ(walk.ids[i], 2 + i);
	}
	mrpc_conn_unref(other);

	SECTION("connections that the application has no reference on, and the function ends");
	for (i = 0; i < CONNS; i++)
		mrpc_conn_unref(conns[i]);
	memset(&walk, 0, sizeof(walk));
	walk.close = true;
	CHECK_EQ(mrpc_for_each_connection(set, look, &walk), 0);
	CHECK_EQ(walk.n, CONNS);
	for (i = 0; i < CONNS; i++) {
		PEER_EOF(fds[i]);
		close(fds[i]);
	}

	SECTION("those that have gone are gone");
	WAIT_FOR(set_stats(set).connections == 0);
	memset(&walk, 0, sizeof(walk));
	CHECK_EQ(mrpc_for_each_connection(set, look, &walk), 0);
	CHECK_EQ(walk.n, 0);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
