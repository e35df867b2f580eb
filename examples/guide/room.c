/* A sender that is faster than its peer, and neither waits nor fills memory. */
#include "guide.h"

#include <pthread.h>

enum { MESSAGES = 200000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int has_room = 1, received;

static void note(void *conn_data, struct mrpc_message *msg, number *in)
{
	(void)conn_data;
	(void)msg;
	(void)in;
	pthread_mutex_lock(&lock);
	if (++received == MESSAGES)
		pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static const struct guide_server_operations operations = { .note = note };

static void on_room(void *conn_data)
{
	(void)conn_data;
	pthread_mutex_lock(&lock);
	has_room = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_for_room(void)
{
	pthread_mutex_lock(&lock);
	while (!has_room)
		pthread_cond_wait(&changed, &lock);
	has_room = 0;
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	struct mrpc_conn_set *server = guide_set(guide_server), *client = guide_set(guide_client);
	struct mrpc_connection *sender, *receiver;
	number n;
	int fds[2], sent = 0;

	OK(mrpc_set_send_limit(client, 64 * 1024));
	OK(mrpc_set_room_func(client, on_room));
	OK(mrpc_conn_create(&sender, client, NULL));
	OK(mrpc_conn_create(&receiver, server, NULL));
	OK(guide_server_set_operations(receiver, &operations));
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	OK(mrpc_bind_fd(sender, fds[0]));
	OK(mrpc_bind_fd(receiver, fds[1]));

	has_room = 0;
	while (sent < MESSAGES) {
		mrpc_status_t status;

		n = sent;
		status = guide_note(sender, &n);
		if (status == MINIRPC_BUSY) {
			wait_for_room();        /* on_room is called, once */
		} else if (status != MINIRPC_OK) {
			fprintf(stderr, "note: %s\n", mrpc_strerror(status));
			return 1;
		} else {
			sent++;
		}
	}
	pthread_mutex_lock(&lock);
	while (received < MESSAGES)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	printf("sent %d, received %d\n", sent, received);

	OK(mrpc_conn_close(sender));
	mrpc_conn_unref(sender);
	mrpc_conn_unref(receiver);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	return 0;
}
