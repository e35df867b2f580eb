#include "children.h"
#include "load.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void attacker_start(struct attacker *a, const char *attack, int port, int threads, long pause)
{
	char program[4096], numbers[3][24], line[256];
	int to[2], from[2];
	ssize_t len;

	/* It stands beside this program. */
	len = readlink("/proc/self/exe", program, sizeof(program) - 16);
	MUST(len > 0 ? 0 : -1);
	program[len] = 0;
	strcpy(strrchr(program, '/'), "/attacker");
	snprintf(numbers[0], sizeof(numbers[0]), "%d", port);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", threads);
	snprintf(numbers[2], sizeof(numbers[2]), "%ld", pause);
	MUST(pipe2(to, O_CLOEXEC));
	MUST(pipe2(from, O_CLOEXEC));
	memset(a, 0, sizeof(*a));
	a->attack = attack;
	a->pid = fork();
	MUST(a->pid < 0);
	if (a->pid == 0) {
		struct sched_param param = { 0 };

		dup2(to[0], 0);
		dup2(from[1], 1);
		sched_setscheduler(0, SCHED_IDLE, &param);
		execl(program, program, attack, numbers[0], numbers[1], numbers[2], (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	a->to = fdopen(to[1], "we");
	a->from = fdopen(from[0], "re");
	MUST(a->to == NULL || a->from == NULL);
	if (strcmp(attack, "server") == 0) {
		MUST(fgets(line, sizeof(line), a->from) == NULL);
		a->port = atoi(line);
	}
}

/* Passes on what it says until it acknowledges; the number behind. */
static long acknowledged(struct attacker *a, char command, const char *word)
{
	char line[256];
	size_t len = strlen(word);

	fputc(command, a->to);
	fflush(a->to);
	while (fgets(line, sizeof(line), a->from) != NULL) {
		if (strncmp(line, word, len) == 0)
			return atol(line + len);
		fault("%s: %s", a->attack, line);
	}
	fault("the attacker %s has ended", a->attack);
	return 0;
}

void attacker_go(struct attacker *a)
{
	acknowledged(a, 'g', "going");
}

long attacker_rest(struct attacker *a)
{
	return acknowledged(a, 'r', "resting");
}

void attacker_end(struct attacker *a)
{
	fclose(a->to);
	fclose(a->from);
	waitpid(a->pid, NULL, 0);
}
