/*
 * Two protocols that share types, in one program, each called over a connection
 * of the library's. Prints what failed.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <unistd.h>
#include "first_client.h"
#include "first_server.h"
#include "second_client.h"
#include "second_server.h"
#include "../support/check.h"

unsigned long passed, failed;

/* --- The servers ----------------------------------------------------------- */

/* One more than the shapes in the list. */
static mrpc_status_t
draw(void *conn_data, struct mrpc_message *msg, shape *in, name *out)
{
	int count = 1;

	(void)conn_data;
	(void)msg;
	for (; in != NULL; in = in->next)
		count++;
	return asprintf(out, "%d", count) < 0 ? 99 : MINIRPC_OK;
}

static mrpc_status_t
first_saved(void *conn_data, struct mrpc_message *msg, first_data *in,
	color *out)
{
	(void)conn_data;
	(void)msg;
	CHECK(in->p != NULL && in->p->y == -5);
	*out = in->c;
	return MINIRPC_OK;
}

static mrpc_status_t
second_saved(void *conn_data, struct mrpc_message *msg, second_data *in,
	color *out)
{
	(void)conn_data;
	(void)msg;
	CHECK(in->p == NULL && in->rs.rs_len == 2);
	CHECK(in->rs.rs_val[1][2] == 12);
	*out = in->c;
	return MINIRPC_OK;
}

static mrpc_status_t
first_picked(void *conn_data, struct mrpc_message *msg, first_choice *in,
	row *out)
{
	(void)conn_data;
	(void)msg;
	CHECK(in->c == BLUE);
	(*out)[0] = (int)in->first_choice_u.s.corners.corners_len;
	(*out)[1] = in->first_choice_u.s.corners.corners_val[0].x;
	(*out)[2] = -3;
	return MINIRPC_OK;
}

static mrpc_status_t
second_picked(void *conn_data, struct mrpc_message *msg, second_choice *in,
	row *out)
{
	(void)conn_data;
	(void)msg;
	(void)out;
	CHECK(in->c == GREEN);
	return 77;
}

/* --- The client ------------------------------------------------------------ */

struct pair {
	struct mrpc_conn_set *sets[2];
	struct mrpc_connection *conns[2];
};

static void
connect_pair(struct pair *pair, const struct mrpc_protocol *client,
	const struct mrpc_protocol *server)
{
	int fds[2], i;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	for (i = 0; i < 2; i++) {
		CHECK(mrpc_conn_set_create(&pair->sets[i],
			i == 0 ? client : server, NULL) == 0);
		CHECK(mrpc_start_dispatch_thread(pair->sets[i]) == 0);
		CHECK(mrpc_conn_create(&pair->conns[i], pair->sets[i],
			NULL) == 0);
	}
	for (i = 0; i < 2; i++)
		CHECK(mrpc_bind_fd(pair->conns[i], fds[i]) == 0);
}

static void
disconnect_pair(struct pair *pair)
{
	int i;

	CHECK(mrpc_conn_close(pair->conns[0]) == 0);
	for (i = 0; i < 2; i++) {
		mrpc_conn_unref(pair->conns[i]);
		mrpc_conn_set_unref(pair->sets[i]);
	}
}

static char corner[] = "a corner";
static char title[] = "a title", too_long[] =
	"this title has more than the thirty-two letters that it may have";

static void
call_first(struct mrpc_connection *conn)
{
	point there = { 4, -5, GREEN };
	shape last = { corner, { 0, NULL }, NULL };
	shape given = { title, { 1, &there }, &last };
	first_data data = { .c = BLUE, .s = given, .p = &there };
	first_choice choice = { .c = BLUE };
	name *drawn = NULL;
	color *saved = NULL;
	row *picked = NULL;

	CHECK(first_draw(conn, &given, &drawn) == MINIRPC_OK);
	CHECK(drawn != NULL && strcmp(*drawn, "3") == 0);
	free_name(drawn, 1);
	data.title = data.shapes[0].title = data.shapes[1].title = title;
	CHECK(first_save(conn, &data, &saved) == MINIRPC_OK);
	CHECK(saved != NULL && *saved == BLUE);
	free_color(saved, 1);
	choice.first_choice_u.s = given;
	CHECK(first_pick(conn, &choice, &picked) == MINIRPC_OK);
	CHECK(picked != NULL && (*picked)[0] == 1 && (*picked)[1] == 4 &&
		(*picked)[2] == -3);
	free_row(picked, 1);

	given.title = too_long;
	CHECK(first_draw(conn, &given, &drawn) == MINIRPC_ENCODING_ERR);
	given.title = NULL;
	CHECK(first_draw(conn, &given, &drawn) == MINIRPC_ENCODING_ERR);
}

static void
call_second(struct mrpc_connection *conn)
{
	row rows[2] = { { 1, 2, 3 }, { 10, 11, 12 } };
	shape given = { title, { 0, NULL }, NULL };
	second_data data = { .c = GREEN, .s = given, .rs = { 2, rows } };
	second_choice choice = { .c = GREEN };
	name *drawn = NULL;
	color *saved = NULL;
	row *picked = NULL;

	CHECK(second_draw(conn, &given, &drawn) == MINIRPC_OK);
	CHECK(drawn != NULL && strcmp(*drawn, "2") == 0);
	free_name(drawn, 1);
	data.title = data.shapes[0].title = data.shapes[1].title = title;
	CHECK(second_save(conn, &data, &saved) == MINIRPC_OK);
	CHECK(saved != NULL && *saved == GREEN);
	free_color(saved, 1);
	CHECK(second_pick(conn, &choice, &picked) == 77);
	CHECK(picked == NULL);
}

int
main(void)
{
	static const struct first_server_operations first_operations = {
		draw, first_saved, first_picked
	};
	static const struct second_server_operations second_operations = {
		draw, second_saved, second_picked
	};
	struct pair one, other;

	/* A call that does not return is a failure too. */
	alarm(60);
	connect_pair(&one, first_client, first_server);
	connect_pair(&other, second_client, second_server);
	CHECK(first_server_set_operations(one.conns[1],
		&first_operations) == 0);
	CHECK(second_server_set_operations(other.conns[1],
		&second_operations) == 0);
	call_first(one.conns[0]);
	call_second(other.conns[0]);
	disconnect_pair(&one);
	disconnect_pair(&other);
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed != 0;
}
