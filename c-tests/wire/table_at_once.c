/* Every row of the receiver table, both roles: the message in one write. */
/* PROTO: test.mx */
#include "table.h"

static void at_once(struct wire *w, const struct row *row)
{
	unsigned char script[SCRIPT_MAX];

	row_prepare(w, row);
	peer_write(w->peer, script, row_script(row, script));
	row_outcome(w, row);
	row_end(w, row);
}

int main(void)
{
	return table_play(at_once);
}
