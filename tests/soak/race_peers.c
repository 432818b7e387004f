/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The peers of race.h: one thread, raw system calls, because the library is in this process, too.
 */
#include "race.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST_OPEN 2048
#define READ_BYTES 65536
#define SLOW_BYTES 16384
#define SLOW_US 10000
#define LATE_US 1500
#define LATE_BYTES 4096
#define RCVBUF_BYTES 65536
/* So small that the sender is woken again and again for little. */
#define SMALL_RCVBUF_BYTES 8192
/* Loopback's 64 KB segments hide small windows. */
#define SEGMENT_BYTES 1400

struct open_connection {
	int fd;
	enum manner manner;
	int64_t next_us;                  /* when it is to be read from */
	int64_t hold_until_us;            /* of a stopped one */
	unsigned char head[HEADER_BYTES];
	uint64_t read;
	uint64_t id;
	struct connection *connection;    /* NULL: the header is not complete */
};

static struct open_connection open_connections[MOST_OPEN];
static size_t n_open;
static int listeners[MANNERS];
static const char *const manners[] = { "reads fast", "reads slowly", "reads late", "stops" };

static int listen_on(enum manner manner)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	const int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int rcvbuf = manner == READS_SLOWLY ? RCVBUF_BYTES : SMALL_RCVBUF_BYTES, segment = SEGMENT_BYTES;

	if (manner != READS_FAST)
		syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
	if (manner != READS_FAST)
		syscall(SYS_setsockopt, fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
	if (syscall(SYS_bind, fd, &address, size) || syscall(SYS_listen, fd, manner == BLACKHOLE ? 0 : 1024) ||
	    syscall(SYS_getsockname, fd, &address, &size))
		broken("listener");
	shared->ports[manner] = ntohs(address.sin_port);
	return fd;
}

/* Connections that nobody accepts, until the kernel drops every further SYN. */
static void fill_blackhole(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons((uint16_t)shared->ports[BLACKHOLE]) };

	for (int i = 0; i < 4; i++) {
		const int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		syscall(SYS_connect, fd, &address, sizeof address);
		nap_us(50000);
	}
}

static struct connection *find_connection(uint64_t id)
{
	struct connection *connection = &shared->connections[id % MOST_CONNECTIONS];

	return atomic_load(&connection->id) == id ? connection : NULL;
}

/* Whose bytes they are, if that is still known. Eight of them occur once. */
static const char *whose(const unsigned char *bytes, size_t size, char text[128])
{
	snprintf(text, 128, "of nobody in the table");
	for (int i = 0; size >= 8 && i < MOST_CONNECTIONS; i++) {
		const struct connection *connection = &shared->connections[i];
		const uint64_t id = atomic_load(&connection->id);

		for (uint64_t offset = 0; id && offset + 8 <= connection->length; offset++) {
			if (race_byte(id, offset) != bytes[0] || race_match(bytes, id, offset, 8) != 8)
				continue;
			snprintf(text, 128, "byte %llu of %llu of connection %llu (descriptor %d, %s%s)",
				 (unsigned long long)offset, (unsigned long long)connection->length,
				 (unsigned long long)id, connection->number, connection->by,
				 connection->fate == TAKEN_AWAY ? ", closed during the call" : "");
			return text;
		}
	}
	return text;
}

/* Whose connection it is, from its first bytes; they may come in pieces. */
static void read_header(struct open_connection *open)
{
	char text[128];

	if (race_match(open->head, 0, 0, 8) != 8) {
		harm("a connection to a peer that %s begins with foreign bytes: %s", manners[open->manner],
		     whose(open->head, HEADER_BYTES, text));
		return;
	}
	for (int i = 0; i < 8; i++)
		open->id |= (uint64_t)open->head[8 + i] << 8 * i;
	open->connection = find_connection(open->id);
	if (!open->connection)
		harm("a connection says that it is number %llu, which is over or never was", (unsigned long long)open->id);
	else if (open->connection->manner != open->manner)
		harm("connection %llu (%s) reached another peer than it was made to", (unsigned long long)open->id,
		     open->connection->by);
}

static void check_bytes(struct open_connection *open, const unsigned char *bytes, size_t size)
{
	char text[128];

	while (size && open->read < HEADER_BYTES) {
		open->head[open->read++] = *bytes++;
		size--;
		if (open->read == HEADER_BYTES)
			read_header(open);
	}
	if (!open->connection)
		return;
	const size_t good = race_match(bytes, open->id, open->read, size);
	const struct connection *connection = open->connection;

	if (good < size)
		harm("foreign bytes at the peer of connection %llu (descriptor %d, %s), which had sent its own up to %llu of "
		     "%llu: %s", (unsigned long long)open->id, connection->number, connection->by,
		     (unsigned long long)(open->read + good), (unsigned long long)connection->length,
		     whose(bytes + good, size - good, text));
	open->read += size;
	atomic_store(&open->connection->read, open->read);
}

static void end(struct open_connection *open, enum ending ending)
{
	struct connection *connection = open->connection;

	syscall(SYS_close, open->fd);
	if (connection) {
		connection->ending = ending;
		atomic_store(&connection->ended_us, now_us());
	} else if (ending == RESET && !is_over()) {
		harm("a connection was reset before its first bytes");
	}
	*open = open_connections[--n_open];
}

/* Returns false when the connection is over. */
static bool read_once(struct open_connection *open, size_t most)
{
	static unsigned char bytes[READ_BYTES];
	const ssize_t count = syscall(SYS_recvfrom, open->fd, bytes, most, MSG_DONTWAIT, NULL, NULL);

	if (count > 0) {
		check_bytes(open, bytes, (size_t)count);
		return true;
	}
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	end(open, count == 0 ? IN_ORDER : RESET);
	return false;
}

/* A stopped connection's time is over: what has come is looked at, and it is reset. */
static void give_up(struct open_connection *open)
{
	const struct linger at_once = { .l_onoff = 1 };

	/* Twice what its buffer takes, and no more: the sender fills it again. */
	for (int i = 0; i < 4; i++)
		if (!read_once(open, READ_BYTES))
			return;
	syscall(SYS_setsockopt, open->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	end(open, GIVEN_UP);
}

static void serve(struct open_connection *open, bool readable, int64_t now)
{
	static const size_t most[] = { READ_BYTES, SLOW_BYTES, LATE_BYTES, HEADER_BYTES };

	if (open->manner == STOPS && open->read >= HEADER_BYTES) {
		if (now >= open->hold_until_us)
			give_up(open);
	} else if (readable && now >= open->next_us) {
		if (open->manner == READS_SLOWLY)
			open->next_us = now + SLOW_US;
		(void)read_once(open, most[open->manner]);
	}
}

static void accept_all(enum manner manner)
{
	while (n_open < MOST_OPEN) {
		const int fd = (int)syscall(SYS_accept4, listeners[manner], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		open_connections[n_open++] = (struct open_connection){
			.fd = fd, .manner = manner, .hold_until_us = now_us() + HOLD_MS * 1000,
			.next_us = manner == READS_LATE ? now_us() + (int64_t)(mix((uint64_t)now_us()) % LATE_US) : 0,
		};
	}
}

static void serve_all(void)
{
	static struct pollfd fds[MOST_OPEN + MANNERS];
	const struct timespec tick = { .tv_nsec = 1000000 };
	int64_t last_us = now_us();

	for (;;) {
		struct timespec left = tick;

		for (size_t i = 0; i < n_open; i++) {
			/* Who waits is left out, so that its full queue does not make this spin. */
			const bool waits = (open_connections[i].manner == STOPS && open_connections[i].read >= HEADER_BYTES) ||
					   open_connections[i].next_us > last_us;

			fds[i] = (struct pollfd){ .fd = waits ? -1 : open_connections[i].fd, .events = POLLIN };
		}
		for (int i = 0; i < BLACKHOLE; i++)
			fds[n_open + (size_t)i] = (struct pollfd){ .fd = listeners[i], .events = POLLIN };
		syscall(SYS_ppoll, fds, n_open + BLACKHOLE, &left, NULL, 8);
		const int64_t now = now_us();

		if (now - last_us > shared->held_up_least_us)
			atomic_store(&shared->held_up_us, now);
		last_us = now;
		/* From the end: who is over makes room for the last one. */
		for (size_t i = n_open; i-- > 0;)
			serve(&open_connections[i], fds[i].revents != 0, now);
		for (int i = 0; i < BLACKHOLE; i++)
			accept_all((enum manner)i);
		if (getppid() == 1)
			_exit(0);
	}
}

pid_t start_peers(void)
{
	const pid_t pid = fork();

	if (pid < 0)
		broken("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < MANNERS; i++)
			listeners[i] = listen_on((enum manner)i);
		fill_blackhole();
		atomic_store(&shared->peers_ready, true);
		serve_all();
	}
	while (!atomic_load(&shared->peers_ready))
		nap_us(1000);
	return pid;
}
