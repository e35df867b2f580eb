/* A server's faults, made on purpose: the peer is this program, on the other end of a socketpair. */
#include "guide.h"

#include <semaphore.h>
#include <unistd.h>

enum { HEADER = 16, REQUEST = HEADER + 8 };     /* the argument is two ints */

static sem_t called_back;
static mrpc_status_t outcome;

static void on_sum(void *conn_private, void *msg_private, mrpc_status_t status, number *sum)
{
	(void)conn_private;
	(void)msg_private;
	(void)sum;
	outcome = status;
	sem_post(&called_back);
}

/* What a call comes to when its peer answers with these bytes, behind the request's number, and
   then closes. */
static void try(struct mrpc_conn_set *set, const char *what, const void *answer, size_t len)
{
	struct mrpc_connection *conn;
	unsigned char request[REQUEST];
	pair in = { 1, 2 };
	int fds[2];

	OK(mrpc_conn_create(&conn, set, NULL));
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	OK(mrpc_bind_fd(conn, fds[0]));
	OK(guide_add_async(conn, on_sum, NULL, &in));
	if (recv(fds[1], request, REQUEST, MSG_WAITALL) != REQUEST ||
	    (len > 0 && send(fds[1], request, 4, MSG_NOSIGNAL) != 4) ||
	    send(fds[1], answer, len, MSG_NOSIGNAL) != (ssize_t)len)
		exit(1);
	close(fds[1]);
	while (sem_wait(&called_back) != 0)
		continue;
	printf("%s: %s\n", what, mrpc_strerror(outcome));
	mrpc_conn_close(conn);
	mrpc_conn_unref(conn);
}

int main(void)
{
	/* The header's other three words, and the result. */
	static const unsigned char good[] = { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 3 };
	static const unsigned char other[] = { 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 3 };
	static const unsigned char longer[] = { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 0 };
	static const unsigned char refusal[] = { 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0 };
	struct mrpc_conn_set *set = guide_set(guide_client);

	sem_init(&called_back, 0, 0);
	try(set, "an answer", good, sizeof(good));
	try(set, "a refusal", refusal, sizeof(refusal));
	try(set, "no answer", NULL, 0);
	try(set, "half an answer", good, 6);
	try(set, "another procedure's answer", other, sizeof(other));
	try(set, "too long a result", longer, sizeof(longer));
	mrpc_conn_set_unref(set);
	return 0;
}
