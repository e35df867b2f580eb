/*
 * What is done while calls fail: an arena, two sets with a bystander between them, and the
 * scenes that are played in it.
 */
#ifndef SCENES_H
#define SCENES_H

#include "harness.h"
#include "shim.h"

#include "test_client.h"
#include "test_server.h"

/* A way in which a function fails. */
struct fault {
	enum place place;
	const char *name;
	int error;              /* as struct fault_control has it */
	int told;               /* the errno value that it is documented to become */
	long times;
	bool unnoticed;         /* everything works all the same */
	size_t at_least;
};

struct scene {
	const char *name;
	void (*play)(void);
	bool plain, tls;        /* over what it is played */
};
extern const struct scene scenes[];     /* the last one has no name */

/* Plays a scene from its beginning to the end, with all checks. */
void scene_run(const struct scene *scene, bool tls, struct fault_control *control,
	       const struct fault *fault);
/* Whether all calls of the scene did what they do without a fault. */
bool scene_all_worked(void);

/* ---- for scenes ---- */

/* A connection's cookie. */
struct link {
	struct mrpc_connection *conn;
	atomic_int ended;
	struct link *next;
};

struct arena {
	struct mrpc_conn_set *client, *server;
	char *port;
	bool tls;
	struct link *bystander;
	atomic_long came, went;         /* disconnects that are due, and that came */
	atomic_long asked, answered;    /* async calls */
	atomic_long messages, events;   /* that the server got; that the client got */
};
extern struct arena arena;

/* A set of the arena's kind, with handlers; NULL if it could not be made. */
struct mrpc_conn_set *set_new(bool client);
/* A new handle of a set; link_came: its disconnect is due. */
struct link *link_new(struct mrpc_conn_set *set, bool client);
void link_came(void);
/* A connection of the arena's client, or NULL. */
struct link *link_open(void);
void link_close(struct link *link);

/* What a call came to: what is wanted, or what the fault may have made of it. */
bool judge(mrpc_status_t got, mrpc_status_t want, const char *what);
bool judge_errno(int got, const char *what);
/* Waits for a condition of which no fault may be an obstacle. */
#define AWAIT(cond) WAIT_FOR_MS(cond, 12000)
bool is_unnoticed(void);

void call_ping(struct link *link);
void call_add(struct link *link);
void call_echo(struct link *link, unsigned len);
void ask_add(struct link *link);
void ask_echo(struct link *link, unsigned len);
void tell(struct link *link, int n);
void push(struct link *link, unsigned len);
/* All async calls have ended. */
void await_answers(void);
/* Answers what `later` has kept. */
void answer_kept(void);

/* Of scenes_connections.c. */
void play_connecting(void);
void play_listening(void);
void play_bound(void);
void play_drain(void);
void play_sets(void);
void play_strangers(void);
void play_flood(void);
void play_refusals(void);

#endif
