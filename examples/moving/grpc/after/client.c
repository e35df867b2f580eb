/* Asks the exchange, with libminirpc. Usage: client PORT */

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "stock_client.h"

enum { NOT_FOUND = 1 };

static void price(struct mrpc_connection *stock, char *name)
{
    struct mrpc_call_options options = { .size = sizeof(options), .timeout_ms = 2000 };
    quote *out;
    mrpc_status_t status = stock_price_with(stock, &options, &name, &out);

    if (status == MINIRPC_OK) {
        printf("%s: %lld\n", out->name, (long long) out->cents);
        free_quote(out, 1);
    } else if (status == NOT_FOUND) {
        printf("%s is not traded here\n", name);
    } else {
        printf("%s\n", mrpc_strerror(status));
    }
}

static void quoted(void *conn_data, struct mrpc_message *msg, quote *in)
{
    (void) conn_data;
    (void) msg;
    printf("now %lld\n", (long long) in->cents);
}

static const struct stock_client_operations operations = { .quoted = quoted };

static void ended(void *conn_data, void *private, mrpc_status_t status)
{
    (void) conn_data;
    if (status == MINIRPC_OK)
        printf("the end\n");
    sem_post(private);
}

/* Async, as callbacks come in the order of what was sent: this one after the quotes. */
static void watch(struct mrpc_connection *stock, char *name)
{
    sem_t end;

    sem_init(&end, 0, 0);
    if (stock_watch_async(stock, ended, &end, &name) == MINIRPC_OK)
        while (sem_wait(&end) != 0)
            continue;
    sem_destroy(&end);
}

int main(int argc, char **argv)
{
    struct mrpc_connection *stock;
    struct mrpc_conn_set *set;

    if (argc != 2 || mrpc_conn_set_create(&set, stock_client, NULL) != 0 ||
        mrpc_start_dispatch_thread(set) != 0 || mrpc_conn_create(&stock, set, NULL) != 0 ||
        stock_client_set_operations(stock, &operations) != 0 ||
        mrpc_connect(stock, AF_INET, "127.0.0.1", argv[1]) != 0)
        return 1;
    price(stock, "ACME");
    price(stock, "NONE");
    watch(stock, "ACME");
    mrpc_conn_close(stock);
    mrpc_conn_unref(stock);
    mrpc_conn_set_unref(set);
    return 0;
}
