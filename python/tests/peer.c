/*
 * A peer in C for the tests in Python: `peer listen` is a server and says at which port;
 * `peer connect PORT` is a client. It ends when its input does. With PEER_CERT, PEER_KEY and
 * PEER_CA in the environment, all by TLS.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <minirpc/tls.h>
#endif
#include "peer_client.h"
#include "peer_server.h"
#include "peer.h"

#define OK(call) do {							\
	int error_ = (call);						\
	if (error_ != 0) {						\
		fprintf(stderr, "%s: %s\n", #call, strerror(error_));	\
		exit(1);						\
	}								\
} while (0)

static void *
on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from, socklen_t len)
{
	(void)set_data;
	(void)from;
	(void)len;
	set_server_operations(conn);
	mrpc_conn_unref(conn);
	return NULL;
}

#ifdef WITH_TLS
static void
encrypt(struct mrpc_conn_set *set)
{
	struct mrpc_tls *tls;

	if (getenv("PEER_CERT") == NULL)
		return;
	OK(mrpc_tls_create(&tls));
	OK(mrpc_tls_set_identity(tls, getenv("PEER_CERT"), getenv("PEER_KEY")));
	OK(mrpc_tls_trust(tls, getenv("PEER_CA")));
	OK(mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
}
#endif

int
main(int argc, char **argv)
{
	int is_server = argc == 2 && strcmp(argv[1], "listen") == 0;
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	char *port = NULL, byte;

	if (!is_server && (argc != 3 || strcmp(argv[1], "connect") != 0))
		return 2;
	OK(mrpc_conn_set_create(&set, is_server ? peer_server : peer_client, NULL));
	OK(mrpc_set_max_buf_len(set, 8 << 20));
#ifdef WITH_TLS
	encrypt(set);
#endif
	/* Handlers call the other side and wait for it. */
	OK(mrpc_start_dispatch_thread(set));
	OK(mrpc_start_dispatch_thread(set));
	OK(mrpc_start_dispatch_thread(set));
	if (is_server) {
		OK(mrpc_set_accept_func(set, on_accept));
		/* For a thousand that connect at once. */
		OK(mrpc_set_listen_backlog(set, 4096));
		OK(mrpc_listen(set, AF_INET, "127.0.0.1", &port));
		printf("%s\n", port);
		fflush(stdout);
	} else {
		OK(mrpc_conn_create(&conn, set, NULL));
		OK(set_client_operations(conn));
		OK(mrpc_connect(conn, AF_INET, "127.0.0.1", argv[2]));
	}
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	_exit(0);
}
