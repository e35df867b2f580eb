/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain (the programs that it starts are not the sanitizer's or memcheck's to see) */
/*
 * MINIRPC_TRACE in other programs' processes: stderr; a name that cannot be opened, which
 * is said; a forked child's own file; a program with its owner's rights, which ignores it.
 */
#include "view.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

static const struct test_server_operations ops = { .ping = answer_ping };

static void use(void)
{
	struct pair pair;

	pair_open(&pair, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(pair.server, &ops), 0);
	CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	pair_close(&pair);
}

/* Runs this program again, so that it makes its first set; what it wrote to stderr. */
static char *run_again(const char *program, const char *trace)
{
	static char text[1 << 14];
	size_t len = 0;
	int fds[2], status;
	pid_t child;
	ssize_t n;

	REQUIRE_EQ(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		dup2(fds[1], 2);
		setenv("MINIRPC_TRACE", trace, 1);
		execl(program, program, "again", (char *)NULL);
		_exit(126);
	}
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fds[0]);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	return text;
}

/* The process ends by SIGPIPE, if anything raises it. */
static void reader_gone(const char *program)
{
	int fds[2], status;
	pid_t child;

	REQUIRE_EQ(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		close(fds[0]);
		dup2(fds[1], 2);
		setenv("MINIRPC_TRACE", "stderr", 1);
		execl(program, program, "again", (char *)NULL);
		_exit(126);
	}
	close(fds[0]);
	close(fds[1]);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* A copy of this program with such rights, started by nobody: whether it made its file. */
static int as_nobody(const char *program, const char *dir, int rights)
{
	char copy[128], command[512], trace[128];
	int status, made;
	pid_t child;

	snprintf(copy, sizeof(copy), "%s/program", dir);
	snprintf(trace, sizeof(trace), "%s/trace", dir);
	snprintf(command, sizeof(command), "cp '%s' '%s'", program, copy);
	REQUIRE_EQ(system(command), 0);
	REQUIRE_EQ(chmod(copy, (mode_t)rights), 0);
	child = fork();
	if (child == 0) {
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(125);
		setenv("MINIRPC_TRACE", trace, 1);
		execl(copy, copy, "again", (char *)NULL);
		_exit(126);
	}
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	made = access(trace, F_OK) == 0;
	unlink(trace);
	unlink(copy);
	return made;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/minirpc-trace-XXXXXX", path[128], child_path[128], name[128];
	pid_t child;
	int status;
	struct statvfs fs;
	char *said;

	if (argc > 1) {
		use();
		return 0;
	}
	REQUIRE(mkdtemp(dir) != NULL);
	SECTION("stderr");
	said = run_again(argv[0], "stderr");
	CHECK_MEM(said, "# time\t", 7);
	CHECK(strstr(said, "\treply_in\t1\t") != NULL);

	SECTION("stderr that nobody reads raises no signal");
	reader_gone(argv[0]);

	SECTION("a file that cannot be opened: it is said, and all goes on");
	said = run_again(argv[0], "/nonexistent/trace");
	CHECK_STR(said, "minirpc: MINIRPC_TRACE=/nonexistent/trace: No such file or directory\n");

	SECTION("empty is none");
	CHECK_STR(run_again(argv[0], ""), "");

	SECTION("a forked child that makes sets has a file of its own");
	snprintf(name, sizeof(name), "%s/trace.%%p", dir);
	snprintf(path, sizeof(path), "%s/trace.%ld", dir, (long)getpid());
	setenv("MINIRPC_TRACE", name, 1);
	use();
	child = fork();
	if (child == 0) {
		use();
		_exit(0);
	}
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	snprintf(child_path, sizeof(child_path), "%s/trace.%ld", dir, (long)child);
	CHECK_EQ(access(path, F_OK), 0);
	CHECK_EQ(access(child_path, F_OK), 0);
	unlink(path);
	unlink(child_path);

	SECTION("a program with its owner's rights ignores it; the same without them does not");
	if (geteuid() != 0 || (statvfs(dir, &fs) == 0 && fs.f_flag & ST_NOSUID)) {
		tap_note("not tried: needs root, and a /tmp that is not mounted nosuid");
	} else {
		REQUIRE_EQ(chmod(dir, 0777), 0);
		CHECK_EQ(as_nobody(argv[0], dir, 0755), 1);
		CHECK_EQ(as_nobody(argv[0], dir, 04755), 0);
	}
	rmdir(dir);
	return tap_done();
}
