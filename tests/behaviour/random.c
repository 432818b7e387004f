/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Random scripts for the tester.
 */
#include "random.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t state;

void random_start(uint64_t seed)
{
	/* Neighbours must not begin alike. */
	state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

unsigned below(unsigned limit)
{
	/* xorshift64* */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * UINT64_C(2685821657736338717)) >> 33) % limit;
}

bool one_in(unsigned n)
{
	return below(n) == 0;
}

const char *random_send(void)
{
	static const char *const calls[] = { "send",     "sendto",     "sendmsg",       "sendmmsg", "write", "writev",
					     "sendfile", "sendfile64", "sendfile_seek", "splice" };

	return ONE_OF(calls);
}

const char *random_receive(void)
{
	static const char *const calls[] = { "recv", "recv_dontwait", "recv_peek", "recvfrom", "recvmsg",
					     "read", "readv",         "recv_chk",  "read_chk", "recvfrom_chk" };

	return ONE_OF(calls);
}

void add(struct script *script, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	script->length += (size_t)vsnprintf(script->text + script->length, sizeof script->text - script->length, format,
					    arguments);
	va_end(arguments);
	cr_assert(script->length < sizeof script->text);
}

void random_play(int group, int groups, unsigned usual, void (*play_one)(uint64_t seed))
{
	const char *one = getenv("SNDTIMEO_TEST_SEED"), *given = getenv("SNDTIMEO_TEST_RUNS");
	const unsigned runs = given && *given ? (unsigned)atoi(given) : usual;
	const uint64_t first = (uint64_t)time(NULL) * 100000;

	if (one && *one) {
		if (group == 0)
			play_one(strtoull(one, NULL, 10));
		return;
	}
	for (unsigned i = (unsigned)group; i < runs; i += (unsigned)groups)
		play_one(first + i);
}
