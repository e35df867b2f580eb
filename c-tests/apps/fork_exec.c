/* PROTO: test.mx */
/*
 * A handler that forks and executes a program, once and twice, as daemons do:
 * the program has none of the library's descriptors, the child's end disturbs
 * nothing, and the connection goes on.
 */
#include "apps.h"

enum { ROUNDS = 5 };

static const char *self;
static int from_program[2];     /* a pipe: what the program says */

/* The program: how many sockets, event and epoll descriptors it has got. */
static int program(int fd)
{
	char path[64], target[64];
	unsigned char n = 0;
	int i;

	for (i = 0; i < 256; i++) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", i);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		n += strncmp(target, "socket:", 7) == 0 || strncmp(target, "anon_inode:", 11) == 0;
	}
	n += 100;
	return write(fd, &n, 1) == 1 ? 0 : 1;
}

/* What it says, in time. */
static bool said(int fd, unsigned char *n)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, (int)scaled(10000)) == 1 && read(fd, n, 1) == 1;
}

static void execute(void)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", from_program[1]);
	execl(self, self, fd, (char *)NULL);
	_exit(66);
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	pid_t pid = fork();
	int status;

	(void)data;
	(void)msg;
	CHECK(pid >= 0);
	if (pid == 0) {
		if (*in == 2 && fork() != 0)
			_exit(0);       /* the daemon's parent */
		execute();
	}
	/* memcheck takes what the parent's other threads held for the child's leaks */
	status = child_wait(pid);
	CHECK(status == 0 || (status == 99 && strcmp(test_mode(), "valgrind") == 0));
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .put = put, .ping = answer_ping };
static const struct test_client_operations client_ops = { .client_ping = answer_ping };

int main(int argc, char **argv)
{
	struct leaks leaks;
	struct pair p;
	unsigned char n;
	number times;
	int i, k;

	if (argc > 1)
		return program(atoi(argv[1]));
	self = argv[0];
	leaks_begin(&leaks);
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
	CHECK(mrpc_get_event_fd(p.server_set) >= 0);
	for (times = 1; times <= 2; times++)
		for (i = 0; i < ROUNDS; i++) {
			SECTION("%d forks, round %d", times, i);
			REQUIRE_EQ(pipe(from_program), 0);
			CHECK_EQ(test_put(p.client, &times), MINIRPC_OK);
			close(from_program[1]);
			if (CHECK(said(from_program[0], &n)))
				CHECK_EQ(n, 100);
			close(from_program[0]);
			for (k = 0; k < 20; k++) {
				CHECK_EQ(test_ping(p.client), MINIRPC_OK);
				CHECK_EQ(test_client_ping(p.server), MINIRPC_OK);
			}
		}
	CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);
	CHECK_EQ(counter_get(&p.server_probe.ioerrs), 0);
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
