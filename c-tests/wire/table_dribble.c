/* Every row of the receiver table, both roles, byte by byte. */
/* PROTO: test.mx */
#include "table.h"

static void byte_by_byte(struct wire *w, const struct row *row)
{
	unsigned char script[SCRIPT_MAX];
	size_t len = row_script(row, script);

	row_prepare(w, row);
	for (size_t at = 0; at < len; at++) {
		peer_write(w->peer, script + at, 1);
		wire_drained(w);
	}
	row_outcome(w, row);
	row_end(w, row);
}

int main(void)
{
	return table_play(byte_by_byte);
}
