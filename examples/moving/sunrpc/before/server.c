/* The telephone book's server, with Sun RPC. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "phone.h"

enum { NO_SUCH_NAME = 1, BOOK_IS_FULL = 2, MOST = 100 };

static entry book[MOST];
static int entries;

int *phone_add_1_svc(entry *in, struct svc_req *req)
{
    static int error;

    (void) req;
    error = BOOK_IS_FULL;
    if (entries < MOST) {
        book[entries].name = strdup(in->name);
        book[entries++].number = strdup(in->number);
        error = 0;
    }
    return &error;
}

answer *phone_find_1_svc(who *in, struct svc_req *req)
{
    static answer out;
    int i;

    (void) req;
    out.error = NO_SUCH_NAME;
    for (i = 0; i < entries; i++)
        if (strcmp(book[i].name, *in) == 0) {
            out.error = 0;
            out.answer_u.number = book[i].number;
        }
    return &out;
}

/* What rpcgen makes, but for rpcbind: who calls is told the port. */
extern void phone_prog_1(struct svc_req *, SVCXPRT *);

int main(void)
{
    SVCXPRT *transport = svctcp_create(RPC_ANYSOCK, 0, 0);

    if (transport == NULL ||
        !svc_register(transport, PHONE_PROG, PHONE_V1, phone_prog_1, 0))
        return 1;
    printf("port %d\n", transport->xp_port);
    fflush(stdout);
    svc_run();
    return 1;
}
