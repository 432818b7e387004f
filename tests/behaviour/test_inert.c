/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rule 1: with nothing configured, and on whatever is not a covered socket, all is as without us.
 *
 * Each script is played bare and under the library, and everything that the calls returned is compared.
 */
#include "early.h"
#include "harness.h"
#include "rows.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

static const struct setting bare = { .bare = true };
static const struct setting unset = { 0 };
/* Longer than any of it takes. */
static const struct setting generous = { .send_ms = 60000, .connect_ms = 60000 };
static const struct setting capped = { .send_ms = 60000, .connect_ms = 60000, .policy = "cap" };
/* Shorter than the waits in it. */
static const struct setting tight = { .send_ms = 100, .connect_ms = 100 };

/* A healthy TCP peer listens on `port`; the slots are 0 and, of pairs, 1. */
static const char *const on_healthy_tcp[] = {
	"sock tcp4; connect; peername; send send 1000; send sendto 1000; send sendmsg 1000 iov=7; send sendmmsg 1000 iov=3; "
	"send write 1000; send writev 1000 iov=9; send sendfile 1000; send sendfile64 1000; send sendfile_seek 1000; "
	"send @z send 0; send @zz write 0; send @zzz writev 0 iov=3; close",
	"sock tcp4; nonblock 1; connect; wait poll out 2000; getopt error; send send 1000; recv recv 10; recv read 10; "
	"recv recvmsg 10; recv readv 10; recv recvfrom 10; recv recv_chk 10; recv read_chk 10; recv recvfrom_chk 10; close",
	"sock tcp4; nonblock 1 by=ioctl; connect; wait ppoll out 2000; connect @again; nonblock 0 by=ioctl; send send 10; close",
	"sock tcp4; nonblock 1 by=fcntl64; connect; wait select out 2000; nonblock 0 by=fcntl64; shutdown wr; send send 10; close",
	"sock tcp4; connect; connect @twice; shutdown rdwr; send send 10; send @w write 10; drain recv; close; send @closed send 10;"
	"recv @closed recv 10; wait @closed poll out 0; getopt @closed error; peername @closed; connect @closed",
	"sock tcp4; send send 10; peername; wait poll out 0; wait select out 0; listen; peername; close",
	"sock tcp4; connect; wait poll out 0; wait poll in+out 0; wait poll in 50; wait poll_chk out -1; wait ppoll_chk out 50; "
	"wait select out 50; wait pselect in+out 50; wait poll out 50 with=twice; wait poll in 50 with=pipe; "
	"wait poll none 50; wait epoll_wait in+out 50; wait epoll_pwait in+out 0; wait epoll_pwait2 in+out 50; close",
	"sock tcp4; setopt sndtimeo 500; getopt sndtimeo; setopt sndtimeo 0; getopt sndtimeo; setopt user_timeout 900; "
	"getopt user_timeout; connect; getopt @after user_timeout; getopt @aftertoo sndtimeo; close",
	"sock tcp4; connect; dup 5; #5 send send 10; close; send #5 send 10; close #5",
	"sock tcp4; connect; sock #5 tcp4; dup2 5; send #5 send 10; close; send @other #5 send 10; close #5",
	"sock tcp4; connect; stdio 100000; sock #1 tcp6; connect @refused #1 9",
	"sock tcp4; send sendto 1000 flags=fastopen to=PORT; close",
	"sock tcp4; send sendmmsg 1000 iov=3 flags=fastopen to=PORT; close",
	"sock tcp4; setopt zerocopy 1; connect; sendall send 100000 flags=zerocopy; send send 1 flags=oob; close",
};

/* No peer at all, or the pair is its own. */
static const char *const on_others[] = {
	"sock unix; send send 1000; send write 1000; send writev 1000 iov=9; send sendmsg 500 iov=3; recv #1 recv 100; "
	"recv #1 read 100; close; recv #1 read 100000; recv #1 read 10; send #1 send 10",
	"sock unix; fill send flags=dontwait; wait poll out 0; wait poll out 300; wait select out 300; wait epoll_wait out 300; "
	"jump 400 send send 100000; close",
	"sock unix; nonblock 1; fill send; wait poll out 1100; send send 10; close",
	"sock unix; nonblock 1; nonblock 0; rawopt sndtimeo; close",
	"sock seqpacket; nonblock 1 by=ioctl; nonblock 0 by=ioctl; rawopt sndtimeo; dup 5; rawopt @copy #5 sndtimeo",
	"sock udp4; nonblock 1; nonblock 0; rawopt sndtimeo; connect 9; rawopt @connected sndtimeo; rawopt nodelay",
	"sock unix; setopt sndtimeo 300; fill send; getopt sndtimeo; close",
	"sock seqpacket; send send 1000; send sendmsg 1000 iov=5; recv #1 recv 10; recv #1 recvmsg 5000; close; recv #1 recv 10",
	"sock seqpacket; fill send flags=dontwait; jump 400 send send 1000; close",
	"sock udp4; connect 9; send send 100; sleep 50; send @second send 100; send @third write 100; getopt error; "
	"wait poll out 100; recv recv_dontwait 10; close",
	"sock udp4; send sendto 100 to=9; send sendmmsg 5000 to=9; send @huge sendto 70000 to=9; close",
	"sock pipe; send write 1000; send writev 1000 iov=9; recv #1 read 100; recv #1 readv 100; send send 10; "
	"send sendmsg 10; wait poll out 100; close; recv #1 read 100000; recv #1 read 10; wait #1 poll in 100",
	"sock pipe; nonblock 1; fill write; nonblock 0; wait poll out 300; wait select out 1100; jump 400 send write 100000; close",
	"sock pipe; nonblock 1; fill write; send write 100000; close #1; send write 10",
	"sock file; send write 1000; send writev 1000 iov=3; send sendfile 1000; recv read 10; send send 10; recv recv 10; "
	"wait poll out 100; wait select in+out 100; getopt error; peername; connect 9; close",
};

#define N(list) (sizeof(list) / sizeof *(list))

/* Play @p script; the healthy peer reads all it gets. PORT in the script is its port, too. */
static char *said_by(const struct setting *setting, const char *script)
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	const char *port = strstr(script, "PORT");
	struct run *run;

	if (port)
		run = play(setting, "%.*s%u%s", (int)(port - script), script, peer_port(peer), port + strlen("PORT"));
	else
		run = play(setting, "port %u; %s", peer_port(peer), script);
	cr_assert(!run->hung, "%s\n%s%s", script, run->transcript, run->errors);
	cr_assert(run->status == 0, "%s\n%s%s", script, run->transcript, run->errors);
	peer_finish(peer, 500);
	return comparable(run);
}

/* A script under a setting: indices, because a test is a process of its own. */
struct played {
	int on_tcp;
	int script;
	int setting;
};

static const struct setting *const settings[] = { &unset, &generous, &capped, &tight };

ParameterizedTestParameters(inert, all_is_as_without_us)
{
	static struct played all[3 * (N(on_healthy_tcp) + N(on_others))];
	size_t n = 0;

	for (int i = 0; i < (int)N(on_healthy_tcp); i++)
		for (int setting = 0; setting < 3; setting++)
			all[n++] = (struct played){ 1, i, setting };
	for (int i = 0; i < (int)N(on_others); i++)
		for (int setting = 0; setting < 4; setting += 3)
			all[n++] = (struct played){ 0, i, setting };
	return cr_make_param_array(struct played, all, n);
}

ParameterizedTest(struct played *played, inert, all_is_as_without_us, .timeout = 30)
{
	const char *script = played->on_tcp ? on_healthy_tcp[played->script] : on_others[played->script];
	char *ours = said_by(settings[played->setting], script), *without = said_by(&bare, script);

	cr_expect(strcmp(ours, without) == 0, "%s\n-- setting %d:\n%s-- bare:\n%s", script, played->setting, ours, without);
}

/* With nothing set a stalled TCP peer is waited for as ever. */
Test(inert, a_stall_with_nothing_set, .timeout = 60)
{
	static const char *const waiting[] = { "send send 30000000", "send write 30000000", "upload poll send 30000000",
					       "sync send 30000000 60000" };

	for (size_t i = 0; i < N(waiting); i++) {
		struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
		struct run *run = play(&(struct setting){ .watchdog_ms = 1000 }, "sock tcp4; connect %u; %s", peer_port(peer),
				       waiting[i]);

		cr_expect(run->hung, "%s", run->transcript);
		peer_finish(peer, 0);
	}
}

/* Rule 2: what other libraries' constructors call works before ours has run. */
Test(inert, constructors_of_other_libraries, .timeout = 20)
{
	const char *early = needed("SNDTIMEO_TEST_EARLY");
	const struct setting all[] = { { .bare = true, .preload = early }, { .preload = early },
				       { .send_ms = 60000, .connect_ms = 60000, .preload = early } };
	char *said[N(all)];

	for (size_t i = 0; i < N(all); i++) {
		struct run *run = play(&all[i], "early");

		expect_clean(run);
		expect(run, "early.refused", -ECONNREFUSED);
		expect(run, "early.tcp_send", 3);
		said[i] = comparable(run);
	}
	for (size_t i = 1; i < N(all); i++) {
		/* Descriptors' numbers are among the results. */
		cr_expect_str_eq(said[i], said[0]);
	}
}

/* Each of them: whichever comes first starts the library, and is carried out as ever. */
static const char *const first_calls[] = {
#define NAME(name) #name,
	EARLY_FIRST(NAME)
#undef NAME
};

ROW_TEST(inert, first_call_of_a_constructor, ROWS_OF(first_calls))
{
	const char *early = needed("SNDTIMEO_TEST_EARLY");
	char first[64];

	snprintf(first, sizeof first, EARLY_FIRST_VARIABLE "=%s", first_calls[*number]);
	struct run *without = play(&(struct setting){ .bare = true, .preload = early, .environment = { first } }, "early");
	struct run *ours = play(&(struct setting){ .send_ms = 60000, .preload = early, .environment = { first } }, "early");

	expect_clean(without);
	expect_clean(ours);
	expect(ours, "early.first", value_of(without, "early.first"));
}

/* Another library's functions are called as those of libc are, each by its own name, whatever table they are found in, and
 * in any state of the socket. */
static const char *const hash_tables[] = { "gnu", "sysv" };
static const struct setting behind_settings[] = { { 0 }, { .send_ms = 60000, .connect_ms = 60000 } };

ROW_TEST(inert, library_behind_ours, ROWS_OF(hash_tables) * ROWS_OF(behind_settings))
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	char library[512];

	snprintf(library, sizeof library, "%s-%s.so", needed("SNDTIMEO_TEST_BEHIND"), hash_tables[*number % N(hash_tables)]);
	struct setting setting = behind_settings[*number / N(hash_tables)];
	setting.preload = library;
	struct run *run = play(&setting,
			       "sock tcp4; connect %u; send send 10; send sendto 10; "
			       "sock tcp4; nonblock 1; connect %u; wait poll out 1000; send send 10; send send 10; "
			       "recv read 10; behind", peer_port(peer), peer_port(peer));

	expect_clean(run);
	expect(run, "behind.send", 3);
	expect(run, "behind.read", 1);
	peer_finish(peer, 0);
}

/* Standard descriptors that are closed: nothing of ours opens one in their place. */
Test(inert, no_descriptor_is_opened, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = 300, .connect_ms = 300 },
			       "fds @before; sock file; close; sock #1 tcp4; connect #1 %u; sendall #1 send 30000000; sock #2 file; "
			       "close #1; sock #3 file; fds",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.errno", ETIMEDOUT);
	/* The two files, and the tester's own of what it sends. */
	expect(run, "fds.count", value_of(run, "before.count") + 3);
	peer_finish(peer, 0);
}
