/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rule 14: what glibc writes inside itself stays bounded, and goes on to a slow peer.
 */
#include "harness.h"

#define SEND_MS 600
/* stdio tries again what an attempt left, and the kernel bounds each attempt. */
#define ATTEMPTS 3

static const struct setting limited = { .send_ms = SEND_MS };
static const struct peer_script never_reads = { .stop = PEER_STALLS };

Test(stdio, every_way_is_bounded, .timeout = 40)
{
	static const char *const ways[] = { "fdopen", "dprintf", "vdprintf", "dprintf_chk", "vdprintf_chk" };

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct peer *peer = peer_start(&never_reads);
		struct run *run = play(&limited, "sock tcp4; connect %u; stdio 30000000 on=%s", peer_port(peer), ways[i]);

		cr_assert(!run->hung, "%s\n%s", ways[i], run->transcript);
		expect_within(run, "stdio.ret", -1, 30000000 - 1);
		/* SO_SNDTIMEO is coarse (design: 20 fires at 20.9). */
		expect_within(run, "stdio.ms", earliest_ms(SEND_MS) * 4 / 5, ATTEMPTS * (latest_ms(SEND_MS) + 100));
		peer_finish(peer, 0);
	}
}

Test(stdio, standard_output_is_bounded, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ 0 },
			       "sock tcp4; connect %u; exec 1 send=600ms; adopt 1 tcp4; stdio 30000000 on=stdout", peer_port(peer));

	cr_assert(!run->hung, "%s", run->transcript);
	expect_within(run, "stdio.ret", -1, 30000000 - 1);
	expect_within(run, "stdio.ms", earliest_ms(SEND_MS) * 4 / 5, ATTEMPTS * (latest_ms(SEND_MS) + 100));
	peer_finish(peer, 0);
}

Test(stdio, standard_output_after_dup2_is_bounded, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	/* Slot 9 has a descriptor 1 of its own to be replaced. */
	struct run *run = play(&limited, "adopt #9 1 tcp4; sock tcp4; connect %u; dup2 9; stdio #9 30000000 on=stdout",
			       peer_port(peer));

	cr_assert(!run->hung, "%s", run->transcript);
	expect_within(run, "stdio.ret", -1, 30000000 - 1);
	expect_within(run, "stdio.ms", earliest_ms(SEND_MS) * 4 / 5, ATTEMPTS * (latest_ms(SEND_MS) + 100));
	peer_finish(peer, 0);
}

/* Rule 7 as far as it can: each of stdio's writes is 4 KB and more at once, and the room for it comes in small steps. */
Test(stdio, a_slow_peer_gets_everything, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 60000, .chunk_bytes = 8000, .pause_ms = 40 });
	struct run *run = play(&limited, "sock tcp4; connect %u; stdio 800000; close", peer_port(peer));

	expect_clean(run);
	expect(run, "stdio.ret", 800000);
	expect_within(run, "stdio.ms", 2 * SEND_MS, WATCHDOG_MS);
	expect_peer_read(peer_finish(peer, 3000), 800000);
}

/* Wrapped sends on such a socket keep the whole of rule 11. */
Test(stdio, a_wrapped_send_on_the_same_socket, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 60000, .chunk_bytes = 20000, .pause_ms = 20 });
	struct run *run = play(&limited, "sock tcp4; setopt sndbuf 60000; connect %u; stdio 10; watch; "
					 "send write 2000000; close",
			       peer_port(peer));

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect(run, "send.ret", 2000000);
	peer_finish(peer, 2000);
}
