/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Misbehaving TCP peers on loopback.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"

#define READ_BYTES 65536
/* A full accept queue takes one or two connections before it drops SYNs; more than this many means it never fills. */
#define MOST_FILLERS 16
/* On loopback a handshake takes microseconds; one that takes this long was dropped. */
#define HANDSHAKE_MS 100

struct peer {
	struct peer_script script;
	int listener;
	int wake;                    /* eventfd: `resumed` or `stopped` was set */
	unsigned port;
	atomic_bool resumed;
	atomic_bool stopped;
	struct peer_report report;   /* the thread's until it is joined */
	int64_t next_read_ms;
	int64_t next_talk_ms;
	size_t chunk_left;
	bool was_reset;
	pthread_t thread;
};

struct blackhole {
	int listener;
	int fillers[MOST_FILLERS];
	int n_fillers;
	unsigned port;
	int opens_after_ms;   /* 0: nobody opens it */
	pthread_t opener;
};

static void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	abort();
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static socklen_t loopback(struct sockaddr_storage *address, int family, unsigned port)
{
	memset(address, 0, sizeof *address);
	if (family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons((uint16_t)port);
		return sizeof *in6;
	}
	struct sockaddr_in *in = (struct sockaddr_in *)address;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in->sin_port = htons((uint16_t)port);
	return sizeof *in;
}

static int bound_socket(int family, int protocol, const char *elsewhere, unsigned *port)
{
	struct sockaddr_storage address;
	socklen_t size = loopback(&address, family, *port);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		die("socket");
	if (elsewhere && inet_pton(AF_INET, elsewhere, &((struct sockaddr_in *)&address)->sin_addr) != 1)
		die(elsewhere);
	if (bind(fd, (struct sockaddr *)&address, size) || getsockname(fd, (struct sockaddr *)&address, &size))
		die("bind");
	/* The port is at the same place in both families. */
	*port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	return fd;
}

/* ---- one connection ------------------------------------------------------------------------------------------- */

static void check(struct peer *peer, const unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != pattern_byte(peer->report.bytes + i))
			peer->report.in_pattern = false;
	peer->report.bytes += count;
}

/* How much may be read now: 0 once `stop_bytes` are reached. */
static size_t read_quota(const struct peer *peer)
{
	size_t quota = READ_BYTES;

	if (atomic_load(&peer->resumed))
		return quota;
	if (peer->script.stop != PEER_READS_ON && peer->script.stop_bytes - peer->report.bytes < quota)
		quota = peer->script.stop_bytes - peer->report.bytes;
	if (peer->script.chunk_bytes && peer->chunk_left < quota)
		quota = peer->chunk_left;
	return quota;
}

static bool is_stalled(const struct peer *peer)
{
	return !atomic_load(&peer->resumed) && peer->script.stop == PEER_STALLS &&
	       peer->report.bytes >= peer->script.stop_bytes;
}

/* Account for what was read against the chunk, and start the pause at its end. */
static void use_chunk(struct peer *peer, size_t count)
{
	if (!peer->script.chunk_bytes || atomic_load(&peer->resumed))
		return;
	peer->chunk_left -= count;
	if (peer->chunk_left)
		return;
	peer->chunk_left = peer->script.chunk_bytes;
	peer->next_read_ms = now_ms() + peer->script.pause_ms;
}

/* Read once. Returns false when the connection has ended. */
static bool read_some(struct peer *peer, int fd)
{
	unsigned char buffer[READ_BYTES];
	ssize_t count = recv(fd, buffer, read_quota(peer), MSG_DONTWAIT);

	if (count > 0) {
		check(peer, buffer, (size_t)count);
		use_chunk(peer, (size_t)count);
		return true;
	}
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (peer->was_reset || (count < 0 && errno == ECONNRESET))
		peer->report.end = PEER_SAW_RESET;
	else
		peer->report.end = count == 0 ? PEER_SAW_EOF : PEER_SAW_OTHER;
	return false;
}

/* At `stop_bytes`: end the connection if the script says so. Returns true if it did. */
static bool ends_it(struct peer *peer, int fd)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (peer->script.stop != PEER_RESETS && peer->script.stop != PEER_CLOSES)
		return false;
	if (peer->report.bytes < peer->script.stop_bytes)
		return false;
	if (peer->script.stop == PEER_RESETS)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	peer->report.end = PEER_ENDED_IT;
	return true;
}

static void greet(const struct peer *peer, int fd)
{
	unsigned char *bytes = malloc(peer->script.greeting_bytes + 1);

	if (!bytes)
		die("malloc");
	pattern_fill(bytes, peer->script.greeting_bytes, 0);
	if (send(fd, bytes, peer->script.greeting_bytes, MSG_NOSIGNAL) != (ssize_t)peer->script.greeting_bytes)
		die("greeting");
	free(bytes);
}

static void talk(struct peer *peer, int fd)
{
	if (!peer->script.talk_ms || now_ms() < peer->next_talk_ms)
		return;
	/* The kernel tells of a reset once: then the next read looks like a clean end. */
	if (send(fd, ".", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ECONNRESET)
		peer->was_reset = true;
	peer->next_talk_ms = now_ms() + peer->script.talk_ms;
}

/* Wait until there is something to do; returns false when the test stops the peer. */
static bool wait_for_work(struct peer *peer, int fd)
{
	int64_t now = now_ms();
	bool paused = !atomic_load(&peer->resumed) && peer->next_read_ms > now;
	struct pollfd fds[] = {
		{ .fd = peer->wake, .events = POLLIN },
		/* Left out while it does not read, so that its full queue does not make this loop spin. */
		{ .fd = paused || is_stalled(peer) ? -1 : fd, .events = POLLIN },
	};
	int64_t until = INT64_MAX;
	uint64_t drained;

	if (paused)
		until = peer->next_read_ms;
	if (peer->script.talk_ms && peer->next_talk_ms < until)
		until = peer->next_talk_ms;
	int timeout = until == INT64_MAX ? -1 : until > now ? (int)(until - now) : 0;

	if (poll(fds, 2, timeout) < 0 && errno != EINTR)
		die("poll");
	if (fds[0].revents)
		(void)!read(peer->wake, &drained, sizeof drained);
	return !atomic_load(&peer->stopped);
}

static bool may_read(const struct peer *peer)
{
	return !is_stalled(peer) && (atomic_load(&peer->resumed) || now_ms() >= peer->next_read_ms);
}

static void serve(struct peer *peer, int fd)
{
	peer->next_read_ms = now_ms() + peer->script.start_ms;
	peer->chunk_left = peer->script.chunk_bytes;
	if (peer->script.greeting_bytes)
		greet(peer, fd);
	if (peer->script.says_no_more)
		shutdown(fd, SHUT_WR);
	do {
		talk(peer, fd);
		if (ends_it(peer, fd))
			return;
		if (may_read(peer) && !read_some(peer, fd))
			return;
	} while (wait_for_work(peer, fd));
}

static void *peer_main(void *context)
{
	struct peer *peer = context;
	struct pollfd fds[] = {
		{ .fd = peer->wake, .events = POLLIN },
		{ .fd = peer->listener, .events = POLLIN },
	};

	while (poll(fds, 2, -1) >= 0 && !atomic_load(&peer->stopped)) {
		uint64_t drained;

		if (fds[0].revents)
			(void)!read(peer->wake, &drained, sizeof drained);
		if (!fds[1].revents)
			continue;
		int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			die("accept");
		serve(peer, fd);
		close(fd);
		break;
	}
	return NULL;
}

/* ---- what tests call ------------------------------------------------------------------------------------------ */

struct peer *peer_start(const struct peer_script *script)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (!peer)
		die("calloc");
	peer->script = *script;
	peer->report.in_pattern = true;
	peer->port = script->port;
	peer->listener = bound_socket(script->family ? script->family : AF_INET, script->mptcp ? IPPROTO_MPTCP : 0,
				      script->address, &peer->port);
	peer->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* Both must be there before the handshake: accepted sockets inherit them. */
	if (script->rcvbuf_bytes &&
	    setsockopt(peer->listener, SOL_SOCKET, SO_RCVBUF, &script->rcvbuf_bytes, sizeof script->rcvbuf_bytes))
		die("SO_RCVBUF");
	if (script->mss_bytes &&
	    setsockopt(peer->listener, IPPROTO_TCP, TCP_MAXSEG, &script->mss_bytes, sizeof script->mss_bytes))
		die("TCP_MAXSEG");
	if (peer->wake < 0 || listen(peer->listener, 8) || pthread_create(&peer->thread, NULL, peer_main, peer))
		die("cannot start");
	return peer;
}

unsigned peer_port(const struct peer *peer)
{
	return peer->port;
}

static void wake(struct peer *peer)
{
	const uint64_t one = 1;

	(void)!write(peer->wake, &one, sizeof one);
}

void peer_resume(struct peer *peer)
{
	atomic_store(&peer->resumed, true);
	wake(peer);
}

struct peer_report peer_finish(struct peer *peer, int wait_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	if (pthread_timedjoin_np(peer->thread, NULL, &until)) {
		atomic_store(&peer->stopped, true);
		wake(peer);
		pthread_join(peer->thread, NULL);
	}
	struct peer_report report = peer->report;

	close(peer->listener);
	close(peer->wake);
	free(peer);
	return report;
}

/* Start connecting; returns the descriptor, and in `hangs` whether the handshake was not over in good time. */
static int start_connect(int family, unsigned port, bool *hangs)
{
	struct sockaddr_storage address;
	socklen_t size = loopback(&address, family, port);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	if (fd < 0 || (connect(fd, (struct sockaddr *)&address, size) && errno != EINPROGRESS))
		die("filler");
	*hangs = poll(&writable, 1, HANDSHAKE_MS) == 0;
	return fd;
}

struct blackhole *blackhole_start(int family)
{
	struct blackhole *hole = calloc(1, sizeof *hole);
	bool full = false;

	if (!hole)
		die("calloc");
	hole->listener = bound_socket(family, 0, NULL, &hole->port);
	/* Who connects late finds little room. */
	setsockopt(hole->listener, SOL_SOCKET, SO_RCVBUF, &(int){ 32768 }, sizeof(int));
	if (listen(hole->listener, 0))
		die("listen");
	while (!full) {
		if (hole->n_fillers == MOST_FILLERS)
			die("the accept queue never fills");
		hole->fillers[hole->n_fillers++] = start_connect(family, hole->port, &full);
	}
	return hole;
}

unsigned blackhole_port(const struct blackhole *hole)
{
	return hole->port;
}

void blackhole_open(struct blackhole *hole)
{
	/* Those who wait in the queue are taken out of it, and the last one waits no more for its place; the next SYN that is
	 * sent again finds room. */
	close(hole->fillers[--hole->n_fillers]);
	for (int i = 0; i < hole->n_fillers; i++)
		close(accept4(hole->listener, NULL, NULL, SOCK_CLOEXEC));
}

static void *open_later(void *its)
{
	struct blackhole *hole = its;

	usleep((useconds_t)hole->opens_after_ms * 1000);
	blackhole_open(hole);
	return NULL;
}

void blackhole_open_after(struct blackhole *hole, int ms)
{
	hole->opens_after_ms = ms;
	if (pthread_create(&hole->opener, NULL, open_later, hole))
		die("pthread_create");
}

int64_t blackhole_read(struct blackhole *hole)
{
	const struct timeval patience = { .tv_sec = 3 };
	static char buffer[65536];
	int64_t bytes = 0;
	ssize_t got = -1;

	setsockopt(hole->listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	const int fd = accept4(hole->listener, NULL, NULL, SOCK_CLOEXEC);

	while (fd >= 0 && (got = read(fd, buffer, sizeof buffer)) > 0)
		bytes += got;
	if (fd >= 0)
		close(fd);
	return got == 0 ? bytes : -1;
}

void blackhole_finish(struct blackhole *hole)
{
	if (hole->opens_after_ms)
		pthread_join(hole->opener, NULL);
	for (int i = 0; i < hole->n_fillers; i++)
		close(hole->fillers[i]);
	close(hole->listener);
	free(hole);
}

unsigned refusing_port(int family)
{
	unsigned port = 0;

	/* Left open on purpose: bound but not listening it refuses, and no other test can be given the port. */
	(void)bound_socket(family, 0, NULL, &port);
	return port;
}
