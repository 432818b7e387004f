/* SPDX-License-Identifier: MIT */
/* While the window is shut the timer of its probes doubles from the last progress on (icsk_backoff), and the answers to them are
   acknowledgements like any other, though nothing moves. The second is not answered, being too near to the first. */
#include "fact.h"

int main(void)
{
	struct sockaddr_in address;
	int listener = bound_socket(0, &address), near = new_socket(SOCK_STREAM, 0), far;
	struct tcp_info info = {0};
	uint64_t acked = 0;
	int64_t moved_ms = 0, end_ms = now_ms() + 3000;

	set(listener, SOL_SOCKET, SO_RCVBUF, 65536);
	set(near, IPPROTO_TCP, TCP_MAXSEG, 1400);
	if (listen(listener, 1) < 0 || connect_to(near, &address) < 0 || (far = accept(listener, NULL, NULL)) < 0)
		die("connect");
	while (now_ms() < end_ms) {
		while (send(near, much(), 60000, MSG_DONTWAIT) > 0)
			;
		info = info_of(near);
		if (info.tcpi_bytes_acked != acked)
			moved_ms = now_ms();
		acked = info.tcpi_bytes_acked;
		if (info.tcpi_backoff == 3 && !info.tcpi_probes)
			break;
		sleep_ms(2);
	}
	const int64_t since_ms = now_ms() - moved_ms - info.tcpi_last_ack_recv;

	fact("window shut, the third probe answered", "backoff 3, probes 0", "backoff %u, probes %u", info.tcpi_backoff, info.tcpi_probes);
	holds("from the last progress to the last acknowledgement", "seven timers, and little more",
	      since_ms >= 7 * info.tcpi_rto / 1000 - 20 && since_ms <= 7 * info.tcpi_rto / 1000 + 250, "%lld ms, of %u ms each",
	      (long long)since_ms, info.tcpi_rto / 1000);
	return 0;
}
