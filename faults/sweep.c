/*
 * sweep [SCENE...]: plays each scene once for each way in which each of its calls of the C
 * library can fail, in a process of its own: see shim.h and scenes.h.
 *
 *   FAULTS=n            every n-th point only (1)
 *   FAULTS_AT=POINT     that point only, as a failure names it
 *   JOBS=n              processes at a time (2)
 *
 * One line for each fault, one for each point where something is wrong; the last line is
 * "N passed, N failed", in points.
 */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "scenes.h"

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Until the scene is over: more than it calls. */
#define LASTING 1000000000L
/* A system that interrupts for ever is none: this is much, and over in a moment. */
#define OFTEN 100L
/* A listener rests 20 ms each time. */
#define A_WHILE 8L

#define TWICE(place, text, error, unnoticed) \
	{ place, text, error, error, 1, unnoticed, 0 }, \
	{ place, text " lasting", error, error, LASTING, unnoticed, 0 }
#define HARD(place, text, error) TWICE(place, text " " #error, error, false)
#define INTERRUPTED(place, text) \
	{ place, text " EINTR", EINTR, EINTR, 1, true, 0 }, \
	{ place, text " EINTR often", EINTR, EINTR, OFTEN, true, 0 }
#define ACCEPT(error) \
	{ AT_ACCEPT4, "accept4 " #error, error, error, 1, true, 0 }, \
	{ AT_ACCEPT4, "accept4 " #error " for a while", error, error, A_WHILE, true, 0 }
#define RESOLVE(code, told) \
	{ AT_GETADDRINFO, "getaddrinfo " #code, code, told, 1, false, 0 }, \
	{ AT_GETADDRINFO, "getaddrinfo " #code " lasting", code, told, LASTING, false, 0 }
/* Beyond what a thread or a set has for itself, whatever its peers do. */
#define LARGE (72 << 10)
#define MEMORY(place, text) \
	{ place, text, ENOMEM, ENOMEM, 1, false, 0 }, \
	{ place, text " of much", ENOMEM, ENOMEM, 1, false, LARGE }, \
	{ place, text " of much, lasting", ENOMEM, ENOMEM, LASTING, false, LARGE }

static const struct fault faults[] = {
	TWICE(AT_RECV, "recv one byte", SHORT, true),
	INTERRUPTED(AT_RECV, "recv"),
	HARD(AT_RECV, "recv", ECONNRESET),
	HARD(AT_RECV, "recv", ETIMEDOUT),
	HARD(AT_RECV, "recv", ENOMEM),
	TWICE(AT_SEND, "send one byte", SHORT, true),
	INTERRUPTED(AT_SEND, "send"),
	HARD(AT_SEND, "send", EPIPE),
	HARD(AT_SEND, "send", ECONNRESET),
	HARD(AT_SEND, "send", ENOBUFS),
	HARD(AT_SEND, "send", ENOMEM),
	TWICE(AT_SENDMSG, "sendmsg one byte", SHORT, true),
	INTERRUPTED(AT_SENDMSG, "sendmsg"),
	HARD(AT_SENDMSG, "sendmsg", EPIPE),
	HARD(AT_SENDMSG, "sendmsg", ECONNRESET),
	HARD(AT_SENDMSG, "sendmsg", ENOBUFS),
	HARD(AT_SENDMSG, "sendmsg", ENOMEM),
	INTERRUPTED(AT_ACCEPT4, "accept4"),
	ACCEPT(ECONNABORTED),
	ACCEPT(EMFILE),
	ACCEPT(ENFILE),
	ACCEPT(ENOBUFS),
	ACCEPT(ENOMEM),
	INTERRUPTED(AT_PPOLL, "ppoll"),
	TWICE(AT_READ, "read one byte", SHORT, true),
	INTERRUPTED(AT_READ, "read"),
	HARD(AT_READ, "read", EIO),
	HARD(AT_WRITE, "write", EPIPE),
	HARD(AT_WRITEV, "writev", EPIPE),
	INTERRUPTED(AT_EPOLL_WAIT, "epoll_wait"),
	HARD(AT_EPOLL_CTL, "epoll_ctl", ENOMEM),
	HARD(AT_EPOLL_CTL, "epoll_ctl", ENOSPC),
	HARD(AT_EPOLL_CREATE, "epoll_create1", EMFILE),
	HARD(AT_EPOLL_CREATE, "epoll_create1", ENFILE),
	HARD(AT_EPOLL_CREATE, "epoll_create1", ENOMEM),
	HARD(AT_EVENTFD, "eventfd", EMFILE),
	HARD(AT_EVENTFD, "eventfd", ENFILE),
	HARD(AT_EVENTFD, "eventfd", ENOMEM),
	HARD(AT_SOCKET, "socket", EMFILE),
	HARD(AT_SOCKET, "socket", ENFILE),
	HARD(AT_SOCKET, "socket", ENOBUFS),
	HARD(AT_SOCKET, "socket", ENOMEM),
	INTERRUPTED(AT_CONNECT, "connect"),
	HARD(AT_CONNECT, "connect", ECONNREFUSED),
	HARD(AT_CONNECT, "connect", ETIMEDOUT),
	HARD(AT_CONNECT, "connect", EADDRNOTAVAIL),
	HARD(AT_CONNECT, "connect", ENETUNREACH),
	HARD(AT_BIND, "bind", EADDRINUSE),
	HARD(AT_LISTEN, "listen", EADDRINUSE),
	HARD(AT_SETSOCKOPT, "setsockopt", ENOBUFS),
	HARD(AT_GETSOCKOPT, "getsockopt", ENOBUFS),
	HARD(AT_GETSOCKNAME, "getsockname", ENOBUFS),
	HARD(AT_GETPEERNAME, "getpeername", ENOBUFS),
	HARD(AT_PTHREAD_CREATE, "pthread_create", EAGAIN),
	RESOLVE(EAI_AGAIN, EAGAIN),
	RESOLVE(EAI_MEMORY, ENOMEM),
	RESOLVE(EAI_FAIL, EIO),
	RESOLVE(EAI_NONAME, ENOENT),
	RESOLVE(EAI_SYSTEM, EMFILE),
	TWICE(AT_GETRANDOM, "getrandom one byte", SHORT, true),
	INTERRUPTED(AT_GETRANDOM, "getrandom"),
	MEMORY(AT_MALLOC, "malloc"),
	MEMORY(AT_CALLOC, "calloc"),
	MEMORY(AT_REALLOC, "realloc"),
	MEMORY(AT_POSIX_MEMALIGN, "posix_memalign"),
};
enum { FAULTS = sizeof(faults) / sizeof(faults[0]), JOBS_MAX = 32, SECONDS = 60 };

/* What became of the points of a fault. */
static struct figures {
	long worked, failed_well, aborted, not_reached, failed;
	size_t largest;         /* allocation that the process was ended for */
} figures[FAULTS], total;

struct job {
	pid_t pid;
	const struct scene *scene;
	bool tls;
	int fault;
	long nth;
	int log;
	struct fault_control *control;
	int *worked;
};
static struct job jobs[JOBS_MAX];
static long jobs_max = 2, every = 1, points;
static const char *only;

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(at != MAP_FAILED);
	return at;
}

static void point_name(const struct job *job, char name[160])
{
	snprintf(name, 160, "%s%s:%s:%ld", job->scene->name, job->tls ? "-tls" : "",
		 faults[job->fault].name, job->nth);
}

/* ---- in a process of its own ---- */

static void play(struct job *job, const struct fault *fault)
{
	dup2(job->log, 1);
	dup2(job->log, 2);
	alarm((unsigned)scaled(SECONDS));
	scene_run(job->scene, job->tls, job->control, fault);
	*job->worked = scene_all_worked();
	_exit(tap_done());
}

static void start(struct job *job)
{
	static const struct fault_control nothing;
	const struct fault *fault = job->fault < 0 ? NULL : &faults[job->fault];

	*job->control = nothing;
	job->control->fd = -1;
	if (fault != NULL) {
		job->control->place = fault->place;
		job->control->nth = job->nth;
		job->control->error = fault->error;
		job->control->times = fault->times;
		job->control->at_least = fault->at_least;
	}
	*job->worked = 0;
	REQUIRE_EQ(ftruncate(job->log, 0), 0);
	lseek(job->log, 0, SEEK_SET);
	fault_use(job->control);
	job->pid = fork();
	REQUIRE(job->pid >= 0);
	if (job->pid == 0)
		play(job, fault);
}

/* ---- verdicts ---- */

static void show_log(int log)
{
	char text[4096];
	ssize_t len = pread(log, text, sizeof(text) - 1, 0);
	char *line, *rest = text;

	if (len <= 0)
		return;
	text[len] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			printf("    %s\n", line);
}

/* Rust's allocator ends the process, and says so. */
static bool is_abort_of_rust(const struct job *job)
{
	char text[4096], want[80];
	ssize_t len = pread(job->log, text, sizeof(text) - 1, 0);

	text[len < 0 ? 0 : len] = '\0';
	snprintf(want, sizeof(want), "memory allocation of %zu bytes failed", job->control->size);
	return strstr(text, want) != NULL;
}

static void judge_job(struct job *job, int status)
{
	struct figures *f = &figures[job->fault];
	char name[160];
	bool memory = faults[job->fault].place >= AT_MALLOC;

	if (job->control->injected == 0 && status == 0) {
		f->not_reached++;
		return;
	}
	points++;
	if (status == 0 && *job->worked) {
		f->worked++;
	} else if (status == 0) {
		f->failed_well++;
	} else if (memory && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
		   is_abort_of_rust(job) && job->control->size < LARGE) {
		f->aborted++;
		if (job->control->size > f->largest)
			f->largest = job->control->size;
	} else {
		f->failed++;
		point_name(job, name);
		printf("not ok - FAULTS_AT='%s': %s %d\n", name,
		       WIFSIGNALED(status) ? "ended by signal" : "exit status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		show_log(job->log);
		fflush(stdout);
	}
}

static struct job *job_of(pid_t pid)
{
	int i;

	for (i = 0; i < jobs_max; i++)
		if (jobs[i].pid == pid)
			return &jobs[i];
	return NULL;
}

/* A job that has nothing to do, when one has ended. */
static struct job *free_job(void)
{
	struct job *job = job_of(0);
	int status;

	if (job != NULL)
		return job;
	job = job_of(wait(&status));
	REQUIRE(job != NULL);
	job->pid = 0;
	judge_job(job, status);
	return job;
}

static void finish(void)
{
	int i, status;

	for (i = 0; i < jobs_max; i++) {
		if (jobs[i].pid == 0)
			continue;
		REQUIRE_EQ(waitpid(jobs[i].pid, &status, 0), jobs[i].pid);
		jobs[i].pid = 0;
		judge_job(&jobs[i], status);
	}
}

/* ---- the sweep ---- */

/* How many calls there are of each function, and of allocations that are large. */
static void count(const struct scene *scene, bool tls, size_t at_least, long calls[PLACES])
{
	struct fault_control *c = jobs[0].control;
	struct job *job = &jobs[0];
	int status;

	job->scene = scene;
	job->tls = tls;
	job->fault = -1;
	*c = (struct fault_control){ .fd = -1 };
	fault_use(c);
	REQUIRE_EQ(ftruncate(job->log, 0), 0);
	lseek(job->log, 0, SEEK_SET);
	c->at_least = at_least;
	job->pid = fork();
	REQUIRE(job->pid >= 0);
	if (job->pid == 0)
		play(job, NULL);
	REQUIRE_EQ(waitpid(job->pid, &status, 0), job->pid);
	job->pid = 0;
	if (status != 0)
		show_log(job->log);
	REQUIRE_EQ(status, 0);
	CHECK(*job->worked);
	memcpy(calls, c->calls, sizeof(c->calls));
}

static void sweep(const struct scene *scene, bool tls)
{
	static long turn;
	long calls[PLACES], large[PLACES];
	struct job *job, named = { .scene = scene, .tls = tls };
	char name[160];
	int i;

	count(scene, tls, 0, calls);
	count(scene, tls, LARGE, large);
	for (i = 0; i < FAULTS; i++) {
		const struct fault *fault = &faults[i];
		long n, last = fault->at_least > 0 ? large[fault->place] : calls[fault->place];

		for (n = 1; n <= last; n++) {
			if (only != NULL) {
				named.fault = i;
				named.nth = n;
				point_name(&named, name);
				if (strcmp(name, only) != 0)
					continue;
			} else if (turn++ % every != 0) {
				continue;
			}
			job = free_job();
			job->scene = scene;
			job->tls = tls;
			job->fault = i;
			job->nth = n;
			start(job);
		}
	}
	finish();
}

static void report(void)
{
	int i;

	printf("%-36s %7s %7s %7s %7s %7s\n", "# fault", "points", "worked", "failed", "aborted",
	       "wrong");
	for (i = 0; i < FAULTS; i++) {
		const struct figures *f = &figures[i];
		long n = f->worked + f->failed_well + f->aborted + f->failed;

		printf("# %-34s %7ld %7ld %7ld %7ld %7ld", faults[i].name, n, f->worked,
		       f->failed_well, f->aborted, f->failed);
		if (f->aborted > 0)
			printf("  at most %zu bytes", f->largest);
		printf("\n");
		total.worked += f->worked;
		total.failed_well += f->failed_well;
		total.aborted += f->aborted;
		total.not_reached += f->not_reached;
		total.failed += f->failed;
	}
	printf("# %ld worked, %ld failed as documented, %ld ended by Rust's allocator, "
	       "%ld calls were not made\n", total.worked, total.failed_well, total.aborted,
	       total.not_reached);
	printf("%ld passed, %ld failed\n", points - total.failed, total.failed);
}

static bool is_named(const struct scene *scene, bool tls, int argc, char **argv)
{
	char name[64];
	int i;

	snprintf(name, sizeof(name), "%s%s", scene->name, tls ? "-tls" : "");
	if (only != NULL && strncmp(only, name, strlen(name)) != 0)
		return false;
	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 1;
}

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text != NULL && atol(text) > 0 ? atol(text) : otherwise;
}

int main(int argc, char **argv)
{
	const struct scene *scene;
	int i, tls;

	alarm(0);
	signal(SIGPIPE, SIG_DFL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	jobs_max = setting("JOBS", 2);
	REQUIRE(jobs_max <= JOBS_MAX);
	every = setting("FAULTS", 1);
	only = getenv("FAULTS_AT");
	for (i = 0; i < jobs_max; i++) {
		jobs[i].control = shared(sizeof(*jobs[i].control));
		jobs[i].worked = shared(sizeof(*jobs[i].worked));
		REQUIRE((jobs[i].log = memfd_create("log", MFD_CLOEXEC)) >= 0);
	}
	for (scene = scenes; scene->name != NULL; scene++) {
		for (tls = 0; tls < 2; tls++) {
			if (!(tls ? scene->tls : scene->plain) ||
			    !is_named(scene, tls != 0, argc, argv))
				continue;
			/* What is made once for a process is not of a scene. */
			*jobs[0].control = (struct fault_control){ .fd = -1 };
			fault_use(jobs[0].control);
			scene_run(scene, tls != 0, jobs[0].control, NULL);
			sweep(scene, tls != 0);
		}
	}
	report();
	return total.failed > 0 || points == 0;
}
