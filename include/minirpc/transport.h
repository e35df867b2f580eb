/*
 * minirpc/transport.h: what stands between a connection's messages and its socket, such as
 * TLS: see <minirpc/tls.h>, which is made with nothing but this.
 *
 * A transport is a table of functions without I/O. The library reads and writes the socket;
 * the transport turns bytes of the wire into plain bytes, which are messages, and the other
 * way round. So whatever holds for plain connections holds for these, too: who reads, who
 * waits, what is gathered, every limit and every timeout. Counters count plain bytes.
 */
#ifndef MINIRPC_TRANSPORT_H
#define MINIRPC_TRANSPORT_H

#include <sys/uio.h>
#include <minirpc/minirpc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a transport is told of a connection. */
struct mrpc_transport_end {
	/** sizeof the structure, as the library knows it. */
	size_t size;
	/** Not 0: the connection is one of a set of the server's role. */
	int server;
	/** Not 0: the socket was given to mrpc_bind_fd(). */
	int bound;
	/** As mrpc_connect() was given it; else NULL. */
	const char *host;
	/** The peer's address, and its length. */
	const struct sockaddr *address;
	socklen_t address_len;
};

/** What a session tells after each step: the sum of those that hold. */
enum mrpc_transport_state {
	/** The handshake has ended well; holds for good. Before, no plain bytes are sent. */
	MRPC_TRANSPORT_READY = 1,
	/** There are bytes for the wire beside those that were given. */
	MRPC_TRANSPORT_SEND = 2,
	/** There are plain bytes beside those that were given, without any from the wire. */
	MRPC_TRANSPORT_MORE = 4,
	/** The peer has said that it sends no more, and all plain bytes have been given. */
	MRPC_TRANSPORT_ENDED = 8,
	/** The session has failed: get_error says why. It may have bytes for the wire, which
	 *  tell the peer; nothing else will come of it. */
	MRPC_TRANSPORT_FAILED = 16
};

/**
 * The functions of a transport.
 *
 * They never block, and call no function of this library: the library calls some of them
 * while others wait for it. For one session, receive is called by one thread at a time, and
 * so are send and end together; receive may run beside send or end, and what those share is
 * the transport's to lock. free comes last. Cancellation of threads is held off meanwhile.
 *
 * Members that a later version of this header adds will come at the end; size says which
 * there are. None may be NULL.
 */
struct mrpc_transport {
	/** sizeof(struct mrpc_transport) */
	size_t size;

	/**
	 * A set takes the transport on: checks it, and makes what its sessions will share.
	 *
	 * data: as given to mrpc_set_transport().
	 * server: not 0 for a set of the server's role.
	 * shared: where what open will be given goes.
	 *
	 * Returns 0, or an errno value, which mrpc_set_transport() returns.
	 */
	int (*attach)(void *data, int server, void **shared);

	/** Nobody uses what attach made any more. Called once, by any thread. */
	void (*detach)(void *shared);

	/**
	 * Makes a session for a connected socket, of which nothing has been read or sent.
	 *
	 * session: where it goes.
	 * text, text_size: where the reason goes if that fails, with a zero byte at its end.
	 *
	 * Returns 0, and then the session counts as having something to send, and as ready
	 * only once receive or send says so; or an errno value, which mrpc_connect() and the
	 * like return.
	 */
	int (*open)(void *shared, const struct mrpc_transport_end *end, void **session,
		    char *text, size_t text_size);

	/** The connection's handle has gone, or never came up. */
	void (*free)(void *session);

	/**
	 * Takes bytes of the wire, and gives plain bytes.
	 *
	 * wire, len: what has come; len is 0 to ask for more of what there is.
	 * taken: becomes the number of bytes that are not to be shown again.
	 * plain, room: where plain bytes go; room may be 0.
	 * given: becomes the number of plain bytes.
	 *
	 * Returns the state. It takes or gives something, unless len is 0 or the session has
	 * ended or failed: bytes that are not complete yet are taken, and kept.
	 */
	int (*receive)(void *session, const void *wire, size_t len, size_t *taken,
		       void *plain, size_t room, size_t *given);

	/**
	 * Takes plain bytes, and gives bytes for the wire.
	 *
	 * plain, count: pieces, one after the other; count is 0 to ask for what there is to
	 *     send without any. None are given before the session is ready, nor after end.
	 * taken: becomes the number of plain bytes that are not to be shown again.
	 * wire, room: where bytes for the wire go. There is room for what was given and an
	 *     eighth more, and 1024 bytes at least.
	 * given: becomes the number of bytes for the wire.
	 *
	 * Returns the state. It takes or gives something if it can.
	 */
	int (*send)(void *session, const struct iovec *plain, size_t count, size_t *taken,
		    void *wire, size_t room, size_t *given);

	/**
	 * Our side sends no more: what tells the peer so is to be sent.
	 *
	 * Returns the state.
	 */
	int (*end)(void *session);

	/** Why the session failed, in a user's words, with a zero byte at its end. */
	void (*get_error)(void *session, char *text, size_t size);
};

/**
 * Has all connections that a set makes from now on go through a transport. Those that exist
 * stay as they are.
 *
 * The handshake is part of connecting: mrpc_connect() returns, and the callback of
 * mrpc_connect_async() and the accept function are called, after it. Its failure is EPROTO,
 * with the reason in mrpc_conn_get_error(); it also has to end within the time of
 * mrpc_set_connect_timeout(), or 10 s where none is set. On a server, a handshake that fails
 * is counted (handshakes_failed) and traced, and nothing else comes of it. mrpc_bind_fd()
 * returns before the handshake: what is sent meanwhile waits, and a failure is an ioerr
 * event and MRPC_DISC_IOERR.
 *
 * An end of the stream that the transport does not know of is MRPC_DISC_IOERR.
 *
 * set: the set.
 * transport: the functions, which are copied; the address stands for them in
 *     mrpc_conn_get_session(). NULL: plain connections again.
 * data: what attach is given.
 *
 * Returns 0; EINVAL if set is NULL, a function is missing, or size is not that of a version
 * that is known; what attach returns. On an error, all stays as it was. Any thread may call
 * it, also from a handler.
 */
int mrpc_set_transport(struct mrpc_conn_set *set, const struct mrpc_transport *transport,
		       void *data);

/**
 * Gives the session of a connection.
 *
 * conn: the handle.
 * transport: as given to mrpc_set_transport() when the connection was made.
 * session: where it goes. It stays until the handle goes.
 *
 * Returns 0; ENOTCONN before the connection stands; ENOENT if it has no such transport; EINVAL
 * if an argument is NULL. Any thread may call it, also from a handler.
 */
int mrpc_conn_get_session(struct mrpc_connection *conn, const struct mrpc_transport *transport,
			  void **session);

#ifdef __cplusplus
}
#endif

#endif
