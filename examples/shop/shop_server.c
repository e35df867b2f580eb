/* A shop whose customers hear what is sold. Usage: shop_server PATH, or shop_server -p PORT;
   ends at SIGTERM or SIGINT. docs/guide/five-minutes.md looks at it with mrpc. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shop_server.h"

enum { MAX_CUSTOMERS = 100, SOLD_OUT = 1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mrpc_connection *customers[MAX_CUSTOMERS];

static char *text(const char *from)
{
	char *copy = malloc(strlen(from) + 1);

	return copy != NULL ? strcpy(copy, from) : NULL;
}

static mrpc_status_t find(void *conn, struct mrpc_message *msg, query *in, items *out)
{
	static const char *const names[] = { "kettle", "kettle, large", "mug" };
	item **link = &out->all;
	int i;

	(void)conn;
	(void)msg;
	for (i = 0; i < 3 && in->most > 0; i++) {
		if (strncmp(names[i], in->name, strlen(in->name)) != 0)
			continue;
		*link = calloc(1, sizeof **link);
		if (*link == NULL)
			return MINIRPC_ENCODING_ERR;
		(*link)->id = i + 1;
		(*link)->shade = i == 1 ? RED : BLUE;
		(*link)->name = text(names[i]);
		link = &(*link)->next;
		in->most--;
	}
	return MINIRPC_OK;
}

static mrpc_status_t sum(void *conn, struct mrpc_message *msg, items *in, total *out)
{
	item *one;
	int i;

	(void)conn;
	(void)msg;
	if (in->all == NULL)
		return SOLD_OUT;
	for (one = in->all; one != NULL; one = one->next)
		out->cents += 1999;
	pthread_mutex_lock(&lock);
	for (i = 0; i < MAX_CUSTOMERS; i++)
		if (customers[i] != NULL)
			shop_sold(customers[i], out);
	pthread_mutex_unlock(&lock);
	return MINIRPC_OK;
}

static void seen(void *conn, struct mrpc_message *msg, query *in)
{
	(void)conn;
	(void)msg;
	printf("seen: %s\n", in->name);
	fflush(stdout);
}

/* There is no clear: who calls it is told so. */
static const struct shop_server_operations operations = { .find = find, .sum = sum, .seen = seen };

/* Puts one in another's place: a new customer for NULL, NULL for one that leaves. */
static void replace(struct mrpc_connection *old, struct mrpc_connection *with)
{
	int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < MAX_CUSTOMERS && customers[i] != old; i++)
		;
	if (i < MAX_CUSTOMERS)
		customers[i] = with;
	pthread_mutex_unlock(&lock);
}

static void *arrived(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
		     socklen_t len)
{
	char hello[] = "Good morning";
	greeting first = { .text = hello };

	(void)set_data;
	(void)from;
	(void)len;
	shop_server_set_operations(conn, &operations);
	shop_welcome(conn, &first);
	replace(NULL, conn);
	return conn;
}

static void left(void *conn, enum mrpc_disc_reason reason)
{
	(void)reason;
	replace(conn, NULL);
	mrpc_conn_unref(conn);
}

int main(int argc, char **argv)
{
	struct mrpc_conn_set *set;
	const int tcp = argc == 3 && strcmp(argv[1], "-p") == 0;
	char *where = argc > 1 ? argv[argc - 1] : NULL, *none = NULL;
	sigset_t signals;
	int ret, received;

	if (where == NULL || (argc != 2 && !tcp)) {
		fprintf(stderr, "Usage: shop_server PATH | -p PORT\n");
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* The library's threads inherit it. */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	ret = mrpc_conn_set_create(&set, shop_server, NULL);
	if (ret == 0)
		ret = mrpc_set_accept_func(set, arrived);
	if (ret == 0)
		ret = mrpc_set_disconnect_func(set, left);
	if (ret == 0)
		ret = mrpc_start_dispatch_thread(set);
	if (ret == 0)
		ret = tcp ? mrpc_listen(set, AF_INET, "127.0.0.1", &where)
			  : mrpc_listen(set, AF_UNIX, where, &none);
	if (ret != 0) {
		fprintf(stderr, "shop_server: %s: %s\n", where, strerror(ret));
		return 1;
	}
	printf("open\n");
	fflush(stdout);
	sigwait(&signals, &received);
	mrpc_listen_close(set);
	mrpc_drain(set, 1000);
	mrpc_conn_set_unref(set);
	return 0;
}
