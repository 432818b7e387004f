/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What compilers ask for by themselves, where that is not in the library that they link with us (libgcc): it would
 * be taken from a libc that a program need not have.
 */
#include "base/libc.h"

/* A stack was overwritten. glibc has this name in its static half alone. */
#ifdef __i386__
extern void __stack_chk_fail(void) __attribute__((noreturn));
extern void __stack_chk_fail_local(void) __attribute__((noreturn, visibility("hidden")));

void __stack_chk_fail_local(void)
{
	__stack_chk_fail();
}
#endif

/* What an overwritten stack is known by. Elsewhere it is beside the thread's own variables, and whoever has those has it. */
#if defined __aarch64__ || defined __arm__ || defined __loongarch__ || defined __mips__ || defined __riscv
extern uintptr_t __stack_chk_guard __attribute__((visibility("hidden")));
uintptr_t __stack_chk_guard;

/** As hard to guess as where the kernel put the stack. A zero first, which no string function writes. */
__attribute__((constructor(101), no_stack_protector)) static void choose_guard(void)
{
	__stack_chk_guard = ((uintptr_t)__builtin_frame_address(0) >> 4) * (uintptr_t)UINT64_C(0x9e3779b97f4a7c15) << 8;
}
#endif

/* A division by zero, which libgcc tells by raise(3). */
#ifdef __arm__
extern void __aeabi_idiv0(void) __attribute__((visibility("hidden")));
extern void __aeabi_ldiv0(void) __attribute__((visibility("hidden")));

void __aeabi_idiv0(void)
{
	__builtin_trap();
}

void __aeabi_ldiv0(void)
{
	__builtin_trap();
}
#endif
