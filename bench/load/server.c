#include "server.h"

#include "load_server.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BACK_MS = 20000,        /* a nested call may take so long on a busy machine */
	REMIND_MS = 20,
	MANY_KEPT = 4096,
	MANY_CALLS = 16384      /* that it makes because clients ask for it */
};

/* A connection's cookie; in the list once its client has said hello. */
struct session {
	struct mrpc_connection *conn;
	enum who who;
	uint64_t notes;         /* that have come; in handlers only, one at a time */
	struct session *next, **link;
};

/* A request that is replied to later. */
struct kept {
	struct mrpc_message *msg;
	int64_t due;
	bool never;
	uint64_t nr;
	struct parcel parcel;
	struct kept *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* sessions and kept ones */
static struct session *sessions;
static struct kept *kept_list;
static long session_count, kept_count;
static atomic_long accepted, disconnected, calls_made, calls_ok, calls_ended, reminded, ioerrs;
static atomic_uint_fast64_t next_number = 1;

/* ---- connections ---- */

static void *on_accept(void *set_data, struct mrpc_connection *conn,
		       UNUSED struct sockaddr *from, UNUSED socklen_t len)
{
	extern const struct load_server_operations server_operations;
	struct session *session = calloc(1, sizeof(*session));

	(void)set_data;
	session->conn = conn;
	MUST(load_server_set_operations(conn, &server_operations));
	mrpc_conn_unref(conn);
	atomic_fetch_add(&accepted, 1);
	return session;
}

static void on_disconnect(void *data, UNUSED enum mrpc_disc_reason reason)
{
	struct session *session = data;

	pthread_mutex_lock(&lock);
	if (session->link != NULL) {
		*session->link = session->next;
		if (session->next != NULL)
			session->next->link = session->link;
		session_count--;
	}
	pthread_mutex_unlock(&lock);
	free(session);
	atomic_fetch_add(&disconnected, 1);
}

static void on_ioerr(UNUSED void *data, UNUSED char *text)
{
	atomic_fetch_add(&ioerrs, 1);
}

/* ---- handlers ---- */

static mrpc_status_t hello(void *data, UNUSED struct mrpc_message *msg, number *in, number *out)
{
	struct session *session = data;

	pthread_mutex_lock(&lock);
	if (session->link == NULL) {
		session->who = (enum who)*in;
		session->next = sessions;
		session->link = &sessions;
		if (sessions != NULL)
			sessions->link = &session->next;
		sessions = session;
		session_count++;
	}
	pthread_mutex_unlock(&lock);
	*out = answer(nr_load_hello, *in);
	return MINIRPC_OK;
}

/* The answer's bytes are the call's, so only its length is the caller's. */
static void fill(int procedure, parcel *in, parcel *out)
{
	out->nr = answer(procedure, in->nr);
	out->data.data_len = in->data.data_len;
	out->data.data_val = in->data.data_val;         /* the library frees out */
	pattern(out->nr, out->data.data_val, out->data.data_len);
	in->data.data_len = 0;
	in->data.data_val = NULL;
}

static mrpc_status_t echo(UNUSED void *data, UNUSED struct mrpc_message *msg, parcel *in,
			  parcel *out)
{
	fill(nr_load_echo, in, out);
	return MINIRPC_OK;
}

static struct kept *keep(struct mrpc_message *msg, int64_t us)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	kept->msg = msg;
	kept->due = now_us() + us;
	return kept;
}

static void keep_it(struct kept *kept)
{
	pthread_mutex_lock(&lock);
	kept->next = kept_list;
	kept_list = kept;
	kept_count++;
	pthread_mutex_unlock(&lock);
}

/* Up to 20 ms later, or at once but from in here. */
static mrpc_status_t later(UNUSED void *data, struct mrpc_message *msg, parcel *in,
			   UNUSED parcel *out)
{
	struct kept *kept;
	parcel reply = { 0 };

	if (in->nr % 8 == 0) {
		fill(nr_load_later, in, &reply);
		load_later_send_async_reply(msg, &reply);
		free(reply.data.data_val);
		return MINIRPC_PENDING;
	}
	kept = keep(msg, (int64_t)(in->nr % 21) * 1000);
	fill(nr_load_later, in, &kept->parcel);
	keep_it(kept);
	return MINIRPC_PENDING;
}

static mrpc_status_t never(UNUSED void *data, struct mrpc_message *msg, number *in,
			   UNUSED number *out)
{
	struct kept *kept = keep(msg, 100000 + (int64_t)(*in % 400) * 1000);

	kept->never = true;
	kept->nr = answer(nr_load_never, *in);
	keep_it(kept);
	return MINIRPC_PENDING;
}

static mrpc_status_t back(void *data, UNUSED struct mrpc_message *msg, parcel *in, parcel *out)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	struct session *session = data;
	parcel *got = NULL;
	mrpc_status_t status;

	options.timeout_ms = BACK_MS;
	atomic_fetch_add(&calls_made, 1);
	status = load_mirror_with(session->conn, &options, in, &got);
	atomic_fetch_add(&calls_ended, 1);
	if (status == MINIRPC_OK) {
		if (got->nr != answer(nr_load_mirror, in->nr) ||
		    got->data.data_len != in->data.data_len ||
		    !pattern_is(got->nr, got->data.data_val, got->data.data_len))
			fault("a nested call %llu got a wrong answer", (unsigned long long)in->nr);
		atomic_fetch_add(&calls_ok, 1);
		fill(nr_load_back, in, out);
	} else if (session->who == WHO_STEADY) {
		fault("a nested call to a steady client: %s", mrpc_strerror(status));
	}
	free_parcel(got, 1);
	return status;
}

static mrpc_status_t total(UNUSED void *data, UNUSED struct mrpc_message *msg, numbers *in,
			   number *out)
{
	u_int i;

	for (i = 0; i < in->numbers_len; i++)
		*out += in->numbers_val[i];
	return MINIRPC_OK;
}

static mrpc_status_t walk(UNUSED void *data, UNUSED struct mrpc_message *msg, chain *in,
			  number *out)
{
	node *at;

	for (at = in->first; at != NULL; at = at->next)
		*out += 1;
	return MINIRPC_OK;
}

static void reminded_of(UNUSED void *data, UNUSED void *private, UNUSED mrpc_status_t status,
			UNUSED parcel *reply)
{
	atomic_fetch_add(&calls_ended, 1);
}

static mrpc_status_t remind(void *data, UNUSED struct mrpc_message *msg, number *in)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	struct session *session = data;
	parcel out = { *in, { 0, NULL } };

	/* Who calls back on demand bounds that: the library does not know whose calls they are. */
	if (atomic_load(&calls_made) - atomic_load(&calls_ended) > MANY_CALLS)
		return 1;
	options.timeout_ms = REMIND_MS;
	if (load_mirror_async_with(session->conn, &options, reminded_of, NULL, &out) == MINIRPC_OK) {
		atomic_fetch_add(&calls_made, 1);
		atomic_fetch_add(&reminded, 1);
	}
	return MINIRPC_OK;
}

/* Each message is answered by one; they come in order. */
static void note(void *data, UNUSED struct mrpc_message *msg, number *in)
{
	struct session *session = data;

	if (session->who == WHO_STEADY && *in != session->notes)
		fault("message %llu came instead of %llu", (unsigned long long)*in,
		      (unsigned long long)session->notes);
	session->notes++;
	load_news(session->conn, in);
}

const struct load_server_operations server_operations = {
	.hello = hello, .echo = echo, .later = later, .back = back, .never = never,
	.total = total, .walk = walk, .remind = remind, .note = note
};

/* ---- threads ---- */

static void reply(struct kept *kept)
{
	mrpc_status_t status;

	if (kept->never) {
		status = load_never_send_async_reply(kept->msg, &kept->nr);
	} else {
		status = load_later_send_async_reply(kept->msg, &kept->parcel);
		free(kept->parcel.data.data_val);
	}
	if (status != MINIRPC_OK && status != MINIRPC_NETWORK_FAILURE)
		fault("a reply to a kept request: %s", mrpc_strerror(status));
	free(kept);
}

static void *run_replier(void *arg)
{
	for (;;) {
		struct kept *due = NULL, **at, *kept;
		int64_t now = now_us();

		pthread_mutex_lock(&lock);
		for (at = &kept_list; (kept = *at) != NULL;) {
			/* Who keeps too much is served at once. */
			if (kept->due > now && kept_count < MANY_KEPT) {
				at = &kept->next;
				continue;
			}
			*at = kept->next;
			kept->next = due;
			due = kept;
			kept_count--;
		}
		pthread_mutex_unlock(&lock);
		while ((kept = due) != NULL) {
			due = kept->next;
			reply(kept);
		}
		pause_us(2000);
	}
	return arg;
}

void server_start_replier(void)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, run_replier, NULL));
	pthread_detach(thread);
}

bool server_calls(uint64_t *random)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	struct mrpc_connection *conn = NULL;
	struct session *session;
	char bytes[2048];
	parcel in, *out = NULL;
	mrpc_status_t status;
	bool steady = false;
	long skip;

	pthread_mutex_lock(&lock);
	skip = session_count > 0 ? (long)(chance(random) % (uint64_t)session_count) : 0;
	for (session = sessions; session != NULL && skip > 0; skip--)
		session = session->next;
	if (session != NULL) {
		conn = session->conn;   /* in the list, so it is active */
		steady = session->who == WHO_STEADY;
		mrpc_conn_ref(conn);
	}
	pthread_mutex_unlock(&lock);
	if (conn == NULL)
		return false;

	in.nr = atomic_fetch_add(&next_number, 1);
	in.data.data_len = (u_int)(chance(random) % sizeof(bytes));
	in.data.data_val = bytes;
	pattern(in.nr, bytes, in.data.data_len);
	options.timeout_ms = BACK_MS;
	atomic_fetch_add(&calls_made, 1);
	status = load_mirror_with(conn, &options, &in, &out);
	atomic_fetch_add(&calls_ended, 1);
	if (status == MINIRPC_OK) {
		atomic_fetch_add(&calls_ok, 1);
		if (out->nr != answer(nr_load_mirror, in.nr) ||
		    out->data.data_len != in.data.data_len ||
		    !pattern_is(out->nr, out->data.data_val, out->data.data_len))
			fault("the server's call %llu got a wrong answer",
			      (unsigned long long)in.nr);
	} else if (steady && status != MINIRPC_BUSY) {
		fault("the server's call to a steady client: %s", mrpc_strerror(status));
	}
	free_parcel(out, 1);
	mrpc_conn_unref(conn);
	return true;
}

/* ---- sets ---- */

struct mrpc_conn_set *server_new(int dispatchers)
{
	struct mrpc_conn_set *set;
	int i;

	MUST(mrpc_conn_set_create(&set, load_server, NULL));
	MUST(mrpc_set_accept_func(set, on_accept));
	MUST(mrpc_set_disconnect_func(set, on_disconnect));
	MUST(mrpc_set_ioerr_func(set, on_ioerr));
	for (i = 0; i < dispatchers; i++)
		MUST(mrpc_start_dispatch_thread(set));
	return set;
}

int server_listen(struct mrpc_conn_set *set)
{
	char *port = NULL;
	int n;

	MUST(mrpc_listen(set, AF_INET, "127.0.0.1", &port));
	n = atoi(port);
	free(port);
	return n;
}

void server_listen_unix(struct mrpc_conn_set *set, const char *name)
{
	char none[] = "", *service = none;

	MUST(mrpc_listen(set, AF_UNIX, name, &service));
}

void server_counts(struct server_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->accepted = atomic_load(&accepted);
	counts->disconnected = atomic_load(&disconnected);
	counts->calls_made = atomic_load(&calls_made);
	counts->calls_ok = atomic_load(&calls_ok);
	counts->calls_ended = atomic_load(&calls_ended);
	counts->reminded = atomic_load(&reminded);
	counts->ioerrs = atomic_load(&ioerrs);
	pthread_mutex_lock(&lock);
	counts->sessions = session_count;
	counts->kept = kept_count;
	pthread_mutex_unlock(&lock);
}
