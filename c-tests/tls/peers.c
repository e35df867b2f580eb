/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* TIMEOUT: 90 */
/* Other implementations at the other end, as clients and as servers, with both versions of TLS and
 * keys of each kind; what they do with the end of a connection. Those that are not installed are
 * named. */
#include "peers.h"

static bool there(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (system(command) == 0)
		return true;
	printf("# %s is not installed\n", program);
	return false;
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

	SECTION("GnuTLS's client; its server is in gnutls.c");
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
