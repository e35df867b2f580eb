#include "children.h"
#include "load.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS = 5 };

/* The program stands beside this one; as many arguments as are not NULL. */
static void child_start(struct child *c, const char *program, bool low, const char *args[ARGS])
{
	char path[4096], *argv[ARGS + 2] = { path };
	int to[2], from[2], i;
	ssize_t len;

	len = readlink("/proc/self/exe", path, sizeof(path) - 32);
	MUST(len > 0 ? 0 : -1);
	path[len] = 0;
	strcpy(strrchr(path, '/') + 1, program);
	for (i = 0; i < ARGS && args[i] != NULL; i++)
		argv[i + 1] = (char *)(uintptr_t)args[i];
	MUST(pipe2(to, O_CLOEXEC));
	MUST(pipe2(from, O_CLOEXEC));
	memset(c, 0, sizeof(*c));
	c->name = program;
	c->pid = fork();
	MUST(c->pid < 0);
	if (c->pid == 0) {
		struct sched_param param = { 0 };

		dup2(to[0], 0);
		dup2(from[1], 1);
		if (low)
			sched_setscheduler(0, SCHED_IDLE, &param);
		execv(path, argv);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	c->to = fdopen(to[1], "we");
	c->from = fdopen(from[0], "re");
	MUST(c->to == NULL || c->from == NULL);
}

/* Passes on what it says until a line begins with the word; what is behind that, until the
 * next question. */
static const char *child_ask(struct child *c, const char *command, const char *word)
{
	static char line[512];
	size_t len = strlen(word);

	fprintf(c->to, "%s\n", command);
	fflush(c->to);
	while (fgets(line, sizeof(line), c->from) != NULL) {
		if (strncmp(line, word, len) == 0)
			return line + len;
		line[strcspn(line, "\n")] = 0;
		fault("%s: %s", c->name, line);
	}
	fault("%s has ended", c->name);
	return "";
}

static void child_end(struct child *c)
{
	int status;

	fclose(c->to);
	fclose(c->from);
	waitpid(c->pid, &status, 0);
	if (status != 0)
		fault("%s ended with the status %#x", c->name, status);
}

/* ---- attackers ---- */

void attacker_start(struct attacker *a, const char *attack, int port, int threads, long pause)
{
	/* What needs a session is in another language. */
	const char *program = strcmp(attack, "tls-records") == 0 ? attack : "attacker";
	char numbers[3][24];
	const char *args[ARGS] = { attack, numbers[0], numbers[1], numbers[2] };

	snprintf(numbers[0], sizeof(numbers[0]), "%d", port);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", threads);
	snprintf(numbers[2], sizeof(numbers[2]), "%ld", pause);
	child_start(&a->child, program, true, args);
	a->port = atoi(child_ask(&a->child, "port", "port"));
}

void attacker_go(struct attacker *a)
{
	child_ask(&a->child, "go", "going");
}

long attacker_rest(struct attacker *a)
{
	return atol(child_ask(&a->child, "rest", "resting"));
}

void attacker_end(struct attacker *a)
{
	child_end(&a->child);
}

/* ---- hosts ---- */

void host_start(struct host *h, int dispatchers, const char *certs)
{
	char number[24];
	const char *args[ARGS] = { number, certs };

	snprintf(number, sizeof(number), "%d", dispatchers);
	child_start(&h->child, "host", false, args);
	h->port = 0;
}

void host_set(struct host *h, const char *setting, long value)
{
	char command[128];

	snprintf(command, sizeof(command), "set %s %ld", setting, value);
	child_ask(&h->child, command, "set");
}

void host_listen(struct host *h, const char *name)
{
	char command[256];

	snprintf(command, sizeof(command), "listen %s", name != NULL ? name : "");
	h->port = atoi(child_ask(&h->child, command, "port"));
}

void host_stats(struct host *h, struct host_stats *s)
{
	const char *line = child_ask(&h->child, "stats", "stats");

	memset(s, 0, sizeof(*s));
	sscanf(line, "%ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", &s->rss_kib, &s->heap_kib,
	       &s->descriptors, &s->threads, &s->cpu_us, &s->connections, &s->connections_max,
	       &s->accepted, &s->disconnected, &s->reads_paused, &s->accepts_paused);
}

void host_end(struct host *h)
{
	child_end(&h->child);
}
