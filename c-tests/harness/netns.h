/*
 * A network of this process's own: nobody else's ports, settings to change at
 * will, links to cut. Call it while the process has one thread only.
 */
#ifndef NETNS_H
#define NETNS_H

#include "harness.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

/* False, with a note, where the system does not let us. */
__attribute__((unused)) static bool netns_enter(void)
{
	struct ifreq lo = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
		tap_note("no network namespace of our own: %s", strerror(errno));
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	lo.ifr_flags = IFF_UP;
	REQUIRE_EQ(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	return true;
}

/* Puts a file of the test's own in the place of one of the system's, /etc/hosts say, for
 * this process: after netns_enter. False, with a note, where the system does not let us. */
__attribute__((unused)) static bool netns_file(const char *path, const char *content)
{
	static bool apart;
	char own[4096];
	FILE *file;

	if (!apart && (unshare(CLONE_NEWNS) != 0 ||
		       mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0)) {
		tap_note("no mounts of our own: %s", strerror(errno));
		return false;
	}
	apart = true;
	snprintf(own, sizeof(own), "%s/%s", test_scratch(), strrchr(path, '/') + 1);
	file = fopen(own, "w");
	REQUIRE(file != NULL);
	fputs(content, file);
	REQUIRE_EQ(fclose(file), 0);
	if (mount(own, path, "none", MS_BIND, NULL) != 0) {
		tap_note("%s cannot be replaced: %s", path, strerror(errno));
		return false;
	}
	return true;
}

/* Writes a setting of the network: "ipv4/tcp_syn_retries". */
__attribute__((unused)) static void netns_set(const char *name, const char *value)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "w");
	REQUIRE(file != NULL);
	fputs(value, file);
	REQUIRE_EQ(fclose(file), 0);
}

#endif
