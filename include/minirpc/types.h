/*
 * minirpc/types.h: the types and macros of <minirpc/minirpc.h>, which includes it.
 */
#ifndef MINIRPC_TYPES_H
#define MINIRPC_TYPES_H

#include <sys/types.h>
#include <sys/socket.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A version as a number that can be compared. */
#define MRPC_MAKE_VERSION_CODE(major, minor, revision) \
	(((major) << 24) + ((minor) << 16) + ((revision) << 8))
/** The parts of a version code. */
#define MRPC_VERSION_MAJOR(code) (((code) >> 24) & 0xff)
#define MRPC_VERSION_MINOR(code) (((code) >> 16) & 0xff)
#define MRPC_VERSION_REVISION(code) (((code) >> 8) & 0xff)

/** One role of a protocol: generated code exports NAME_client and NAME_server. */
struct mrpc_protocol;

/**
 * A connection set: connections with the same role, settings and handlers, and
 * the dispatcher threads that serve them. Counted by references.
 */
struct mrpc_conn_set;

/** A connection. Counted by references, and alive while it is connected. */
struct mrpc_connection;

/**
 * A request that waits for its reply. A handler that returns MINIRPC_PENDING
 * keeps it, to reply later, from any thread; the reply consumes it. It is a key
 * and no address: one whose connection has gone costs nothing, and a reply to it
 * returns MINIRPC_NETWORK_FAILURE.
 */
struct mrpc_message;

/** What became of a call. Positive values are the application's own. */
enum mrpc_status_codes {
	/** Success. */
	MINIRPC_OK = 0,
	/** The handler replies later; no call ever returns it. */
	MINIRPC_PENDING = -1,
	/** An argument or a result could not be encoded or decoded. */
	MINIRPC_ENCODING_ERR = -2,
	/** The peer has no handler for this procedure (at this time). */
	MINIRPC_PROCEDURE_UNAVAIL = -3,
	/** A NULL or otherwise wrong argument. */
	MINIRPC_INVALID_ARGUMENT = -4,
	/** The connection's role does not send this. */
	MINIRPC_INVALID_PROTOCOL = -5,
	/** The connection is closed, closing or failed. */
	MINIRPC_NETWORK_FAILURE = -6,
	/** The call's time was up: see struct mrpc_call_options. Local: the library never
	    sends it. */
	MINIRPC_TIMEDOUT = -7,
	/** The call was cancelled: see mrpc_call_cancel(). Local, too. */
	MINIRPC_CANCELLED = -8,
	/** A limit is reached: see mrpc_set_send_limit(), mrpc_set_event_limit() and
	    mrpc_set_memory_limit(). Local, too. */
	MINIRPC_BUSY = -9
};

/** One of enum mrpc_status_codes, or a positive application error. */
typedef int mrpc_status_t;

/**
 * A call that can be cancelled. It is a key and no address: one whose call has
 * ended is refused. 0 is no call's.
 */
typedef uint64_t mrpc_call_t;

/** The timeout of the connection, or for a connection, of its set. */
#define MRPC_TIMEOUT_INHERIT UINT_MAX

/**
 * How a call may end before its reply has been read: an argument of the stubs whose
 * names end in _with. Begin with MRPC_CALL_OPTIONS_INIT.
 */
struct mrpc_call_options {
	/** sizeof(struct mrpc_call_options); what is added to it later, and is not zero,
	    is refused by libraries that do not know it. */
	size_t size;
	/** Milliseconds from the making of the call on, after which it ends with
	    MINIRPC_TIMEDOUT; 0 is for ever. */
	unsigned int timeout_ms;
	/** Where what mrpc_call_cancel() takes is stored, before the request can leave,
	    with release order, so that another thread may wait for it; 0 if the call could
	    not be made. NULL: the call can't be cancelled. */
	mrpc_call_t *call;
};

/** Options that say nothing: the connection's timeout. */
#define MRPC_CALL_OPTIONS_INIT { sizeof(struct mrpc_call_options), \
	MRPC_TIMEOUT_INHERIT, NULL }

/** Why a connection ended: the first reason that occurred. */
enum mrpc_disc_reason {
	/** The application called mrpc_conn_close(). */
	MRPC_DISC_USER,
	/** The peer closed the connection. */
	MRPC_DISC_CLOSED,
	/** The socket failed. */
	MRPC_DISC_IOERR
};

/** What mrpc_conn_get_counter() can tell. */
enum mrpc_conn_counter {
	/** Bytes sent or queued to be sent, headers included; without calls that ended
	    before they could leave. */
	MRPC_CONNCTR_SEND_BYTES,
	/** Bytes of messages that arrived completely, headers included. */
	MRPC_CONNCTR_RECV_BYTES,
	/** Messages sent or queued likewise: requests, replies and one-way messages. */
	MRPC_CONNCTR_SEND_MSGS,
	/** Messages received completely. */
	MRPC_CONNCTR_RECV_MSGS,
	/** How many counters there are; none itself. */
	MRPC_CONNCTR_NR
};

/**
 * Called when a connection has been accepted, as its first event. Set its
 * operations here, before its first request can be served.
 *
 * set_data: the set's cookie.
 * conn: the new connection. Its one reference belongs to the application.
 * from: the peer's address, valid during the call only; from_len: its length.
 *
 * Returns the connection's cookie, also if that is NULL. Runs in a dispatcher
 * thread.
 */
typedef void *(mrpc_accept_fn)(void *set_data, struct mrpc_connection *conn,
	struct sockaddr *from, socklen_t from_len);

/**
 * Called when a connection has ended, exactly once and after all its other
 * events. When it returns, the handle is gone, unless the application holds a
 * reference.
 *
 * conn_data: the connection's cookie.
 * reason: why it ended.
 *
 * Runs in a dispatcher thread.
 */
typedef void (mrpc_disconnect_fn)(void *conn_data,
	enum mrpc_disc_reason reason);

/**
 * Called when something arrived, or was to be sent, that could not be processed,
 * or when the socket failed.
 *
 * conn_data: the connection's cookie.
 * message: a text in English, for logging; valid during the call only.
 *
 * Runs in a dispatcher thread.
 */
typedef void (mrpc_ioerr_fn)(void *conn_data, char *message);

/**
 * Called when there is room to send again: see mrpc_set_room_func().
 *
 * conn_data: the connection's cookie.
 *
 * Runs in a dispatcher thread.
 */
typedef void (mrpc_room_fn)(void *conn_data);

/** What a trace tells of. */
enum mrpc_trace_kind {
	/** A connection is up: connected, bound or accepted. */
	MRPC_TRACE_UP,
	/** It has ended: status is the reason (enum mrpc_disc_reason), took_ns its age. */
	MRPC_TRACE_DOWN,
	/** A call of ours was sent, or queued to be. */
	MRPC_TRACE_REQUEST_OUT,
	/** Its reply was read, which took so long since the call was made. */
	MRPC_TRACE_REPLY_IN,
	/** A request has arrived. */
	MRPC_TRACE_REQUEST_IN,
	/** The handler of a request or one-way message is called, which waited so long. */
	MRPC_TRACE_DISPATCHED,
	/** The reply was sent, or queued to be, so long after that. */
	MRPC_TRACE_ANSWERED,
	/** A one-way message of ours was sent, or queued to be. */
	MRPC_TRACE_MESSAGE_OUT,
	/** A one-way message has arrived. */
	MRPC_TRACE_MESSAGE_IN,
	/** Instead of MRPC_TRACE_ANSWERED: no handler got the request. Where a table of
	    handlers has no entry for it, the stubs say so when they are called, and
	    MRPC_TRACE_DISPATCHED comes before. */
	MRPC_TRACE_REFUSED,
	/** Something failed, as text says. */
	MRPC_TRACE_ERROR
};

/** A step of a connection or a message. */
struct mrpc_trace_event {
	/** sizeof of what the library knows. */
	size_t size;
	enum mrpc_trace_kind kind;
	/** CLOCK_MONOTONIC in nanoseconds; of messages that were read together, the same. */
	uint64_t time_ns;
	/** As mrpc_conn_get_id(); 0 for none, as where a listener fails. */
	uint64_t connection;
	/** The message's number and command; 0 where there is none. */
	uint32_t sequence;
	int cmd;
	/** Of replies. */
	mrpc_status_t status;
	/** Of the whole message, with its header; 0 where there is none. */
	uint64_t bytes;
	/** As the kind says; 0 where it is not known. */
	uint64_t took_ns;
	/** NULL, or an English text, valid during the call only. */
	const char *text;
};

/**
 * Called for each step: see mrpc_set_trace_func().
 *
 * data: what was given there.
 * event: valid during the call only.
 *
 * Another thread may tell of a reply before the sender has told of the request: go by
 * the times.
 */
typedef void (mrpc_trace_fn)(void *data, const struct mrpc_trace_event *event);

/**
 * Called when an attempt to connect has ended: see mrpc_connect_async().
 *
 * conn_data: the connection's cookie.
 * data: what mrpc_connect_async() was given.
 * error: 0, or why there is no connection, as mrpc_connect() returns it; ECANCELED if
 *     it was closed meanwhile.
 *
 * Runs in a dispatcher thread.
 */
typedef void (mrpc_connect_fn)(void *conn_data, void *data, int error);

/**
 * How long something takes. bucket[4 * o + q], q being 0 to 3, counts what took at least
 * 2^o * (4 + q) / 4 microseconds, and less than the next bucket's; the first one counts
 * what was shorter, too, and the last one what was longer.
 */
struct mrpc_histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns;
	uint64_t bucket[108];
};

/** What a set has done: see mrpc_get_stats(). */
struct mrpc_set_stats {
	size_t size;
	/** Active connections: now, and at most so far. */
	uint64_t connections;
	uint64_t connections_max;
	/** How they came: by mrpc_listen(), mrpc_connect(), mrpc_bind_fd(). */
	uint64_t accepted;
	uint64_t connected;
	uint64_t bound;
	/** Came to a listener, and went before their accept event, or were not let in (see
	    mrpc_set_proxy_protocol()). */
	uint64_t connections_refused;
	/** How they ended, by enum mrpc_disc_reason. */
	uint64_t disconnected_user;
	uint64_t disconnected_closed;
	uint64_t disconnected_error;
	/** Our calls, and how they ended: with a reply whose status was MINIRPC_OK, or
	    another; without an answer; by their time, or mrpc_call_cancel(). */
	uint64_t calls_made;
	uint64_t calls_ok;
	uint64_t calls_status;
	uint64_t calls_failed;
	uint64_t calls_timed_out;
	uint64_t calls_cancelled;
	/** Calls that have not ended. */
	uint64_t calls_outstanding;
	/** The peers' calls: received completely; replied to; replied to by the
	    library, as no handler could be called. */
	uint64_t requests_received;
	uint64_t requests_answered;
	uint64_t requests_refused;
	/** Requests that wait for a dispatcher (at most one per connection too many
	    while a batch of them is handled), and those that handlers have kept. */
	uint64_t requests_waiting;
	uint64_t requests_kept;
	/** One-way messages; dropped: received, but no handler got them. */
	uint64_t messages_sent;
	uint64_t messages_received;
	uint64_t messages_dropped;
	/** As MRPC_CONNCTR_SEND_BYTES and MRPC_CONNCTR_RECV_BYTES. */
	uint64_t bytes_sent;
	uint64_t bytes_received;
	/** What waits: for the peers to take it, and payloads for a dispatcher. */
	uint64_t bytes_unsent;
	uint64_t bytes_undispatched;
	/** Replies to calls that had ended before. */
	uint64_t late_replies;
	/** Times that a connection stopped being read from, or a listener stopped
	    accepting, for want of room, by a limit or an error. */
	uint64_t reads_paused;
	uint64_t accepts_paused;
	/** Times that MINIRPC_BUSY was returned. */
	uint64_t busy;
	/** Connections whose handshake failed. */
	uint64_t handshakes_failed;
	/** Calls, from their making until their replies were read; requests and messages,
	    from their arrival until their handlers were called; handlers, until they
	    returned. See mrpc_set_latency_enabled(). */
	struct mrpc_histogram call_time;
	struct mrpc_histogram dispatch_wait;
	struct mrpc_histogram handler_time;
};

/** What a connection has done: see mrpc_conn_get_stats(). */
struct mrpc_conn_stats {
	size_t size;
	/** As mrpc_conn_get_id(). */
	uint64_t id;
	/** Since the connection came up, and since it sent something or received a
	    whole message; to some milliseconds. 0 before it is up. */
	uint64_t age_ms;
	uint64_t idle_ms;
	/** As MRPC_CONNCTR_SEND_BYTES and MRPC_CONNCTR_RECV_BYTES. */
	uint64_t bytes_sent;
	uint64_t bytes_received;
	/** One-way messages. */
	uint64_t messages_sent;
	uint64_t messages_received;
	/** Calls that have not ended. */
	uint64_t calls_outstanding;
	/** Requests that wait for a dispatcher (at most one per connection too many
	    while a batch of them is handled), and those that handlers have kept. */
	uint64_t requests_waiting;
	uint64_t requests_kept;
	/** What waits: for the peers to take it, and payloads for a dispatcher. */
	uint64_t bytes_unsent;
	uint64_t bytes_undispatched;
	/** Replies to calls that had ended before. */
	uint64_t late_replies;
};

#ifdef __cplusplus
}
#endif

#endif /* MINIRPC_TYPES_H */
