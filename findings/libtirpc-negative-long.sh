#!/usr/bin/env bash
# libtirpc 1.3.3 (Debian 12; 1.3.7 is the same): on machines whose long has 64 bits, a
# negative long that is sent as four bytes comes back as a positive one.
#
# xdr_long sends the low 32 bits (-4 as ff ff ff fc), as rpcgen's `long` always was. Decoding
# from memory puts them into the long without their sign. xdr_int is right, since its result
# is cut to 32 bits again. glibc's XDR functions keep the sign: it still has them for programs
# that were linked before 2.32, and new ones were told to use libtirpc instead.
#
# Seen:
#   libtirpc's xdr_long: -4 is sent as fffffffc, and read as 4294967292
#   libtirpc's xdr_int: -4 is sent as fffffffc, and read as -4
#   glibc's xdr_long: -4 is sent as fffffffc, and read as -4
#
# Works in a temporary folder; needs Debian 12 on x86-64, apt-get and a C compiler. Exit status 1 when it behaves otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -q download libtirpc-dev=1.3.3+ds-1 >log 2>&1 || { cat log; exit 2; }
dpkg -x libtirpc-dev_*.deb root

cat >main.c <<'END_OF_C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <rpc/rpc.h>
#include <stdio.h>

typedef void (create_fn)(XDR *, char *, u_int, enum xdr_op);
typedef bool_t (long_fn)(XDR *, long *);

#define TRY(whose, type, create, procedure) do { \
	type value = -4; \
	unsigned char wire[4]; \
	XDR xdrs; \
	create(&xdrs, (char *)wire, sizeof wire, XDR_ENCODE); \
	if (!procedure(&xdrs, &value)) \
		return 2; \
	printf(whose " xdr_" #type ": -4 is sent as %02x%02x%02x%02x", wire[0], wire[1], \
		wire[2], wire[3]); \
	value = 0; \
	create(&xdrs, (char *)wire, sizeof wire, XDR_DECODE); \
	if (!procedure(&xdrs, &value)) \
		return 2; \
	printf(", and read as %ld\n", (long)value); \
} while (0)

int
main(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	create_fn *create = (create_fn *)dlvsym(libc, "xdrmem_create", "GLIBC_2.2.5");
	long_fn *procedure = (long_fn *)dlvsym(libc, "xdr_long", "GLIBC_2.2.5");

	if (create == NULL || procedure == NULL)
		return 2;
	TRY("libtirpc's", long, xdrmem_create, xdr_long);
	TRY("libtirpc's", int, xdrmem_create, xdr_int);
	TRY("glibc's", long, create, procedure);
	return 0;
}
END_OF_C
cc -Iroot/usr/include/tirpc main.c "$(find root -name libtirpc.a)" -o numbers
./numbers | tee seen
diff - seen <<'END_OF_SEEN'
libtirpc's xdr_long: -4 is sent as fffffffc, and read as 4294967292
libtirpc's xdr_int: -4 is sent as fffffffc, and read as -4
glibc's xdr_long: -4 is sent as fffffffc, and read as -4
END_OF_SEEN
