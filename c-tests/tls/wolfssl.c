/* NEEDS: additions tls openssl wolfssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* wolfSSL as client and as server, with both versions of TLS, keys of each kind, and certificates on
 * both sides. Sessions are not to be resumed: its release 5.5 takes tickets of TLS 1.3 as other
 * libraries send them for an error. */
#include "peers.h"

static char program[512];

static void as_client(const char *identity, const char *version, const char *more)
{
	char command[1024];

	snprintf(command, sizeof(command), "%s client %%s %s @ca.pem %s", program, version, more);
	client(identity, command, strcmp(version, "1.3") == 0 ? 0x0304 : 0x0303, false,
	       MRPC_DISC_CLOSED);
}

static void as_server(const char *ours, const char *identity, const char *version, const char *more)
{
	char command[1024];

	snprintf(command, sizeof(command), "%s server %%s %s @%s.pem @%s.key %s", program, version,
		 identity, identity, more);
	serve_us(ours, command, strcmp(version, "1.3") == 0 ? 0x0304 : 0x0303);
}

int main(void)
{
	static const char *const keys[] = { "rsa", "p256", "ed25519" };
	char command[1024];
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	snprintf(program, sizeof(program), "%s/wolfssl", test_scratch());
	snprintf(command, sizeof(command), "%s -std=gnu11 -O1 -Wall -Wextra -o %s "
		 "%s/c-tests/tls/programs/wolfssl.c -lwolfssl", getenv("TEST_CC"), program,
		 getenv("TEST_ROOT"));
	REQUIRE_EQ(system(command), 0);

	for (i = 0; i < 3; i++) {
		SECTION("a client, our key is %s", keys[i]);
		as_client(keys[i], "1.3", "");
		as_client(keys[i], "1.2", "");
		SECTION("a server, its key is %s", keys[i]);
		as_server(NULL, keys[i], "1.3", "");
		as_server(NULL, keys[i], "1.2", "");
	}

	SECTION("certificates on both sides");
	as_client("deep-chain", "1.3", "@client.pem @client.key");
	as_client("p256", "1.2", "@client-rsa.pem @client-rsa.key");
	as_server("client", "p256", "1.3", "@ca.pem");
	as_server("deep-client-chain", "p256", "1.2", "@ca.pem");
	return tap_done();
}
