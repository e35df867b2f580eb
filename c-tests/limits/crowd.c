/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain (it compares how long things take) */
/* TIMEOUT: 300 */
/*
 * What a connection costs that comes and goes does not grow with the number of those that stay:
 * among many the same time of the processor as among few, whatever is looked after of them.
 */
#include "../fault/fault.h"

enum { FEW = 10, MANY = 6000, ROUNDS = 300, TIMES = 2, TRIES = 5 };

static const char NOTHING[] = "";
/* A PROXY header of version 2 that names nobody. */
static const char UNNAMED[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";

static int fds[MANY];
/* As many of these as there may be descriptors for. */
static int many = MANY;

static int64_t spent_us(void)
{
	struct rusage usage;

	REQUIRE_EQ(getrusage(RUSAGE_SELF, &usage), 0);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* Comes, is served and goes. */
static void come_and_go(const char *hello)
{
	long ended = counter_get(&server.ended);
	int fd = peer_connect(server.port);

	peer_write(fd, hello, hello == NOTHING ? 0 : 16);
	peer_send(fd, 7, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(fd, 7, MINIRPC_OK, nr_test_ping, NULL, 0);
	close(fd);
	COUNTER_WAIT(&server.ended, ended + 1);
}

/* Nothing at all but what is set up. */
static void plain(int n)
{
	(void)n;
}

/* One place is left, and somebody always waits for it. */
static void full(int n)
{
	REQUIRE_EQ(mrpc_set_max_connections(server.set, (unsigned)n + 1), 0);
}

static void idle(int n)
{
	(void)n;
	REQUIRE_EQ(mrpc_set_idle_timeout(server.set, 3600 * 1000), 0);
}

static void keepalive(int n)
{
	(void)n;
	REQUIRE_EQ(mrpc_set_keepalive_enabled(server.set, 1), 0);
	REQUIRE_EQ(mrpc_set_keepalive_parameters(server.set, 600, 9, 60), 0);
}

/* The many have not said yet whom they stand for. */
static void proxy(int n)
{
	(void)n;
	REQUIRE_EQ(mrpc_set_proxy_protocol(server.set, 1), 0);
}

/* The time of the processor for a round, among n that stay. */
static int64_t round_among(int n, void (*prepare)(int n), const char *hello)
{
	int64_t begun, spent;
	int i;

	server_start(1);
	prepare(n);
	for (i = 0; i < n; i++) {
		fds[i] = peer_connect(server.port);
		/* The backlog is short, and who finds it full comes again after a second. */
		if (hello == NOTHING)
			COUNTER_WAIT(&server.accepted, i + 1);
		else
			usleep(100);
	}
	come_and_go(hello);
	begun = spent_us();
	for (i = 0; i < ROUNDS; i++)
		come_and_go(hello);
	spent = (spent_us() - begun) / ROUNDS;
	for (i = 0; i < n; i++)
		close(fds[i]);
	server_stop();
	return spent;
}

static void compare(const char *what, void (*prepare)(int n), const char *hello)
{
	int64_t few, more;
	int tries = 0;

	SECTION("%s", what);
	/* What else the machine does can only add to it. */
	do {
		few = round_among(FEW, prepare, hello);
		more = round_among(many, prepare, hello);
		tap_note("%lld us among %d, %lld us among %d", (long long)few, FEW,
			 (long long)more, many);
	} while (more > TIMES * few && ++tries < TRIES);
	CHECK_MSG(more <= TIMES * few, "%lld us instead of %lld", (long long)more, (long long)few);
}

int main(void)
{
	struct rlimit limit;

	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 2 * MANY + 100)
		many = (int)limit.rlim_max / 2 - 50;
	REQUIRE(many > 10 * FEW);
	compare("nothing is set", plain, NOTHING);
	compare("there is one place left", full, NOTHING);
	compare("an idle timeout", idle, NOTHING);
	compare("keepalive parameters", keepalive, NOTHING);
	compare("many that do not say whom they stand for", proxy, UNNAMED);
	return tap_done();
}
