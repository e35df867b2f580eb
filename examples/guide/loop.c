/* A client with an event loop of its own: one thread, which also runs the callbacks. */
#include "guide.h"

#include <errno.h>
#include <poll.h>

enum { CALLS = 3 };

static mrpc_status_t add(void *conn_data, struct mrpc_message *msg, pair *in, number *out)
{
	(void)conn_data;
	(void)msg;
	*out = in->a + in->b;
	return MINIRPC_OK;
}

static const struct guide_server_operations operations = { .add = add };

static void on_sum(void *conn_private, void *msg_private, mrpc_status_t status, number *sum)
{
	int *outstanding = msg_private;

	(void)conn_private;
	if (status == MINIRPC_OK)
		printf("%d\n", *sum);           /* the library frees it */
	--*outstanding;
}

int main(void)
{
	struct mrpc_conn_set *server = guide_set(guide_server), *client;
	struct mrpc_connection *ours, *theirs;
	struct pollfd waits;
	int outstanding = 0, i;

	OK(mrpc_conn_set_create(&client, guide_client, NULL));
	guide_join(client, &ours, server, &theirs);
	OK(guide_server_set_operations(theirs, &operations));

	mrpc_dispatcher_add(client);
	waits.fd = mrpc_get_event_fd(client);
	waits.events = POLLIN;
	for (i = 0; i < CALLS; i++) {
		pair in = { i, 10 };

		OK(guide_add_async(ours, on_sum, &outstanding, &in));
		outstanding++;
	}
	while (outstanding > 0) {
		if (poll(&waits, 1, -1) < 0 && errno != EINTR)  /* beside the program's own descriptors */
			return 1;
		if (mrpc_dispatch(client, 0) == ENXIO)          /* EAGAIN: all events have run */
			return 1;
	}

	OK(mrpc_conn_close(ours));
	mrpc_conn_unref(ours);
	mrpc_conn_unref(theirs);
	mrpc_conn_set_unref(client);
	while (mrpc_dispatch_loop(client) != ENXIO)             /* its disconnect is an event, too */
		continue;
	mrpc_dispatcher_remove(client);
	mrpc_conn_set_unref(server);
	return 0;
}
