#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

void counter_init(struct counter *c)
{
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->n = 0;
}

long counter_add(struct counter *c, long n)
{
	long now;

	pthread_mutex_lock(&c->lock);
	now = c->n += n;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return now;
}

long counter_get(struct counter *c)
{
	long n;

	pthread_mutex_lock(&c->lock);
	n = c->n;
	pthread_mutex_unlock(&c->lock);
	return n;
}

static struct timespec in_ms(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

bool counter_wait(struct counter *c, long n, const char *file, int line)
{
	struct timespec end = in_ms(scaled(10000));
	long got;

	pthread_mutex_lock(&c->lock);
	while (c->n < n)
		if (pthread_cond_timedwait(&c->changed, &c->lock, &end) == ETIMEDOUT)
			break;
	got = c->n;
	pthread_mutex_unlock(&c->lock);
	return tap_check_msg(got >= n, file, line, "waited for %ld, got %ld", n, got);
}

pthread_t thread_start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	REQUIRE_EQ(pthread_create(&thread, NULL, run, arg), 0);
	return thread;
}

void *thread_join(pthread_t thread)
{
	struct timespec end = in_ms(scaled(20000));
	void *result = NULL;

	REQUIRE_EQ(pthread_timedjoin_np(thread, &result, &end), 0);
	return result;
}

int thread_number(void)
{
	return (int)syscall(SYS_gettid);
}

char thread_state(int number)
{
	char path[64], line[256] = "";
	const char *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", number);
	f = fopen(path, "re");
	if (f == NULL)
		return '?';
	end = fgets(line, sizeof(line), f) != NULL ? strrchr(line, ')') : NULL;
	fclose(f);
	return end != NULL ? end[2] : '?';
}

bool thread_sleeps(int number)
{
	int i;

	for (i = 0; i < 5; i++) {
		if (thread_state(number) != 'S')
			return false;
		tap_pause();
	}
	return true;
}

static void *dispatch(void *arg)
{
	struct dispatcher *d = arg;

	mrpc_dispatcher_add(d->set);
	counter_add(&d->registered, 1);
	__atomic_store_n(&d->result, mrpc_dispatch_loop(d->set), __ATOMIC_SEQ_CST);
	mrpc_dispatcher_remove(d->set);
	return NULL;
}

void dispatcher_start(struct dispatcher *d, struct mrpc_conn_set *set)
{
	counter_init(&d->registered);
	d->set = set;
	d->result = -1;
	d->thread = thread_start(dispatch, d);
	COUNTER_WAIT(&d->registered, 1);
}

int dispatcher_join(struct dispatcher *d)
{
	thread_join(d->thread);
	return d->result;
}

void dispatch_once(struct mrpc_conn_set *set)
{
	struct pollfd events = { mrpc_get_event_fd(set), POLLIN, 0 };

	if (mrpc_dispatch(set, 1) == EAGAIN)
		poll(&events, 1, 5);
}

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	REQUIRE(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	return n;
}

#ifdef __SANITIZE_THREAD__
static void *nothing(void *arg)
{
	return arg;
}

/* The sanitizer's own thread comes with the first one, and stays: so it is there from the start. */
__attribute__((constructor)) static void begin_sanitizer_thread(void)
{
	pthread_t thread;

	REQUIRE_EQ(pthread_create(&thread, NULL, nothing, NULL), 0);
	pthread_join(thread, NULL);
}
#endif

int count_threads(void)
{
	return count_entries("/proc/self/task");
}

int count_fds(void)
{
	return count_entries("/proc/self/fd") - 1;      /* not the one of readdir */
}

long rss_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size, resident = 0;

	REQUIRE(f != NULL);
	REQUIRE_EQ(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

void leaks_begin(struct leaks *l)
{
	l->threads = count_threads();
	l->fds = count_fds();
}

bool leaks_check(const struct leaks *l, const char *file, int line)
{
	int64_t end = now_ms() + scaled(10000);
	int threads, fds;

	while ((threads = count_threads(), fds = count_fds(),
		threads != l->threads || fds != l->fds) && now_ms() < end)
		tap_pause();
	return tap_check_msg(threads == l->threads && fds == l->fds, file, line,
			     "left over: %d threads (were %d), %d descriptors (were %d)",
			     threads, l->threads, fds, l->fds);
}
