/* SPDX-License-Identifier: MIT */
/** @file
 * @brief destination_of(), destination_same() and text_add_destination(): addresses as the kernel gives them.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/limits/destination.h"

#define COUNT(array) (sizeof (array) / sizeof *(array))
#define BEFORE_PATH offsetof(struct sockaddr_un, sun_path)
/* A literal's bytes, without the NUL behind them. */
#define BYTES(literal) literal, sizeof literal - 1

/* Leave what is not zero where the next function has its variables. */
static __attribute__((noinline)) void spoil_the_stack(void)
{
	volatile unsigned char bytes[2000];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = 0x5a;
}

/* Read the first @p length bytes of an address. */
static struct destination of(const void *address, size_t length)
{
	/* Exactly as long: the address sanitizer watches its end. */
	void *copy = malloc(length ? length : 1);

	cr_assert(copy);
	memcpy(copy, address, length);
	spoil_the_stack();
	const struct destination destination = destination_of(copy, (socklen_t)length);

	free(copy);
	return destination;
}

static struct sockaddr_in ipv4(const char *address, unsigned port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	cr_assert_eq(inet_pton(AF_INET, address, &in.sin_addr), 1);
	return in;
}

static struct sockaddr_in6 ipv6(const char *address, unsigned port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port),
	                           .sin6_flowinfo = 0x01020304, .sin6_scope_id = 7};

	cr_assert_eq(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
	return in6;
}

static struct destination of_ipv4(const char *address, unsigned port)
{
	const struct sockaddr_in in = ipv4(address, port);

	return of(&in, sizeof in);
}

static struct destination of_ipv6(const char *address, unsigned port)
{
	const struct sockaddr_in6 in6 = ipv6(address, port);

	return of(&in6, sizeof in6);
}

static struct destination of_unix(const char *path, size_t length)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	cr_assert_leq(length, sizeof un.sun_path);
	memcpy(un.sun_path, path, length);
	return of(&un, BEFORE_PATH + length);
}

static void expect_text(const struct destination *destination, const char *wanted)
{
	char buffer[200];
	struct text text;

	text_start(&text, buffer, sizeof buffer);
	text_add_destination(&text, destination);
	cr_expect_str_eq(buffer, wanted, "'%s', not '%s'", buffer, wanted);
	cr_expect_eq(text.length, strlen(wanted));
}

/* All of it, the bytes that mean nothing, too: those are zero. */
static void expect_bytes(const struct destination *destination, int kind, unsigned port, bool abstract,
                         const void *bytes, size_t count)
{
	struct destination wanted;

	memset(&wanted, 0, sizeof wanted);
	wanted.kind = kind;
	wanted.port = (uint16_t)port;
	wanted.abstract = abstract;
	memcpy(wanted.path, bytes, count);
	cr_expect_eq(memcmp(destination, &wanted, sizeof wanted), 0, "kind %d, port %u", kind, port);
	cr_expect(destination_same(destination, &wanted));
	cr_expect(destination_same(&wanted, destination));
}

/* ---- what is read ------------------------------------------------------------------------------------------------ */

Test(destination, of_ipv4)
{
	const struct destination one = of_ipv4("192.0.2.7", 443), none = of_ipv4("0.0.0.0", 0),
	                         last = of_ipv4("255.255.255.255", 65535);

	expect_bytes(&one, DESTINATION_IPV4, 443, false, BYTES("\xc0\x00\x02\x07"));
	expect_bytes(&none, DESTINATION_IPV4, 0, false, BYTES(""));
	expect_bytes(&last, DESTINATION_IPV4, 65535, false, BYTES("\xff\xff\xff\xff"));
}

Test(destination, of_ipv6)
{
	const struct destination one = of_ipv6("2001:db8::7", 443), loopback = of_ipv6("::1", 1),
				 none = of_ipv6("::", 0);

	expect_bytes(&one, DESTINATION_IPV6, 443, false,
	             BYTES("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07"));
	expect_bytes(&loopback, DESTINATION_IPV6, 1, false, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
	expect_bytes(&none, DESTINATION_IPV6, 0, false, BYTES(""));
}

Test(destination, of_ipv4_mapped)
{
	const struct destination mapped = of_ipv6("::ffff:192.0.2.7", 443), plain = of_ipv4("192.0.2.7", 443);
	const struct destination compatible = of_ipv6("::192.0.2.7", 443),
				 translated = of_ipv6("::ffff:0:192.0.2.7", 443);

	expect_bytes(&mapped, DESTINATION_IPV4, 443, false, BYTES("\xc0\x00\x02\x07"));
	cr_expect(destination_same(&mapped, &plain));
	cr_expect_eq(memcmp(&mapped, &plain, sizeof plain), 0);
	/* Much like it, and something else. */
	cr_expect_eq(compatible.kind, DESTINATION_IPV6);
	cr_expect_eq(translated.kind, DESTINATION_IPV6);
	cr_expect_not(destination_same(&compatible, &plain));
}

Test(destination, of_unix)
{
	const struct destination named = of_unix(BYTES("/run/app.sock"));
	/* As most programs give it: with all of the structure, and as getpeername() gives it: with the NUL. */
	const struct destination whole = of_unix(BYTES("/run/app.sock\0\0\0\0\0\0\0")),
				 with_nul = of_unix(BYTES("/run/app.sock\0"));
	const struct destination rest = of_unix(BYTES("/run/app.sock\0rest"));
	const struct destination abstract = of_unix(BYTES("\0app")), nuls = of_unix(BYTES("\0app\0\0"));
	const struct destination unnamed = of_unix(BYTES("")), empty = of_unix(BYTES("\0"));

	expect_bytes(&named, DESTINATION_UNIX, 0, false, BYTES("/run/app.sock"));
	expect_bytes(&whole, DESTINATION_UNIX, 0, false, BYTES("/run/app.sock"));
	expect_bytes(&with_nul, DESTINATION_UNIX, 0, false, BYTES("/run/app.sock"));
	expect_bytes(&rest, DESTINATION_UNIX, 0, false, BYTES("/run/app.sock"));
	expect_bytes(&abstract, DESTINATION_UNIX, 0, true, BYTES("app"));
	expect_bytes(&nuls, DESTINATION_UNIX, 0, true, BYTES("app\0\0"));
	expect_bytes(&unnamed, DESTINATION_UNIX, 0, false, BYTES(""));
	expect_bytes(&empty, DESTINATION_UNIX, 0, false, BYTES(""));
}

Test(destination, of_unix_of_all_bytes)
{
	char path[108], abstract[108] = "";

	cr_assert_eq(sizeof path, sizeof ((struct sockaddr_un *)0)->sun_path);
	memset(path, 'p', sizeof path);
	memset(abstract + 1, 'a', sizeof abstract - 1);

	const struct destination full = of_unix(path, sizeof path), shorter = of_unix(path, sizeof path - 1);
	const struct destination full_abstract = of_unix(abstract, sizeof abstract);

	expect_bytes(&full, DESTINATION_UNIX, 0, false, path, sizeof path);
	expect_bytes(&shorter, DESTINATION_UNIX, 0, false, path, sizeof path - 1);
	expect_bytes(&full_abstract, DESTINATION_UNIX, 0, true, abstract + 1, sizeof abstract - 1);
	cr_expect_not(destination_same(&full, &shorter));
}

/* Longer than any address, as a buffer's size is: getpeername() may say so, and what is behind is nobody's. */
Test(destination, of_lengths_too_long)
{
	struct {
		struct sockaddr_un un;
		char behind[40];
	} longer = {.un = {.sun_family = AF_UNIX}};

	memset(longer.un.sun_path, 'p', sizeof longer.un.sun_path);
	memset(longer.behind, 'b', sizeof longer.behind);
	const struct destination named = of(&longer, sizeof longer);

	expect_bytes(&named, DESTINATION_UNIX, 0, false, longer.un.sun_path, sizeof longer.un.sun_path);
	longer.un.sun_path[0] = '\0';
	const struct destination abstract = of(&longer, sizeof longer);

	expect_bytes(&abstract, DESTINATION_UNIX, 0, true, longer.un.sun_path + 1, sizeof longer.un.sun_path - 1);

	struct sockaddr_storage storage = {0};
	const struct sockaddr_in in = ipv4("192.0.2.7", 443);

	memcpy(&storage, &in, sizeof in);
	const struct destination plain = of(&storage, sizeof storage);

	expect_bytes(&plain, DESTINATION_IPV4, 443, false, BYTES("\xc0\x00\x02\x07"));
}

Test(destination, of_lengths_too_short)
{
	const struct sockaddr_in in = ipv4("192.0.2.7", 443);
	const struct sockaddr_in6 in6 = ipv6("2001:db8::7", 443);
	const struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run"};

	for (size_t length = 0; length < sizeof in; length++) {
		const struct destination destination = of(&in, length);

		expect_bytes(&destination, DESTINATION_UNKNOWN, 0, false, BYTES(""));
	}
	for (size_t length = 0; length <= sizeof in6; length++) {
		const struct destination destination = of(&in6, length);

		/* connect(2) takes one without the scope, which is younger. */
		cr_expect_eq(destination.kind, length < 24 ? DESTINATION_UNKNOWN : DESTINATION_IPV6, "%zu", length);
		cr_expect_eq(destination.port, length < 24 ? 0 : 443);
	}
	for (size_t length = 0; length <= sizeof un; length++) {
		const struct destination destination = of(&un, length);
		const size_t path = length > BEFORE_PATH ? length - BEFORE_PATH : 0;

		if (length < sizeof un.sun_family)
			expect_bytes(&destination, DESTINATION_UNKNOWN, 0, false, BYTES(""));
		else
			expect_bytes(&destination, DESTINATION_UNIX, 0, false, "/run", path < 4 ? path : 4);
	}
}

Test(destination, of_none_of_ours)
{
	struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
	const struct destination unspecified = of(&storage, sizeof storage),
				 null = destination_of(NULL, sizeof storage), null_and_0 = destination_of(NULL, 0);

	storage.ss_family = AF_NETLINK;
	const struct destination netlink = of(&storage, sizeof storage);

	storage.ss_family = 0xffff;
	const struct destination other = of(&storage, sizeof storage);

	expect_bytes(&unspecified, DESTINATION_UNKNOWN, 0, false, BYTES(""));
	expect_bytes(&netlink, DESTINATION_UNKNOWN, 0, false, BYTES(""));
	expect_bytes(&other, DESTINATION_UNKNOWN, 0, false, BYTES(""));
	expect_bytes(&null, DESTINATION_UNKNOWN, 0, false, BYTES(""));
	expect_bytes(&null_and_0, DESTINATION_UNKNOWN, 0, false, BYTES(""));
}

/* Programs build addresses in buffers of bytes. */
Test(destination, of_an_address_anywhere)
{
	const struct sockaddr_in in = ipv4("192.0.2.7", 443);
	const struct sockaddr_in6 in6 = ipv6("2001:db8::7", 443);
	_Alignas(8) char buffer[64];

	for (size_t offset = 0; offset < 8; offset += 2) {
		memcpy(buffer + offset, &in, sizeof in);
		const struct destination four = destination_of((void *)(buffer + offset), sizeof in);

		expect_text(&four, "192.0.2.7:443");
		memcpy(buffer + offset, &in6, sizeof in6);
		const struct destination six = destination_of((void *)(buffer + offset), sizeof in6);

		expect_text(&six, "[2001:db8::7]:443");
	}
}

/* What the kernel itself gives. */
Test(destination, of_getpeername)
{
	int pair[2];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_storage peer = {0};
	socklen_t length = sizeof peer, bound = sizeof un;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(getpeername(pair[0], (struct sockaddr *)&peer, &length), 0);
	const struct destination unnamed = of(&peer, length);

	expect_text(&unnamed, "an unnamed unix socket");
	close(pair[0]);
	close(pair[1]);

	/* A name of the kernel's choice is an abstract one, of five hexadecimal digits. */
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_eq(bind(listener, (struct sockaddr *)&un, sizeof un.sun_family), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&un, &bound), 0);
	cr_assert_eq(connect(client, (struct sockaddr *)&un, bound), 0);
	length = sizeof peer;
	cr_assert_eq(getpeername(client, (struct sockaddr *)&peer, &length), 0);
	const struct destination abstract = of(&peer, length), given = of(&un, bound);

	cr_expect(abstract.abstract);
	cr_expect_eq(strlen(abstract.path), 5);
	cr_expect(destination_same(&abstract, &given));
	close(listener);
	close(client);
}

/* ---- what is the same -------------------------------------------------------------------------------------------- */

/* Each is itself only. */
Test(destination, same)
{
	const struct destination all[] = {
		destination_of(NULL, 0),
		of_ipv4("192.0.2.7", 443),
		of_ipv4("192.0.2.7", 444),
		of_ipv4("192.0.2.7", 443 + 256),
		of_ipv4("192.0.2.8", 443),
		of_ipv4("193.0.2.7", 443),
		of_ipv4("0.0.0.0", 0),
		of_ipv6("2001:db8::7", 443),
		of_ipv6("2001:db8::7", 444),
		of_ipv6("2001:db8::8", 443),
		of_ipv6("2001:db9::7", 443),
		of_ipv6("c000:207::", 443), /* begins as 192.0.2.7 does */
		of_ipv6("::", 0),
		of_unix(BYTES("")),
		of_unix(BYTES("/run")),
		of_unix(BYTES("/run/")),
		of_unix(BYTES("/ru")),
		of_unix(BYTES("/Run")),
		of_unix(BYTES("\0/run")),
		of_unix(BYTES("\0run")),
		/* A NUL is a byte of an abstract name like any other. */
		of_unix(BYTES("\0run\0x")),
		of_unix(BYTES("\0run\0y")),
		of_unix(BYTES("run")),
		of_unix(BYTES("@run")),
	};

	for (size_t i = 0; i < COUNT(all); i++)
		for (size_t j = 0; j < COUNT(all); j++) {
			const struct destination copy = all[j];

			cr_expect_eq(destination_same(&all[i], &copy), i == j, "%zu and %zu", i, j);
		}
}

/* ---- as text ----------------------------------------------------------------------------------------------------- */

Test(destination, text)
{
	const struct {
		struct destination destination;
		const char *wanted;
	} cases[] = {
		{destination_of(NULL, 0), "an unknown peer"},
		{of_ipv4("192.0.2.7", 443), "192.0.2.7:443"},
		{of_ipv4("0.0.0.0", 0), "0.0.0.0:0"},
		{of_ipv4("255.255.255.255", 65535), "255.255.255.255:65535"},
		{of_ipv6("2001:db8::7", 443), "[2001:db8::7]:443"},
		{of_ipv6("::", 1), "[::]:1"},
		{of_ipv6("::1", 65535), "[::1]:65535"},
		{of_ipv6("2001:DB8:1:2:3:4:5:6", 80), "[2001:db8:1:2:3:4:5:6]:80"},
		{of_ipv6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
	         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		{of_ipv6("::ffff:192.0.2.7", 443), "192.0.2.7:443"},
		{of_ipv6("::192.0.2.7", 443), "[::192.0.2.7]:443"},
		{of_unix(BYTES("/run/app.sock")), "unix:/run/app.sock"},
		{of_unix(BYTES("relative")), "unix:relative"},
		{of_unix(BYTES("@not abstract")), "unix:@not abstract"},
		{of_unix(BYTES("\0abstract")), "unix:@abstract"},
		{of_unix(BYTES("")), "an unnamed unix socket"},
		{of_unix(BYTES("\0")), "an unnamed unix socket"},
		/* One line, whatever it is called. */
		{of_unix(BYTES("/a\nb\033[2J\xc3\xbc")), "unix:/a?b?[2J??"},
		{of_unix(BYTES("\0\n\x7f")), "unix:@??"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		expect_text(&cases[i].destination, cases[i].wanted);
}

Test(destination, text_of_all_bytes)
{
	char path[108], wanted[5 + 108 + 1] = "unix:";

	memset(path, 'p', sizeof path);
	memcpy(wanted + 5, path, sizeof path);
	const struct destination full = of_unix(path, sizeof path);

	expect_text(&full, wanted);
	path[0] = '\0';
	wanted[5] = '@';
	const struct destination abstract = of_unix(path, sizeof path);

	expect_text(&abstract, wanted);
}

Test(destination, text_is_cut)
{
	const struct destination six = of_ipv6("2001:db8::7", 443), path = of_unix(BYTES("/run/app.sock"));

	for (size_t size = 1; size <= 18; size++) {
		char buffer[20] = "", wanted[20] = "";
		struct text text;

		text_start(&text, buffer, size);
		text_add_destination(&text, &six);
		memcpy(wanted, "[2001:db8::7]:443", size - 1);
		cr_expect_str_eq(buffer, wanted);
		text_start(&text, buffer, size);
		text_add_destination(&text, &path);
		memcpy(wanted, "unix:/run/app.soc", size - 1);
		cr_expect_str_eq(buffer, wanted);
	}
}
