#!/usr/bin/env bash
# qemu-user 7.2 (Debian 12, qemu-user-static 1:7.2+dfsg-7+deb12u18) with a big-endian guest: an
# eventfd counts right only by read and write, and only at some of its descriptors; by the
# others it is full after 255.
#
# An eventfd's count is eight bytes in the machine's order, so for an s390x guest on x86-64 qemu
# must swap them. It notes that for the number that eventfd() returned, and for those that dup
# makes of it. One that fcntl(F_DUPFD_CLOEXEC) makes, which is how Rust's try_clone and Python's
# os.dup do it, or that comes over a socket, is not noted, and readv does not look. So 1 is
# written as 2^56: a waker still wakes, but the 256th write before a read gives EAGAIN, and
# counts are wrong. Where such tests fail, the emulation may be what is wrong, not the code.
#
# Seen (what is read after 7 was written, in hexadecimal; ones that fit before a read, of 1000):
#   native: read 7, dup 7, readv 7, F_DUPFD_CLOEXEC 7, SCM_RIGHTS 7, fit 1000
#   s390x: read 7, dup 7, readv 700000000000000, F_DUPFD_CLOEXEC 700000000000000, SCM_RIGHTS 700000000000000, fit 255
#
# Works in a temporary folder; needs Debian 12 on x86-64 and apt-get. Exit status 1 when it
# behaves otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cross=s390x-linux-gnu
apt-get -q download qemu-user-static=1:7.2+dfsg-7+deb12u18+b3 \
	binutils-$cross gcc-12-$cross cpp-12-$cross libc6-dev-s390x-cross=2.36-8cross1 \
	libc6-s390x-cross=2.36-8cross1 linux-libc-dev-s390x-cross libgcc-12-dev-s390x-cross \
	libgcc-s1-s390x-cross >log 2>&1 || { tail -n 3 log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
cat >main.c <<'END_OF_C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int source;

static void written(uint64_t count)
{
	if (write(source, &count, sizeof count) != sizeof count)
		perror("write");
}

static void show(const char *how, int fd)
{
	uint64_t count = 0;

	written(7);
	if (read(fd, &count, sizeof count) != sizeof count)
		perror(how);
	printf("%s %llx, ", how, (unsigned long long)count);
}

static int sent_to_ourselves(int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	char byte = 0;
	struct iovec iovec = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iovec, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control };
	int pair[2];

	memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || sendmsg(pair[0], &message, 0) < 0 ||
		recvmsg(pair[1], &message, 0) < 0)
		perror("SCM_RIGHTS");
	memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
	return fd;
}

int main(void)
{
	uint64_t count = 0;
	struct iovec iovec = { &count, sizeof count };
	int duplicate, fit;

	source = eventfd(0, EFD_NONBLOCK);
	duplicate = fcntl(source, F_DUPFD_CLOEXEC, 0);
	show("read", source);
	show("dup", dup(source));
	written(7);
	if (readv(source, &iovec, 1) < 0)
		perror("readv");
	printf("readv %llx, ", (unsigned long long)count);
	show("F_DUPFD_CLOEXEC", duplicate);
	show("SCM_RIGHTS", sent_to_ourselves(source));
	count = 1;
	for (fit = 0; fit < 1000 && write(duplicate, &count, sizeof count) > 0; fit++)
		continue;
	printf("fit %d\n", fit);
	return 0;
}
END_OF_C
cc -o main.native main.c || exit 2
PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu \
	"$cross-gcc-12" -static -B "$dir/root/usr/$cross/lib" -isystem "$dir/root/usr/$cross/include" \
	-L "$dir/root/usr/$cross/lib" -o main.s390x main.c >log 2>&1 || { tail -n 5 log; exit 2; }
{
	echo "native: $(./main.native)"
	echo "s390x: $(root/usr/bin/qemu-s390x-static ./main.s390x)"
} | tee seen
diff - seen <<'END_OF_TEXT'
native: read 7, dup 7, readv 7, F_DUPFD_CLOEXEC 7, SCM_RIGHTS 7, fit 1000
s390x: read 7, dup 7, readv 700000000000000, F_DUPFD_CLOEXEC 700000000000000, SCM_RIGHTS 700000000000000, fit 255
END_OF_TEXT
