/*
 * A network of its own in which names have several addresses:
 *
 *   10.77.0.1, fd00:77::1    this machine
 *   10.77.0.2, fd00:77::2    a machine that answers nothing
 */
#ifndef NETWORK_H
#define NETWORK_H

#include "connect.h"
#include "netns.h"

#define IPV4 "10.77.0.1"
#define IPV6 "fd00:77::1"
#define HOLE4 "10.77.0.2"
#define HOLE6 "fd00:77::2"
#define HOLE_MAC "02:00:00:77:00:02"

/* Runs "ip ..." or ends the test. */
#define IP(...) do { \
	char ip_command_[200]; \
	snprintf(ip_command_, sizeof(ip_command_), "ip " __VA_ARGS__); \
	REQUIRE_EQ(system(ip_command_), 0); \
} while (0)

/* Ends the test as skipped where that cannot be had. */
static void network_open(const char *hosts)
{
	if (system("ip -V >/dev/null 2>&1") != 0)
		tap_skip("no ip program");
	if (!netns_enter())
		tap_skip("no network namespaces for this user");
	if (!netns_file("/etc/hosts", hosts))
		tap_skip("no mounts of our own");
	if (access("/proc/sys/net/ipv6", F_OK) != 0)
		tap_skip("no IPv6");
	IP("link add va type veth peer name vb && ip link set va up && ip link set vb up");
	IP("addr add " IPV4 "/24 dev va && ip addr add " IPV6 "/64 dev va nodad");
	IP("neigh replace " HOLE4 " dev va nud permanent lladdr " HOLE_MAC);
	IP("neigh replace " HOLE6 " dev va nud permanent lladdr " HOLE_MAC);
}

#endif
