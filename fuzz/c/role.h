/* A peer for fuzzers: procedures of several kinds, and what it has been called with. */
#ifndef ROLE_H
#define ROLE_H

#define MINIRPC_PROTOCOL
#include <minirpc/protocol.h>

/* Both roles in one: it sends what it receives. */
extern const struct mrpc_protocol role;

/*
 * 1: void to void; 2: text to text; 3: by_int to by_int; 4: numbers to a status of 7;
 * 5: arrays to void, later; -1: void; -2: text.
 */
enum role_types { ROLE_VOID, ROLE_TEXT, ROLE_BY_INT, ROLE_NUMBERS, ROLE_ARRAYS, ROLE_NONE };
int role_type(int cmd, int reply);
/* As values_again(). */
long role_again(int type, const void *payload, size_t len, void *out, size_t room);

/* The target's: what has been called, and with what. */
void role_called(void *conn, int cmd, struct mrpc_message *message, const void *bytes, long len);
void role_replied(void *conn, void *data, mrpc_status_t status, const void *bytes, long len);

/* A call with a void argument, for a reply of the type of cmd, and a message. */
mrpc_status_t role_call(struct mrpc_connection *conn, int cmd, void *data);
mrpc_status_t role_say(struct mrpc_connection *conn);
mrpc_status_t role_answer(struct mrpc_message *message);

#endif
