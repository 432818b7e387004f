/* SPDX-License-Identifier: MIT */
/* TCP_NOTSENT_LOWAT: little is taken beyond what the peer's window has room for, so that a write() of a buffer waits
   only for as much, and SO_SNDTIMEO then bounds something like a stall. */
#include "fact.h"

static ssize_t send_little(int fd)
{
	return send(fd, much(), 4096, MSG_NOSIGNAL);
}

int main(void)
{
	struct pair plain = connected(SMALL), low = connected(SMALL);
	struct call call;
	size_t taken, taken_low;

	set(low.near, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4096);
	taken = fill(plain.near);
	taken_low = fill(low.near);
	holds("TCP_NOTSENT_LOWAT 4096: taken by a socket without a reader", "less than bare", taken_low < taken,
	      "%zu, bare %zu bytes", taken_low, taken);
	/* It is looked at between packets. */
	holds("  and tcpi_notsent_bytes", "4096 and a packet's at most",
	      info_of(low.near).tcpi_notsent_bytes <= 4096 + SMALL, "%u", info_of(low.near).tcpi_notsent_bytes);
	fact("  and events", "none", "%s", event_names(events_of(low.near, POLLOUT)));
	begin(&call, send_little, low.near);
	fact("  and a blocking send of 4096", "still waits", "%s", outcome(&call, 200));
	take(low.far, MUCH, NULL);
	holds("  and once the peer reads", "4096", call.ended && call.result == 4096, "%zd", call.result);
	return 0;
}
