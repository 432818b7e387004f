/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rule 5: nothing of ours stays on a healthy, connected socket.
 *
 * Another process reads the options of a socket that it shares with the tester, and must see what it sees of a bare one
 * after the same calls. What the rule excepts is not looked at: a connect under way, standard descriptors and stdio,
 * SNDTIMEO_UNACKED, TCP_USER_TIMEOUT while a send waits, and a verdict.
 */
#include "harness.h"
#include "rows.h"

#include <string.h>
#include <unistd.h>

/* No script below waits for either, and none of its peers is silent for half as long. */
#define SEND_MS 3000
#define CONNECT_MS 5000

/* 4 MB/s, in steps that a sender has to wait for. */
#define SLOW { .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 }
/* Does not read for half the send timeout, then goes on. */
#define PAUSES { .rcvbuf_bytes = 60000, .start_ms = SEND_MS / 2 }
#define HEALTHY { 0 }

/* A send that has to wait on the way, seen while it does and after it. */
#define CARRIED(call) "setopt sndbuf 60000; connect PORT; send " call " 1000; seen @complete; &sendall @up " call \
		      " 2000000; sleep 150; seen @during waiting=1; join up; seen @after"
/* A non-blocking connect, then what lets the program know that it is through, then a look. */
#define CONNECTED_BY(steps) "nonblock 1; connect PORT; sleep 30; " steps "; seen; send send 1000; seen @sent"
#define WRITABLE "nonblock 1; connect PORT; wait poll out 2000; "

struct healthy_row {
	const char *name;
	struct peer_script peer;
	/* After `sock KIND`, and `own` in the second half; PORT is the peer's. */
	const char *script;
	const char *kind;      /* NULL: tcp4 */
	const char *policy;    /* NULL: the default */
};

static const struct healthy_row healthy_rows[] = {
	{ "connect, blocking", HEALTHY, .script = "connect PORT; seen; send send 1000; seen @sent" },
	{ "connect, IPv6", { .family = AF_INET6 }, .script = "connect PORT; seen; send send 1000; seen @sent", .kind = "tcp6" },
	{ "connect, made blocking under way", HEALTHY, .script = "nonblock 1; connect PORT; nonblock 0; sleep 30; send send 10; seen" },
	{ "connect, poll", HEALTHY, .script = CONNECTED_BY("wait poll out 2000") },
	{ "connect, poll for both", HEALTHY, .script = CONNECTED_BY("wait poll in+out 2000") },
	{ "connect, ppoll", HEALTHY, .script = CONNECTED_BY("wait ppoll out 2000") },
	{ "connect, select", HEALTHY, .script = CONNECTED_BY("wait select out 2000") },
	{ "connect, pselect", HEALTHY, .script = CONNECTED_BY("wait pselect out 2000") },
	{ "connect, epoll", HEALTHY, .script = CONNECTED_BY("wait epoll_wait in+out 2000") },
	{ "connect, epoll by edges", HEALTHY, .script = CONNECTED_BY("wait epoll_wait in+out 2000 et=1") },
	{ "connect, epoll_pwait", HEALTHY, .script = CONNECTED_BY("wait epoll_pwait out 2000") },
	{ "connect, SO_ERROR", HEALTHY, .script = CONNECTED_BY("getopt error") },
	{ "connect, a second one", HEALTHY, .script = CONNECTED_BY("connect @second PORT") },
	{ "connect, getpeername", HEALTHY, .script = CONNECTED_BY("peername") },
	{ "connect, first byte by send", HEALTHY, .script = CONNECTED_BY("send @first send 1000") },
	{ "connect, first byte by sendto", HEALTHY, .script = CONNECTED_BY("send @first sendto 1000") },
	{ "connect, first byte by sendmsg", HEALTHY, .script = CONNECTED_BY("send @first sendmsg 1000") },
	{ "connect, first byte by sendmmsg", HEALTHY, .script = CONNECTED_BY("send @first sendmmsg 1000") },
	{ "connect, first byte by write", HEALTHY, .script = CONNECTED_BY("send @first write 1000") },
	{ "connect, first byte by writev", HEALTHY, .script = CONNECTED_BY("send @first writev 1000 iov=3") },
	{ "connect, first byte by sendfile", HEALTHY, .script = CONNECTED_BY("send @first sendfile 1000") },
	{ "connect, first byte by splice", HEALTHY, .script = CONNECTED_BY("send @first splice 1000") },

	{ "accept", HEALTHY, .script = "listen; seen @listener; client; accept accept 1; seen #1; send #1 send 1000; seen @sent #1; "
			     "fill #1 send flags=dontwait; seen @full #1; seen @listener_after" },
	{ "accept4", HEALTHY, .script = "listen; nonblock 1; client; sleep 30; accept accept4 1; seen #1; send #1 write 1000; "
			      "seen @sent #1; seen @listener" },
	{ "accept, IPv6", HEALTHY, .script = "listen; client; accept accept 1; seen #1; send #1 write 1000; seen @sent #1",
	  .kind = "tcp6" },

	{ "send", SLOW, .script = CARRIED("send") },
	{ "sendto", SLOW, .script = CARRIED("sendto") },
	{ "sendmsg", SLOW, .script = CARRIED("sendmsg") },
	{ "sendmmsg", SLOW, .script = CARRIED("sendmmsg") },
	{ "write", SLOW, .script = CARRIED("write") },
	{ "writev", SLOW, .script = CARRIED("writev") },
	{ "sendfile", SLOW, .script = CARRIED("sendfile") },
	{ "sendfile64", SLOW, .script = CARRIED("sendfile64") },
	{ "splice", SLOW, .script = CARRIED("splice") },

	{ "a refusal by MSG_DONTWAIT", { .stop = PEER_STALLS }, .script = "connect PORT; fill send flags=dontwait; seen" },
	{ "a refusal", { .stop = PEER_STALLS }, .script = WRITABLE "fill write; seen; wait poll out 50; seen @waited" },
	{ "a refusal, select", { .stop = PEER_STALLS }, .script = WRITABLE "fill write; wait select out 50; seen" },
	{ "a refusal, epoll", { .stop = PEER_STALLS },
.script = 	  "nonblock 1; connect PORT; wait epoll_wait in+out 2000; fill send; wait epoll_wait in+out 50; seen" },
	{ "poll loop", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "upload poll send 2000000 events=in+out; seen" },
	{ "poll loop with a tick", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "upload poll send 2000000 events=in+out tick=5; seen" },
	{ "select loop", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "upload select send 2000000 events=in+out; seen" },
	{ "epoll loop", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "upload epoll_wait send 2000000 events=in+out; seen" },
	{ "epoll loop by edges", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "upload epoll_wait send 2000000 events=in+out et=1; seen" },
	{ "epoll loop, sendfile", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "upload epoll_wait sendfile 2000000 events=in+out; seen" },
	{ "synchronous writer", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "sync send 2000000 9000; seen" },
	{ "synchronous writer, writev", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "sync writev 2000000 9000 iov=5; seen" },
	{ "synchronous writer, select", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "sync send 2000000 9000 wait=select; seen" },
	{ "synchronous writer, cap", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "sync send 2000000 9000; seen", .policy = "cap" },
	{ "synchronous writer, sendfile", SLOW, .script = "setopt sndbuf 60000; " WRITABLE "sync sendfile 2000000 9000; seen" },

	{ "a stall that recovers", PAUSES, .script = "setopt sndbuf 60000; connect PORT; &sendall @up send 3000000; sleep 600; "
					   "seen @stalled waiting=1; join up; seen" },
	{ "a stall that recovers, sendfile", PAUSES, .script = "setopt sndbuf 60000; connect PORT; &sendall @up sendfile 3000000; "
						     "sleep 600; seen @stalled waiting=1; join up; seen" },
	{ "a stall that recovers, writer", PAUSES, .script = "setopt sndbuf 60000; " WRITABLE "sync send 3000000 9000; seen" },
	{ "a stall that recovers, poll loop", PAUSES,
.script = 	  "setopt sndbuf 60000; " WRITABLE "upload poll send 3000000 events=in+out tick=100; seen" },
	{ "a stall that recovers, epoll loop", PAUSES,
.script = 	  "setopt sndbuf 60000; " WRITABLE "upload epoll_wait send 3000000 events=in+out; seen" },

	{ "dup", HEALTHY, .script = "connect PORT; dup 5; seen #5; send #5 send 1000; close; seen @after #5" },
	{ "dup2", HEALTHY, .script = "sock #5 pipe; connect PORT; dup2 #0 5; seen #5; send #5 write 1000; seen @after #5" },
	{ "dup3", HEALTHY, .script = "connect PORT; dup 5 by=dup3; seen #5; send #5 write 1000; seen @after #5" },
	{ "F_DUPFD", HEALTHY, .script = "connect PORT; dup 5 by=fcntl; seen #5; send #5 write 1000; seen @after #5" },
	{ "F_DUPFD_CLOEXEC", HEALTHY, .script = "connect PORT; dup 5 by=fcntl64; seen #5; send #5 write 1000; seen @after #5" },
	{ "exec", SLOW, .script = "setopt sndbuf 60000; connect PORT; exec 5; adopt 5 tcp4; seen; sendall send 2000000; seen @sent" },
	{ "fork", SLOW, .script = "setopt sndbuf 60000; connect PORT; fork; seen; sendall send 2000000; seen @sent" },
	{ "a child that sends", SLOW, .script = "setopt sndbuf 60000; connect PORT; child sendall send 1000000; sleep 100; "
				      "seen waiting=1; reap; seen @reaped" },
	{ "received over a unix socket", HEALTHY, .script = "connect PORT; pass 5; seen #5; send #5 write 1000; seen @sent #5; close #5; "
						  "seen @first" },
	{ "FIONBIO to and fro", SLOW, .script = "setopt sndbuf 60000; connect PORT; nonblock 1 by=ioctl; seen; upload poll send 500000; "
				      "nonblock 0 by=ioctl; seen @blocking; sendall send 500000; seen @sent; "
				      "nonblock 1 by=fcntl; nonblock 0 by=ioctl; seen @again" },
	{ "shutdown", HEALTHY, .script = "connect PORT; send send 1000; shutdown wr; seen" },
	{ "reads", { .greeting_bytes = 1000, .says_no_more = true },
.script = 	  "connect PORT; sleep 30; recv recv 500; seen; recv read 500; recv @end read 500; seen @ended" },
};

/* Only what the other process saw: the rest differs in time and sizes. */
static char *seen_in(const struct run *run)
{
	char *copy = strdup(run->transcript), *kept = calloc(1, strlen(run->transcript) + 2), *rest;

	cr_assert(copy && kept);
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strstr(line, ".seen_"))
			strcat(strcat(kept, line), "\n");
	free(copy);
	return kept;
}

static char *play_row(const struct healthy_row *row, bool own, bool bare)
{
	const struct setting setting = { .bare = bare, .send_ms = SEND_MS, .connect_ms = CONNECT_MS, .policy = row->policy };
	struct peer *peer = peer_start(&row->peer);
	struct run *run = play(&setting, "sock %s; %s%s", row->kind ? row->kind : "tcp4", own ? "own; " : "",
			       with_port(row->script, peer_port(peer)));

	expect_clean(run);
	/* Else the machine was so slow that a healthy peer looked like another, and there is nothing to see. */
	if (!bare)
		cr_assert_str_empty(run->errors);
	peer_finish(peer, 0);
	return seen_in(run);
}

ROW_TEST(healthy, looks_as_bare, 2 * ROWS_OF(healthy_rows))
{
	const struct healthy_row *row = &healthy_rows[*number / 2];
	const bool own = *number % 2;
	const char *bare = play_row(row, own, true), *ours = play_row(row, own, false);

	cr_assert(strlen(bare) > 0);
	cr_assert(strcmp(bare, ours) == 0, "%s%s: another process sees\n%sand of a bare program\n%s", row->name,
		  own ? ", with limits of its own" : "", ours, bare);
}

/* That the looking process sees anything at all. */
Test(healthy, own_values_are_seen, .timeout = 30)
{
	struct run *run = play(&(struct setting){ .bare = true }, "sock tcp4; own; nonblock 1; seen");

	expect_clean(run);
	expect(run, "seen.seen_sndtimeo_us", 5000000);
	expect(run, "seen.seen_user_timeout", 20000);
	expect(run, "seen.seen_linger", 1);
	expect(run, "seen.seen_linger_s", 3);
}

/* ---- a program without the library that goes on with the socket -------------------------------------------------- */

static const struct {
	const char *name;
	/* What the program with the library does before its child sends; each ends in a blocking socket. */
	const char *script;
} before_strangers[] = {
	{ "nothing but a connect", "sock tcp4; setopt sndbuf 60000; connect PORT" },
	{ "a non-blocking connect", "sock tcp4; setopt sndbuf 60000; nonblock 1; connect PORT; wait poll out 2000; nonblock 0" },
	{ "a send", "sock tcp4; setopt sndbuf 60000; connect PORT; sendall send 1000000" },
	{ "a write in many", "sock tcp4; setopt sndbuf 60000; connect PORT; sendall write 1000000 chunk=10000" },
	{ "a sendfile", "sock tcp4; setopt sndbuf 60000; connect PORT; sendall sendfile 1000000" },
	{ "a poll loop", "sock tcp4; setopt sndbuf 60000; nonblock 1; connect PORT; wait poll out 2000; "
			 "upload poll send 1000000 events=in+out; nonblock 0 by=ioctl" },
	{ "a synchronous writer", "sock tcp4; setopt sndbuf 60000; nonblock 1; connect PORT; wait poll out 2000; "
				  "sync send 1000000 9000; nonblock 0" },
};

/*
 * The peer reads 300 KB/s in large steps, so that the child's every write has to wait, and its one big one for seconds: a
 * time for the whole call, however long it is since the last progress, would end it.
 */
ROW_TEST(healthy, a_static_child_in_mid_transfer, 2 * ROWS_OF(before_strangers))
{
	const char *before = before_strangers[*number / 2].script, *chunk = *number % 2 ? "chunk=10000" : "";
	const long bytes = 1500000;
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 100000, .pause_ms = 300 });
	const struct setting setting = {
		.send_ms = 2000, .connect_ms = CONNECT_MS, .watchdog_ms = 25000,
		.environment = { text("TESTER_STATIC=%s", needed("SNDTIMEO_TEST_STATIC")) },
	};
	struct run *run = play(&setting, "%s; accepted; stranger %ld %s; close", with_port(before, peer_port(peer)), bytes, chunk);

	expect_clean(run);
	expect(run, "stranger.errno", 0);
	expect(run, "stranger.ret", bytes);
	cr_assert_str_empty(run->errors);
	/* All bytes are the kernel's now. */
	peer_resume(peer);
	struct peer_report report = peer_finish(peer, 5000);

	expect_peer_read(report, bytes + value_of(run, "accepted.counted"));
	cr_assert_eq(report.end, PEER_SAW_EOF);
}

/* An accepted socket, handed to a child as inetd and its kin do, but not at a standard number. */
Test(healthy, a_static_child_of_a_server, .timeout = 30)
{
	const struct setting setting = {
		.send_ms = 2000, .environment = { text("TESTER_STATIC=%s", needed("SNDTIMEO_TEST_STATIC")) },
	};
	/* The client reads nothing for a while: the child's write waits. */
	struct run *run = play(&setting, "sock tcp4; listen; sock #1 tcp4; setopt #1 sndbuf 60000; client; accept accept 2; "
					 "setopt #2 sndbuf 60000; send #2 send 1000; seen #2; stranger #2 20000");

	expect_clean(run);
	expect(run, "seen.seen_sndtimeo_us", 0);
	expect(run, "stranger.errno", 0);
	expect(run, "stranger.ret", 20000);
}
