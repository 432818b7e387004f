/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is remembered of a socket at a descriptor, and that it is of that socket alone.
 */
#include <criterion/criterion.h>

#include "src/connection/memory.h"

/* Cookies no kernel gives away. */
#define FIRST (UINT64_C(1) << 60)
#define MANY 20000

Test(memory, is_of_one_socket_at_one_number)
{
	struct memory *m = memory_of(7, FIRST);

	cr_assert_not_null(m);
	cr_expect_eq(memory_find(7, FIRST), m);
	cr_expect_eq(memory_of(7, FIRST), m);
	cr_expect_null(memory_find(8, FIRST));
	cr_expect_null(memory_find(7, FIRST + 1));
	cr_expect_null(memory_find(7, 0));
	cr_expect_null(memory_of(7, 0));
	cr_expect_null(memory_of(-1, FIRST));
	cr_expect_null(memory_of(DESCRIPTORS, FIRST));
}

/* Who comes later finds nothing of who was there. */
Test(memory, the_next_socket_takes_it_over)
{
	struct memory *m = memory_of(7, FIRST);

	memory_set(m, MEMORY_WATCHED | MEMORY_ENDED);
	m->since_ns = 1;
	m->clock.moved = 1;
	cr_expect_eq(memory_looked_after, 1);
	cr_expect_eq(memory_of(7, FIRST + 1), m);
	cr_expect_null(memory_find(7, FIRST));
	cr_expect_not(memory_has(m, ~0u));
	cr_expect_eq(m->since_ns, 0);
	cr_expect_eq(m->clock.moved, 0);
	cr_expect_eq(memory_looked_after, 0);
}

/* No number of sockets is too many, and none is walked past. */
Test(memory, many_are_found_and_listed)
{
	unsigned position = 0, listed = 0;

	for (int fd = 0; fd < MANY; fd++)
		memory_set(memory_of(fd * 50, FIRST + (uint64_t)fd), MEMORY_WATCHED);
	cr_expect_eq(memory_looked_after, MANY);
	for (struct memory *m; (m = memory_next(&position)); listed++)
		cr_assert_eq(m->fd, (int)listed * 50);
	cr_expect_eq(listed, MANY);
	for (int fd = 0; fd < MANY; fd++)
		memory_clear(memory_find(fd * 50, FIRST + (uint64_t)fd), MEMORY_WATCHED);
	position = 0;
	cr_expect_null(memory_next(&position));
	cr_expect_eq(memory_looked_after, 0);
	cr_expect_eq(memory_waits_matter, 1);
}

Test(memory, a_flag_that_calls_have_to_know_marks_the_number)
{
	memory_set(memory_of(9, FIRST), MEMORY_CONNECTING);
	cr_expect(descriptor_has(9, DESCRIPTOR_NOTICED));
	cr_expect_not(descriptor_has(10, DESCRIPTOR_NOTICED));
}

Test(memory, a_duplicate_has_it_too)
{
	struct memory *m = memory_of(9, FIRST);

	memory_set(m, MEMORY_CONNECTING | MEMORY_WATCHED);
	m->user_timeout_ms = 77;
	m->since_ns = 5;
	memory_copy(9, 12);
	const struct memory *copy = memory_find(12, FIRST);

	cr_assert_not_null(copy);
	cr_expect(memory_has(copy, MEMORY_CONNECTING));
	cr_expect_not(memory_has(copy, MEMORY_WATCHED));
	cr_expect_eq(copy->user_timeout_ms, 77);
	cr_expect_eq(copy->since_ns, 5);
}

/* What nobody else finds is not listed. */
Test(memory, of_ones_own_is_of_nobody)
{
	struct memory own = {.fd = -1};
	unsigned position = 0;

	memory_set(&own, MEMORY_WATCHED);
	cr_expect_eq(memory_looked_after, 0);
	cr_expect_null(memory_next(&position));
	memory_set(NULL, MEMORY_ENDED);
	memory_clear(NULL, MEMORY_ENDED);
}
