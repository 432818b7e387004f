/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 1, 5, 23, 26 and 28: options and pointers that are the program's own business, sockets from elsewhere,
 * clocks and kernels that are not as usual.
 */
#include "callers.h"
#include "cases.h"
#include "programs/pointers.h"
#include "rows.h"

#include <stdio.h>

#define SEND_MS 600

static const struct peer_script never_reads = { .stop = PEER_STALLS };
/* 1 MB a second. */
static const struct peer_script slow = { .rcvbuf_bytes = 65536, .chunk_bytes = 20000, .pause_ms = 20 };

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(60000),
	POLL_LOOP(""),
	EPOLL_LOOP(""),
};

/* ---- the program's own SO_SNDTIMEO ------------------------------------------------------------------------------- */

/* All that the kernel, at any number of ticks a second, makes of a mark that somebody may have thought of, and others. */
static const int owns[] = { 1, 5, 10, 25, 27, 30, 125, 127, 130, 325 };
/* Where it is set, and what else is done. */
static const struct placing {
	bool before;   /* the connect */
	const char *first;
	const char *then;
} placings[] = {
	{ true, "sleep 0", "sleep 0" },
	{ false, "sleep 0", "sleep 0" },
	{ true, "linger 1 0", "sleep 0" },
	{ false, "sleep 0", "linger 1 0; send send 10" },
};

static struct run *with_own(const struct setting *setting, const struct placing *placing, int ms, unsigned port)
{
	const char *set = text("setopt sndtimeo %d", ms);
	struct run *run = play(setting,
			       "sock tcp4; setopt sndbuf 100000; %s; %s; connect %u; %s; %s; getopt @before sndtimeo; "
			       "fill send flags=dontwait; sleep 350; fill @rest send flags=dontwait; send @next send 200000; "
			       "getopt @after sndtimeo; rawopt sndtimeo; recv recv_dontwait 10; peername",
			       placing->first, placing->before ? set : "sleep 0", port, placing->then,
			       placing->before ? "sleep 0" : set);

	expect_clean(run);
	return run;
}

/* Rule 5: it reads back as bare, ends a send as bare, and is no verdict's mark. */
ROW_TEST(kernels, own_sndtimeo_is_the_programs, ROWS_OF(owns) * 2)
{
	const int ms = owns[*number / 2];
	/* Each with two of them. */
	const struct placing *placing = &placings[(*number + *number / 2 % 2 * 2) % ROWS_OF(placings)];
	static const char *const same[] = { "before.value", "after.value", "rawopt.value", "next.ret",
					    "next.errno",   "recv.ret",    "recv.errno",   "peername.ret" };
	struct run *runs[2];

	for (int bare = 0; bare < 2; bare++) {
		struct peer *peer = peer_start(&never_reads);

		runs[bare] = with_own(&(struct setting){ .bare = bare, .send_ms = bare ? 0 : 5000 }, placing, ms, peer_port(peer));
		peer_finish(peer, 0);
	}
	for (size_t i = 0; i < ROWS_OF(same); i++)
		expect(runs[0], same[i], value_of(runs[1], same[i]));
	/* A tick more or less, of a hundred a second. */
	expect_within(runs[0], "next.ms", ms < 20 ? 0 : ms - 20, latest_ms(ms + 20));
	cr_expect_str_empty(runs[0]->errors);
}

/* ---- sockets from elsewhere -------------------------------------------------------------------------------------- */

/* Of so many the library sees something on their way; the others it must not harm. */
#define SEEN 7

static const struct origin {
	const char *how;
	const char *slot;
} origins[] = {
	{ "sock tcp4; rawconnect PORT", "" },
	{ "sock tcp6; rawconnect PORT", "" },
	{ "rawsock tcp4; connect PORT", "" },
	{ "rawsock tcp4; rawconnect PORT; hand 1 recvmsg", "#1" },
	{ "rawsock tcp4; rawconnect PORT; hand 1 recvmmsg", "#1" },
	{ "rawsock tcp6; rawconnect PORT; hand 1 recvmsg", "#1" },
	{ "sock tcp4; connect PORT; dup 1; close", "#1" },
	/* No call of these passes the library, until it is used. */
	{ "rawsock tcp4; rawconnect PORT", "" },
	{ "rawsock tcp4; rawconnect PORT; hand 1 pidfd", "#1" },
	{ "rawsock tcp4; rawconnect PORT; hand 1 dup", "#1" },
	{ "sock tcp4; connect PORT; hand 1 dup", "#1" },
	{ "sock tcp4; connect PORT; hand 1 pidfd", "#1" },
};


static struct run *from(const struct origin *row, const struct caller *caller, struct peer *peer, long bytes)
{
	char *how = with_port(row->how, peer_port(peer));
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS }, 
			       "%s; %s %s; setopt sndbuf 100000 %s; watch %s; %s %s %ld %s @up; close %s", how, caller->setup,
			       row->slot, row->slot, row->slot, caller->upload, row->slot, bytes, caller->options, row->slot);

	expect_clean(run);
	if (has_value(run, "hand.ret") && value_of(run, "hand.ret") < 0)
		cr_skip_test("this kernel hands no descriptor over so");
	return run;
}

/* Rule 23: covered, whoever connected them. */
ROW_TEST(kernels, sockets_from_elsewhere_are_limited, SEEN * ROWS_OF(callers))
{
	const struct origin *row = &origins[*number / ROWS_OF(callers)];
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	struct peer *peer = peer_start(&(struct peer_script){ .family = strstr(row->how, "tcp6") ? AF_INET6 : AF_INET,
							       .stop = PEER_STALLS });

	expect_verdict(from(row, caller, peer, 30000000), caller, SEND_MS);
	peer_finish(peer, 0);
}

/* And none of them is harmed. */
ROW_TEST(kernels, sockets_from_elsewhere_are_healthy, ROWS_OF(origins) * 2)
{
	const struct origin *row = &origins[*number / 2];
	/* Half of the callers each. */
	const struct caller *caller = &callers[(*number + *number / 2 % 2 * 2) % ROWS_OF(callers)];
	struct peer_script script = slow;

	script.family = strstr(row->how, "tcp6") ? AF_INET6 : AF_INET;
	struct peer *peer = peer_start(&script);
	struct run *run = from(row, caller, peer, 1500000);

	need_gaps_below(run, SEND_MS);
	expect(run, "up.ret", 1500000);
	peer_resume(peer);
	expect_peer_read(peer_finish(peer, 5000), 1500000);
}

/* ---- clocks ------------------------------------------------------------------------------------------------------ */

static const struct clock {
	const char *kind;
	bool jumps;
} clocks[] = { { "TESTER_CLOCK=day", false }, { "TESTER_CLOCK=forward", true }, { "TESTER_CLOCK=backward", true } };

/* Those that have no clock of their own. */
static const char *const clocked[] = { "sleep 0; sendall send", "nonblock 1; carry send", "nonblock 1; upload poll send",
				       "nonblock 1; upload epoll_wait send" };

/* The times of the tester itself are of no use here. */
static struct run *by_clock(const struct clock *clock, const char *upload, long bytes, unsigned port)
{
	const struct setting setting = { .send_ms = 2000, .preload = needed("SNDTIMEO_TEST_CLOCK"),
					 .environment = { clock->kind, clock->jumps ? "TESTER_CLOCK_JUMP_MS=500" : NULL } };
	struct run *run = play(&setting, "sock tcp4; setopt sndbuf 100000; connect %u; %s %ld max=100000000 @up; close", port,
			       upload, bytes);

	expect_clean(run);
	return run;
}

/* Rule 28: a healthy peer is not cut. It pauses for less than the limit, or reads on while the clock jumps. */
ROW_TEST(kernels, odd_clocks_cut_nothing, ROWS_OF(clocks) * ROWS_OF(clocked))
{
	const struct clock *clock = &clocks[*number / ROWS_OF(clocked)];
	struct peer *peer = peer_start(clock->jumps ? &slow : &(struct peer_script){ .rcvbuf_bytes = 100000, .start_ms = 900 });
	struct run *run = by_clock(clock, clocked[*number % ROWS_OF(clocked)], 1500000, peer_port(peer));

	expect(run, "up.ret", 1500000);
	cr_expect_str_empty(run->errors);
	peer_resume(peer);
	expect_peer_read(peer_finish(peer, 5000), 1500000);
}

/* And one that stalls still is, at some time that the clock lets us know. */
ROW_TEST(kernels, odd_clocks_end_a_stall, ROWS_OF(clocks) * ROWS_OF(clocked))
{
	const char *upload = clocked[*number % ROWS_OF(clocked)];
	struct peer *peer = peer_start(&never_reads);
	struct run *run = by_clock(&clocks[*number / ROWS_OF(clocked)], upload, 16000000, peer_port(peer));

	if (!strstr(upload, "carry"))
		expect(run, "up.errno", ETIMEDOUT);
	cr_expect_eq(count_of(run->errors, "timed out after"), 1, "%s", run->errors);
	if (!clocks[*number / ROWS_OF(clocked)].jumps)
		cr_expect(strstr(run->errors, "timed out after 2."), "%s", run->errors);
	peer_finish(peer, 0);
}

/* ---- kernels that say less --------------------------------------------------------------------------------------- */

static const char *const lacking[] = { "cookie", "tcp_info" };
static const char *const refusals[] = { "eperm", "enosys", "einval", "enoprotoopt" };

#define KERNELS (ROWS_OF(lacking) * ROWS_OF(refusals) * 2)

/* Each with two of the callers, the first always being one of them. */
static const struct caller *caller_in(size_t number)
{
	return &callers[number % 2 ? 1 + number / 2 % (ROWS_OF(callers) - 1) : 0];
}

static struct run *denied(size_t number, long bytes, int watchdog_ms, unsigned port)
{
	const struct caller *caller = caller_in(number);
	struct run *run = play(&(struct setting){ .send_ms = 500, .connect_ms = 1500, .watchdog_ms = watchdog_ms },
			       "deny %s %s; sock #8 unix; exec #8 9; sock tcp4; setopt sndbuf 100000; connect %u; %s; %s %ld %s @up; close",
			       lacking[number / 2 / ROWS_OF(refusals)],
			       refusals[number / 2 % ROWS_OF(refusals)], port, caller->setup, caller->upload, bytes,
			       caller->options);

	if (value_of(run, "deny.ret"))
		cr_skip_test("no seccomp filter is to be had here");
	return run;
}

/* Rule 26: a healthy send is never cut short. */
ROW_TEST(kernels, lesser_kernels_cut_nothing, KERNELS)
{
	struct peer *peer = peer_start(&slow);
	struct run *run = denied(*number, 1500000, 0, peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 1500000);
	if (caller_in(*number) == &callers[0])
		expect(run, "up.calls", 1);
	peer_resume(peer);
	expect_peer_read(peer_finish(peer, 5000), 1500000);
}

/* And a stall ends by what is left; or it is said that it does not. */
ROW_TEST(kernels, lesser_kernels_end_a_stall_or_say_so, KERNELS)
{
	const struct caller *caller = caller_in(*number);
	struct peer *peer = peer_start(&never_reads);
	struct run *run = denied(*number, 30000000, 2500, peer_port(peer));

	if (run->hung) {
		cr_assert_eq(count_of(run->errors, "\n"), 1, "nothing said, or more than once: %s", run->errors);
		return;
	}
	expect_clean(run);
	if (caller->writer)
		expect(run, "up.timed_out", 1);
	else
		expect(run, "up.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* ---- pointers to nowhere ------------------------------------------------------------------------------------------ */

#define NAME(name, call) #name,
static const char *const pointers[] = { CALLS(NAME) };

/* Rule 1: the kernel says what it says. */
ROW_TEST(kernels, bad_pointers_are_the_kernels, ROWS_OF(pointers))
{
	not_under("san", "sanitizers look at memory before calls do");
	static const char *const kinds[] = { "tcp", "tcp nonblocking", "unix", "pipe" };

	for (size_t i = 0; i < ROWS_OF(kinds); i++) {
		const char *script = text("%s %s", pointers[*number], kinds[i]);

		/* On 32 bits there is memory at some of these places, and libc itself looks at some messages. */
		if (sizeof(void *) == 4) {
			const struct run *bare = play(&(struct setting){ .program = "pointers", .bare = true }, "%s", script);

			if (bare->hung || bare->status)
				continue;
		}
		same_as_bare("pointers", script, &(struct setting){ .send_ms = SEND_MS, .connect_ms = SEND_MS });
	}
}
