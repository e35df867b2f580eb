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

static void at_every_point(struct wire *w, const struct row *row)
{
	unsigned char script[SCRIPT_MAX];
	size_t len = row_script(row, script), cut;

	for (cut = 1; cut < len; cut++)
		if (!cut_at(w, row, cut))
			break;
}

int main(void)
{
	return table_play(at_every_point);
}
