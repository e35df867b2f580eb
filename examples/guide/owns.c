/* Who frees what: strings, results, references. */
#include "guide.h"

#include <ctype.h>
#include <semaphore.h>

static sem_t ended;

/* *in is the library's. What *out points to comes from malloc, and the library frees it. */
static mrpc_status_t upper(void *conn_data, struct mrpc_message *msg, text *in, text *out)
{
	char *c;

	(void)conn_data;
	(void)msg;
	*out = strdup(*in);
	if (*out == NULL)
		return MINIRPC_ENCODING_ERR;
	for (c = *out; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	return MINIRPC_OK;
}

static const struct guide_server_operations operations = { .upper = upper };

/* The last that is heard of a connection: what its cookie points to can go. */
static void disconnected(void *conn_data, enum mrpc_disc_reason reason)
{
	printf("%s is gone%s\n", (char *)conn_data, reason == MRPC_DISC_USER ? "" : "?");
	free(conn_data);
	sem_post(&ended);
}

int main(void)
{
	struct mrpc_conn_set *server = guide_set(guide_server), *client = guide_set(guide_client);
	struct mrpc_connection *ours, *theirs;
	char words[] = "who frees this";
	text in = words, *reply = NULL;
	int fds[2];

	if (sem_init(&ended, 0, 0) != 0)
		return 1;
	OK(mrpc_set_disconnect_func(client, disconnected));
	OK(mrpc_conn_create(&ours, client, strdup("the connection")));
	OK(mrpc_conn_create(&theirs, server, NULL));
	OK(guide_server_set_operations(theirs, &operations));
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	OK(mrpc_bind_fd(ours, fds[0]));         /* the descriptors are the library's now */
	OK(mrpc_bind_fd(theirs, fds[1]));
	mrpc_conn_unref(ours);                  /* it is up, and stays valid until its disconnect */
	mrpc_conn_unref(theirs);

	if (guide_upper(ours, &in, &reply) == MINIRPC_OK) {
		printf("%s\n", *reply);
		free_text(reply, 1);            /* the string, and what points to it */
	}
	OK(mrpc_conn_close(ours));
	while (sem_wait(&ended) != 0)
		continue;
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	return 0;
}
