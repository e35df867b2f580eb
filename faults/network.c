/*
 * Connections over a network that is not as it should be: see lossy.h. A client with
 * CONNECTIONS connections calls four servers, with and without deadlines, sync and async, while
 * packets are late, lost, twice and out of order, the link goes down and comes back, servers
 * are frozen and killed, and at last the network is gone. Each call has to end once, with the
 * right answer if it has one, and in its time; each connection to be disconnected once, and a
 * dead peer to be found in the configured time. NETWORK_SECONDS=n: for each part (5).
 */
#define _GNU_SOURCE
#include "lossy.h"

#include "handlers.h"

#include "test_client.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { CONNECTIONS = 100, SERVERS = 4, BURST = 8 };
/* What the sets are told: a peer is dead after IDLE + COUNT x INTERVAL seconds, looked at eight
 * times in that time. */
enum { IDLE = 2, COUNT = 6, INTERVAL = 1, DEAD_MS = (IDLE + COUNT * INTERVAL) * 1000 };
/* For a machine that does other things, too. */
enum { SLACK_MS = 3000 };

static struct shared {
	struct link_state link;
	atomic_bool stop;
	atomic_bool hold;                       /* no new connections */
	atomic_long calls, ok, timed_out, failed, wrong;
	atomic_long came, went, refused;
	_Atomic int64_t latest_ms;              /* that a deadline was kept too late */
	atomic_long server_came[SERVERS], server_went[SERVERS];
} *shared;

static long seconds = 5;

/* ---- processes ---- */

static int log_fd, said_to;

/* What a child says is kept, and shown if it has something to complain of. */
static void child_begin(int end)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fflush(stdout);
	REQUIRE((log_fd = memfd_create("log", MFD_CLOEXEC)) >= 0);
	REQUIRE((said_to = fcntl(1, F_DUPFD_CLOEXEC, 3)) >= 0);
	REQUIRE_EQ(dup2(log_fd, 1), 1);
	link_enter(end);
}

static void child_end(void)
{
	int failed = tap_done();
	char text[4096];
	ssize_t len;

	lseek(log_fd, 0, SEEK_SET);
	while (failed && (len = read(log_fd, text, sizeof(text))) > 0)
		if (write(said_to, text, (size_t)len) != len)
			break;
	_exit(failed);
}

/* ---- a server ---- */

struct served {
	atomic_int ended;
};
static int server_number;

/* One that takes its time, and lets others go on. */
static mrpc_status_t on_relay(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)data;
	(void)msg;
	mrpc_release_event();
	usleep((useconds_t)(*in % 16) * 1000);
	*out = *in;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.add = answer_add, .relay = on_relay, .echo = answer_echo
};

static void *on_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	struct served *served = calloc(1, sizeof(*served));

	(void)data;
	(void)from;
	(void)len;
	REQUIRE(served != NULL);
	CHECK_EQ(test_server_set_operations(conn, &ops), 0);
	mrpc_conn_unref(conn);
	atomic_fetch_add(&shared->server_came[server_number], 1);
	return served;
}

static void on_left(void *data, enum mrpc_disc_reason reason)
{
	struct served *served = data;

	(void)reason;
	CHECK_MSG(atomic_fetch_add(&served->ended, 1) == 0, "a server's second disconnect");
	atomic_fetch_add(&shared->server_went[server_number], 1);
	free(served);
}

static struct mrpc_conn_set *set_new(const struct mrpc_protocol *role)
{
	struct mrpc_conn_set *set;

	REQUIRE_EQ(mrpc_conn_set_create(&set, role, NULL), 0);
	REQUIRE_EQ(mrpc_set_keepalive_parameters(set, IDLE, COUNT, INTERVAL), 0);
	REQUIRE_EQ(mrpc_set_listen_backlog(set, 200), 0);
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 3000), 0);
	return set;
}

/* Until it is killed, or told to end: then all that came has gone. */
static void serve(int number)
{
	struct mrpc_conn_set *set;
	sigset_t term;
	char text[16], *port = text;
	int sig;

	child_begin(FAR);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	server_number = number;
	atomic_store(&shared->server_came[number], 0);
	atomic_store(&shared->server_went[number], 0);
	set = set_new(test_server);
	REQUIRE_EQ(mrpc_set_accept_func(set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_left), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	snprintf(text, sizeof(text), "%d", 7000 + number);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "10.77.0.2", &port), 0);
	sigwait(&term, &sig);
	WAIT_FOR_MS(atomic_load(&shared->server_went[number]) ==
		    atomic_load(&shared->server_came[number]), DEAD_MS * 9 / 8 + SLACK_MS);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	SECTION("server %d", number);
	CHECK_EQ(atomic_load(&shared->server_went[number]),
		 atomic_load(&shared->server_came[number]));
	child_end();
}

static pid_t servers[SERVERS];

static void server_start(int number)
{
	servers[number] = fork();
	REQUIRE(servers[number] >= 0);
	if (servers[number] == 0)
		serve(number);
}

/* ---- the client ---- */

struct caller {
	pthread_t thread;
	int number;
	unsigned seed;
	struct mrpc_connection *conn;
	struct counter disconnects;
};
static struct caller callers[CONNECTIONS];
static struct mrpc_conn_set *client_set;

struct asked {
	struct counter ended;
	struct { int want, times; int64_t deadline; } calls[BURST];
};

static void note_end(mrpc_status_t status, bool right, int64_t deadline)
{
	int64_t late = now_ms() - deadline;

	atomic_fetch_add(&shared->calls, 1);
	switch (status) {
	case MINIRPC_OK:
		atomic_fetch_add(&shared->ok, 1);
		if (!CHECK_MSG(right, "a wrong answer"))
			atomic_fetch_add(&shared->wrong, 1);
		break;
	case MINIRPC_TIMEDOUT:
		atomic_fetch_add(&shared->timed_out, 1);
		CHECK_MSG(deadline > 0, "a call without a deadline timed out");
		CHECK_MSG(late >= 0, "a deadline %lld ms too early", (long long)-late);
		break;
	case MINIRPC_NETWORK_FAILURE:
		atomic_fetch_add(&shared->failed, 1);
		break;
	default:
		CHECK_MSG(false, "a call ended with %d", status);
	}
	if (deadline > 0 && late > atomic_load(&shared->latest_ms))
		atomic_store(&shared->latest_ms, late);
	CHECK_MSG(deadline == 0 || late < scaled(SLACK_MS), "a deadline %lld ms late", (long long)late);
}

static void on_added(void *data, void *private, mrpc_status_t status, number *out)
{
	struct asked *asked = private;
	long n;

	(void)data;
	/* In the order of their ends, not of their making: so the answer says which it is. */
	n = status == MINIRPC_OK ? *out % BURST : -1;
	if (n >= 0)
		CHECK_MSG(asked->calls[n].times++ == 0, "an answer came twice");
	note_end(status, n < 0 || *out == asked->calls[n].want, asked->calls[0].deadline);
	counter_add(&asked->ended, 1);
}

/* Several at once, with one deadline or none. All ended when it returns; false: not well. */
static bool ask(struct caller *c, const struct mrpc_call_options *options, int64_t deadline)
{
	struct asked asked;
	long made = 0;
	int i, base = (rand_r(&c->seed) % 100000) * BURST;

	memset(&asked, 0, sizeof(asked));
	counter_init(&asked.ended);
	for (i = 0; i < BURST; i++) {
		operands in = { base, i };

		asked.calls[i].want = base + i;
		asked.calls[i].deadline = deadline;
		if (test_add_async_with(c->conn, options, on_added, &asked, &in) != MINIRPC_OK)
			break;
		made++;
	}
	/* Longer than a dead peer, or one that is frozen, can take. */
	WAIT_FOR_MS(counter_get(&asked.ended) >= made, 4 * DEAD_MS);
	CHECK_EQ(counter_get(&asked.ended), made);
	return made == BURST;
}

static bool call(struct caller *c, const struct mrpc_call_options *options, int64_t deadline)
{
	number in = rand_r(&c->seed) % 1000000, *out = NULL;
	mrpc_status_t status = test_relay_with(c->conn, options, &in, &out);

	note_end(status, out != NULL && *out == in, deadline);
	free_number(out, 1);
	return status != MINIRPC_NETWORK_FAILURE;
}

static bool call_long(struct caller *c, const struct mrpc_call_options *options, int64_t deadline)
{
	static char bytes[12000];
	blob in = { (unsigned)(rand_r(&c->seed) % (int)sizeof(bytes)), bytes }, *out = NULL;
	mrpc_status_t status = test_echo_with(c->conn, options, &in, &out);

	note_end(status, out != NULL && out->blob_len == in.blob_len, deadline);
	free_blob(out, 1);
	return status != MINIRPC_NETWORK_FAILURE;
}

static bool operate(struct caller *c)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	int64_t deadline = 0;

	if (rand_r(&c->seed) % 2) {
		options.timeout_ms = 20 + (unsigned)rand_r(&c->seed) % 500;
		deadline = now_ms() + options.timeout_ms;
	}
	switch (rand_r(&c->seed) % 4) {
	case 0: return ask(c, &options, deadline);
	case 1: return call_long(c, &options, deadline);
	default: return call(c, &options, deadline);
	}
}

static void on_disconnect(void *data, enum mrpc_disc_reason reason)
{
	struct caller *c = data;

	(void)reason;
	atomic_fetch_add(&shared->went, 1);
	counter_add(&c->disconnects, 1);
}

static void *run_caller(void *arg)
{
	struct caller *c = arg;
	char port[16];
	long came = 0;

	snprintf(port, sizeof(port), "%d", 7000 + c->number % SERVERS);
	while (!atomic_load(&shared->stop)) {
		if (atomic_load(&shared->hold)) {
			usleep(20000);
			continue;
		}
		REQUIRE_EQ(mrpc_conn_create(&c->conn, client_set, c), 0);
		if (mrpc_connect(c->conn, AF_INET, "10.77.0.2", port) != 0) {
			atomic_fetch_add(&shared->refused, 1);
			mrpc_conn_unref(c->conn);
			usleep(50000);
			continue;
		}
		atomic_fetch_add(&shared->came, 1);
		came++;
		while (!atomic_load(&shared->stop) && operate(c))
			usleep((useconds_t)(rand_r(&c->seed) % 20000));
		mrpc_conn_close(c->conn);
		COUNTER_WAIT(&c->disconnects, came);
		CHECK_EQ(counter_get(&c->disconnects), came);
		mrpc_conn_unref(c->conn);
	}
	/* None comes later, either. */
	CHECK_EQ(counter_get(&c->disconnects), came);
	return NULL;
}

static void be_client(void)
{
	struct leaks leaks;
	int i;

	child_begin(NEAR);
	leaks_begin(&leaks);
	client_set = set_new(test_client);
	REQUIRE_EQ(mrpc_set_disconnect_func(client_set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	SECTION("the client");
	for (i = 0; i < CONNECTIONS; i++) {
		callers[i].number = i;
		callers[i].seed = (unsigned)i * 77 + 1;
		counter_init(&callers[i].disconnects);
		callers[i].thread = thread_start(run_caller, &callers[i]);
	}
	for (i = 0; i < CONNECTIONS; i++)
		REQUIRE_EQ(pthread_join(callers[i].thread, NULL), 0);
	mrpc_conn_set_unref(client_set);
	LEAKS_CHECK(&leaks);
	child_end();
}

/* ---- what happens to them ---- */

static void *carry(void *arg)
{
	link_run(arg);
	return NULL;
}

static void set_link(int delay_ms, int jitter_ms, int lost, int twice)
{
	atomic_store(&shared->link.delay_us, delay_ms * 1000);
	atomic_store(&shared->link.jitter_us, jitter_ms * 1000);
	atomic_store(&shared->link.lost, lost);
	atomic_store(&shared->link.twice, twice);
}

static long connected(void)
{
	return atomic_load(&shared->came) - atomic_load(&shared->went);
}

static void report(const char *part, long calls, long went)
{
	tap_note("%s: %ld calls, %ld disconnects", part, atomic_load(&shared->calls) - calls,
		 atomic_load(&shared->went) - went);
}

/* A part in which nobody may be disconnected, or anybody. */
static void play(const char *part, bool may_end, void (*step)(unsigned *seed))
{
	int64_t end = now_ms() + seconds * 1000;
	long calls = atomic_load(&shared->calls), went = atomic_load(&shared->went);
	static unsigned seed = 3;

	SECTION("%s", part);
	while (now_ms() < end) {
		if (step != NULL)
			step(&seed);
		else
			usleep(50000);
	}
	CHECK_MSG(atomic_load(&shared->calls) > calls, "no call ended");
	CHECK_MSG(may_end || atomic_load(&shared->went) == went, "%ld living connections ended",
		  atomic_load(&shared->went) - went);
	report(part, calls, went);
}

/* It is up long enough for what was under way to be sent again: the kernel tries again at ever
 * longer intervals, and who is unlucky each time would rightly be taken for dead. */
static void flap(unsigned *seed)
{
	atomic_store(&shared->link.down, true);
	usleep(100000 + (useconds_t)rand_r(seed) % 900000);
	atomic_store(&shared->link.down, false);
	usleep(2500000 + (useconds_t)rand_r(seed) % 500000);
}

static void freeze(unsigned *seed)
{
	int i = rand_r(seed) % SERVERS;

	REQUIRE_EQ(kill(servers[i], SIGSTOP), 0);
	usleep(100000 + (useconds_t)rand_r(seed) % 1500000);
	REQUIRE_EQ(kill(servers[i], SIGCONT), 0);
	usleep((useconds_t)rand_r(seed) % 300000);
}

static void replace(unsigned *seed)
{
	int i = rand_r(seed) % SERVERS, status;

	REQUIRE_EQ(kill(servers[i], SIGKILL), 0);
	REQUIRE_EQ(waitpid(servers[i], &status, 0), servers[i]);
	server_start(i);
	usleep(200000 + (useconds_t)rand_r(seed) % 600000);
}

/* The network is gone: all find out, not too early and in time. */
static void vanish(void)
{
	long went, there;
	int64_t start, took;

	SECTION("a network that is gone");
	WAIT_FOR(connected() == CONNECTIONS);
	atomic_store(&shared->hold, true);
	there = connected();
	went = atomic_load(&shared->went);
	start = now_ms();
	atomic_store(&shared->link.down, true);
	/* What was under way when it went down was acknowledged until then. */
	STAYS(atomic_load(&shared->went) == went, DEAD_MS - 1500);
	WAIT_FOR_MS(connected() == 0, DEAD_MS * 9 / 8 + SLACK_MS);
	took = now_ms() - start;
	CHECK_EQ(atomic_load(&shared->went) - went, there);
	tap_note("%ld dead peers found within %lld ms, %d configured", there, (long long)took, DEAD_MS);
	atomic_store(&shared->link.down, false);
	atomic_store(&shared->hold, false);
	WAIT_FOR(connected() == CONNECTIONS);
}

static void end_of(pid_t pid, const char *who)
{
	int status = -1;

	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_MSG(status == 0, "%s ended with %#x", who, (unsigned)status);
}

int main(void)
{
	pthread_t link;
	pid_t client;
	int i;

	if (getenv("NETWORK_SECONDS") != NULL)
		seconds = atol(getenv("NETWORK_SECONDS"));
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!link_open())
		tap_skip("needs root, network namespaces and /dev/net/tun");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED);
	for (i = 0; i < SERVERS; i++)
		server_start(i);
	client = fork();
	REQUIRE(client >= 0);
	if (client == 0)
		be_client();
	link = thread_start(carry, &shared->link);

	SECTION("%d connections to %d servers", CONNECTIONS, SERVERS);
	set_link(1, 0, 0, 0);
	WAIT_FOR_MS(connected() == CONNECTIONS, 30000);
	play("a quiet link", false, NULL);
	set_link(20, 20, 0, 30);
	play("packets late, out of order and twice", false, NULL);
	set_link(5, 10, 30, 10);
	play("packets lost", true, NULL);
	set_link(1, 0, 0, 0);
	play("a link that goes down and comes back", false, flap);
	play("servers that freeze", false, freeze);
	set_link(5, 10, 5, 10);
	play("servers that are killed", true, replace);
	set_link(1, 0, 0, 0);
	vanish();

	SECTION("the end");
	atomic_store(&shared->stop, true);
	end_of(client, "the client");
	for (i = 0; i < SERVERS; i++) {
		REQUIRE_EQ(kill(servers[i], SIGTERM), 0);
		end_of(servers[i], "a server");
	}
	CHECK_EQ(atomic_load(&shared->came), atomic_load(&shared->went));
	atomic_store(&shared->link.over, true);
	thread_join(link);
	tap_note("%ld calls: %ld answered, %ld timed out, %ld failed, %ld wrong; deadlines at most "
		 "%lld ms late", atomic_load(&shared->calls), atomic_load(&shared->ok),
		 atomic_load(&shared->timed_out), atomic_load(&shared->failed),
		 atomic_load(&shared->wrong), (long long)atomic_load(&shared->latest_ms));
	tap_note("%ld connections, %ld disconnects, %ld attempts in vain; %ld packets, %ld dropped",
		 atomic_load(&shared->came), atomic_load(&shared->went),
		 atomic_load(&shared->refused), atomic_load(&shared->link.packets),
		 atomic_load(&shared->link.dropped));
	return tap_done();
}
