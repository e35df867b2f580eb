/* Every row of the receiver table, both roles: the message in one write. */
/* PROTO: test.mx */
#include "table.h"

int main(void)
{
	unsigned char script[SCRIPT_MAX];
	struct leaks leaks;
	struct wire w;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		wire_open_set(&w, role);
		REQUIRE_EQ(mrpc_set_max_buf_len(w.set, TABLE_MAX), 0);
		for (int i = 0; i < ROWS; i++) {
			SECTION("%s: %s", wire_role_name(role), rows[i].name);
			row_prepare(&w, &rows[i]);
			peer_write(w.peer, script, row_script(&rows[i], script));
			row_outcome(&w, &rows[i]);
			row_end(&w, &rows[i]);
		}
		mrpc_conn_set_unref(w.set);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
