#!/usr/bin/env bash
# libtirpc 1.3.3 with tshark 4.0.17 (Debian 12): a correct call that just fills the client's
# buffer is a "Malformed Packet" to tshark.
#
# TCP carries an RPC message in fragments, of which the last is marked (RFC 5531, 11). libtirpc
# sends a fragment when bytes have filled its buffer, before it knows whether more will follow.
# If none do, it ends the message with a last fragment of no bytes, as the RFC allows, and as
# libtirpc reads it. tshark puts fragments together, but the empty one it takes for a message of
# its own, which is too short. So one length of strings and opaque data in each buffer's worth
# is reported as broken, and the call is not shown: whoever looks for the cause of a failure
# finds a wrong one. A receiver has to be tested with empty last fragments
# (and see libtirpc-record-limit.sh: with a limit, libtirpc's own server ends the connection).
#
# Seen (MOUNT's MNT with a path of that length, the client's buffer 200; what tshark says):
#   148 bytes, fragments 192: V3 MNT Call
#   152 bytes, fragments 196 0: Fragment[Malformed Packet]
#   156 bytes, fragments 196 4: Fragment  ; V3 MNT Call
#
# Works in a temporary folder and on loopback; needs Debian 12, apt-get, a C compiler, and the
# libraries that tshark needs. Exit status 1 when it behaves otherwise, 2 when it could not be
# tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
packages="libtirpc-dev=1.3.3+ds-1 libtirpc3=1.3.3+ds-1 libtirpc-common=1.3.3+ds-1"
for package in tshark wireshark-common libwireshark-data libwireshark16 libwiretap13 libwsutil14; do
	packages="$packages $package=4.0.17-0+deb12u3"
done
# shellcheck disable=SC2086
apt-get -q download $packages >log 2>&1 || { cat log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
export LD_LIBRARY_PATH=$dir/root/lib/x86_64-linux-gnu:$dir/root/usr/lib/x86_64-linux-gnu
export HOME=$dir
root/usr/bin/tshark -v >log 2>&1 || { cat log; exit 2; }

cat >main.c <<'END_OF_C'
#include <rpc/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOUNT = 100005, VERSION = 3, MNT = 1, BUFFER = 200 };

/* Sends a call, writes what arrives to "dump" for text2pcap, and prints its fragments' lengths. */
int
main(int argc, char **argv)
{
	size_t length = argc == 2 ? atoi(argv[1]) : 0;
	char *path = calloc(1, length + 1);
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	struct timeval no_time = { 0, 0 };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = RPC_ANYSOCK, peer;
	unsigned char bytes[4 * BUFFER];
	size_t at, got;
	CLIENT *client;
	FILE *stream;

	if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return 2;
	client = clnttcp_create(&address, MOUNT, VERSION, &fd, BUFFER, BUFFER);
	if (client == NULL || (peer = accept(listener, NULL, NULL)) < 0)
		return 2;
	memset(path, 'p', length);
	if (clnt_call(client, MNT, (xdrproc_t)xdr_wrapstring, (caddr_t)&path,
			(xdrproc_t)xdr_void, NULL, no_time) != RPC_TIMEDOUT)
		return 2;
	clnt_destroy(client);
	got = fread(bytes, 1, sizeof bytes, fdopen(peer, "r"));
	stream = fopen("dump", "w");
	fprintf(stream, "000000");
	for (at = 0; at < got; at++)
		fprintf(stream, " %02x", bytes[at]);
	fprintf(stream, "\n");
	printf("%zu bytes, fragments", length);
	for (at = 0; at + 4 <= got; at += 4 + (bytes[at + 2] << 8) + bytes[at + 3])
		printf(" %d", (bytes[at + 2] << 8) + bytes[at + 3]);
	printf(": ");
	return fclose(stream) != 0;
}
END_OF_C
cc -Wno-cast-function-type -Iroot/usr/include/tirpc main.c -o call \
	"$(find root -name 'libtirpc.so.3' | head -n 1)" || exit 2
try()
{
	./call "$1" || exit 2
	root/usr/bin/text2pcap -q -T 40000,20048 dump capture >log 2>&1 || { cat log; exit 2; }
	root/usr/bin/tshark -r capture -T fields -e _ws.col.Info 2>log | sed 's/ p*$//'
}
{
	try 148
	try 152
	try 156
} >seen || { cat seen; exit 2; }
cat seen
diff - seen <<'END_OF_SEEN'
148 bytes, fragments 192: V3 MNT Call
152 bytes, fragments 196 0: Fragment[Malformed Packet]
156 bytes, fragments 196 4: Fragment  ; V3 MNT Call
END_OF_SEEN
