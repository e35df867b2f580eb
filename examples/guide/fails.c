/* What calls come to when they do not succeed. */
#include "guide.h"

#include <errno.h>
#include <semaphore.h>

enum { TOO_LARGE = 1 };                 /* the application's own: above 0 */

static sem_t told;

static mrpc_status_t add(void *conn_data, struct mrpc_message *msg, pair *in, number *out)
{
	(void)conn_data;
	(void)msg;
	if (__builtin_add_overflow(in->a, in->b, out))
		return TOO_LARGE;
	return MINIRPC_OK;
}

static const struct guide_server_operations operations = { .add = add };

static void on_error(void *conn_data, char *message)
{
	(void)conn_data;
	printf("the server's log: %s\n", message);
	sem_post(&told);
}

static void call(struct mrpc_connection *conn, const char *what, int a, int b)
{
	pair in = { a, b };
	number *sum = NULL;
	mrpc_status_t status = guide_add(conn, &in, &sum);

	if (status == MINIRPC_OK)
		printf("%s: %d\n", what, *sum);
	else if (status > 0)
		printf("%s: the server's own status %d\n", what, status);
	else
		printf("%s: %s\n", what, mrpc_strerror(status));
	free_number(sum, 1);
}

int main(void)
{
	struct mrpc_conn_set *server = guide_set(guide_server), *client = guide_set(guide_client);
	struct mrpc_connection *ours, *theirs;
	char line[81], why[200];
	text long_text = line, *reply = NULL;
	int error;

	if (sem_init(&told, 0, 0) != 0)
		return 1;
	OK(mrpc_set_ioerr_func(server, on_error));
	guide_join(client, &ours, server, &theirs);
	call(ours, "no handler yet", 1, 2);
	OK(guide_server_set_operations(theirs, &operations));
	call(ours, "three", 1, 2);
	call(ours, "too much", 2147483647, 1);

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	OK(mrpc_set_max_buf_len(server, 16));
	printf("80 bytes to a server that takes 16: %s\n",
	       mrpc_strerror(guide_upper(ours, &long_text, &reply)));
	while (sem_wait(&told) != 0)
		continue;

	OK(mrpc_conn_close(ours));
	call(ours, "closed", 1, 2);
	mrpc_conn_unref(ours);
	mrpc_conn_unref(theirs);

	OK(mrpc_conn_create(&ours, client, NULL));
	error = mrpc_connect(ours, AF_UNIX, "/nobody/listens", "");
	OK(mrpc_conn_get_error(ours, why, sizeof(why)));
	printf("connect: %s (%s)\n", why, error == ENOENT ? "ENOENT" : "another errno");
	mrpc_conn_unref(ours);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	return 0;
}
