/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where the library is, and how ld.so(8) is told of it.
 */
#ifndef SNDTIMEO_PRELOAD_H
#define SNDTIMEO_PRELOAD_H

#include <stddef.h>

/**
 * The library's absolute path: the build tree's own one if this program is the one made to be run from there (which is never
 * installed, and knows where that is by BUILD_DIR) and is run from there, else the installed one. Never anything below the current folder. The file need not exist.
 *
 * @return allocated; NULL if there is no memory
 */
char *library_path(void);

/**
 * Whether ld.so could preload the library at @p path: it can be read, is a file, and LD_PRELOAD can hold its name.
 *
 * @return NULL if so, else why not (a string that lives until the next call)
 */
const char *library_defect(const char *path);

/**
 * The value of LD_PRELOAD that has @p library in front of what is in @p old (NULL or empty: nothing). An @p old that
 * begins with it already stays as it is, so that a sndtimeo under sndtimeo adds nothing.
 *
 * @return allocated; NULL if there is no memory
 */
char *preload_with(const char *library, const char *old);

#endif
