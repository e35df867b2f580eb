/* LINK: none */
/* LIBS: -ldl */
/*
 * The library opened at run time, used, and closed while its threads live, also
 * the thread that used it: nothing crashes, and what runs goes on.
 */
#include "harness.h"

#include <dlfcn.h>
#include <sys/socket.h>

/* The harness refers to these; nothing here may call them. */
int mrpc_bind_fd(struct mrpc_connection *conn, int fd) { (void)conn, (void)fd, abort(); }
void mrpc_dispatcher_add(struct mrpc_conn_set *set) { (void)set, abort(); }
void mrpc_dispatcher_remove(struct mrpc_conn_set *set) { (void)set, abort(); }
int mrpc_dispatch_loop(struct mrpc_conn_set *set) { (void)set, abort(); }
int mrpc_dispatch(struct mrpc_conn_set *set, int max) { (void)set, (void)max, abort(); }
int mrpc_get_event_fd(struct mrpc_conn_set *set) { (void)set, abort(); }

struct mrpc_protocol { int is_server; void *functions[5]; };

static struct {
	int (*set_create)(struct mrpc_conn_set **, const struct mrpc_protocol *, void *);
	void (*set_unref)(struct mrpc_conn_set *);
	int (*start)(struct mrpc_conn_set *);
	int (*set_disconnect)(struct mrpc_conn_set *, mrpc_disconnect_fn *);
	int (*create)(struct mrpc_connection **, struct mrpc_conn_set *, void *);
	int (*bind)(struct mrpc_connection *, int);
	int (*close)(struct mrpc_connection *);
	void (*unref)(struct mrpc_connection *);
} lib;
static void *handle;
static struct counter ended = COUNTER_INIT;

static int unavailable(void)
{
	return MINIRPC_PROCEDURE_UNAVAIL;
}

static const struct mrpc_protocol protocol = {
	1, { (void *)unavailable, (void *)unavailable, (void *)unavailable, (void *)unavailable,
	     (void *)unavailable }
};

static void on_disconnect(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&ended, 1);
}

static void load(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/libminirpc.so.1", getenv("TEST_LIBDIR"));
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL)
		tap_note("%s", dlerror());
	REQUIRE(handle != NULL);
#define FIND(member, name) REQUIRE((*(void **)&lib.member = dlsym(handle, "mrpc_" name)) != NULL)
	FIND(set_create, "conn_set_create");
	FIND(set_unref, "conn_set_unref");
	FIND(start, "start_dispatch_thread");
	FIND(set_disconnect, "set_disconnect_func");
	FIND(create, "conn_create");
	FIND(bind, "bind_fd");
	FIND(close, "conn_close");
	FIND(unref, "conn_unref");
}

struct used {
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	int fd;
};

static void use(struct used *u)
{
	int fds[2];

	REQUIRE_EQ(lib.set_create(&u->set, &protocol, NULL), 0);
	REQUIRE_EQ(lib.set_disconnect(u->set, on_disconnect), 0);
	REQUIRE_EQ(lib.start(u->set), 0);
	REQUIRE_EQ(lib.create(&u->conn, u->set, NULL), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(lib.bind(u->conn, fds[0]), 0);
	u->fd = fds[1];
	/* Something for its threads to do. */
	peer_send(u->fd, 1, PENDING, 1, NULL, 0);
	PEER_EXPECT(u->fd, 1, MINIRPC_PROCEDURE_UNAVAIL, 1, NULL, 0);
}

static void finish(struct used *u)
{
	long n = counter_get(&ended);

	peer_send(u->fd, 2, PENDING, 1, NULL, 0);
	PEER_EXPECT(u->fd, 2, MINIRPC_PROCEDURE_UNAVAIL, 1, NULL, 0);
	REQUIRE_EQ(lib.close(u->conn), 0);
	COUNTER_WAIT(&ended, n + 1);
	lib.unref(u->conn);
	lib.set_unref(u->set);
	close(u->fd);
}

static void *whole(void *close_inside)
{
	struct used u;

	load();
	use(&u);
	if (close_inside != NULL)
		CHECK_EQ(dlclose(handle), 0);
	finish(&u);
	return NULL;
}

int main(void)
{
	struct leaks leaks;
	struct used u;

	leaks_begin(&leaks);
	SECTION("a thread that has used it ends after dlclose");
	thread_join(thread_start(whole, &leaks));
	LEAKS_CHECK(&leaks);
	thread_join(thread_start(whole, NULL));
	CHECK_EQ(dlclose(handle), 0);
	LEAKS_CHECK(&leaks);

	SECTION("dlclose while a set, a connection and threads live");
	load();
	use(&u);
	CHECK_EQ(dlclose(handle), 0);
	finish(&u);
	LEAKS_CHECK(&leaks);

	SECTION("opened again");
	load();
	use(&u);
	finish(&u);
	CHECK_EQ(dlclose(handle), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
