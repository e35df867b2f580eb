#define _GNU_SOURCE
#include "lossy.h"

#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

enum { MTU = 1500, WAITING = 8192 };

static struct { int tun, ns; } ends[2];

/* ---- the ends ---- */

static void set_address(struct ifreq *r, const char *address)
{
	struct sockaddr_in *at = (struct sockaddr_in *)&r->ifr_addr;

	memset(at, 0, sizeof(*at));
	at->sin_family = AF_INET;
	REQUIRE_EQ(inet_pton(AF_INET, address, &at->sin_addr), 1);
}

static bool open_end(int end, const char *address)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI }, lo = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET) != 0) {
		tap_note("no network namespace of our own: %s", strerror(errno));
		return false;
	}
	ends[end].ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ends[end].tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	strcpy(r.ifr_name, "end0");
	if (ends[end].tun < 0 || ioctl(ends[end].tun, TUNSETIFF, &r) != 0) {
		tap_note("no TUN device: %s", strerror(errno));
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	set_address(&r, address);
	REQUIRE_EQ(ioctl(fd, SIOCSIFADDR, &r), 0);
	set_address(&r, "255.255.255.0");
	REQUIRE_EQ(ioctl(fd, SIOCSIFNETMASK, &r), 0);
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	REQUIRE_EQ(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	lo.ifr_flags = IFF_UP;
	REQUIRE_EQ(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	return true;
}

bool link_open(void)
{
	return open_end(NEAR, "10.77.0.1") && open_end(FAR, "10.77.0.2");
}

void link_enter(int end)
{
	REQUIRE_EQ(setns(ends[end].ns, CLONE_NEWNET), 0);
}

/* ---- between them ---- */

struct packet {
	int64_t due;            /* us */
	int to;
	int len;
	unsigned char bytes[MTU];
};

static struct packet *heap[WAITING];
static int heap_len;

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

static void put(struct packet *p)
{
	int i = heap_len++;

	for (; i > 0 && heap[(i - 1) / 2]->due > p->due; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = p;
}

static struct packet *take(void)
{
	struct packet *first = heap[0], *last = heap[--heap_len];
	int i = 0, child;

	while ((child = 2 * i + 1) < heap_len) {
		if (child + 1 < heap_len && heap[child + 1]->due < heap[child]->due)
			child++;
		if (heap[child]->due >= last->due)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return first;
}

static void admit(struct link_state *s, const struct packet *p, unsigned *seed)
{
	int jitter = atomic_load(&s->jitter_us), copies, i;
	struct packet *kept;

	atomic_fetch_add(&s->packets, 1);
	copies = rand_r(seed) % 1000 < atomic_load(&s->twice) ? 2 : 1;
	if (atomic_load(&s->down) || rand_r(seed) % 1000 < atomic_load(&s->lost))
		copies = 0;
	if (heap_len + copies > WAITING)
		copies = 0;
	if (copies == 0)
		atomic_fetch_add(&s->dropped, 1);
	for (i = 0; i < copies; i++) {
		kept = malloc(sizeof(*kept));
		REQUIRE(kept != NULL);
		*kept = *p;
		kept->due = now_us() + atomic_load(&s->delay_us) +
			(jitter > 0 ? rand_r(seed) % jitter : 0);
		put(kept);
	}
}

void link_run(struct link_state *s)
{
	struct pollfd fds[2] = { { ends[NEAR].tun, POLLIN, 0 }, { ends[FAR].tun, POLLIN, 0 } };
	struct timespec wait = { 0, 0 };
	static struct packet p;
	unsigned seed = 7;
	int64_t until;
	int end, n;

	while (!atomic_load(&s->over)) {
		until = heap_len > 0 ? heap[0]->due - now_us() : 20000;
		until = until < 0 ? 0 : until < 20000 ? until : 20000;
		wait.tv_nsec = until * 1000;
		ppoll(fds, 2, &wait, NULL);
		for (end = NEAR; end <= FAR; end++) {
			/* In turns, and what is due goes between them. */
			for (n = 0; n < 64; n++) {
				p.len = (int)read(ends[end].tun, p.bytes, sizeof(p.bytes));
				if (p.len <= 0)
					break;
				p.to = !end;
				admit(s, &p, &seed);
			}
		}
		while (heap_len > 0 && heap[0]->due <= now_us()) {
			struct packet *out = take();

			/* A device that takes no more drops it, as any does. */
			if (atomic_load(&s->down) ||
			    write(ends[out->to].tun, out->bytes, (size_t)out->len) != out->len)
				atomic_fetch_add(&s->dropped, 1);
			free(out);
		}
	}
	while (heap_len > 0)
		free(take());
}
