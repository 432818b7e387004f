/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A program without any libc that the loader starts nevertheless. A trap is the one way to end that every
 * processor has under the same name.
 */
extern void _start(void);

void _start(void)
{
	__builtin_trap();
}
