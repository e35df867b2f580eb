/* Adds a number to the telephone book and looks two up, with Sun RPC. Usage: client PORT */

#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>

#include "phone.h"

static void find(CLIENT *phone, char *name)
{
    answer *out = phone_find_1(&name, phone);

    if (out == NULL) {
        clnt_perror(phone, "find");
        return;
    }
    if (out->error != 0)
        printf("%s: error %d\n", name, out->error);
    else
        printf("%s: %s\n", name, out->answer_u.number);
    clnt_freeres(phone, (xdrproc_t) xdr_answer, (char *) out);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    entry ann = { "Ann", "+44 20 7946 0958" };
    int socket = RPC_ANYSOCK, *error;
    CLIENT *phone;

    if (argc != 2)
        return 2;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(atoi(argv[1]));
    phone = clnttcp_create(&address, PHONE_PROG, PHONE_V1, &socket, 0, 0);
    if (phone == NULL) {
        clnt_pcreateerror("client");
        return 1;
    }
    error = phone_add_1(&ann, phone);
    printf("add: %d\n", error != NULL ? *error : -1);
    find(phone, "Ann");
    find(phone, "Bob");
    clnt_destroy(phone);
    return 0;
}
