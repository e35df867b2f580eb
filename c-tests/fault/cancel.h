/*
 * Threads of the application's that wait inside the library and are cancelled.
 * They end at once or when what they wait for comes, as they like.
 */
#ifndef CANCEL_H
#define CANCEL_H

#include "fault.h"

/* A thread that is in one call of the library, and asleep there. */
struct waiter {
	void (*call)(void *arg);
	void *arg;
	pthread_t thread;
	struct counter started;
	int number;
};

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;

	w->number = thread_number();
	counter_add(&w->started, 1);
	w->call(w->arg);
	return NULL;
}

UNUSED static void waiter_start(struct waiter *w, void (*call)(void *), void *arg)
{
	counter_init(&w->started);
	w->call = call;
	w->arg = arg;
	w->thread = thread_start(waiter_run, w);
	COUNTER_WAIT(&w->started, 1);
	WAIT_FOR(thread_sleeps(w->number));
}

UNUSED static void waiter_cancel(struct waiter *w)
{
	CHECK_EQ(pthread_cancel(w->thread), 0);
}

/* After what it waits for has come. */
UNUSED static void waiter_join(struct waiter *w)
{
	thread_join(w->thread);
}

/* The other end is served, again and again. */
UNUSED static void pings(int fd, int n)
{
	while (n-- > 0)
		SERVED(fd);
}

#endif
