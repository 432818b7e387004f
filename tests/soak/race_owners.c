/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The owners of race.h: whoever has a number for itself, and must not notice what happened to it before.
 */
#include "race.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SMALL_BYTES 4096
#define SNDBUF_BYTES 65536
#define SMALL_SNDBUF_BYTES 8192
/* For so long, at most, an owner lets a pipe or a file alone, to see who else writes there. */
#define QUICK_US 2000
#define LONG_US 30000
/* For a wait that a healthy connection ends much sooner. */
#define WAIT_MS 20000

const char *const methods[METHODS] = { "write", "send", "sendmsg", "writev", "sendfile" };

/* ---- connections ------------------------------------------------------------------------------------------------- */

struct connection *new_connection(enum fate fate, enum manner manner, uint64_t length)
{
	while (!is_over()) {
		const uint64_t id = atomic_fetch_add(&shared->last_id, 1) + 1;
		struct connection *connection = &shared->connections[id % MOST_CONNECTIONS];

		/* Nobody else has this id; an older one may still be there. */
		if (atomic_load(&connection->id))
			continue;
		connection->fate = fate;
		connection->manner = manner;
		connection->length = length;
		connection->number = -1;
		connection->by = "nothing yet";
		connection->start_us = now_us();
		connection->accepted = 0;
		atomic_store(&connection->read, 0);
		connection->excused = false;
		connection->ending = NOT_ENDED;
		atomic_store(&connection->done_us, 0);
		atomic_store(&connection->ended_us, 0);
		atomic_store(&connection->id, id);
		return connection;
	}
	return NULL;
}

void done_with(struct connection *connection, uint64_t accepted)
{
	connection->accepted = accepted;
	atomic_store(&connection->done_us, now_us());
}

/* A call on a healthy connection failed, or did less than it had to. Returns whether the machine may be to blame. */
static bool is_excused(struct connection *connection, const char *call, long ret, int error)
{
	if (held_up_since(connection->start_us)) {
		connection->excused = true;
		atomic_fetch_add(&counts.excused, 1);
		return true;
	}
	harm("healthy connection %llu (descriptor %d, %llu bytes): %s returned %ld, %s, after %.2f s",
	     (unsigned long long)atomic_load(&connection->id), connection->number, (unsigned long long)connection->length,
	     call, ret, ret < 0 ? strerror(error) : "less than all", (double)(now_us() - connection->start_us) / 1e6);
	return false;
}

int connect_to(struct worker *worker, struct connection *connection, bool non_blocking)
{
	const struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					     .sin_port = htons((uint16_t)shared->ports[connection->manner]) };
	const int fd = socket(AF_INET, SOCK_STREAM | (non_blocking ? SOCK_NONBLOCK : 0), 0),
		  sndbuf = connection->manner == READS_SLOWLY ? SNDBUF_BYTES : SMALL_SNDBUF_BYTES;
	struct pollfd connected = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof error;

	worker->doing = "connect";
	worker->number = fd;
	if (fd < 0)
		broken("socket");
	connection->number = fd;
	connection->start_us = now_us();
	if (connection->manner != READS_FAST)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf);
	int failed = connect(fd, (const struct sockaddr *)&address, sizeof address);

	error = errno;
	if (failed && non_blocking && error == EINPROGRESS) {
		const int ready = poll(&connected, 1, WAIT_MS);

		error = ready == 0 ? ETIMEDOUT : errno;
		failed = ready != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) || error;
	}
	if (!failed)
		return fd;
	/* All ports wait for late segments of connections that are over. */
	if (error == EADDRNOTAVAIL)
		nap_us(10000);
	else
		(void)is_excused(connection, "connect", -1, error);
	close(fd);
	atomic_store(&connection->id, 0);
	return -1;
}

int source_for(int method, const unsigned char *bytes, size_t size)
{
	if (strcmp(methods[method], "sendfile") != 0)
		return -1;
	const int source = memfd_create("source", 0);

	if (source < 0 || pwrite(source, bytes, size, 0) != (ssize_t)size)
		broken("memfd");
	return source;
}

ssize_t send_by(struct worker *worker, int method, int number, const unsigned char *bytes, size_t size, int source)
{
	struct iovec iov[3] = { { (void *)bytes, size / 3 }, { (void *)(bytes + size / 3), size / 3 },
				{ (void *)(bytes + size / 3 * 2), size - size / 3 * 2 } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 3 };
	off_t offset = bytes - worker->bytes;

	worker->doing = methods[method];
	worker->number = number;
	switch (method) {
	case 0:
		return write(number, bytes, size);
	case 1:
		return send(number, bytes, size, 0);
	case 2:
		return sendmsg(number, &message, MSG_NOSIGNAL);
	case 3:
		return writev(number, iov, 3);
	default:
		return sendfile(number, source, &offset, size);
	}
}

/* One call for everything: it returns only when all is accepted. */
static void send_at_once(struct worker *worker, struct connection *connection, int number)
{
	const int method = (int)below(worker, METHODS);
	const int source = source_for(method, worker->bytes, connection->length);

	connection->by = methods[method];
	const ssize_t count = send_by(worker, method, number, worker->bytes, connection->length, source);
	const int error = errno;

	if (count != (ssize_t)connection->length)
		(void)is_excused(connection, methods[method], count, error);
	if (source >= 0)
		close(source);
}

/* Waits for room, then offers the rest: poll and select are a synchronous writer's, epoll is a loop's. */
static void send_in_turns(struct worker *worker, struct connection *connection, int number)
{
	static const char *const ways[] = { "send after poll", "write after select", "send in an epoll loop" };
	static const char *const waits[] = { "poll", "select", "epoll_wait" };
	const int way = (int)below(worker, 3), method = way == 1 ? 0 : 1;
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.fd = number };
	struct pollfd writable = { .fd = number, .events = POLLOUT };
	uint64_t sent = 0;
	fd_set set;

	connection->by = ways[way];
	if (way == 2 && epoll_ctl(worker->epoll, EPOLL_CTL_ADD, number, &event))
		broken("epoll_ctl");
	while (sent < connection->length) {
		const size_t left = connection->length - sent;
		struct timeval time = { .tv_sec = WAIT_MS / 1000 };
		int ready;

		worker->doing = ways[way];
		if (way == 0) {
			ready = poll(&writable, 1, WAIT_MS);
		} else if (way == 1 && number < FD_SETSIZE) {
			FD_ZERO(&set);
			FD_SET(number, &set);
			ready = select(number + 1, NULL, &set, NULL, &time);
		} else {
			ready = epoll_wait(worker->epoll, &event, 1, WAIT_MS);
		}
		/* The kernel lets epoll, and it alone, be interrupted by a signal that nobody handles. */
		if (way == 2 && ready < 0 && errno == EINTR)
			continue;
		const ssize_t count = ready == 1 ? send_by(worker, method, number, worker->bytes + sent, left, -1) : 0;

		if (ready != 1 || (count < 0 && errno != EAGAIN)) {
			(void)is_excused(connection, ready != 1 ? waits[way] : ways[way], ready != 1 ? ready : count, errno);
			break;
		}
		sent += count > 0 ? (uint64_t)count : 0;
	}
	if (way == 2 && epoll_ctl(worker->epoll, EPOLL_CTL_DEL, number, &event) && !connection->excused)
		harm("connection %llu's own descriptor %d is not in its epoll set any more: %s",
		     (unsigned long long)atomic_load(&connection->id), number, strerror(errno));
}

static void send_whole(struct worker *worker, const struct owner *owner)
{
	struct connection *connection = owner->connection;
	const int number = owner->number;
	const bool non_blocking = fcntl(number, F_GETFL) & O_NONBLOCK;

	connection->number = number;
	race_fill(worker->bytes, connection->id, connection->length);
	connection->start_us = now_us();
	if (non_blocking)
		send_in_turns(worker, connection, number);
	else
		send_at_once(worker, connection, number);
	/* A late byte of somebody else's would be the last one. */
	if (owner->quick)
		nap_us((long)below(worker, QUICK_US));
}

/* ---- closing ----------------------------------------------------------------------------------------------------- */

void close_number(struct worker *worker, int number)
{
	const uint64_t how = below(worker, 6);
	const int flags = fcntl(number, F_GETFL);
	FILE *file;

	worker->doing = "close";
	worker->number = number;
	switch (how) {
	case 0:
		file = fdopen(number, (flags & O_ACCMODE) == O_RDONLY ? "r" : (flags & O_ACCMODE) == O_WRONLY ? "w" : "r+");
		if (!file)
			broken("fdopen");
		fclose(file);
		break;
	case 1:
		close_range((unsigned)number, (unsigned)number, 0);
		break;
	case 2:
		/* As io_uring does: nobody sees it. */
		syscall(SYS_close, number);
		break;
	default:
		close(number);
	}
}

/* ---- pipes and files --------------------------------------------------------------------------------------------- */

/* The bytes that were written, and no others, now or a little later. */
static void use_pipe(struct worker *worker, const struct owner *owner)
{
	unsigned char *bytes = worker->bytes;
	int queued = 0;

	race_fill(bytes, owner->id, SMALL_BYTES);
	if (write(owner->number, bytes, SMALL_BYTES) != SMALL_BYTES)
		harm("descriptor %d, a pipe: write failed: %s", owner->number, strerror(errno));
	nap_us((long)below(worker, owner->quick ? QUICK_US : LONG_US));
	ioctl(owner->other, FIONREAD, &queued);
	const ssize_t count = read(owner->other, bytes, SMALL_BYTES);

	if (queued != SMALL_BYTES || count != SMALL_BYTES || race_match(bytes, owner->id, 0, SMALL_BYTES) != SMALL_BYTES)
		harm("descriptor %d, a pipe: %d bytes where %d were written, %zu of them right", owner->number, queued,
		     SMALL_BYTES, race_match(bytes, owner->id, 0, count > 0 ? (size_t)count : 0));
	atomic_fetch_add(&counts.pipes, 1);
}

static void use_file(struct worker *worker, const struct owner *owner)
{
	unsigned char *bytes = worker->bytes;
	struct stat status = { 0 };

	race_fill(bytes, owner->id, SMALL_BYTES);
	if (write(owner->number, bytes, SMALL_BYTES) != SMALL_BYTES)
		harm("descriptor %d, a file: write failed: %s", owner->number, strerror(errno));
	nap_us((long)below(worker, owner->quick ? QUICK_US : LONG_US));
	if (fstat(owner->number, &status) || status.st_size != SMALL_BYTES ||
	    pread(owner->number, bytes, SMALL_BYTES, 0) != SMALL_BYTES ||
	    race_match(bytes, owner->id, 0, SMALL_BYTES) != SMALL_BYTES)
		harm("descriptor %d, a file: %ld bytes where %d were written, %zu of them right", owner->number,
		     (long)status.st_size, SMALL_BYTES, race_match(bytes, owner->id, 0, SMALL_BYTES));
	atomic_fetch_add(&counts.files, 1);
}

/* ---- owners ------------------------------------------------------------------------------------------------------ */

static uint64_t length_for(struct worker *worker, enum manner manner, bool quick)
{
	if (quick)
		return HEADER_BYTES + below(worker, 4000);
	if (manner == READS_SLOWLY)
		return 50000 + below(worker, 250000);
	return HEADER_BYTES + below(worker, below(worker, 8) ? 30000 : 1000000);
}

struct owner open_owner(struct worker *worker, bool quick)
{
	const uint64_t kind = below(worker, 10);
	struct owner owner = { .kind = OWNS_CONNECTION, .number = -1, .other = -1, .quick = quick };
	int ends[2];

	if (kind == 0) {
		if (pipe2(ends, O_CLOEXEC))
			broken("pipe");
		return (struct owner){ .kind = OWNS_PIPE, .number = ends[1], .other = ends[0], .quick = quick,
				       .id = atomic_fetch_add(&shared->last_id, 1) + 1 };
	}
	if (kind == 1) {
		const int file = memfd_create("file", 0);

		if (file < 0)
			broken("memfd");
		return (struct owner){ .kind = OWNS_FILE, .number = file, .other = -1, .quick = quick,
				       .id = atomic_fetch_add(&shared->last_id, 1) + 1 };
	}
	const enum manner manner = !quick && below(worker, 3) ? READS_SLOWLY : READS_FAST;

	owner.connection = new_connection(WHOLE, manner, length_for(worker, manner, quick));
	if (owner.connection)
		owner.number = connect_to(worker, owner.connection, below(worker, 2));
	return owner;
}

void use_owner(struct worker *worker, struct owner *owner)
{
	if (owner->number < 0)
		return;
	worker->doing = owner->kind == OWNS_PIPE ? "pipe" : "file";
	worker->number = owner->number;
	if (owner->kind == OWNS_PIPE)
		use_pipe(worker, owner);
	else if (owner->kind == OWNS_FILE)
		use_file(worker, owner);
	else
		send_whole(worker, owner);
	close_number(worker, owner->number);
	if (owner->other >= 0)
		close_number(worker, owner->other);
	if (owner->kind == OWNS_CONNECTION) {
		atomic_fetch_add(&counts.whole, 1);
		done_with(owner->connection, owner->connection->length);
	}
}

void own(struct worker *worker)
{
	struct owner owner = open_owner(worker, below(worker, 2));

	use_owner(worker, &owner);
}
