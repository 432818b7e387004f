/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The library for programs of another ABI than the command's: 32 bits beside 64, and what they start.
 *
 * Each ABI has a library of its own, in sndtimeo/ of its folder of libraries, and LD_PRELOAD has one value for all programs
 * that are started. What ld.so makes of an entry of it (glibc 2.36, elf/dl-load.c and elf/rtld.c; tests/packages/abis.test):
 *
 * - A path to a library of another class is told of on standard error, by every program ("wrong ELF class": _dl_map_object()
 *   and do_preload()), whatever the other entries are. So one entry for each ABI is no way.
 * - $LIB is replaced by the name of the folder that this ld.so's libraries are in (DL_DST_LIB): lib/x86_64-linux-gnu,
 *   lib/i386-linux-gnu or lib32 on Debian, lib64 and lib elsewhere. One entry, and nothing to tell.
 * - $PLATFORM is the processor's name and not the ABI's: i686 or i586, and haswell in some versions for x86-64.
 * - A bare name is looked for in the program's RPATH and in LD_LIBRARY_PATH first.
 *
 * musl's loader replaces nothing, and is silent about what it does not find. So $LIB is used only where it makes a difference.
 */
#ifndef SNDTIMEO_ABI_H
#define SNDTIMEO_ABI_H

#include <stdbool.h>

/** Where the library is, in the folder of an ABI's libraries. */
#define ABI_LIBRARY "sndtimeo/libsndtimeo.so"

/** @return whether @p loader, the path of a dynamic loader as programs name it, is glibc's, which replaces $LIB */
bool abi_knows_lib(const char *loader);

/**
 * What the loader at the path @p loader puts for $LIB: "lib64".
 *
 * @return allocated; NULL if that is not known, it is not glibc's for example, or there is no memory
 */
char *abi_lib(const char *loader);

/**
 * @p library, a path that ends with ABI_LIBRARY in the folder @p own, in the folder @p other instead: "/usr/lib64/...",
 * "lib64" and "lib" make "/usr/lib/...".
 *
 * @return allocated; NULL if @p library is elsewhere, or there is no memory
 */
char *abi_in_folder(const char *library, const char *own, const char *other);

/**
 * Where the library is for programs that are loaded by @p loader, if @p library, the command's, is where its own loader has
 * its libraries. It need not be there.
 *
 * @return allocated; NULL if that is not known
 */
char *abi_library_for(const char *library, const char *loader);

/**
 * What LD_PRELOAD is to hold for @p library: with $LIB if there is a library of another ABI beside it, else as it is.
 *
 * @return allocated; NULL if there is no memory
 */
char *abi_name_in_preload(const char *library);

#endif
