/* PROTO: test.mx */
/* Where payloads of any length are accepted, too, a peer that speaks another protocol
 * is told of with its first 16 bytes, whatever length they say. */
#include "extra_rt.h"

#include <limits.h>

int main(void)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: example\r\n\r\n";
	struct end e;

	SECTION("HTTP");
	end_open(&e, test_server, 1, false);
	CHECK_EQ(mrpc_set_max_buf_len(e.set, UINT_MAX), 0);
	peer_write(e.fd, request, sizeof(request) - 1);
	COUNTER_WAIT(&e.probe.ioerrs, 1);
	CHECK_MSG(strstr(e.probe.text, "HTTP") != NULL, "the ioerr says: %s", e.probe.text);
	end_close(&e);
	return tap_done();
}
