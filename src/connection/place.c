/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which destination a socket goes by, and the limits that are for it.
 */
#include "connection/place.h"

#include <stdatomic.h>

#include "base/libc.h"
#include "connection/memory.h"
#include "limits/rules.h"
#include "connection/socket.h"
#include "limits/configured.h"

/** Ports that were listened on, the first ones here, and one bit for each of the others. A port that was listened on and is
 * later one that a connection of ours begins at is taken for the wrong side; that takes a program which gives a listener
 * up and connects from its number. */
#define FIRST_PORTS 16
#define PORTS 65536
static _Atomic uint32_t first_listened[FIRST_PORTS];
static _Atomic(_Atomic uint64_t *) listened;

static bool was_listened_on(uint16_t port)
{
	for (size_t i = 0; i < FIRST_PORTS; i++)
		if (atomic_load_explicit(&first_listened[i], memory_order_relaxed) == port)
			return true;
	_Atomic uint64_t *ports = atomic_load(&listened);
	return ports && atomic_load_explicit(&ports[port / 64], memory_order_relaxed) >> port % 64 & 1;
}

/** The bits, made if there are none yet; NULL: no memory. */
static _Atomic uint64_t *ports_to_note(void)
{
	_Atomic uint64_t *none = NULL;
	if (!atomic_load(&listened)) {
		void *pages = libc.mmap(NULL, PORTS / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pages != MAP_FAILED && !atomic_compare_exchange_strong(&listened, &none, pages))
			libc.munmap(pages, PORTS / 8);
	}
	return atomic_load(&listened);
}

static void note(uint16_t port)
{
	for (size_t i = 0; i < FIRST_PORTS; i++) {
		uint32_t none = 0;
		if (atomic_compare_exchange_strong(&first_listened[i], &none, port) || none == port)
			return;
	}
	_Atomic uint64_t *ports = ports_to_note();
	if (ports)
		atomic_fetch_or(&ports[port / 64], UINT64_C(1) << port % 64);
}

static bool is_ip(const struct destination *d)
{
	return d->kind == DESTINATION_IPV4 || d->kind == DESTINATION_IPV6;
}

void place_listens(int fd)
{
	const struct destination local = socket_local(fd);
	if (is_ip(&local) && local.port)
		note(local.port);
}

struct place place_of(int fd)
{
	const struct place at = {socket_local(fd), SUMMARY_AT};
	if (is_ip(&at.destination) && was_listened_on(at.destination.port))
		return at;
	const struct place to = {socket_peer(fd), SUMMARY_TO};
	/* Who connects to a unix socket has no name most of the time. */
	if (at.destination.kind == DESTINATION_UNIX && !*to.destination.path)
		return at;
	return to;
}

void place_count(int fd, const struct stall_news *news)
{
	if (!summary_on || (!news->wait_began && !news->pause_ns))
		return;
	const struct place place = place_of(fd);
	if (news->wait_began)
		summary_waited(&place.destination, place.side);
	if (news->pause_ns)
		summary_recovered(&place.destination, place.side, news->pause_ns);
}

/** The limits without any, for unix sockets that no rule names. */
static const struct limits none;

static const struct limits *by_rule(const struct destination *d, size_t *number)
{
	const struct limits *found = rules_find(&settings.rules, d, number);
	if (found)
		return found;
	*number = 0;
	return d->kind == DESTINATION_UNIX ? &none : &settings.limits;
}

const struct limits *limits_to(const struct destination *to)
{
	size_t number;
	return settings.rules.count ? by_rule(to, &number) : &settings.limits;
}

const struct limits *limits_before(const struct sockaddr *to, socklen_t length)
{
	if (!settings.rules.count)
		return &settings.limits;
	const struct destination d = destination_of(to, length);
	return limits_to(&d);
}

void limits_known(struct memory *m, const struct limits *limits)
{
	if (settings.rules.count)
		atomic_store_explicit(&m->limits, limits, memory_order_relaxed);
}

const struct limits *limits_of(int fd, struct memory *m)
{
	size_t number;
	if (!settings.rules.count)
		return &settings.limits;
	const struct limits *known = m ? atomic_load_explicit(&m->limits, memory_order_relaxed) : NULL;
	if (known)
		return known;
	const struct place place = place_of(fd);
	const struct limits *found = by_rule(&place.destination, &number);
	if (m && place.destination.kind != DESTINATION_UNKNOWN)
		limits_known(m, found);
	return found;
}

size_t limits_rule(int fd)
{
	size_t number = 0;
	if (settings.rules.count) {
		const struct place place = place_of(fd);
		by_rule(&place.destination, &number);
	}
	return number;
}
