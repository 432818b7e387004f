/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The sockets of another process, and what the kernel says of each.
 */
#include "sockets.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection/socket.h"
#include "limits/configured.h"

/* ---- the descriptors --------------------------------------------------------------------------------------------- */

/* Append a socket of which only the descriptor and the inode are known. */
static bool append(struct sockets *sockets, size_t *room, int fd, uint64_t inode)
{
	if (sockets->count == *room) {
		const size_t more = *room ? 2 * *room : 64;
		struct socket_facts *all = reallocarray(sockets->all, more, sizeof *all);

		if (!all)
			return false;
		sockets->all = all;
		*room = more;
	}
	sockets->all[sockets->count++] = (struct socket_facts){.fd = fd, .number = inode};
	return true;
}

struct listing {
	struct sockets *sockets;
	size_t room;
};

static bool append_found(int fd, uint64_t inode, void *context)
{
	struct listing *listing = context;

	return append(listing->sockets, &listing->room, fd, inode);
}

static void list(struct sockets *sockets, const struct process *process)
{
	struct listing listing = {sockets, 0};
	const int error = process_sockets(process, append_found, &listing);

	sockets->list_error = error == ECANCELED ? ENOMEM : error;
}

/* ---- through a duplicate ----------------------------------------------------------------------------------------- */

static bool listens(int fd)
{
	int value = 0;
	socklen_t size = sizeof value;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value;
}

/* @p look is NULL if the kernel knows no connection. */
static enum socket_state state_of(int fd, const struct look *look)
{
	if (listens(fd))
		return SOCKET_LISTEN;
	if (look && look->is_unix)
		return SOCKET_ESTABLISHED;
	return look && look->state > 0 && look->state < SOCKET_STATES ? (enum socket_state)look->state : SOCKET_CLOSED;
}

static void take_traffic(int fd, const struct look *look, struct socket_facts *facts)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;

	if (look->partial || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
		return;
	facts->has_traffic = true;
	facts->look = *look;
	facts->retransmitted = info.tcpi_total_retrans;
}

/* Returns false if it is no socket that limits can cover. */
static bool ask(int fd, struct socket_facts *facts)
{
	struct look look;
	const enum socket_kind kind = socket_kind(fd);

	facts->number = socket_cookie(fd);
	if (kind == SOCKET_OTHER || kind == SOCKET_UNKNOWN || !facts->number)
		return false;
	const bool looked = socket_look(fd, socket_flags(kind), &look);

	facts->asked = true;
	facts->is_unix = kind == SOCKET_UNIX;
	facts->is_mptcp = kind == SOCKET_MPTCP;
	facts->state = state_of(fd, looked ? &look : NULL);
	facts->peer = socket_peer(fd);
	facts->local = socket_local(fd);
	facts->outstanding = looked && look.outstanding;
	facts->unacknowledged = socket_unacknowledged(fd);
	if (looked && facts->state != SOCKET_LISTEN)
		take_traffic(fd, &look, facts);
	facts->nonblocking = socket_nonblocking(fd);
	facts->ended = socket_ended(fd);
	facts->send_timeout_us = socket_own_send_timeout_us(fd, NULL);
	facts->has_user_timeout = socket_user_timeout(fd, &facts->user_timeout_ms);
	return true;
}

/* Ask about every socket that can be duplicated, and drop those that limits do not cover. */
static void ask_all(struct sockets *sockets, const struct process *process)
{
	const int handle = process_handle(process);
	size_t kept = 0;

	if (handle < 0)
		sockets->duplicate_error = errno;
	for (size_t i = 0; i < sockets->count; i++) {
		struct socket_facts facts = sockets->all[i];
		const int fd = handle < 0 ? -1 : process_duplicate(handle, facts.fd);
		/* EBADF: it was closed meanwhile. */
		bool keep = fd < 0 && (handle < 0 || errno != EBADF);

		if (keep && handle >= 0)
			sockets->duplicate_error = errno;
		if (fd >= 0) {
			keep = ask(fd, &facts);
			close(fd);
		}
		if (keep)
			sockets->all[kept++] = facts;
	}
	sockets->count = kept;
	if (handle >= 0)
		close(handle);
}

/* ---- from the kernel's table ------------------------------------------------------------------------------------- */

/* The kernel writes the words of an address, as they are in its memory, as numbers. */
static struct destination address_of(const char *words, unsigned port)
{
	union { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; } address = {0};
	const bool is_ipv6 = strlen(words) == 32;
	uint32_t word[4] = {0};

	sscanf(words, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32, &word[0], &word[1], &word[2], &word[3]);
	address.any.sa_family = is_ipv6 ? AF_INET6 : AF_INET;
	/* The port is at the same place in both families. */
	address.in.sin_port = htons((uint16_t)port);
	if (is_ipv6)
		memcpy(&address.in6.sin6_addr, word, sizeof word);
	else
		memcpy(&address.in.sin_addr, word, sizeof word[0]);
	return destination_of(&address.any, sizeof address);
}

/* Returns false if the line is no socket of a process, as the heading. */
static bool parse_row(const char *line, struct socket_facts *facts)
{
	char local[33], peer[33];
	unsigned local_port, peer_port, state;
	uint32_t unacknowledged;

	if (sscanf(line, " %*d: %32[0-9A-F]:%4X %32[0-9A-F]:%4X %2X %8" SCNx32 ":%*8X %*2X:%*8X %*8X %*u %*d %" SCNu64,
	           local, &local_port, peer, &peer_port, &state, &unacknowledged, &facts->number) != 7 ||
	    !facts->number || !state || state >= SOCKET_STATES)
		return false;
	facts->local = address_of(local, local_port);
	if (peer_port)
		facts->peer = address_of(peer, peer_port);
	facts->state = (enum socket_state)state;
	facts->unacknowledged = unacknowledged;
	facts->outstanding = unacknowledged > 0;
	return true;
}

static int by_number(const void *one, const void *other)
{
	const struct socket_facts *first = one, *second = other;

	if (first->asked != second->asked)
		return first->asked ? 1 : -1;
	if (first->number != second->number)
		return first->number < second->number ? -1 : 1;
	return (first->fd > second->fd) - (first->fd < second->fd);
}

static int by_fd(const void *one, const void *other)
{
	const struct socket_facts *first = one, *second = other;

	return (first->fd > second->fd) - (first->fd < second->fd);
}

static int compare_number(const void *number, const void *element)
{
	const uint64_t wanted = *(const uint64_t *)number, found = ((const struct socket_facts *)element)->number;

	return (wanted > found) - (wanted < found);
}

/* Take from the table what it says of the first @p count sockets, which are in the order of their inodes. */
static void take_table(struct sockets *sockets, size_t count, const struct process *process, const char *name)
{
	char *line = NULL;
	size_t size = 0;
	FILE *table = process_open(process, name);

	while (table && getline(&line, &size, table) > 0) {
		struct socket_facts facts = {0};

		if (!parse_row(line, &facts))
			continue;
		struct socket_facts *of = bsearch(&facts.number, sockets->all, count, sizeof facts, compare_number);

		if (of) {
			facts.fd = of->fd;
			*of = facts;
		}
	}
	free(line);
	if (table)
		fclose(table);
}

/* The same socket at several descriptors is one. */
static void unite(struct sockets *sockets)
{
	size_t kept = 0;

	qsort(sockets->all, sockets->count, sizeof *sockets->all, by_number);
	for (size_t i = 0; i < sockets->count; i++) {
		const struct socket_facts *facts = &sockets->all[i], *last = &sockets->all[kept ? kept - 1 : 0];

		if (!kept || facts->asked != last->asked || facts->number != last->number)
			sockets->all[kept++] = *facts;
	}
	sockets->count = kept;
}

static size_t count_unasked(const struct sockets *sockets)
{
	size_t count = 0;

	while (count < sockets->count && !sockets->all[count].asked)
		count++;
	return count;
}

struct sockets sockets_of(const struct process *process, bool with_unix)
{
	struct sockets sockets = {0};
	size_t kept = 0;

	settings.rules.names_unix = with_unix;
	list(&sockets, process);
	if (!sockets.count)
		return sockets;
	ask_all(&sockets, process);
	unite(&sockets);

	const size_t unasked = count_unasked(&sockets);

	if (unasked) {
		take_table(&sockets, unasked, process, "net/tcp");
		take_table(&sockets, unasked, process, "net/tcp6");
	}
	for (size_t i = 0; i < sockets.count; i++)
		if (sockets.all[i].state)
			sockets.all[kept++] = sockets.all[i];
	sockets.count = kept;
	qsort(sockets.all, sockets.count, sizeof *sockets.all, by_fd);
	return sockets;
}

int64_t sockets_not_sent(const struct socket_facts *facts)
{
	if (facts->is_mptcp)
		return -1;
	/* They are asked one after the other, and it goes on. */
	return facts->look.not_sent < facts->unacknowledged ? facts->look.not_sent : facts->unacknowledged;
}

int64_t sockets_in_flight(const struct socket_facts *facts)
{
	return facts->is_mptcp ? -1 : facts->unacknowledged - sockets_not_sent(facts);
}
