/* Both ends of a connection in one program: what an application's build has to find. */
#include <stdio.h>
#include <sys/socket.h>
#include "distance_client.h"
#include "distance_server.h"

static mrpc_status_t convert(void *conn_data, struct mrpc_message *msg, distance *in, metres *out)
{
	(void)conn_data;
	(void)msg;
	out->amount = (int64_t)in->amount * in->in;
	return MINIRPC_OK;
}

static const struct distance_server_operations operations = { .convert = convert };

int main(void)
{
	struct mrpc_conn_set *servers, *clients;
	struct mrpc_connection *server, *client;
	distance far = { 3, KILOMETRE };
	metres *answer;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
	    mrpc_conn_set_create(&servers, distance_server, NULL) != 0 ||
	    mrpc_conn_set_create(&clients, distance_client, NULL) != 0 ||
	    mrpc_conn_create(&server, servers, NULL) != 0 ||
	    mrpc_conn_create(&client, clients, NULL) != 0 ||
	    distance_server_set_operations(server, &operations) != 0 ||
	    mrpc_start_dispatch_thread(servers) != 0 || mrpc_start_dispatch_thread(clients) != 0 ||
	    mrpc_bind_fd(server, ends[0]) != 0 || mrpc_bind_fd(client, ends[1]) != 0) {
		perror("distance");
		return 1;
	}
	if (distance_convert(client, &far, &answer) != MINIRPC_OK)
		return 1;
	printf("%lld m\n", (long long)answer->amount);
	free_metres(answer, 1);
	mrpc_conn_close(client);
	mrpc_conn_unref(client);
	mrpc_conn_unref(server);
	mrpc_conn_set_unref(clients);
	mrpc_conn_set_unref(servers);
	return 0;
}
