/* PROTO: test.mx */
/* A disconnect function that ends its thread: it was the last that was told of the
 * connection, and nothing of that stays. */
#include "destroy.h"

static struct counter told = COUNTER_INIT;

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	CHECK_EQ(reason, MRPC_DISC_CLOSED);
	counter_add(&told, 1);
	pthread_exit(NULL);
}

int main(void)
{
	struct leaks leaks;
	struct end e;
	int i;

	SECTION("pthread_exit in the disconnect function");
	leaks_begin(&leaks);
	for (i = 1; i <= 5; i++) {
		end_open(&e, test_server, 1 + i % 2, false);
		CHECK_EQ(mrpc_set_disconnect_func(e.set, disconnected), 0);
		close(e.fd);
		COUNTER_WAIT(&told, i);
		end_unref(&e);
	}
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&told), 5);
	return tap_done();
}
