/* SPDX-License-Identifier: MIT */
/* SO_LINGER {1, 0}: the close resets, the last close only. */
#include "fact.h"

int main(void)
{
	struct pair pair = connected(0), shared = connected(0);
	struct linger abort = {1, 0};
	struct call call;
	int duplicate;

	setsockopt(pair.near, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	begin(&call, receive_byte, pair.far);
	close(pair.near);
	fact("SO_LINGER {1, 0} and close: the peer's receive", "ECONNRESET", "%s", outcome(&call, 300));

	setsockopt(shared.near, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	duplicate = dup(shared.near);
	begin(&call, receive_byte, shared.far);
	close(shared.near);
	fact("SO_LINGER {1, 0} and close with a duplicate left", "still waits", "%s", outcome(&call, 200));
	close(duplicate);
	fact("  and the duplicate's close", "ECONNRESET", "%s", outcome(&call, 300));
	return 0;
}
