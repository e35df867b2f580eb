/* A customer of the paint shop.  Usage: color_client HOST PORT
   The Makefile wants GNU make 4.3 and an installed libminirpc that pkg-config finds. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "color_client.h"
#include "use_tls.h"

static const char *const names[] = {
    "nothing", "red", "yellow", "blue", "orange", "green", "purple", "brown"
};

static void mix(struct mrpc_connection *conn, color first, color second)
{
    color pots[2] = { first, second };
    char name[] = "mix";
    palette in = { .name = name, .colors = { .colors_len = 2, .colors_val = pots } };
    color *out;                 /* ours to free after a success */
    mrpc_status_t status;

    status = color_mix(conn, &in, &out);
    if (status != MINIRPC_OK) {
        printf("mix: %s\n", mrpc_strerror(status));
        return;
    }
    /* A number from elsewhere need not be one that the enum names. */
    if (mrpc_is_valid_color(*out))
        printf("%s and %s make %s\n", names[first], names[second], names[*out]);
    else
        printf("mix: there is no color %d\n", (int) *out);
    free_color(out, 1);
}

static void order(struct mrpc_connection *conn, char *name, color *colors, u_int count)
{
    palette in = { .name = name, .colors = { .colors_len = count, .colors_val = colors } };

    printf("order \"%s\": %s\n", name, mrpc_strerror(color_order(conn, &in)));
}

int main(int argc, char **argv)
{
    struct mrpc_conn_set *set;
    struct mrpc_connection *conn;
    color sunset[] = { RED, ORANGE, PURPLE };
    char sunset_name[] = "sunset", empty_name[] = "empty", text[] = "lovely colors!";
    remark thanks = text;
    const char *tls = NULL;
    int ret;

    if (argc > 1 && strncmp(argv[1], "--tls=", 6) == 0) {
        tls = argv[1] + 6;
        argc--;
        argv++;
    }
    if (argc != 3) {
        fprintf(stderr, "Usage: color_client [--tls=DIR] HOST PORT\n");
        return 2;
    }
    ret = mrpc_conn_set_create(&set, color_client, NULL);
    if (ret == 0 && tls != NULL)
        ret = use_tls(set, tls, "client");
    if (ret == 0)
        ret = mrpc_start_dispatch_thread(set);
    if (ret == 0)
        ret = mrpc_conn_create(&conn, set, NULL);
    if (ret == 0)
        ret = mrpc_connect(conn, AF_UNSPEC, argv[1], argv[2]);
    if (ret != 0) {
        fprintf(stderr, "color_client: no connection to %s port %s: %s\n",
                argv[1], argv[2], strerror(ret));
        return 1;
    }

    order(conn, sunset_name, sunset, 3);
    order(conn, empty_name, NULL, 0);
    printf("comment: %s\n", mrpc_strerror(color_comment(conn, &thanks)));
    /* One way, so nobody says when it has arrived; but a connection keeps
       its order, and these calls return after it did. */
    mix(conn, RED, YELLOW);
    mix(conn, YELLOW, BLUE);
    mix(conn, ORANGE, BLUE);

    mrpc_conn_close(conn);
    mrpc_conn_unref(conn);
    mrpc_conn_set_unref(set);
    return 0;
}
