/* Adds a number to the telephone book and looks two up, with libminirpc. Usage: client PORT */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "phone_client.h"

static void find(struct mrpc_connection *phone, char *name)
{
    number *out;
    mrpc_status_t status = phone_find(phone, &name, &out);

    if (status < 0) {
        fprintf(stderr, "find: %s\n", mrpc_strerror(status));
        return;
    }
    if (status != MINIRPC_OK) {
        printf("%s: error %d\n", name, status);
        return;
    }
    printf("%s: %s\n", name, *out);
    free_number(out, 1);
}

int main(int argc, char **argv)
{
    entry ann = { "Ann", "+44 20 7946 0958" };
    struct mrpc_connection *phone;
    struct mrpc_conn_set *set;
    int error;

    if (argc != 2 || mrpc_conn_set_create(&set, phone_client, NULL) != 0 ||
        mrpc_set_call_timeout(set, 25000) != 0 || mrpc_conn_create(&phone, set, NULL) != 0)
        return 2;
    error = mrpc_connect(phone, AF_INET, "127.0.0.1", argv[1]);
    if (error != 0) {
        fprintf(stderr, "client: %s\n", strerror(error));
        return 1;
    }
    printf("add: %d\n", phone_add(phone, &ann));
    find(phone, "Ann");
    find(phone, "Bob");
    mrpc_conn_close(phone);
    mrpc_conn_unref(phone);
    mrpc_conn_set_unref(set);
    return 0;
}
