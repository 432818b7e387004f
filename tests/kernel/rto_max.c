/* SPDX-License-Identifier: MIT */
/* With the window closed the timer of probes doubles each time. TCP_RTO_MAX_MS bounds it, from the next probe on. */
#include "fact.h"

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif
#define LEAST_MS 1000

int main(void)
{
	struct pair bare = connected(SMALL), hastened = connected(SMALL);
	int before, bare_probes, hastened_probes, too_small = LEAST_MS - 1;
	struct tcp_info info;

	if ((before = get(bare.near, IPPROTO_TCP, TCP_RTO_MAX_MS)) < 0) {
		skip("TCP_RTO_MAX_MS", "%s", error_name(-before));
		return 0;
	}
	note("TCP_RTO_MAX_MS of a new connection", "%d", before);
	fact("  set to less than 1000", "EINVAL", "%s",
	     said(setsockopt(bare.near, IPPROTO_TCP, TCP_RTO_MAX_MS, &too_small, sizeof too_small), 0));
	fill(bare.near);
	fill(hastened.near);
	/* Probes after 0.2, 0.6 and 1.4 s. */
	while (info_of(hastened.near).tcpi_backoff < 2)
		sleep_ms(5);
	set(hastened.near, IPPROTO_TCP, TCP_RTO_MAX_MS, LEAST_MS);
	sleep_ms(5000);
	bare_probes = info_of(bare.near).tcpi_backoff;
	info = info_of(hastened.near);
	hastened_probes = info.tcpi_backoff;
	holds("a closed window, 5 s later: probes of one with 1000", "more than with none", hastened_probes > bare_probes,
	      "%d, and %d with none", hastened_probes, bare_probes);
	fact("  and the connection", "established", "%s", info.tcpi_state == 1 ? "established" : "not");
	return 0;
}
