/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * MINIRPC_TRACE: the steps of all sets as lines in a file, %p being the pid, %% a %: appended
 * to, close-on-exec, for its owner only; the first line names the columns. Read when the
 * first set is made. No payload is written.
 */
#include "view.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Lines of the file, which begins with one for the columns. */
enum { OF_A_USE = 4 + 3 + 5 + 5, OF_AN_ERROR = 5, LINES = 1 + 2 * OF_A_USE + OF_AN_ERROR };

static const struct test_server_operations ops = { .add = answer_add, .notify = count_notify };

static char content[1 << 16];

static size_t read_all(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n;

	REQUIRE(f != NULL);
	n = fread(content, 1, sizeof(content) - 1, f);
	content[n] = '\0';
	fclose(f);
	return n;
}

/* Lines with this in them. */
static int lines_with(const char *path, const char *what)
{
	const char *at;
	int n = 0;

	read_all(path);
	for (at = strstr(content, what); at != NULL; at = strstr(at + 1, what))
		n++;
	return n;
}

/* A descriptor of this process that is the file at path, or -1. */
static int descriptor_of(const char *path)
{
	struct stat want, got;
	char number[64];
	int fd;

	REQUIRE_EQ(stat(path, &want), 0);
	/* Others are being closed meanwhile. */
	for (fd = 3; fd < 256; fd++) {
		snprintf(number, sizeof(number), "/proc/self/fd/%d", fd);
		if (stat(number, &got) == 0 && got.st_ino == want.st_ino && got.st_dev == want.st_dev)
			return fd;
	}
	return -1;
}

static void use(void)
{
	operands terms = { 0x41424344, 0 };
	struct pair pair;
	number *sum, n = 1;

	pair_open(&pair, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(pair.server, &ops), 0);
	CHECK_EQ(test_add(pair.client, &terms, &sum), MINIRPC_OK);
	free_number(sum, 1);
	CHECK_EQ(test_notify(pair.client, &n), MINIRPC_OK);
	CHECK_EQ(test_absent(pair.client, &n, &sum), MINIRPC_PROCEDURE_UNAVAIL);
	pair_close(&pair);
}

/* A request that does not decode. */
static void fail(void)
{
	struct end e;

	end_open_server(&e, &ops, 1);
	peer_send(e.fd, 1, PENDING, nr_test_add, "", 0);
	PEER_EXPECT(e.fd, 1, MINIRPC_ENCODING_ERR, nr_test_add, NULL, 0);
	end_close(&e);
}

int main(void)
{
	char dir[] = "/tmp/minirpc-trace-XXXXXX", name[96], path[96], other[96];
	static const char columns[] =
		"# time\tconnection\tkind\tcmd\tsequence\tstatus\tbytes\ttook_us\ttext\n";
	int fd, columns_in_line, lines = 0;
	char *line, *at, *rest;
	struct stat st;

	REQUIRE(mkdtemp(dir) != NULL);
	snprintf(name, sizeof(name), "%s/50%%%%.%%p", dir);
	snprintf(path, sizeof(path), "%s/50%%.%ld", dir, (long)getpid());
	snprintf(other, sizeof(other), "%s/other", dir);
	umask(0);
	setenv("MINIRPC_TRACE", name, 1);
	use();
	/* not read again */
	setenv("MINIRPC_TRACE", other, 1);
	use();
	fail();

	SECTION("one file, for its owner, appended to, and not inherited");
	CHECK_EQ(access(other, F_OK), -1);
	REQUIRE_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	fd = descriptor_of(path);
	REQUIRE(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(fd, F_GETFL) & O_APPEND);

	SECTION("the steps of both sets, twice, and of one with an error");
	/* each thread tells of what it did when it holds nothing any more */
	WAIT_FOR(lines_with(path, "\n") == LINES);
	CHECK_EQ(lines_with(path, "\tdown\t"), 5);
	CHECK_EQ(lines_with(path, "\tup\t"), 5);
	CHECK_EQ(lines_with(path, "\trequest_out\t"), 4);
	CHECK_EQ(lines_with(path, "\trequest_in\t"), 5);
	CHECK_EQ(lines_with(path, "\tdispatched\t"), 6);
	CHECK_EQ(lines_with(path, "\tanswered\t"), 2);
	CHECK_EQ(lines_with(path, "\trefused\t"), 3);
	CHECK_EQ(lines_with(path, "\treply_in\t"), 4);
	CHECK_EQ(lines_with(path, "\tmessage_out\t"), 2);
	CHECK_EQ(lines_with(path, "\tmessage_in\t"), 2);
	CHECK_EQ(lines_with(path, "\terror\t"), 1);

	SECTION("a line for the columns, and as many in each");
	read_all(path);
	CHECK_MEM(content, columns, strlen(columns));
	for (line = strtok_r(content, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		columns_in_line = 1;
		for (at = line; *at != '\0'; at++)
			columns_in_line += *at == '\t';
		CHECK_EQ(columns_in_line, 9);
		CHECK((line[0] == '#') == (lines == 0));
		lines++;
	}
	CHECK_EQ(lines, LINES);

	SECTION("the call's line, and nothing of its payload");
	CHECK_EQ(lines_with(path, "\t1\trequest_out\t2\t0\t0\t24\t0.000\t\n"), 2);
	CHECK_EQ(lines_with(path, "ABCD"), 0);
	CHECK_EQ(lines_with(path, "DCBA"), 0);
	unlink(path);
	rmdir(dir);
	return tap_done();
}
