/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The victims of race.h, who make one call on a number, and the closers, who take the number from under it; and those
 * whose peer stops reading, and who find out by themselves.
 */
#include "race.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_OFFERS 64
/* Numbers that one wait is for. */
#define BATCH 12
#define STATE_SYN_SENT 2
/* For a call that a closer should have ended by taking its number, or somebody else. */
#define WAIT_MS 700
/* For what a verdict ends, or the peer, much sooner. */
#define VERDICT_MS 20000
#define SOON_US 20000

/** What a victim's call must have come to before its number may be taken. */
enum call { IN_A_SEND, IN_A_CONNECT, IN_A_WAIT };

/** A victim's FREE becomes OFFERED, a closer makes that CLAIMED and then TAKEN, and the victim FREE again. */
enum state { FREE, OFFERED, CLAIMED, TAKEN };

/** A victim's number, for a closer to take. */
struct offer {
	_Atomic enum state state;
	int number;
	enum call call;
	atomic_bool quick;       /* a closer reads it before the number is its own */
	atomic_bool returned;
	_Atomic int64_t due_us;  /* nobody takes it long before that */
};

static struct offer offers[MOST_OFFERS];

static struct offer *offer_number(int number, enum call call, bool quick, int64_t due_us)
{
	for (;;) {
		for (int i = 0; i < MOST_OFFERS; i++) {
			enum state free_state = FREE;

			/* CLAIMED, until the rest is there. */
			if (!atomic_compare_exchange_strong(&offers[i].state, &free_state, CLAIMED))
				continue;
			offers[i].number = number;
			offers[i].call = call;
			offers[i].quick = quick;
			atomic_store(&offers[i].due_us, due_us);
			atomic_store(&offers[i].returned, false);
			atomic_store(&offers[i].state, OFFERED);
			return &offers[i];
		}
		nap_us(200);
	}
}

/* After the one call. From here on the number is somebody else's, whoever has it. */
static void wait_until_taken(struct worker *worker, struct offer *offer)
{
	worker->doing = "waiting for a closer";
	atomic_store(&offer->returned, true);
	while (atomic_load(&offer->state) != TAKEN)
		nap_us(100);
	atomic_store(&offer->state, FREE);
}

/* ---- victims ----------------------------------------------------------------------------------------------------- */

static void lose_send_to(struct worker *worker, enum manner manner, uint64_t length)
{
	const int method = (int)below(worker, METHODS);
	struct connection *connection = new_connection(TAKEN_AWAY, manner, length);

	if (!connection)
		return;
	const int number = connect_to(worker, connection, false);

	if (number < 0)
		return;
	connection->by = methods[method];
	race_fill(worker->bytes, connection->id, length);
	const int source = source_for(method, worker->bytes, length);
	struct offer *offer = offer_number(number, IN_A_SEND, manner == READS_LATE, 0);

	connection->start_us = now_us();
	const ssize_t count = send_by(worker, method, number, worker->bytes, length, source);
	const int error = errno;

	wait_until_taken(worker, offer);
	if (source >= 0)
		close(source);
	if (manner == STOPS && count < 0 && error == ETIMEDOUT)
		atomic_fetch_add(&counts.verdicts, 1);
	if (manner != STOPS && count < 0) {
		if (held_up_since(connection->start_us))
			connection->excused = true;
		else
			harm("a send whose number (%d) another thread closed failed, on a healthy connection: %s, %s", number,
			     methods[method], strerror(error));
	}
	atomic_fetch_add(&counts.taken, 1);
	done_with(connection, count > 0 ? (uint64_t)count : 0);
}

void lose_a_send(struct worker *worker)
{
	if (below(worker, 3))
		lose_send_to(worker, READS_SLOWLY, 300000 + below(worker, 400000));
	else
		lose_send_to(worker, STOPS, STOPPED_BYTES);
}

void lose_a_short_send(struct worker *worker)
{
	/* Some times what both buffers take. */
	lose_send_to(worker, READS_LATE, 60000 + below(worker, 60000));
}

void lose_a_connect(struct worker *worker)
{
	const struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					     .sin_port = htons((uint16_t)shared->ports[BLACKHOLE]) };
	const bool non_blocking = below(worker, 3) == 0;
	const int number = socket(AF_INET, SOCK_STREAM | (non_blocking ? SOCK_NONBLOCK : 0), 0);
	/* The kernel gives up then, also where no library sets a deadline. */
	const unsigned own_ms = BLACKHOLE_MS;

	if (number < 0)
		broken("socket");
	setsockopt(number, IPPROTO_TCP, TCP_USER_TIMEOUT, &own_ms, sizeof own_ms);
	worker->number = number;
	worker->doing = "connect to a blackhole";
	struct offer *offer;
	int connected = -1;

	if (non_blocking) {
		struct pollfd writable = { .fd = number, .events = POLLOUT };

		connected = connect(number, (const struct sockaddr *)&address, sizeof address);
		offer = offer_number(number, IN_A_CONNECT, false, 0);
		/* By then the number may be another's, who writes: nothing follows from what this says. */
		poll(&writable, 1, WAIT_MS);
	} else {
		offer = offer_number(number, IN_A_CONNECT, false, 0);
		connected = connect(number, (const struct sockaddr *)&address, sizeof address);
		if (connected && errno == ETIMEDOUT)
			atomic_fetch_add(&counts.connect_deadlines, 1);
	}
	if (connected == 0)
		harm("connect to an address that never answers succeeded (descriptor %d, closed by another thread)", number);
	wait_until_taken(worker, offer);
	atomic_fetch_add(&counts.taken_connects, 1);
}

/* A non-blocking socket, filled until it refuses. */
static int fill(struct worker *worker, struct connection *connection, uint64_t *sent)
{
	const int number = connect_to(worker, connection, true);

	if (number < 0)
		return -1;
	race_fill(worker->bytes, connection->id, STOPPED_BYTES);
	for (*sent = 0;;) {
		const ssize_t count = send_by(worker, 1, number, worker->bytes + *sent, 16384, -1);

		if (count < 0)
			return number;
		*sent += (uint64_t)count;
		if (*sent > STOPPED_BYTES - 16384)
			broken("a peer that had stopped reads");
	}
}

/* Wait for all of them, in one of the ways there are, until their numbers are somebody else's. */
static void wait_for_all(struct worker *worker, const struct offer *const taken[], int count)
{
	const int64_t until_us = now_us() + WAIT_MS * 1000;
	const uint64_t how = below(worker, 3);
	struct pollfd fds[BATCH];
	struct epoll_event event;

	for (int i = 0; i < count; i++)
		fds[i] = (struct pollfd){ .fd = taken[i]->number, .events = POLLOUT };
	worker->number = fds[0].fd;
	if (how == 0) {
		/* For writing, on one of them alone, as synchronous writers do. poll() changes nothing, whosever the number is. */
		worker->doing = "poll on a taken number";
		poll(fds, 1, WAIT_MS);
	} else if (how == 1) {
		worker->doing = "poll on taken numbers";
		while (now_us() < until_us && poll(fds, (nfds_t)count, 50) == 0)
			;
	} else {
		worker->doing = "epoll on taken numbers";
		/* The kernel takes them out of the set when they are closed. */
		while (now_us() < until_us)
			epoll_wait(worker->epoll, &event, 1, 50);
	}
}

void lose_waits(struct worker *worker)
{
	struct connection *connections[BATCH];
	struct offer *taken[BATCH];
	uint64_t sent[BATCH];
	int count = 0;

	for (int i = 0; i < BATCH; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
		struct connection *connection = new_connection(STOPPED, STOPS, STOPPED_BYTES);
		const int number = connection ? fill(worker, connection, &sent[count]) : -1;

		if (number < 0)
			break;
		connection->by = "a wait";
		if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, number, &event))
			broken("epoll_ctl");
		/* About when the verdict is due. */
		taken[count] = offer_number(number, IN_A_WAIT, false, now_us() + 385000 + (int64_t)below(worker, 30000));
		connections[count++] = connection;
	}
	if (count)
		wait_for_all(worker, (const struct offer *const *)taken, count);
	for (int i = 0; i < count; i++) {
		wait_until_taken(worker, taken[i]);
		atomic_fetch_add(&counts.taken_waits, 1);
		done_with(connections[i], sent[i]);
	}
}

/* ---- no victim: who is told of verdicts ----------------------------------------------------------------------------- */

/* Sends until the verdict, or until the peer gives up. */
void meet_the_stopped(struct worker *worker)
{
	struct connection *connection = new_connection(STOPPED, STOPS, STOPPED_BYTES);
	const bool non_blocking = below(worker, 2), waits = below(worker, 4);
	uint64_t sent = 0;

	if (!connection)
		return;
	const int number = connect_to(worker, connection, non_blocking);
	const int method = (int)below(worker, 3);

	if (number < 0)
		return;
	connection->by = methods[method];
	race_fill(worker->bytes, connection->id, STOPPED_BYTES);
	for (;;) {
		struct pollfd writable = { .fd = number, .events = waits ? POLLOUT : POLLOUT | POLLIN };
		/* A tick, as event loops have it, or a synchronous writer's time for all of it. */
		const int ready = non_blocking ? poll(&writable, 1, waits ? VERDICT_MS : 50) : 1;
		const ssize_t count = send_by(worker, method, number, worker->bytes + sent, STOPPED_BYTES - sent, -1);

		sent += count > 0 ? (uint64_t)count : 0;
		if (ready == 0 && waits)
			atomic_fetch_add(&counts.wait_verdicts, 1);
		if ((ready == 0 && waits) || (count < 0 && errno == ETIMEDOUT))
			atomic_fetch_add(&counts.verdicts, 1);
		if ((ready == 0 && waits) || (count < 0 && errno != EAGAIN))
			break;
		if (sent >= STOPPED_BYTES) {
			harm("a peer that had stopped reading took %llu bytes", (unsigned long long)sent);
			break;
		}
	}
	close_number(worker, number);
	atomic_fetch_add(&counts.stopped, 1);
	done_with(connection, sent);
}

/* ---- closers ----------------------------------------------------------------------------------------------------- */

/* Whether the victim's call has begun with this number, so that the kernel holds the file. Past the library. */
static bool has_begun(const struct offer *offer)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;
	int outstanding = 0;

	if (atomic_load(&offer->returned) || offer->call == IN_A_WAIT)
		return true;
	syscall(SYS_getsockopt, offer->number, IPPROTO_TCP, TCP_INFO, &info, &size);
	if (offer->call == IN_A_CONNECT)
		return info.tcpi_state == STATE_SYN_SENT;
	syscall(SYS_ioctl, offer->number, SIOCOUTQ, &outstanding);
	/* The SYN was acknowledged, too. */
	return outstanding > 0 || info.tcpi_bytes_acked > 1;
}

static struct offer *claim(bool quick)
{
	static atomic_uint next;

	/* At the end the victims' last numbers have to be taken, too. */
	for (int tries = 0; tries < 1000; tries++) {
		struct offer *offer = &offers[atomic_fetch_add(&next, 1) % MOST_OFFERS];
		enum state offered = OFFERED;

		if (offer->quick == quick && atomic_load(&offer->due_us) < now_us() + SOON_US &&
		    atomic_compare_exchange_strong(&offer->state, &offered, CLAIMED))
			return offer;
		if (tries % MOST_OFFERS == MOST_OFFERS - 1)
			nap_us(200);
	}
	return NULL;
}

static void pause_before(struct worker *worker, const struct offer *offer)
{
	const int64_t until_us = atomic_load(&offer->due_us);

	if (offer->call == IN_A_WAIT) {
		while (now_us() < until_us)
			sched_yield();
		return;
	}
	/* Right after the first bytes; early; somewhere in the wait; about when a verdict is due. */
	switch (below(worker, offer->quick ? 2 : 4)) {
	case 0:
		return;
	case 1:
		nap_us((long)below(worker, 1000));
		return;
	case 2:
		nap_us((long)below(worker, 60000));
		return;
	default:
		nap_us(350000 + (long)below(worker, 100000));
	}
}

static void take_number(struct worker *worker, bool quick)
{
	worker->doing = "looking for a number";
	struct offer *offer = claim(quick);

	if (!offer)
		return;
	const bool over_it = !is_over() && below(worker, 3) == 0;
	struct owner owner = { .number = -1 };
	const int number = offer->number;

	if (over_it)
		owner = open_owner(worker, offer->quick || offer->call == IN_A_WAIT);
	worker->doing = "waiting for a victim's call to begin";
	worker->number = number;
	while (!has_begun(offer))
		sched_yield();
	if (!is_over())
		pause_before(worker, offer);
	if (owner.number >= 0) {
		/* In one step: there is no moment at which it is nobody's. */
		worker->doing = "dup2";
		const int taken = below(worker, 2) ? dup2(owner.number, number) : dup3(owner.number, number, O_CLOEXEC);

		if (taken != number)
			harm("dup2(%d, %d) returned %d: %s", owner.number, number, taken, strerror(errno));
		close(owner.number);
		owner.number = number;
	} else {
		close_number(worker, number);
		/* The lowest number that is free: most often this one. */
		if (!is_over())
			owner = open_owner(worker, offer->quick || offer->call == IN_A_WAIT);
	}
	atomic_store(&offer->state, TAKEN);
	use_owner(worker, &owner);
}

void take_numbers(struct worker *worker)
{
	take_number(worker, false);
}

void take_numbers_in_haste(struct worker *worker)
{
	take_number(worker, true);
}
