/* SPDX-License-Identifier: MIT */
/* One lost packet in front, and all that follows arrives: nothing that counts as progress moves until it is sent again. */
#include "link.h"

static void scene(void)
{
	int fd = connected_over_link();
	struct tcp_info before, after;
	int queued, unread;

	send(fd, much(), 100, 0);
	sleep_ms(300);
	lose("big");
	send(fd, much(), 1000, 0);
	sleep_ms(100);
	before = info_of(fd);
	for (int i = 0; i < 10; i++) {
		send(fd, much(), 100, 0);
		sleep_ms(50);
	}
	after = info_of(fd);
	queued = outstanding(fd);
	holds("one packet is lost, others arrive: tcpi_sacked", "more than 0", after.tcpi_sacked > 0, "%u",
	      after.tcpi_sacked);
	holds("  and tcpi_bytes_acked", "as it was", after.tcpi_bytes_acked == before.tcpi_bytes_acked, "%lld more",
	      (long long)(after.tcpi_bytes_acked - before.tcpi_bytes_acked));
	holds("  and tcpi_snd_wnd", "as it was", after.tcpi_snd_wnd == before.tcpi_snd_wnd, "%u, was %u",
	      after.tcpi_snd_wnd, before.tcpi_snd_wnd);
	holds("  and SIOCOUTQ", "2000", queued == 2000, "%d", queued);
	note("  and tcpi_delivered, which counts packets", "%u more", after.tcpi_delivered - before.tcpi_delivered);
	lose("");
	for (int i = 0; (unread = outstanding(fd)) && i < 50; i++)
		sleep_ms(50);
	holds("  and SIOCOUTQ once it got through", "0", unread == 0, "%d", unread);
}

int main(int argc, char **argv)
{
	return over_link(argc, argv, "SACK alone is no progress", scene);
}
