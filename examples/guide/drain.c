/* A server that is stopped while a client calls: nobody is left without an answer. */
#include "guide.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static mrpc_status_t slow(void *conn_data, struct mrpc_message *msg, number *in, number *out)
{
	struct timespec pause = { 0, *in * 1000000L };

	(void)conn_data;
	(void)msg;
	nanosleep(&pause, NULL);
	*out = *in;
	return MINIRPC_OK;
}

static const struct guide_server_operations operations = { .slow = slow };

static void *on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	(void)set_data;
	(void)from;
	(void)len;
	guide_server_set_operations(conn, &operations);
	mrpc_conn_unref(conn);
	return NULL;
}

static void *stop(void *set)
{
	int error = mrpc_drain(set, 5000);      /* milliseconds */

	if (error == ETIMEDOUT)
		fprintf(stderr, "some clients were cut off\n");
	mrpc_conn_set_unref(set);
	return NULL;
}

int main(void)
{
	struct mrpc_conn_set *server = guide_set(guide_server), *client = guide_set(guide_client);
	struct mrpc_connection *conn;
	number ms = 20, *result;
	pthread_t stopper;
	mrpc_status_t status;
	char *port = NULL;
	int answered = 0;

	OK(mrpc_set_accept_func(server, on_accept));
	OK(mrpc_listen(server, AF_INET, "127.0.0.1", &port));
	OK(mrpc_conn_create(&conn, client, NULL));
	OK(mrpc_connect(conn, AF_INET, "127.0.0.1", port));

	/* Calls one after the other; after the third, the server is told to stop. */
	while ((status = guide_slow(conn, &ms, &result)) == MINIRPC_OK) {
		free_number(result, 1);
		if (++answered == 3)
			OK(pthread_create(&stopper, NULL, stop, server));
	}
	printf("answered: %s\n", answered >= 3 ? "all that had begun" : "not all");
	printf("the next one: %s\n", mrpc_strerror(status));
	printf("executed: %s\n", status == MINIRPC_PROCEDURE_UNAVAIL ? "no" : "who knows");

	OK(mrpc_conn_close(conn));
	OK(pthread_join(stopper, NULL));
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(client);
	free(port);
	return 0;
}
