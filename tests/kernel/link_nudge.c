/* SPDX-License-Identifier: MIT */
/* After a pause of the link the retransmission timer has doubled, and the kernel tries again long after the link is back.
   TCP_USER_TIMEOUT, put on before the timer is set, shortens it, and taken off before it fires, it ends no connection. */
#include "link.h"

static int64_t begun;

static ssize_t wait_until_acknowledged(int fd)
{
	while (outstanding(fd) && now_ms() - begun < 12000)
		sleep_ms(5);
	return outstanding(fd) ? -1 : (ssize_t)(now_ms() - begun);
}

/* When the kernel has tried in vain so often, in ms since the loss. */
static int retry_ms(int fd, unsigned retries)
{
	while (info_of(fd).tcpi_backoff < retries && now_ms() - begun < 12000)
		sleep_ms(5);
	return (int)(now_ms() - begun);
}

static void scene(void)
{
	int bare = connected_over_link(), nudged = connected_over_link(), left_on = connected_over_link();
	int third, interval;
	struct call bare_call, nudged_call;

	lose("all");
	begun = now_ms();
	send(bare, much(), 1000, 0);
	send(nudged, much(), 1000, 0);
	send(left_on, much(), 1000, 0);
	retry_ms(bare, 1);
	/* The third comes after this, the fourth after twice this. The limit, which counts from the second, is between. */
	retry_ms(nudged, 1);
	retry_ms(left_on, 1);
	interval = (int)(info_of(bare).tcpi_rto / 1000);
	set(nudged, IPPROTO_TCP, TCP_USER_TIMEOUT, interval * 18 / 10);
	set(left_on, IPPROTO_TCP, TCP_USER_TIMEOUT, interval * 18 / 10);
	retry_ms(nudged, 2);
	retry_ms(left_on, 2);
	third = retry_ms(bare, 2);
	/* On a busy machine the link is late with what it is to lose. */
	sleep_ms(150);
	lose("");
	set(nudged, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
	begin(&bare_call, wait_until_acknowledged, bare);
	begin(&nudged_call, wait_until_acknowledged, nudged);
	outcome(&nudged_call, 9000);
	outcome(&bare_call, 9000);
	holds("a link is back just after a retry: the next, by the doubled timer", "1.6 intervals later or more",
	      bare_call.result - third >= interval * 16 / 10, "%d ms of %d", (int)bare_call.result - third, interval);
	holds("  and where TCP_USER_TIMEOUT was on when the timer was set", "earlier, and no error",
	      nudged_call.result > 0 && nudged_call.result - third < interval * 16 / 10, "%d ms of %d",
	      (int)nudged_call.result - third, interval);
	fact("  and where it was left on", "ETIMEDOUT", "%s", error_name(get(left_on, SOL_SOCKET, SO_ERROR)));
}

int main(int argc, char **argv)
{
	return over_link(argc, argv, "TCP_USER_TIMEOUT shortens the retransmission timer", scene);
}
