/*
 * A procedure that fails to encode, early or late: an encoding error, nothing
 * of it on the wire, nothing freed of the caller's; what is sent next is whole.
 * More than 2^32-1 bytes are such a failure, too.
 */
#include "byhand.h"

#include <sys/mman.h>

struct thing { int fail_after; int huge; };

static struct counter freed = COUNTER_INIT;
static const char *huge;                /* 2^32-1 bytes to read */

static bool_t thing(XDR *xdrs, struct thing *t)
{
	long word = t->fail_after;
	int i;

	if (xdrs->x_op == XDR_FREE) {
		counter_add(&freed, 1);
		return TRUE;
	}
	if (xdrs->x_op == XDR_DECODE) {
		if (!OPS(xdrs)->x_getlong(xdrs, &word))
			return FALSE;
		t->fail_after = (int)word;
		return TRUE;
	}
	if (t->fail_after == 0)
		return FALSE;
	if (!OPS(xdrs)->x_putlong(xdrs, &word))
		return FALSE;
	for (i = 1; i < t->fail_after; i++) {
		long none = 0;

		if (!OPS(xdrs)->x_putlong(xdrs, &none))
			return FALSE;
		if (i == t->fail_after - 1)
			return FALSE;
	}
	if (t->huge)
		return OPS(xdrs)->x_putbytes(xdrs, huge, 0xffffffff);
	return TRUE;
}

int main(void)
{
	static const struct kind list[] = { KIND(thing, struct thing) };
	static const int failures[] = { 0, 2, 3, 1000, 100000 };
	struct thing good = { 1, 0 }, bad = { 0, 0 }, over = { 1, 1 }, *out = (void *)&good;
	struct leaks leaks;
	struct hand h;
	size_t i;

	leaks_begin(&leaks);
	KINDS(list);
	hand_open(&h);
	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		SECTION("fails after %d words", failures[i]);
		bad.fail_after = failures[i];
		CHECK_EQ(mrpc_send_request_noreply(hand_server, h.conn, -1, &bad),
			 MINIRPC_ENCODING_ERR);
		CHECK_EQ(mrpc_send_request(hand_server, h.conn, 1, &bad, (void **)&out),
			 MINIRPC_ENCODING_ERR);
		CHECK_PTR(out, NULL);
		HAND_ENCODES(&h, 1, &good, "\0\0\0\1", 4);
	}
	SECTION("a result that fails is an encoding error for the caller, and an ioerr");
	HAND_REFUSED(&h, 1, "\0\0\0\5", 4);
	COUNTER_WAIT(&h.probe.ioerrs, 1);

	SECTION("more than fits the header's length");
	huge = mmap(NULL, 0xffffffff, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (huge != MAP_FAILED) {
		CHECK_EQ(mrpc_send_request_noreply(hand_server, h.conn, -1, &over),
			 MINIRPC_ENCODING_ERR);
		HAND_ENCODES(&h, 1, &good, "\0\0\0\1", 4);
		munmap((void *)huge, 0xffffffff);
	}

	SECTION("nothing of the caller's was freed");
	hand_close(&h);
	CHECK_EQ(counter_get(&freed), 2);       /* the handler's argument and result */
	LEAKS_CHECK(&leaks);
	return tap_done();
}
