/* A server that calls its client back while it works. */
#include "guide.h"

static mrpc_status_t slow(void *conn_data, struct mrpc_message *msg, number *in, number *out)
{
	struct mrpc_connection *caller = conn_data;
	number step, *answer = NULL;
	mrpc_status_t status;

	(void)msg;
	for (step = 1; step <= 3; step++)
		guide_progress(caller, &step);          /* a message: nothing comes back */
	status = guide_confirm(caller, in, &answer);    /* a call: this handler waits */
	if (status == MINIRPC_OK)
		*out = *answer;
	free_number(answer, 1);
	return status;
}

static const struct guide_server_operations server_operations = { .slow = slow };

static void progress(void *conn_data, struct mrpc_message *msg, number *in)
{
	(void)conn_data;
	(void)msg;
	printf("step %d\n", *in);
}

static mrpc_status_t confirm(void *conn_data, struct mrpc_message *msg, number *in, number *out)
{
	(void)conn_data;
	(void)msg;
	printf("is it %d?\n", *in);
	*out = *in + 1;
	return MINIRPC_OK;
}

static const struct guide_client_operations client_operations = {
	.progress = progress, .confirm = confirm
};

int main(void)
{
	struct mrpc_conn_set *server = guide_set(guide_server), *client = guide_set(guide_client);
	struct mrpc_connection *ours, *theirs;
	number n = 41, *reply = NULL;
	mrpc_status_t status;

	guide_join(client, &ours, server, &theirs);
	OK(guide_server_set_operations(theirs, &server_operations));
	OK(guide_client_set_operations(ours, &client_operations));

	status = guide_slow(ours, &n, &reply);
	printf("%s: %d\n", mrpc_strerror(status), status == MINIRPC_OK ? *reply : 0);
	free_number(reply, 1);

	OK(mrpc_conn_close(ours));
	mrpc_conn_unref(ours);
	mrpc_conn_unref(theirs);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	return 0;
}
