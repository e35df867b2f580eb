/*
 * Both ends of a connection, on the real library. Prints the server's port, reads the port to
 * connect to (of who looks on between), calls and is called, and ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire_client.h"
#include "wire_server.h"

#define OK(call) check((call) == 0, #call)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int events;

static void
check(int good, const char *what)
{
	if (!good) {
		fprintf(stderr, "failed: %s\n", what);
		exit(1);
	}
}

static void *
zeros(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	check(memory != NULL, "calloc");
	return memory;
}

static char *
words(const char *format, int n)
{
	char text[64];

	snprintf(text, sizeof text, format, n);
	return strcpy(zeros(1, strlen(text) + 1), text);
}

/* As check.py makes it. */
static void
fill(all *out, int n)
{
	leaf **link = &out->list;
	int i;

	memset(out, 0, sizeof *out);
	out->i = -n;
	out->u = 4000000000u + (unsigned)n;
	out->h = -9000000000000000000 + n;
	out->uh = 18000000000000000000u + (unsigned)n;
	out->sh = (short)(-300 - n);
	out->ch = (char)(n % 100);
	out->b = n % 2;
	out->c = n % 2 ? BLUE : RED;
	out->f = (float)n + 0.5f;
	out->d = n / 8.0;
	memcpy(out->fixed, "\0\1\2\3\4", 5);
	out->var.var_len = (u_int)(n % 4);
	out->var.var_val = zeros(4, 1);
	memset(out->var.var_val, n % 256, 4);
	out->text = words("text \303\251 %d", n);
	out->ints.ints_len = (u_int)(n % 5);
	out->ints.ints_val = zeros(5, sizeof(int));
	for (i = 0; i < n % 5; i++)
		out->ints.ints_val[i] = i * n;
	out->colors[0] = GREEN;
	out->colors[1] = (color)77;
	out->one.n = n;
	out->one.s = words("", n);
	for (i = 0; i < n % 3; i++) {
		*link = zeros(1, sizeof **link);
		(*link)->n = i;
		(*link)->s = words("leaf %d", i);
		link = &(*link)->next;
	}
	out->root = zeros(1, sizeof(tree));
	out->root->v = n;
	out->root->left = zeros(1, sizeof(tree));
	out->root->left->v = n + 1;
	out->shapes.shapes_len = 3;
	out->shapes.shapes_val = zeros(3, sizeof(shape));
	out->shapes.shapes_val[0].c = RED;
	out->shapes.shapes_val[0].shape_u.side = n;
	out->shapes.shapes_val[1].c = BLUE;
	out->shapes.shapes_val[2].c = GREEN;
	out->maybe = zeros(1, sizeof(int));
	*out->maybe = 7;
}

static mrpc_status_t
on_echo(void *data, struct mrpc_message *msg, all *in, all *out)
{
	(void)data;
	(void)msg;
	fill(out, -in->i);
	return MINIRPC_OK;
}

static mrpc_status_t
on_fail(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	return *in;
}

static mrpc_status_t
on_ask(void *conn, struct mrpc_message *msg, number *in, number *out)
{
	number *reply;

	(void)msg;
	OK(wire_event(conn, in));
	OK(wire_back(conn, in, &reply));
	*out = *reply;
	free_number(reply, 1);
	return MINIRPC_OK;
}

static void
on_note(void *data, struct mrpc_message *msg, all *in)
{
	(void)data;
	(void)msg;
	(void)in;
}

static const struct wire_server_operations server_operations = {
	.echo = on_echo, .fail = on_fail, .ask = on_ask, .note = on_note,
};

static void *
on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from, socklen_t len)
{
	(void)set_data;
	(void)from;
	(void)len;
	OK(wire_server_set_operations(conn, &server_operations));
	return conn;
}

static void
on_disconnect(void *conn, enum mrpc_disc_reason reason)
{
	(void)reason;
	mrpc_conn_unref(conn);
}

static mrpc_status_t
on_back(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)data;
	(void)msg;
	*out = *in + 1;
	return MINIRPC_OK;
}

static void
on_event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	pthread_mutex_lock(&lock);
	events++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static const struct wire_client_operations client_operations = {
	.back = on_back, .event = on_event,
};

static void
calls(struct mrpc_connection *conn)
{
	int n;

	for (n = 1; n <= 5; n++) {
		number in = n * 1000, *result;
		all sent, *reply;

		fill(&sent, n);
		OK(wire_echo(conn, &sent, &reply));
		free_all(reply, 1);
		OK(wire_note(conn, &sent));
		free_all(&sent, 0);
		check(wire_fail(conn, &in) == n * 1000, "fail");
		OK(wire_ask(conn, &in, &result));
		check(*result == n * 1000 + 1, "ask");
		free_number(result, 1);
		check(wire_nothing(conn) == MINIRPC_PROCEDURE_UNAVAIL, "nothing");
	}
	pthread_mutex_lock(&lock);
	while (events < 5)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

int
main(void)
{
	struct mrpc_conn_set *server, *client;
	struct mrpc_connection *conn;
	char *port = NULL, there[16];

	OK(mrpc_conn_set_create(&server, wire_server, NULL));
	OK(mrpc_conn_set_create(&client, wire_client, NULL));
	OK(mrpc_set_accept_func(server, on_accept));
	OK(mrpc_set_disconnect_func(server, on_disconnect));
	OK(mrpc_start_dispatch_thread(server));
	OK(mrpc_start_dispatch_thread(client));
	OK(mrpc_listen(server, AF_INET, "127.0.0.1", &port));
	printf("%s\n", port);
	fflush(stdout);
	check(fgets(there, sizeof there, stdin) != NULL, "the port to connect to");
	there[strcspn(there, "\n")] = '\0';
	OK(mrpc_conn_create(&conn, client, NULL));
	OK(wire_client_set_operations(conn, &client_operations));
	OK(mrpc_connect(conn, AF_INET, "127.0.0.1", there));
	calls(conn);
	OK(mrpc_conn_close(conn));
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(client);
	mrpc_listen_close(server);
	mrpc_conn_set_unref(server);
	free(port);
	return 0;
}
