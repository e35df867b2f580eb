/* PROTO: test.mx */
/*
 * A child that executes another program, from any thread, also from a handler,
 * also twice: the program has none of the parent's descriptors, and peers of
 * connections that the parent closes see the end though the program lives.
 */
#include "child.h"

static const char *self;
static struct pair p;
static int release[2];          /* what the programs wait for */
static pid_t programs[2];

static pid_t execute(void)
{
	pid_t child = fork();
	char fd[16];

	if (child == 0) {
		snprintf(fd, sizeof(fd), "%d", release[0]);
		execl(self, self, fd, (char *)NULL);
		_exit(127);
	}
	return child;
}

static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	int i;

	(void)data;
	(void)msg;
	for (i = 0; i < 2; i++)
		programs[i] = execute();
	*out = programs[0] > 0 && programs[1] > 0;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = answer_ping, .get = get };

/* The program that is executed: only the standard descriptors, and the one to
 * wait for. Valgrind has some of its own, far up. */
static int program(int wait_for)
{
	char byte;
	int fd, n = 0;

	close(atoi(getenv("KEEP_OPEN")));
	for (fd = 3; fd < 500; fd++)
		if (fd != wait_for && fcntl(fd, F_GETFD) >= 0) {
			dprintf(1, "# the program has descriptor %d\n", fd);
			n++;
		}
	while (read(wait_for, &byte, 1) < 0 && errno == EINTR)
		;
	return n > 0;
}

int main(int argc, char **argv)
{
	char keep[16];
	struct leaks leaks;
	number *out = NULL;
	pid_t direct;
	int i, fd;

	if (argc == 2)
		return program(atoi(argv[1]));
	self = argv[0];
	/* What the test was started with is none of the library's. */
	for (fd = 3; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	leaks_begin(&leaks);
	REQUIRE_EQ(pipe(release), 0);
	snprintf(keep, sizeof(keep), "%d", release[1]);
	setenv("KEEP_OPEN", keep, 1);

	SECTION("from a handler, twice, and from the main thread");
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	CHECK(mrpc_get_event_fd(p.server_set) >= 0);
	CHECK_EQ(test_get(p.client, &out), MINIRPC_OK);
	CHECK(out != NULL && *out == 1);
	free_number(out, 1);
	direct = execute();
	CHECK_EQ(test_ping(p.client), MINIRPC_OK);

	SECTION("closing is seen while the programs live");
	pair_close(&p);

	SECTION("the programs had no descriptor of the parent's");
	close(release[1]);
	for (i = 0; i < 2; i++)
		CHILD_WAIT(programs[i]);
	CHILD_WAIT(direct);
	close(release[0]);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
