/* The paint shop.  Usage: color_server [PORT]; without PORT, on a free one.
   Ends on SIGINT or SIGTERM.  The Makefile wants GNU make 4.3 and an installed
   libminirpc that pkg-config finds. */

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "color_server.h"
#include "use_tls.h"

/* Positive statuses are the application's. */
enum { SHOP_NOTHING_ORDERED = 1, SHOP_NO_SUCH_COLOR = 2 };

static const char *const names[] = {
    "nothing", "red", "yellow", "blue", "orange", "green", "purple", "brown"
};

/* Decoding takes any number for a color, and these will be indexes. */
static int all_valid(const palette *in)
{
    u_int i;

    for (i = 0; i < in->colors.colors_len; i++)
        if (!mrpc_is_valid_color(in->colors.colors_val[i]))
            return 0;
    return 1;
}

static mrpc_status_t order(void *conn_data, struct mrpc_message *msg, palette *in)
{
    u_int i;

    (void) conn_data;
    (void) msg;
    if (in->colors.colors_len == 0)
        return SHOP_NOTHING_ORDERED;
    if (!all_valid(in))
        return SHOP_NO_SUCH_COLOR;
    printf("order \"%s\":", in->name);
    for (i = 0; i < in->colors.colors_len; i++)
        printf(" %s", names[in->colors.colors_val[i]]);
    printf("\n");
    return MINIRPC_OK;
}

static mrpc_status_t mix(void *conn_data, struct mrpc_message *msg, palette *in, color *out)
{
    static const color results[8] = { /* bit 0 red, bit 1 yellow, bit 2 blue */
        0, RED, YELLOW, ORANGE, BLUE, PURPLE, GREEN, BROWN
    };
    static const unsigned char parts[8] = { 0, 1, 2, 4, 3, 6, 5, 7 };
    unsigned pots = 0;
    u_int i;

    (void) conn_data;
    (void) msg;
    if (!all_valid(in))
        return SHOP_NO_SUCH_COLOR;
    for (i = 0; i < in->colors.colors_len; i++)
        pots |= parts[in->colors.colors_val[i]];
    if (pots == 0)
        return SHOP_NOTHING_ORDERED;
    *out = results[pots];
    return MINIRPC_OK;
}

static void comment(void *conn_data, struct mrpc_message *msg, remark *in)
{
    (void) conn_data;
    (void) msg;
    printf("comment: %s\n", *in);
}

static const struct color_server_operations operations = {
    .order = order, .mix = mix, .comment = comment
};

static void *customer_arrived(void *set_data, struct mrpc_connection *conn,
                              struct sockaddr *from, socklen_t from_len)
{
    (void) set_data;
    (void) from;
    (void) from_len;
    color_server_set_operations(conn, &operations);
    return conn;                /* what the callbacks get as conn_data */
}

static void customer_left(void *conn_data, enum mrpc_disc_reason reason)
{
    printf("customer left%s\n", reason == MRPC_DISC_IOERR ? ": connection failed" : "");
    mrpc_conn_unref(conn_data); /* the reference that came with accept */
}

int main(int argc, char **argv)
{
    struct mrpc_conn_set *set;
    const char *tls = NULL;
    char *port;
    sigset_t signals;
    int ret, sig;

    if (argc > 1 && strncmp(argv[1], "--tls=", 6) == 0) {
        tls = argv[1] + 6;
        argc--;
        argv++;
    }
    port = argc > 1 ? argv[1] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    ret = mrpc_conn_set_create(&set, color_server, NULL);
    if (ret == 0)
        ret = mrpc_set_accept_func(set, customer_arrived);
    if (ret == 0)
        ret = mrpc_set_disconnect_func(set, customer_left);
    if (ret == 0 && tls != NULL)
        ret = use_tls(set, tls, "server");
    if (ret == 0)
        ret = mrpc_listen(set, AF_INET, "127.0.0.1", &port);
    if (ret == 0)
        ret = mrpc_start_dispatch_thread(set);
    if (ret != 0) {
        fprintf(stderr, "color_server: cannot open the shop: %s\n", strerror(ret));
        return 1;
    }
    printf("open on port %s\n", port);
    if (argc <= 1)
        free(port);             /* the library chose it and allocated the text */

    sigwait(&signals, &sig);    /* the dispatch thread does all the work */
    mrpc_listen_close(set);
    mrpc_conn_set_unref(set);
    return 0;
}
