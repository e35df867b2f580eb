#!/usr/bin/env bash
# libtirpc 1.3.3 (Debian 12): a server that sets a limit for the size of records can no longer
# read calls of more than one fragment, however far they are below the limit.
#
# rpc_control(RPC_SVC_CONNMAXREC_SET) is how a server bounds what a connection may make it
# keep; rpcbind does it. It also changes how records are read: whole, without blocking. That
# reader starts out with the mark "this fragment is the last one" set, sets it again at each
# last fragment, and never takes it away, so the first fragment passes for the whole call. And
# fragments are no rarity: libtirpc's own client ends one whenever its send buffer is full, by
# default after 64 KiB. So between a libtirpc client and a libtirpc server a limit of 1 MB is
# one of 64 KiB, or of whatever buffer the client chose; and what is said is not that the call
# is too long, but that its arguments do not decode.
#
# Seen:
#   no limit, the client's buffer by default: 60000 bytes: Success
#   no limit, the client's buffer by default: 70000 bytes: Success
#   limit 1000000, the client's buffer by default: 60000 bytes: Success
#   limit 1000000, the client's buffer by default: 70000 bytes: Server can't decode arguments
#   limit 1000000, the client's buffer 100000: 70000 bytes: Success
#
# Works in a temporary folder and on loopback; needs Debian 12, apt-get and a C compiler. Exit
# status 1 when it behaves otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -q download libtirpc-dev=1.3.3+ds-1 libtirpc3=1.3.3+ds-1 \
	libtirpc-common=1.3.3+ds-1 >log 2>&1 || { cat log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
export LD_LIBRARY_PATH=$dir/root/lib/x86_64-linux-gnu:$dir/root/usr/lib/x86_64-linux-gnu

cat >main.c <<'END_OF_C'
#include <rpc/rpc.h>
#include <rpc/rpc_com.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRAM = 0x20001234, VERSION = 1, MEASURE = 1, PLENTY = 1 << 20 };

struct bytes {
	char *data;
	u_int length;
};

static bool_t
xdr_argument(XDR *xdrs, struct bytes *bytes)
{
	return xdr_bytes(xdrs, &bytes->data, &bytes->length, PLENTY);
}

static void
dispatch(struct svc_req *request, SVCXPRT *transport)
{
	struct bytes bytes = { NULL, 0 };

	(void)request;
	if (!svc_getargs(transport, (xdrproc_t)xdr_argument, (caddr_t)&bytes)) {
		svcerr_decode(transport);
		return;
	}
	svc_sendreply(transport, (xdrproc_t)xdr_u_int, (caddr_t)&bytes.length);
	svc_freeargs(transport, (xdrproc_t)xdr_argument, (caddr_t)&bytes);
}

int
main(int argc, char **argv)
{
	int limit = atoi(argv[1]);
	u_int buffer = atoi(argv[2]), length = atoi(argv[3]), answer = 0;
	struct bytes bytes = { calloc(1, length), length };
	struct timeval patience = { 60, 0 };
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = RPC_ANYSOCK;
	enum clnt_stat status;
	SVCXPRT *transport;
	CLIENT *client;
	pid_t server;

	(void)argc;
	if (limit != 0 && !rpc_control(RPC_SVC_CONNMAXREC_SET, &limit))
		return 2;
	transport = svctcp_create(RPC_ANYSOCK, 0, 0);
	if (transport == NULL || !svc_register(transport, PROGRAM, VERSION, dispatch, 0))
		return 2;
	address.sin_port = htons(transport->xp_port);
	server = fork();
	if (server == 0) {
		alarm(60);
		svc_run();
		_exit(2);
	}
	client = clnttcp_create(&address, PROGRAM, VERSION, &fd, buffer, buffer);
	if (server < 0 || client == NULL)
		return 2;
	status = clnt_call(client, MEASURE, (xdrproc_t)xdr_argument, (caddr_t)&bytes,
		(xdrproc_t)xdr_u_int, (caddr_t)&answer, patience);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	if (status == RPC_SUCCESS && answer != length)
		return 2;
	printf("%u bytes: %s\n", length, clnt_sperrno(status) + sizeof "RPC: " - 1);
	return 0;
}
END_OF_C
cc -Wno-cast-function-type -Iroot/usr/include/tirpc main.c -o calls \
	"$(find root -name 'libtirpc.so.3' | head -n 1)" || exit 2
try()
{
	printf '%s, the client'\''s buffer %s: ' "$1" "$2"
	./calls "$3" "$4" "$5" || { echo "could not be tried"; exit 2; }
}
{
	try "no limit" "by default" 0 0 60000
	try "no limit" "by default" 0 0 70000
	try "limit 1000000" "by default" 1000000 0 60000
	try "limit 1000000" "by default" 1000000 0 70000
	try "limit 1000000" "100000" 1000000 100000 70000
} >seen || { cat seen; exit 2; }
cat seen
diff - seen <<'END_OF_SEEN'
no limit, the client's buffer by default: 60000 bytes: Success
no limit, the client's buffer by default: 70000 bytes: Success
limit 1000000, the client's buffer by default: 60000 bytes: Success
limit 1000000, the client's buffer by default: 70000 bytes: Server can't decode arguments
limit 1000000, the client's buffer 100000: 70000 bytes: Success
END_OF_SEEN
