/* Other programs that speak TLS, at the other end of a pair of sockets: what is written to one
 * end they send, what they receive can be read there. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <stdarg.h>
#include <sys/wait.h>

struct program {
	pid_t pid;
	int fd;         /* its standard input and output */
};

/* Arguments end with NULL; what it says on stderr goes to the test's scratch directory. */
static inline struct program program_start(const char *const *argv)
{
	struct program p;
	char log[512];
	int fds[2], err;

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	snprintf(log, sizeof(log), "%s/programs", getenv("TEST_SCRATCH"));
	p.fd = fds[0];
	p.pid = fork();
	REQUIRE(p.pid >= 0);
	if (p.pid == 0) {
		err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fds[1], 0);
		dup2(fds[1], 1);
		dup2(err, 2);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(fds[1]);
	return p;
}

/* Whether a program has said that, so far. */
static inline bool program_said(const char *what)
{
	char path[512], line[1024];
	bool said = false;
	FILE *log;

	snprintf(path, sizeof(path), "%s/programs", getenv("TEST_SCRATCH"));
	log = fopen(path, "r");
	while (log != NULL && fgets(line, sizeof(line), log) != NULL)
		said = said || strstr(line, what) != NULL;
	if (log != NULL)
		fclose(log);
	return said;
}

/* It has nothing more to do. */
static inline void program_stop(struct program *p)
{
	int status;

	close(p->fd);
	kill(p->pid, SIGKILL);
	waitpid(p->pid, &status, 0);
}

/* Waits for its end. */
static inline int program_join(struct program *p)
{
	int status = -1;

	close(p->fd);
	WAIT_FOR(waitpid(p->pid, &status, WNOHANG) == p->pid);
	return status;
}

/* A port that was free just now. */
static inline void free_port(char port[8])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE_EQ(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	REQUIRE_EQ(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(port, 8, "%u", ntohs(at.sin_port));
	close(fd);
}

/* Words of a line that are set apart by blanks; cert() for what begins with @. */
struct words {
	char text[2048];
	const char *argv[64];
};

static inline const char *const *words(struct words *w, const char *format, ...)
{
	char line[1024], *word, *rest;
	size_t n = 0, used = 0;
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		char *name = strchr(word, '@');
		bool file = name == word || (name != NULL && name[-1] == '=');

		w->argv[n++] = w->text + used;
		used += (size_t)snprintf(w->text + used, sizeof(w->text) - used, "%.*s%s",
					 (int)(file ? name - word : (long)strlen(word)), word,
					 file ? cert(name + 1) : "") + 1;
		REQUIRE(used < sizeof(w->text) && n < 63);
	}
	w->argv[n] = NULL;
	return w->argv;
}

/* Connects, as soon as somebody listens there. */
static inline int connect_when_there(struct mrpc_connection *conn, const char *host,
				     const char *port)
{
	int64_t end = now_ms() + scaled(10000);
	int code;

	while ((code = mrpc_connect(conn, AF_INET, host, port)) == ECONNREFUSED &&
	       now_ms() < end)
		usleep(5000);
	return code;
}

#endif
