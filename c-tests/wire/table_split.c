/*
 * Every row of the receiver table, both roles, cut at every point of its bytes:
 * the first piece has been read before the second is written.
 */
/* PROTO: test.mx */
/* TIMEOUT: 60 */
#include "table.h"

/* False after the first cut that fails: the others would say the same. */
static bool cut_at(struct wire *w, const struct row *row, size_t cut)
{
	unsigned char script[SCRIPT_MAX];
	size_t len = row_script(row, script);
	bool ok;

	row_prepare(w, row);
	peer_write(w->peer, script, cut);
	wire_drained(w);
	peer_write(w->peer, script + cut, len - cut);
	ok = row_outcome(w, row);
	ok &= row_end(w, row);
	return CHECK_MSG(ok, "cut at byte %zu of %zu", cut, len);
}

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
			size_t len = row_script(&rows[i], script);

			SECTION("%s: %s", wire_role_name(role), rows[i].name);
			for (size_t cut = 1; cut < len; cut++)
				if (!cut_at(&w, &rows[i], cut))
					break;
		}
		mrpc_conn_set_unref(w.set);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
