/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Finds libc's functions for the modules under test: without settings the library's own start does not need all.
 */
#include "src/base/libc.h"

__attribute__((constructor)) static void bind_all(void)
{
	bind_libc();
	bind_libc_rest();
}
