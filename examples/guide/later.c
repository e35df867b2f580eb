/* A handler that leaves its request to another thread, which answers it. */
#include "guide.h"

#include <pthread.h>

struct job {
	struct mrpc_message *request;
	number n;
};

static void *work(void *data)
{
	struct job *job = data;
	number result = job->n * 2;

	/* an error says that nobody waits any more: there is nothing to do about it */
	guide_slow_send_async_reply(job->request, &result);
	free(job);
	return NULL;
}

static mrpc_status_t slow(void *conn_data, struct mrpc_message *msg, number *in, number *out)
{
	struct job *job = malloc(sizeof(*job));
	pthread_t thread;

	(void)conn_data;
	(void)out;
	if (job == NULL)
		return MINIRPC_ENCODING_ERR;
	job->request = msg;
	job->n = *in;                   /* *in is freed when this handler returns */
	if (pthread_create(&thread, NULL, work, job) != 0) {
		free(job);
		return MINIRPC_ENCODING_ERR;
	}
	pthread_detach(thread);
	return MINIRPC_PENDING;
}

static const struct guide_server_operations operations = { .slow = slow };

int main(void)
{
	struct mrpc_conn_set *server = guide_set(guide_server), *client = guide_set(guide_client);
	struct mrpc_connection *ours, *theirs;
	number n = 21, *reply = NULL;

	guide_join(client, &ours, server, &theirs);
	OK(guide_server_set_operations(theirs, &operations));
	if (guide_slow(ours, &n, &reply) == MINIRPC_OK)
		printf("%d\n", *reply);
	free_number(reply, 1);

	OK(mrpc_conn_close(ours));
	mrpc_conn_unref(ours);
	mrpc_conn_unref(theirs);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	return 0;
}
