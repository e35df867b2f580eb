/* PROTO: test.mx */
/* NEEDS: static */
/* LINK: static */
/* A program that has the library inside: calls both ways, and a clean end. */
#include "extra_rt.h"

static mrpc_status_t add(void *data, struct mrpc_message *msg, operands *in, number *out)
{
	(void)data;
	(void)msg;
	*out = in->a + in->b;
	return MINIRPC_OK;
}

static const struct test_server_operations server_ops = { .add = add };
static const struct test_client_operations client_ops = { .client_add = add };

int main(void)
{
	operands in = { 40, 2 };
	struct leaks leaks;
	struct pair p;
	number *out;
	FILE *maps;
	char line[512];
	int i;

	leaks_begin(&leaks);
	SECTION("calls both ways");
	pair_open(&p, PAIR_TCP, test_client, test_server);
	CHECK_EQ(test_server_set_operations(p.server, &server_ops), 0);
	CHECK_EQ(test_client_set_operations(p.client, &client_ops), 0);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(test_add(p.client, &in, &out), MINIRPC_OK);
		CHECK(out != NULL && *out == 42);
		free_number(out, 1);
		CHECK_EQ(test_client_add(p.server, &in, &out), MINIRPC_OK);
		CHECK(out != NULL && *out == 42);
		free_number(out, 1);
	}
	pair_close(&p);

	SECTION("no shared library of ours is loaded");
	maps = fopen("/proc/self/maps", "re");
	REQUIRE(maps != NULL);
	while (fgets(line, sizeof(line), maps) != NULL)
		CHECK(strstr(line, "libminirpc.so") == NULL);
	fclose(maps);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
