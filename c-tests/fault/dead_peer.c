/* PROTO: test.mx */
/* TIMEOUT: 60 */
/*
 * A peer whose machine vanishes, with keepalive parameters 1, 3, 1 set by the
 * application: what waits for it fails after some seconds, also where data is
 * unacknowledged, of which keepalive alone takes no notice. A peer that lives and
 * does not read is not ended. Without parameters of the application's, or with
 * keepalive off, nothing looks at it.
 */
#define _GNU_SOURCE
#include "fault.h"
#include "netns.h"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define DEAD "10.77.0.2"        /* vanishes first */
#define ALIVE "10.77.0.3"
#define MAC "02:00:00:77:00:02"
enum { PORT = 4711, AT_LEAST = 2500, AT_MOST = 10000, LIVES = 12000, MIB = 1 << 20 };

/* ---- the other machine, in a process and a network of its own ---- */

static struct shared {
	volatile int entered, cabled, listening;
	volatile int vanish, vanished;  /* the first address */
	volatile int puts;              /* received, and never answered */
	volatile int read_on;           /* those that rest may read again */
} *shared;

/* Runs "ip ..." or ends the test. */
#define IP(...) do { \
	char ip_command_[200]; \
	snprintf(ip_command_, sizeof(ip_command_), "ip " __VA_ARGS__); \
	REQUIRE_EQ(system(ip_command_), 0); \
} while (0)

static bool read_all(int fd, void *data, size_t len)
{
	return recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

/* Answers all but put; after a poke it rests. */
static void *far_serve(void *arg)
{
	static char sink[1 << 16];
	unsigned char header[HEADER_LEN];
	int fd = (int)(intptr_t)arg;

	while (read_all(fd, header, sizeof(header))) {
		uint32_t len = get_u32(header + 12);
		int32_t cmd = (int32_t)get_u32(header + 8);

		for (; len > sizeof(sink); len -= sizeof(sink))
			if (!read_all(fd, sink, sizeof(sink)))
				break;
		if (len > 0 && !read_all(fd, sink, len))
			break;
		if (cmd == nr_test_poke) {
			while (!shared->read_on)
				tap_pause();
		} else if (cmd == nr_test_put) {
			shared->puts = 1;
		} else if (cmd > 0) {
			peer_header(header, get_u32(header), MINIRPC_OK, cmd, 0);
			send(fd, header, sizeof(header), MSG_NOSIGNAL);
		}
	}
	close(fd);
	return NULL;
}

static void *far_vanish(void *arg)
{
	(void)arg;
	while (!shared->vanish)
		tap_pause();
	IP("addr del " DEAD "/32 dev vb");
	shared->vanished = 1;
	return NULL;
}

static void far_machine(void)
{
	struct sockaddr_in addr;
	int listener, small = 8192, on = 1, fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(120);
	if (!netns_enter())
		_exit(2);
	shared->entered = 1;
	while (!shared->cabled)
		tap_pause();
	IP("addr add " ALIVE "/24 dev vb && ip addr add " DEAD "/32 dev vb && ip link set vb up");
	thread_start(far_vanish, NULL);
	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_port = htons(PORT);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	REQUIRE_EQ(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	REQUIRE_EQ(listen(listener, 64), 0);
	shared->listening = 1;
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		thread_start(far_serve, (void *)(intptr_t)fd);
	_exit(1);
}

static pid_t far_start(void)
{
	pid_t far;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	REQUIRE(shared != MAP_FAILED);
	far = fork();
	REQUIRE(far >= 0);
	if (far == 0)
		far_machine();
	WAIT_FOR(shared->entered);
	IP("link add va type veth peer name vb address " MAC);
	IP("link set vb netns %d", (int)far);
	IP("addr add 10.77.0.1/24 dev va && ip link set va up");
	/* that an address has gone is not found out by asking for it */
	IP("neigh replace " DEAD " dev va nud permanent lladdr " MAC);
	shared->cabled = 1;
	WAIT_FOR(shared->listening);
	return far;
}

/* ---- connections to it ---- */

enum keepalive { PARAMETERS, DEFAULTS, OFF };

struct line {
	const char *name, *host;
	enum keepalive keepalive;
	enum { IDLE, CALL_BEFORE, CALL_AFTER, ASYNC_AFTER, MESSAGE_AFTER, DOES_NOT_READ } what;
	bool ends;
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	pthread_t thread;
	struct counter called;          /* sync or async calls that have returned */
	mrpc_status_t status;
	int64_t ended;                  /* when */
};
#define LINE(name_, host_, keepalive_, what_, ends_) \
	{ .name = name_, .host = host_, .keepalive = keepalive_, .what = what_, .ends = ends_ }
static struct line lines[] = {
	LINE("a call made afterwards", DEAD, PARAMETERS, CALL_AFTER, true),
	LINE("a call made before", DEAD, PARAMETERS, CALL_BEFORE, true),
	LINE("an async call", DEAD, PARAMETERS, ASYNC_AFTER, true),
	LINE("a message, nobody waits", DEAD, PARAMETERS, MESSAGE_AFTER, true),
	LINE("nothing outstanding", DEAD, PARAMETERS, IDLE, true),
	LINE("no parameters set", DEAD, DEFAULTS, CALL_AFTER, false),
	LINE("keepalive off", DEAD, OFF, CALL_AFTER, false),
	LINE("a living peer that does not read", ALIVE, PARAMETERS, DOES_NOT_READ, false),
};
enum { LINES = sizeof(lines) / sizeof(lines[0]) };

static void line_open(struct line *l)
{
	char service[8];

	snprintf(service, sizeof(service), "%d", PORT);
	probe_init(&l->probe);
	counter_init(&l->called);
	l->status = 99;
	REQUIRE_EQ(mrpc_conn_set_create(&l->set, test_client, NULL), 0);
	probe_watch(l->set);
	if (l->keepalive != DEFAULTS)
		REQUIRE_EQ(mrpc_set_keepalive_parameters(l->set, 1, 3, 1), 0);
	if (l->keepalive == OFF)
		REQUIRE_EQ(mrpc_set_keepalive_enabled(l->set, 0), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(l->set), 0);
	REQUIRE_EQ(mrpc_conn_create(&l->conn, l->set, &l->probe), 0);
	REQUIRE_EQ(mrpc_connect(l->conn, AF_INET, l->host, service), 0);
	REQUIRE_EQ(test_ping(l->conn), MINIRPC_OK);
}

static void line_returned(struct line *l, mrpc_status_t status)
{
	l->status = status;
	l->ended = now_ms();
	counter_add(&l->called, 1);
}

static void *line_call(void *arg)
{
	struct line *l = arg;
	number n = 1;

	/* one is answered by a machine that lives, one is not */
	line_returned(l, l->what == CALL_BEFORE ? test_put(l->conn, &n) : test_ping(l->conn));
	return NULL;
}

static void line_called_back(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	line_returned(private, status);
}

/* Data that nobody takes: the window is full, and more waits here. */
static void *line_fill(void *arg)
{
	static char payload[65536];
	blob b = { sizeof(payload), payload };
	struct line *l = arg;
	int i;

	CHECK_EQ(test_poke(l->conn), MINIRPC_OK);
	for (i = 0; i < 6 * MIB / (int)sizeof(payload); i++)
		if (!CHECK_EQ(test_push(l->conn, &b), MINIRPC_OK))
			break;
	return NULL;
}

static void line_use(struct line *l, bool cut)
{
	number n = 1;

	if (cut == (l->what == CALL_BEFORE || l->what == DOES_NOT_READ))
		return;
	switch (l->what) {
	case CALL_BEFORE:
		l->thread = thread_start(line_call, l);
		WAIT_FOR(shared->puts);
		CHECK_EQ(test_ping(l->conn), MINIRPC_OK);       /* acknowledges all */
		break;
	case CALL_AFTER:
		l->thread = thread_start(line_call, l);
		break;
	case ASYNC_AFTER:
		CHECK_EQ(test_ping_async(l->conn, line_called_back, l), MINIRPC_OK);
		break;
	case MESSAGE_AFTER:
		CHECK_EQ(test_notify(l->conn, &n), MINIRPC_OK);
		break;
	case DOES_NOT_READ:
		l->thread = thread_start(line_fill, l);
		break;
	case IDLE:
		break;
	}
}

static bool has_call(struct line *l)
{
	return l->what == CALL_BEFORE || l->what == CALL_AFTER || l->what == ASYNC_AFTER;
}

/* The end has come, as that of a failed socket, and in time. */
static void line_check_ended(struct line *l, int64_t cut)
{
	int64_t took, left = cut + AT_MOST - now_ms();

	if (!WAIT_FOR_MS(counter_get(&l->probe.disconnects) == 1, left))
		return;
	took = now_ms() - cut;
	if (has_call(l)) {
		COUNTER_WAIT(&l->called, 1);
		CHECK_EQ(l->status, MINIRPC_NETWORK_FAILURE);
		took = l->ended - cut;
	}
	tap_note("%s: %lld ms", l->name, (long long)took);
	CHECK_MSG(took >= AT_LEAST && took <= scaled(AT_MOST), "ended after %lld ms",
		  (long long)took);
	CHECK_EQ(l->probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&l->probe.ioerrs), 1);
}

static bool line_lives(struct line *l)
{
	return counter_get(&l->probe.disconnects) == 0 && counter_get(&l->probe.ioerrs) == 0 &&
	       counter_get(&l->called) == 0;
}

static void line_close(struct line *l)
{
	mrpc_conn_close(l->conn);
	if (l->thread != 0)
		thread_join(l->thread);
	COUNTER_WAIT(&l->probe.disconnects, 1);
	mrpc_conn_unref(l->conn);
	mrpc_conn_set_unref(l->set);
}

int main(void)
{
	static struct line last = LINE("a link that is cut", ALIVE, PARAMETERS, CALL_AFTER, true);
	struct leaks leaks;
	int64_t cut;
	pid_t far;
	int i;

	if (system("ip -V >/dev/null 2>&1") != 0)
		tap_skip("no ip program");
	if (!netns_enter())
		tap_skip("no network namespaces for this user");
	far = far_start();
	leaks_begin(&leaks);
	for (i = 0; i < LINES; i++) {
		line_open(&lines[i]);
		line_use(&lines[i], false);
	}
	shared->vanish = 1;
	WAIT_FOR(shared->vanished);
	cut = now_ms();
	for (i = 0; i < LINES; i++)
		line_use(&lines[i], true);

	for (i = 0; i < LINES; i++) {
		if (!lines[i].ends)
			continue;
		SECTION("%s, ended in time", lines[i].name);
		line_check_ended(&lines[i], cut);
	}
	for (i = 0; i < LINES; i++) {
		if (lines[i].ends)
			continue;
		SECTION("%s, not ended", lines[i].name);
		STAYS(line_lives(&lines[i]), cut + LIVES - now_ms());
	}
	SECTION("it reads again, and nothing was lost");
	shared->read_on = 1;
	CHECK_EQ(test_ping(lines[LINES - 1].conn), MINIRPC_OK);
	for (i = 0; i < LINES; i++)
		line_close(&lines[i]);

	SECTION("%s, ended in time", last.name);
	line_open(&last);
	IP("link set va down");
	cut = now_ms();
	line_use(&last, true);
	line_check_ended(&last, cut);
	line_close(&last);
	LEAKS_CHECK(&leaks);
	kill(far, SIGKILL);
	waitpid(far, NULL, 0);
	return tap_done();
}
