#!/usr/bin/env bash
# rpcgen (rpcsvc-proto 1.4.3, with libtirpc 1.3.3; Debian 12): whether a bool that is
# true, but not 1, is sent as 1 depends on how many members stand beside it.
#
# In C any value but 0 is true, such as `flags & 4`, and xdr_bool sends 1 for it, which
# is all that XDR has (RFC 4506, 4.4: a bool is 0 or 1). But from four words in a row
# on rpcgen's code calls no xdr_bool: it stores the members itself, the bool as it is.
# One more int in the struct, and peers that check what they read refuse it. Reading is
# the same: a 4 on the wire becomes TRUE, or stays 4.
#
# Seen:
#   three words: 4 is sent as 1, and 4 is read as 1
#   four words: 4 is sent as 4, and 4 is read as 4
#
# Works in a temporary folder; needs Debian 12, apt-get and a C compiler. Exit status
# 1 when it behaves otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -q download rpcsvc-proto=1.4.3-1 libtirpc-dev=1.3.3+ds-1 libtirpc3=1.3.3+ds-1 \
	libtirpc-common=1.3.3+ds-1 >log 2>&1 || { cat log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
export LD_LIBRARY_PATH=$dir/root/lib/x86_64-linux-gnu:$dir/root/usr/lib/x86_64-linux-gnu
rpcgen=root/usr/bin/rpcgen

cat >words.x <<'END'
struct three { int a; int b; bool flag; };
struct four { int a; int b; int c; bool flag; };
END
"$rpcgen" -C -h words.x >words.h
"$rpcgen" -C -c words.x >words.c
cat >main.c <<'END'
#include <stdio.h>
#include <string.h>
#include "words.h"

#define TRY(type) do { \
	struct type value; \
	char wire[16]; \
	XDR xdrs; \
	unsigned last; \
	memset(&value, 0, sizeof value); \
	value.flag = 4; \
	xdrmem_create(&xdrs, wire, sizeof wire, XDR_ENCODE); \
	if (!xdr_##type(&xdrs, &value)) \
		return 2; \
	last = xdr_getpos(&xdrs) - 1; \
	printf(#type " words: 4 is sent as %d", wire[last]); \
	wire[last] = 4; \
	xdrmem_create(&xdrs, wire, sizeof wire, XDR_DECODE); \
	if (!xdr_##type(&xdrs, &value)) \
		return 2; \
	printf(", and 4 is read as %d\n", value.flag); \
} while (0)

int
main(void)
{
	TRY(three);
	TRY(four);
	return 0;
}
END
cc -w -Iroot/usr/include/tirpc main.c words.c -o words \
	"$(find root -name 'libtirpc.so.3' | head -n 1)"
./words | tee seen
diff - seen <<'END'
three words: 4 is sent as 1, and 4 is read as 1
four words: 4 is sent as 4, and 4 is read as 4
END
