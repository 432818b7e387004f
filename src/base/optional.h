/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Included ahead of every file of the library: all that it takes from libc is optional.
 *
 * The library names no libc, so it can be preloaded into programs of any. Some have none and come to the loader
 * nevertheless (Go, built as PIE); the loader would refuse to start them for a symbol that is missing. start() looks.
 *
 * In assembler, because compilers call some of these on their own.
 */
#ifndef SNDTIMEO_OPTIONAL_H
#define SNDTIMEO_OPTIONAL_H

/* We define the plain and the checked functions by their own names, and musl has no checked ones. Here, because a
 * distribution's flags come after ours. */
#undef _FORTIFY_SOURCE

__asm__(".weak __errno_location, __libc_single_threaded, bcmp, dl_iterate_phdr, dlsym, environ, memchr, memcmp, memcpy, memmove, memset\n\t"
        ".weak mremap, program_invocation_short_name, strcmp, strlen, strnlen, __stack_chk_fail");

#endif
