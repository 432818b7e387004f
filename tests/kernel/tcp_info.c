/* SPDX-License-Identifier: MIT */
/* Which fields of TCP_INFO say that a peer makes progress. Each is read only if the kernel returned that much. */
#include "fact.h"
#include <stddef.h>

#define END_OF(field) (offsetof(struct tcp_info, field) + sizeof((struct tcp_info *)0)->field)

int main(void)
{
	struct pair pair = connected(SMALL);
	struct tcp_info info, later;
	socklen_t length = sizeof info;
	int queued;
	int64_t begun;

	getsockopt(pair.near, IPPROTO_TCP, TCP_INFO, &info, &length);
	holds("TCP_INFO reaches tcpi_bytes_acked, 4.1", "yes", length >= END_OF(tcpi_bytes_acked), "%d bytes",
	      (int)length);
	holds("TCP_INFO reaches tcpi_notsent_bytes, 4.6", "yes", length >= END_OF(tcpi_notsent_bytes), "%d bytes",
	      (int)length);
	holds("TCP_INFO reaches tcpi_snd_wnd, 5.4", "yes", length >= END_OF(tcpi_snd_wnd), "%d bytes", (int)length);

	sleep_ms(400);
	info = info_of(pair.near);
	holds("tcpi_last_data_sent while nothing is outstanding", "counts on",
	      info.tcpi_last_data_sent >= 350 && outstanding(pair.near) == 0, "%u ms", info.tcpi_last_data_sent);

	begun = now_ms();
	fill(pair.near);
	info = info_of(pair.near);
	queued = outstanding(pair.near);
	sleep_ms(700);
	later = info_of(pair.near);
	holds("no reader: bytes are outstanding", "more than 0", queued > 0, "%d", queued);
	holds("no reader: SIOCOUTQ", "as it was", outstanding(pair.near) == queued, "%d of %d", outstanding(pair.near),
	      queued);
	holds("no reader: tcpi_bytes_acked", "as it was", info.tcpi_bytes_acked == later.tcpi_bytes_acked, "%lld more",
	      (long long)(later.tcpi_bytes_acked - info.tcpi_bytes_acked));
	holds("no reader: tcpi_snd_wnd", "as it was", info.tcpi_snd_wnd == later.tcpi_snd_wnd, "%u, %u",
	      info.tcpi_snd_wnd, later.tcpi_snd_wnd);
	holds("no reader: tcpi_unacked or tcpi_notsent_bytes", "more than 0",
	      later.tcpi_unacked || later.tcpi_notsent_bytes, "%u segments, %u bytes", later.tcpi_unacked,
	      later.tcpi_notsent_bytes);
	holds("no reader: tcpi_last_ack_recv (probes are answered)", "less than since the last progress",
	      later.tcpi_last_ack_recv + 100 < now_ms() - begun, "%u of %d ms", later.tcpi_last_ack_recv,
	      (int)(now_ms() - begun));
	holds("no reader: tcpi_backoff", "more than 0", later.tcpi_backoff > 0, "%u", later.tcpi_backoff);

	take(pair.far, MUCH, NULL);
	info = info_of(pair.near);
	holds("all was read: tcpi_bytes_acked", "more", info.tcpi_bytes_acked > later.tcpi_bytes_acked, "%lld more",
	      (long long)(info.tcpi_bytes_acked - later.tcpi_bytes_acked));
	holds("all was read: tcpi_snd_wnd", "larger", info.tcpi_snd_wnd > later.tcpi_snd_wnd, "%u, was %u",
	      info.tcpi_snd_wnd, later.tcpi_snd_wnd);
	fact("all was read: SIOCOUTQ", "0", "%d", outstanding(pair.near));
	return 0;
}
