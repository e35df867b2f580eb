#!/usr/bin/env bash
# qemu-user 7.2 (Debian 12, qemu-user-static 1:7.2+dfsg-7+deb12u18): setsockopt with
# TCP_CONGESTION works for names of exactly four letters on little-endian guests, and never
# on big-endian ones.
#
# The option's value is a name. qemu's user mode takes the value of every option at
# IPPROTO_TCP for an int: it reads four bytes in the guest's order and hands four bytes in
# the host's order to the kernel. So an arm64 guest on x86-64 can ask for "reno", which has
# four letters, but of "cubic" the kernel is told "cubi"; for an s390x guest "reno" arrives
# as "oner". The error is the kernel's for an algorithm that it does not have, so a program
# under test takes it for a fact about the machine.
#
# Seen (0, or the errno; 2 is ENOENT):
#   native: reno 0, cubic 0
#   aarch64: reno 0, cubic 2
#   s390x: reno 2, cubic 2
#
# Works in a temporary folder; needs Debian 12 on x86-64, apt-get, and a kernel that has
# reno and cubic. Exit status 1 when it behaves otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
packages="qemu-user-static=1:7.2+dfsg-7+deb12u18+b3"
for cross in s390x-linux-gnu aarch64-linux-gnu; do
	arch=${cross%%-*}
	[ "$arch" = s390x ] || arch=arm64
	packages="$packages binutils-$cross gcc-12-$cross cpp-12-$cross
		libc6-dev-$arch-cross=2.36-8cross1 libc6-$arch-cross=2.36-8cross1
		linux-libc-dev-$arch-cross libgcc-12-dev-$arch-cross libgcc-s1-$arch-cross"
done
# shellcheck disable=SC2086
apt-get -q download $packages >log 2>&1 || { tail -n 3 log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
cat >main.c <<'END_OF_C'
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int ask_for(const char *name)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, strlen(name)) == 0 ? 0 : errno;
}

int main(void)
{
	printf("reno %d, cubic %d\n", ask_for("reno"), ask_for("cubic"));
	return 0;
}
END_OF_C
built()
{
	PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu \
		"$1-gcc-12" -static -B "$dir/root/usr/$1/lib" -isystem "$dir/root/usr/$1/include" \
		-L "$dir/root/usr/$1/lib" -o "main.$1" main.c >log 2>&1 || { tail -n 5 log; exit 2; }
}
cc -o main.native main.c || exit 2
./main.native | grep -qx "reno 0, cubic 0" || { echo "this kernel lacks one of them"; exit 2; }
{
	echo "native: $(./main.native)"
	for guest in aarch64 s390x; do
		built $guest-linux-gnu
		echo "$guest: $("root/usr/bin/qemu-$guest-static" ./main.$guest-linux-gnu)"
	done
} | tee seen
cat >expected <<'END_OF_TEXT'
native: reno 0, cubic 0
aarch64: reno 0, cubic 2
s390x: reno 2, cubic 2
END_OF_TEXT
diff expected seen || exit 1
