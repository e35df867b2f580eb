/* What a trace function was told, and looking for it. */
#ifndef TRACED_H
#define TRACED_H

#include "view.h"

#include <sys/syscall.h>

enum { STEPS_MAX = 4096 };

struct step {
	struct mrpc_trace_event event;
	char text[128];
	long thread;
};

struct steps {
	struct counter count;
	struct step at[STEPS_MAX];
};
#define STEPS_INIT { .count = COUNTER_INIT }

UNUSED static void note_step(void *data, const struct mrpc_trace_event *event)
{
	struct steps *steps = data;
	struct step *step;

	pthread_mutex_lock(&steps->count.lock);
	if (steps->count.n < STEPS_MAX) {
		step = &steps->at[steps->count.n];
		step->event = *event;
		step->event.text = NULL;
		step->thread = syscall(SYS_gettid);
		snprintf(step->text, sizeof(step->text), "%s", event->text ? event->text : "");
	}
	steps->count.n++;
	pthread_cond_broadcast(&steps->count.changed);
	pthread_mutex_unlock(&steps->count.lock);
}

/* How many steps of a kind, with this command. */
UNUSED static int count_steps(struct steps *steps, enum mrpc_trace_kind kind, int cmd)
{
	int i, n = 0;

	pthread_mutex_lock(&steps->count.lock);
	for (i = 0; i < steps->count.n && i < STEPS_MAX; i++)
		n += steps->at[i].event.kind == kind && steps->at[i].event.cmd == cmd;
	pthread_mutex_unlock(&steps->count.lock);
	return n;
}

/* The last step of a kind, with this command, which has to come. */
UNUSED static struct step wait_step(struct steps *steps, enum mrpc_trace_kind kind, int cmd)
{
	struct step found;
	int i;

	memset(&found, 0, sizeof(found));
	if (!WAIT_FOR(count_steps(steps, kind, cmd) > 0))
		return found;
	pthread_mutex_lock(&steps->count.lock);
	for (i = 0; i < steps->count.n && i < STEPS_MAX; i++)
		if (steps->at[i].event.kind == kind && steps->at[i].event.cmd == cmd)
			found = steps->at[i];
	pthread_mutex_unlock(&steps->count.lock);
	return found;
}

UNUSED static void forget_steps(struct steps *steps)
{
	pthread_mutex_lock(&steps->count.lock);
	steps->count.n = 0;
	pthread_mutex_unlock(&steps->count.lock);
}

UNUSED static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
