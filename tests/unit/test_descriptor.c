/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One word for each number: its flags, and how often it changed hands.
 */
#include <criterion/criterion.h>

#include "src/connection/descriptor.h"

static void begin(void)
{
	descriptor_bound = DESCRIPTORS;
	descriptor_known = DESCRIPTOR_SEEN;
}

TestSuite(descriptor, .init = begin);

Test(descriptor, before_the_start_nothing_is_plain)
{
	descriptor_bound = 0;
	cr_expect_not(descriptor_plain(3));
	cr_expect_not(descriptor_plain_socket(3));
}

Test(descriptor, what_was_never_seen_is_plain_but_for_sockets_own_calls)
{
	cr_expect(descriptor_plain(3));
	cr_expect_not(descriptor_plain_socket(3));
	descriptor_made(3, DESCRIPTOR_SEEN);
	cr_expect(descriptor_plain(3));
	cr_expect(descriptor_plain_socket(3));
}

Test(descriptor, out_of_the_table_may_be_anything_and_below_zero_is_nothing)
{
	volatile int above = DESCRIPTORS; /* that the compiler may not know */

	cr_expect_not(descriptor_plain(above));
	cr_expect(descriptor_has(DESCRIPTORS, DESCRIPTOR_COVERED));
	cr_expect_not(descriptor_unmoved(DESCRIPTORS, descriptor_word(DESCRIPTORS)));
	cr_expect_not(descriptor_plain(-1));
	cr_expect_eq(descriptor_word(-1), 0);
	descriptor_made(-1, DESCRIPTOR_COVERED);
	descriptor_set(DESCRIPTORS, DESCRIPTOR_NOTICED);
	descriptor_leaving(-1);
	descriptor_leaving_range(0, ~0u);
}

Test(descriptor, a_change_of_hands_moves_the_generation)
{
	descriptor_made(3, DESCRIPTOR_COVERED | DESCRIPTOR_SEEN);
	const uint32_t word = descriptor_word(3);

	descriptor_set(3, DESCRIPTOR_NOTICED);
	cr_expect(descriptor_unmoved(3, word));
	descriptor_leaving(3);
	cr_expect_not(descriptor_unmoved(3, word));
	/* It is a vfork child's, perhaps. */
	cr_expect(descriptor_has(3, DESCRIPTOR_COVERED));
	descriptor_made(3, DESCRIPTOR_SEEN);
	cr_expect(descriptor_plain(3));
	descriptor_made(5, DESCRIPTOR_COVERED);
	const uint32_t other = descriptor_word(5);

	descriptor_leaving_range(4, ~0u);
	cr_expect_not(descriptor_unmoved(5, other));
}

/* The kernel's word is of what was there when it was asked. */
Test(descriptor, a_late_no_changes_nothing)
{
	descriptor_made(3, DESCRIPTOR_COVERED);
	const uint32_t word = descriptor_word(3);

	descriptor_leaving(3);
	descriptor_made(3, DESCRIPTOR_COVERED);
	descriptor_not_covered(3, word);
	cr_expect_not(descriptor_plain(3));
	descriptor_not_covered(3, descriptor_word(3));
	cr_expect(descriptor_plain(3));
}

Test(descriptor, a_copy_is_the_same_socket_and_nobodys_duplicate)
{
	descriptor_made(3, DESCRIPTOR_COVERED | DESCRIPTOR_NOTICED | DESCRIPTOR_SEEN);
	descriptor_set(3, DESCRIPTOR_HELD | DESCRIPTOR_OURS);
	descriptor_copied(3, 4);
	cr_expect(descriptor_has(4, DESCRIPTOR_COVERED));
	cr_expect(descriptor_has(4, DESCRIPTOR_NOTICED));
	cr_expect_not(descriptor_has(4, DESCRIPTOR_HELD | DESCRIPTOR_OURS));
}
