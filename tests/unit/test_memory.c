/* SPDX-License-Identifier: MIT */
/** @file
 * @brief memory_of() and its kin: what is remembered, and what has to go when there is no room.
 */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/memory.h"
#include "src/socket.h"
#include "src/start.h"

/* Cookies no kernel gives away, so many that they meet. */
#define FIRST (UINT64_C(1) << 60)
#define MANY 200000

static void begin(void)
{
	start(); /* the real functions */
	memory_start();
}

TestSuite(memory, .init = begin);

Test(memory, is_found_by_its_cookie_alone)
{
	struct memory *m = memory_of(FIRST, 7);

	cr_assert_not_null(m);
	cr_expect_eq(memory_find(FIRST), m);
	cr_expect_eq(memory_of(FIRST, 8), m);
	cr_expect_eq(m->fd, 8);
	cr_expect_null(memory_find(FIRST + 1));
	cr_expect_null(memory_find(0));
	cr_expect_null(memory_of(0, 7));
}

/* What only has a clock gives way, and nobody is refused. */
Test(memory, idle_ones_give_way)
{
	size_t left = 0;

	for (uint64_t cookie = FIRST; cookie < FIRST + MANY; cookie++) {
		struct memory *m = memory_of(cookie, 7);

		cr_assert_not_null(m);
		cr_assert_eq(m->clock, 0);
		m->clock = cookie;
	}
	for (uint64_t cookie = FIRST; cookie < FIRST + MANY; cookie++)
		left += memory_find(cookie) != NULL;
	cr_expect_gt(left, 1000);
	cr_expect_lt(left, MANY);
	cr_expect_not_null(memory_find(FIRST + MANY - 1));
}

/* What has a flag stays while anything else can go, then goes if its socket has; counts and lists stay right. */
Test(memory, sockets_that_are_gone_give_way_last)
{
	const uint64_t flagged = 5000;
	size_t listed = 0, position = 0, found = 0;

	for (uint64_t cookie = FIRST; cookie < FIRST + flagged; cookie++)
		memory_set(memory_of(cookie, -1), MEMORY_WATCHED | MEMORY_CONNECTING);
	cr_expect_eq(watched, flagged);
	cr_expect_eq(attention, flagged);
	for (uint64_t cookie = FIRST + flagged; cookie < FIRST + MANY; cookie++)
		cr_assert_not_null(memory_of(cookie, -1));
	for (uint64_t cookie = FIRST; cookie < FIRST + flagged; cookie++)
		found += memory_find(cookie) != NULL;
	while (memory_next(&position, MEMORY_WATCHED))
		listed++;
	cr_expect_eq(listed, found);
	cr_expect_eq(watched, found);
	cr_expect_eq(attention, found);
	/* Hardly any run of slots is full of them. */
	cr_expect_gt(found, flagged * 9 / 10);
	for (uint64_t cookie = FIRST + MANY; cookie < FIRST + 2 * MANY; cookie++) {
		struct memory *m = memory_of(cookie, -1);

		cr_assert_not_null(m);
		memory_set(m, MEMORY_WATCHED);
	}
	cr_expect_leq(watched, 16384);
}

/* A socket that is still there keeps its place: who comes later goes without. */
Test(memory, sockets_that_are_there_stay)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t own;
	size_t refused = 0;

	cr_assert(fd >= 0 && socket_cookie(fd, &own));
	struct memory *m = memory_of(own, fd);

	memory_set(m, MEMORY_ENDED);
	for (uint64_t cookie = FIRST; cookie < FIRST + MANY; cookie++) {
		struct memory *other = memory_of(cookie, -1);

		refused += !other;
		memory_set(other, MEMORY_WATCHED);
	}
	cr_expect_eq(memory_find(own), m);
	cr_expect(memory_has(m, MEMORY_ENDED));
	cr_expect_eq(refused, 0);
	close(fd);
}

Test(memory, hints_are_by_number)
{
	memory_set(memory_of(FIRST, 9), MEMORY_TAKE_CARE);
	cr_expect(memory_hinted(9));
	cr_expect_not(memory_hinted(10));
	memory_copy_hint(9, 10);
	cr_expect(memory_hinted(10));
	memory_unhint(10);
	cr_expect_not(memory_hinted(10));
	cr_expect(memory_hinted(1 << 20)); /* above the table each may be */
	cr_expect_not(memory_hinted(-1));
	memory_copy_hint(9, -1);
	memory_unhint(-1);
}

/* Without memory nothing is found, and nothing breaks. */
Test(no_memory, finds_nothing)
{
	size_t position = 0;

	cr_expect_null(memory_find(FIRST));
	cr_expect_null(memory_of(FIRST, 3));
	memory_set(NULL, MEMORY_ENDED);
	memory_clear(NULL, MEMORY_ENDED);
	cr_expect_not(memory_hinted(3));
	cr_expect_null(memory_next(&position, MEMORY_WATCHED));
}
