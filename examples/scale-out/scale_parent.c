/* Holds the listening sockets of some servers, and hands them to each new generation of them,
   so that a restart loses nobody who is in the backlog. Usage: scale_parent N SERVER [ARGUMENT...]

   SIGHUP: a rolling restart, one server after the other: the next generation is started, and the
   old one told to drain. SIGTERM: all drain, and it ends. A server that ends by itself, or is
   killed, is started again. */

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 64
#define BACKLOG 1024

static struct slot {
    int sockets[2];             /* for calls, for numbers */
    int ports[2];
    pid_t pid;                  /* of its server; 0: none */
    pid_t old;                  /* of the one before, while that drains; 0: none */
    time_t started;
} slots[MOST];
static int count;
static char **command;

static void fail(const char *what)
{
    fprintf(stderr, "scale_parent: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_socket(int *port)
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *) &at, sizeof at) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *) &at, &len) != 0)
        fail("listen");
    *port = ntohs(at.sin_port);
    return fd;
}

/* In the child: the sockets become 3 and 4, as service managers have it. */
static void become_server(const struct slot *slot, const sigset_t *signals)
{
    char number[16];
    int high[2], i;

    /* First out of the way: either may be where the other goes. */
    for (i = 0; i < 2; i++) {
        high[i] = dup(slot->sockets[i]);
        while (high[i] >= 0 && high[i] < 5)
            high[i] = dup(high[i]);
    }
    if (dup2(high[0], 3) < 0 || dup2(high[1], 4) < 0)
        _exit(126);
    for (i = 5; i <= high[1]; i++)
        close(i);
    snprintf(number, sizeof number, "%d", (int) getpid());
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", "2", 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_UNBLOCK, signals, NULL);
    execv(command[0], command);
    _exit(127);
}

static void start(struct slot *slot, const sigset_t *signals)
{
    struct timespec pause = { 0, 200000000 };

    /* One that cannot live is not tried as fast as the processor can. */
    if (slot->started != 0 && slot->pid == 0 && time(NULL) - slot->started < 1)
        nanosleep(&pause, NULL);
    slot->started = time(NULL);
    slot->pid = fork();
    if (slot->pid < 0)
        fail("fork");
    if (slot->pid == 0)
        become_server(slot, signals);
    printf("server %d is process %d\n", (int) (slot - slots), (int) slot->pid);
}

/* The next generation comes first: somebody takes from the backlog at any time. */
static void replace(struct slot *slot, const sigset_t *signals)
{
    slot->old = slot->pid;
    start(slot, signals);
    kill(slot->old, SIGTERM);
}

/* Some processes have ended. `rolling` is who is being replaced, or -1. */
static int reap(int rolling, int ending, const sigset_t *signals)
{
    pid_t pid;
    int status, i;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (i = 0; i < count; i++) {
            struct slot *slot = &slots[i];

            if (slot->old == pid) {
                slot->old = 0;
                printf("server %d: process %d has drained\n", i, (int) pid);
                if (rolling == i && !ending && ++rolling < count)
                    replace(&slots[rolling], signals);
                else if (rolling == count)
                    printf("all are replaced\n");
            } else if (slot->pid == pid) {
                slot->pid = 0;
                if (!ending) {
                    printf("server %d: process %d has ended\n", i, (int) pid);
                    start(slot, signals);
                }
            }
        }
    }
    return rolling < count ? rolling : -1;
}

static int are_left(void)
{
    int i;

    for (i = 0; i < count; i++) {
        if (slots[i].pid != 0 || slots[i].old != 0)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int rolling = -1, ending = 0, signal, i;
    sigset_t signals;

    if (argc < 3 || (count = atoi(argv[1])) < 1 || count > MOST) {
        fprintf(stderr, "Usage: scale_parent N SERVER [ARGUMENT...]\n");
        return 2;
    }
    command = argv + 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    for (i = 0; i < count; i++) {
        slots[i].sockets[0] = open_socket(&slots[i].ports[0]);
        slots[i].sockets[1] = open_socket(&slots[i].ports[1]);
        printf("server %d is on port %d, its numbers on port %d\n", i, slots[i].ports[0],
               slots[i].ports[1]);
    }
    for (i = 0; i < count; i++)
        start(&slots[i], &signals);

    while (!ending || are_left()) {
        if (sigwait(&signals, &signal) != 0)
            continue;
        if (signal == SIGCHLD) {
            rolling = reap(rolling, ending, &signals);
        } else if (signal == SIGHUP) {
            if (rolling < 0 && !ending)
                replace(&slots[rolling = 0], &signals);
        } else if (!ending) {
            ending = 1;
            for (i = 0; i < count; i++) {
                if (slots[i].pid != 0)
                    kill(slots[i].pid, SIGTERM);
            }
        }
    }
    return 0;
}
