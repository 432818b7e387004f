/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Included ahead of every file of the library, of the command and of what is linked with either.
 *
 * On 32 bits libc has two of each function that takes a time or a size of a file, and its headers choose by what the
 * compiler is told (Debian's and Ubuntu's tell it by themselves). Both are replaced, each under its own name, and all that
 * we call is what a name means by itself, so that each file means the same by a struct.
 */
#ifndef SNDTIMEO_PLAIN_H
#define SNDTIMEO_PLAIN_H

#undef _TIME_BITS
#undef _FILE_OFFSET_BITS
/* The command looks at programs of any size, and at any address of a process. */
#ifdef LARGE_FILES
#define _FILE_OFFSET_BITS 64
#endif

#endif
