/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where a connection leads.
 */
#include "limits/destination.h"

#include <endian.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "base/libc.h"

/** As much of an IPv6 address as connect(2) asks for (the kernel's SIN6_LEN_RFC2133). */
#define WITHOUT_SCOPE offsetof(struct sockaddr_in6, sin6_scope_id)

static struct destination of_ipv4(const struct sockaddr *address)
{
	struct destination d = {.kind = DESTINATION_IPV4};
	struct sockaddr_in in;
	memcpy(&in, address, sizeof in);
	/* Not ntohs(), which is a function in musl. */
	d.port = be16toh(in.sin_port);
	memcpy(d.address, &in.sin_addr, sizeof in.sin_addr);
	return d;
}

bool destination_is_mapped(const struct in6_addr *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(address->s6_addr, mapped, sizeof mapped) == 0;
}

static struct destination of_ipv6(const struct sockaddr *address)
{
	struct destination d = {.kind = DESTINATION_IPV6};
	struct sockaddr_in6 in6;
	memcpy(&in6, address, WITHOUT_SCOPE);
	d.port = be16toh(in6.sin6_port);
	if (destination_is_mapped(&in6.sin6_addr)) {
		d.kind = DESTINATION_IPV4;
		memcpy(d.address, in6.sin6_addr.s6_addr + 12, 4);
	} else
		memcpy(d.address, &in6.sin6_addr, sizeof in6.sin6_addr);
	return d;
}

static struct destination of_unix(const struct sockaddr *address, size_t path_length)
{
	struct destination d = {.kind = DESTINATION_UNIX};
	const char *path = (const char *)address + offsetof(struct sockaddr_un, sun_path);
	d.abstract = path_length > 1 && *path == '\0';
	if (path_length > sizeof d.path - 1)
		path_length = sizeof d.path - 1;
	if (d.abstract)
		memcpy(d.path, path + 1, path_length - 1);
	else
		memcpy(d.path, path, strnlen(path, path_length));
	return d;
}

struct destination destination_of(const struct sockaddr *address, socklen_t length)
{
	const size_t before_path = offsetof(struct sockaddr_un, sun_path);
	if (address && length >= sizeof address->sa_family) {
		if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in))
			return of_ipv4(address);
		if (address->sa_family == AF_INET6 && length >= WITHOUT_SCOPE)
			return of_ipv6(address);
		if (address->sa_family == AF_UNIX)
			return of_unix(address, length > before_path ? length - before_path : 0);
	}
	return (struct destination){.kind = DESTINATION_UNKNOWN};
}

bool destination_same(const struct destination *one, const struct destination *other)
{
	/* What a kind does not use of them is zero. */
	return one->kind == other->kind && one->port == other->port && one->abstract == other->abstract &&
	       memcmp(one->path, other->path, sizeof one->path) == 0;
}

void text_add_destination(struct text *t, const struct destination *d)
{
	char address[INET6_ADDRSTRLEN];
	switch (d->kind) {
	case DESTINATION_UNKNOWN: text_add(t, "an unknown peer"); return;
	case DESTINATION_UNIX:
		if (!*d->path) {
			text_add(t, "an unnamed unix socket");
			return;
		}
		text_add(t, d->abstract ? "unix:@" : "unix:");
		text_add_foreign(t, d->path, sizeof d->path);
		return;
	case DESTINATION_IPV4:
		libc.inet_ntop(AF_INET, d->address, address, sizeof address);
		text_add(t, address);
		break;
	case DESTINATION_IPV6:
		libc.inet_ntop(AF_INET6, d->address, address, sizeof address);
		text_add(t, "[");
		text_add(t, address);
		text_add(t, "]");
		break;
	}
	text_add(t, ":");
	text_add_number(t, d->port);
}
