/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* TIMEOUT: 90 */
/* Other implementations at the other end, as clients and as servers, with both versions of TLS and
 * keys of each kind; what they do with the end of a connection. Those that are not installed are
 * named. */
#include "program.h"

#include "test_client.h"
#include "test_server.h"

static struct counter accepted = COUNTER_INIT;
static struct probe server_probe;
static struct mrpc_connection *server;
static struct mrpc_tls_info info;

static mrpc_status_t add(void *data, struct mrpc_message *msg, operands *in, number *out)
{
	(void)data;
	(void)msg;
	*out = in->a + in->b;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .add = add };

static void *note_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
			 socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	info.size = sizeof(info);
	CHECK_EQ(mrpc_conn_get_tls(conn, &info), 0);
	CHECK_EQ(test_server_set_operations(conn, &ops), 0);
	server = conn;
	counter_add(&accepted, 1);
	return &server_probe;
}

static bool there(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (system(command) == 0)
		return true;
	printf("# %s is not installed\n", program);
	return false;
}

/* A call, by its bytes, and its reply. */
static void call_raw(int fd)
{
	unsigned char in[8], out[4];

	put_u32(in, 40);
	put_u32(in + 4, 2);
	put_u32(out, 42);
	peer_send(fd, 7, MINIRPC_PENDING, 2, in, sizeof(in));
	PEER_EXPECT(fd, 7, MINIRPC_OK, 2, out, sizeof(out));
}

static void large_call_raw(int fd)
{
	/* One that does not decode. */
	char *data = calloc(1, 16000);

	peer_send(fd, 8, MINIRPC_PENDING, 3, data, 16000);
	PEER_EXPECT(fd, 8, MINIRPC_ENCODING_ERR, 3, NULL, 0);
	free(data);
}

static struct mrpc_conn_set *serve(const char *identity, bool resumption, char **port)
{
	struct mrpc_tls *tls = tls_new(identity, "ca.pem");
	struct mrpc_conn_set *set;

	TLS_OK(tls, mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_OPTIONAL));
	TLS_OK(tls, mrpc_tls_set_resumption(tls, resumption));
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	REQUIRE_EQ(mrpc_set_accept_func(set, note_accept), 0);
	*port = NULL;
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", port), 0);
	return set;
}

/* A client of that command: %s is the port. `ends`: how its end is to be seen. */
static void client(const char *identity, const char *command, int version, bool resumption,
		   enum mrpc_disc_reason ends)
{
	struct mrpc_conn_set *set;
	struct program p;
	struct words w;
	char *port;

	probe_init(&server_probe);
	counter_init(&accepted);
	set = serve(identity, resumption, &port);
	p = program_start(words(&w, command, port));
	if (COUNTER_WAIT(&accepted, 1)) {
		CHECK_EQ(info.version, version);
		call_raw(p.fd);
		large_call_raw(p.fd);
		call_raw(p.fd);
		/* Its input ends: so does its side of the connection. */
		shutdown(p.fd, SHUT_WR);
		if (!COUNTER_WAIT(&server_probe.disconnects, 1))
			kill(p.pid, SIGKILL);
		CHECK_EQ(server_probe.reason, ends);
		mrpc_conn_unref(server);
	}
	program_join(&p);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
}

static mrpc_status_t sum(struct mrpc_connection *conn, int *result)
{
	operands in = { 40, 2 };
	number *out = NULL;
	mrpc_status_t status = test_add(conn, &in, &out);

	if (status == MINIRPC_OK) {
		*result = *out;
		free_number(out, 1);
	}
	return status;
}

struct caller {
	struct mrpc_connection *conn;
	int result;
};

static void *call(void *arg)
{
	struct caller *c = arg;

	return (void *)(intptr_t)sum(c->conn, &c->result);
}

/* A server of that command: %s is the port. */
static void serve_us(const char *identity, const char *command, int version)
{
	struct mrpc_tls *tls = tls_new(identity, "ca.pem");
	struct mrpc_tls_info ours = { .size = sizeof(ours) };
	struct mrpc_conn_set *set;
	struct caller caller = { NULL, 0 };
	struct program p;
	struct probe probe;
	struct words w;
	pthread_t thread;
	unsigned char in[8], out[4];
	struct frame request;
	char port[8], byte;
	char why[256];
	int code;

	free_port(port);
	p = program_start(words(&w, command, port));
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	REQUIRE_EQ(mrpc_conn_create(&caller.conn, set, &probe), 0);
	code = connect_when_there(caller.conn, "localhost", port);
	CHECK_EQ(mrpc_conn_get_error(caller.conn, why, sizeof(why)), 0);
	if (CHECK_MSG(code == 0, "%s: %s", command, why)) {
		CHECK_EQ(mrpc_conn_get_tls(caller.conn, &ours), 0);
		CHECK_EQ(ours.version, version);
		put_u32(in, 40);
		put_u32(in + 4, 2);
		put_u32(out, 42);
		thread = thread_start(call, &caller);
		peer_recv(p.fd, &request);
		CHECK_EQ(request.cmd, 2);
		CHECK_EQ(request.len, sizeof(in));
		CHECK_MEM(request.data, in, sizeof(in));
		free(request.data);
		peer_send(p.fd, request.seq, MINIRPC_OK, 2, out, sizeof(out));
		CHECK_EQ((intptr_t)thread_join(thread), MINIRPC_OK);
		CHECK_EQ(caller.result, 42);
		/* We say that it is the end: so its output ends, too. */
		CHECK_EQ(mrpc_conn_close(caller.conn), 0);
		COUNTER_WAIT(&probe.disconnects, 1);
		CHECK_EQ(counter_get(&probe.ioerrs), 0);
		CHECK_EQ(recv(p.fd, &byte, 1, 0), 0);
	}
	program_stop(&p);
	mrpc_conn_unref(caller.conn);
	mrpc_conn_set_unref(set);
}

/* With the ssl module: in and out as openssl's programs. An end of its input is one of its side:
 * unwrap sends it, and waits for ours. */
static const char python_client[] =
	"import os,ssl,socket,sys\n"
	"c=ssl.create_default_context(cafile=sys.argv[2])\n"
	"v=ssl.TLSVersion[sys.argv[3]]; c.minimum_version=v; c.maximum_version=v\n"
	"s=c.wrap_socket(socket.create_connection(('127.0.0.1',int(sys.argv[1]))),server_hostname='localhost')\n"
	"f=os.fdopen(0,'rb',closefd=False)\n"
	"while True:\n"
	"    head=f.read(16)\n"
	"    if not head: break\n"
	"    s.sendall(head+f.read(int.from_bytes(head[12:],'big')))\n"
	"    os.write(1,s.recv(65536))\n"
	"s.unwrap().close()\n";
static const char python_async[] =
	"import asyncio,os,ssl,sys\n"
	"async def main():\n"
	"    c=ssl.create_default_context(cafile=sys.argv[2])\n"
	"    r,w=await asyncio.open_connection('127.0.0.1',int(sys.argv[1]),ssl=c,server_hostname='localhost')\n"
	"    f=os.fdopen(0,'rb',closefd=False)\n"
	"    while True:\n"
	"        head=f.read(16)\n"
	"        if not head: break\n"
	"        w.write(head+f.read(int.from_bytes(head[12:],'big')))\n"
	"        await w.drain()\n"
	"        os.write(1,await r.read(65536))\n"
	"    w.close()\n"
	"    await w.wait_closed()\n"
	"asyncio.run(main())\n";
static const char python_server[] =
	"import os,ssl,socket,sys\n"
	"c=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)\n"
	"c.load_cert_chain(sys.argv[2],sys.argv[3])\n"
	"v=ssl.TLSVersion[sys.argv[4]]; c.minimum_version=v; c.maximum_version=v\n"
	"l=socket.create_server(('127.0.0.1',int(sys.argv[1])))\n"
	"s=c.wrap_socket(l.accept()[0],server_side=True)\n"
	"while True:\n"
	"    got=s.recv(65536)\n"
	"    if not got: break\n"
	"    os.write(1,got)\n"
	"    s.sendall(os.read(0,65536))\n"
	"s.unwrap()\n"
	"os.close(1); os.close(0)\n";

static const char *script(const char *name, const char *text)
{
	static char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", getenv("TEST_SCRATCH"), name);
	file = fopen(path, "w");
	REQUIRE(file != NULL);
	fputs(text, file);
	fclose(file);
	return path;
}

int main(void)
{
	static const char *const keys[] = { "rsa", "p256", "ed25519" };
	char command[1024];
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < 3; i++) {
		SECTION("openssl's client, our key is %s", keys[i]);
#define S_CLIENT "openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:%s -servername localhost" \
	" -CAfile @ca.pem -verify_return_error "
		client(keys[i], S_CLIENT "-tls1_3", 0x0304, false, MRPC_DISC_CLOSED);
		client(keys[i], S_CLIENT "-tls1_2", 0x0303, i == 0, MRPC_DISC_CLOSED);
		SECTION("openssl's server, its key is %s", keys[i]);
		snprintf(command, sizeof(command), "openssl s_server -quiet -accept 127.0.0.1:%%s "
			 "-naccept 1 -cert @%s.pem -key @%s.key -tls1_3", keys[i], keys[i]);
		serve_us(NULL, command, 0x0304);
		command[strlen(command) - 1] = '2';
		serve_us(NULL, command, 0x0303);
	}

	SECTION("openssl, with certificates on both sides");
	client("p256", S_CLIENT "-tls1_3 -cert @client.pem -key @client.key -alpn minirpc", 0x0304,
	       true, MRPC_DISC_CLOSED);
	client("p256", S_CLIENT "-tls1_2 -cert @client-rsa.pem -key @client-rsa.key", 0x0303, false,
	       MRPC_DISC_CLOSED);
#define S_SERVER "openssl s_server -quiet -accept 127.0.0.1:%s -naccept 1 -cert @p256.pem " \
	"-key @p256.key -CAfile @ca.pem -Verify 2 -verify_return_error "
	serve_us("client", S_SERVER "-tls1_3", 0x0304);
	serve_us("deep-client-chain", S_SERVER "-tls1_2", 0x0303);

	SECTION("Python's ssl");
	if (there("python3")) {
		snprintf(command, sizeof(command), "python3 %s %%s @ca.pem TLSv1_3",
			 script("client.py", python_client));
		client("p256", command, 0x0304, false, MRPC_DISC_CLOSED);
		client("p256", command, 0x0304, true, MRPC_DISC_CLOSED);
		command[strlen(command) - 1] = '2';
		client("rsa", command, 0x0303, false, MRPC_DISC_CLOSED);
		snprintf(command, sizeof(command), "python3 %s %%s @p256.pem @p256.key TLSv1_3",
			 script("server.py", python_server));
		serve_us(NULL, command, 0x0304);
		command[strlen(command) - 1] = '2';
		serve_us(NULL, command, 0x0303);
	}

	SECTION("Python's asyncio: it waits for an answer to its end");
	if (there("python3")) {
		int64_t start = now_ms();

		snprintf(command, sizeof(command), "python3 %s %%s @ca.pem",
			 script("async.py", python_async));
		client("p256", command, 0x0304, false, MRPC_DISC_CLOSED);
		CHECK(now_ms() - start < scaled(10000));
	}

	SECTION("tickets are sent where sessions may be taken up again, and only there");
	snprintf(command, sizeof(command), S_CLIENT "-tls1_3 -sess_out %s/session",
		 "%s", getenv("TEST_SCRATCH"));
	client("p256", command, 0x0304, false, MRPC_DISC_CLOSED);
	snprintf(command, sizeof(command), "%s/session", getenv("TEST_SCRATCH"));
	CHECK(access(command, F_OK) != 0);
	snprintf(command, sizeof(command), S_CLIENT "-tls1_3 -sess_out %s/session",
		 "%s", getenv("TEST_SCRATCH"));
	client("p256", command, 0x0304, true, MRPC_DISC_CLOSED);
	snprintf(command, sizeof(command), "%s/session", getenv("TEST_SCRATCH"));
	CHECK(access(command, F_OK) == 0);

	SECTION("GnuTLS");
	if (there("gnutls-cli")) {
		/* It reports on the connection on its output, unless it may log elsewhere. */
#define GNUTLS "gnutls-cli --logfile=/dev/null --x509cafile=@ca.pem -p %s localhost --priority="
		client("p256", GNUTLS "NORMAL:-VERS-ALL:+VERS-TLS1.3", 0x0304, false,
		       MRPC_DISC_CLOSED);
		client("p256", GNUTLS "NORMAL:-VERS-ALL:+VERS-TLS1.2", 0x0303, false,
		       MRPC_DISC_CLOSED);
	}
	return tap_done();
}
