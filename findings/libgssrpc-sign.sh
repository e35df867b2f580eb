#!/usr/bin/env bash
# libgssrpc, the ONC RPC library of MIT Kerberos (krb5 1.20.1, Debian 12), on machines whose long
# has 64 bits: xdr_int cannot read a negative number that it wrote to a stdio stream; and where
# it can, xdr_u_long reads numbers from 2^31 on as ones near 2^64.
#
# Each kind of stream has a procedure that makes a long of four bytes. Those for memory and
# records keep the word's sign, and xdr_u_long does not undo that. The one for stdio does not
# keep it, and xdr_int, which checks that the long fits an int, finds 4294967295 where -1 was
# written and refuses it. So no stream is right for both; the bytes are, and other libraries read
# them. Code that is tested with memory streams alone, as most is, looks well.
#
# Seen (what is read back of int -1 and of u_long 4294967295):
#   memory: int -1, u_long 18446744073709551615
#   records: int -1, u_long 18446744073709551615
#   stdio: int refused, u_long 4294967295
#
# Works in a temporary folder; needs Debian 12 on x86-64, apt-get, a C compiler, and what
# Kerberos' libraries need (libcom-err2, libkeyutils1). Exit status 1 when it behaves otherwise,
# 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -q download libgssrpc4=1.20.1-2+deb12u5 libkrb5-dev=1.20.1-2+deb12u5 krb5-multidev=1.20.1-2+deb12u5 \
	libgssapi-krb5-2=1.20.1-2+deb12u5 libkrb5-3=1.20.1-2+deb12u5 libk5crypto3=1.20.1-2+deb12u5 \
	libkrb5support0=1.20.1-2+deb12u5 >log 2>&1 || { cat log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu

cat >main.c <<'END_OF_C'
#include <gssrpc/rpc.h>
#include <stdio.h>
#include <string.h>

static char bytes[64];
static int length;

static int
put(caddr_t handle, caddr_t data, int size)
{
	(void)handle;
	memcpy(bytes, data, size);
	length = size;
	return size;
}

static int
get(caddr_t handle, caddr_t data, int size)
{
	(void)handle;
	size = size < length ? size : length;
	memcpy(data, bytes, size);
	return size;
}

static FILE *file;

static void
memory(XDR *xdrs, enum xdr_op op)
{
	xdrmem_create(xdrs, bytes, sizeof bytes, op);
}

static void
records(XDR *xdrs, enum xdr_op op)
{
	xdrrec_create(xdrs, 0, 0, NULL, get, put);
	xdrs->x_op = op;
	if (op == XDR_DECODE)
		xdrrec_skiprecord(xdrs);
}

static void
stdio(XDR *xdrs, enum xdr_op op)
{
	rewind(file);
	xdrstdio_create(xdrs, file, op);
}

static int
try(const char *name, void (*create)(XDR *, enum xdr_op))
{
	XDR xdrs;
	int number = -1;
	u_long large = 4294967295;

	printf("%s: ", name);
	create(&xdrs, XDR_ENCODE);
	if (!xdr_int(&xdrs, &number) || (create == records && !xdrrec_endofrecord(&xdrs, TRUE)))
		return 0;
	number = 0;
	create(&xdrs, XDR_DECODE);
	if (xdr_int(&xdrs, &number))
		printf("int %d, ", number);
	else
		printf("int refused, ");
	create(&xdrs, XDR_ENCODE);
	if (!xdr_u_long(&xdrs, &large) || (create == records && !xdrrec_endofrecord(&xdrs, TRUE)))
		return 0;
	large = 0;
	create(&xdrs, XDR_DECODE);
	if (xdr_u_long(&xdrs, &large))
		printf("u_long %lu\n", large);
	else
		printf("u_long refused\n");
	return 1;
}

int
main(void)
{
	file = tmpfile();
	return file != NULL && try("memory", memory) && try("records", records) &&
		try("stdio", stdio) ? 0 : 2;
}
END_OF_C
cc -Wall -Iroot/usr/include/mit-krb5 main.c -o numbers \
	"$(find root -name 'libgssrpc.so.4' | head -n 1)" || exit 2
./numbers >seen || { cat seen; exit 2; }
cat seen
diff - seen <<'END_OF_SEEN'
memory: int -1, u_long 18446744073709551615
records: int -1, u_long 18446744073709551615
stdio: int refused, u_long 4294967295
END_OF_SEEN
