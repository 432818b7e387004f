/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What an ELF file says of itself: for which machine it is, what loads it, and whether it is a Go program.
 */
#ifndef SNDTIMEO_ELF_H
#define SNDTIMEO_ELF_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct elf {
	bool is_64_bit;
	bool is_big_endian;
	bool is_go;
	uint16_t type;              /**< ET_EXEC or ET_DYN */
	uint16_t machine;           /**< EM_... */
	char interpreter[PATH_MAX]; /**< the dynamic loader that it asks for; empty: none */
	char soname[32];            /**< the beginning of its name if it is a library without a loader; empty: none */
	/** The shared runtime of AddressSanitizer that it asks for, "libasan.so.8": a name of letters, digits and "._+-".
	 * Empty: none. */
	char runtime[64];
};

/**
 * Read the program or library open as @p fd, which may be anybody's: nothing in it is believed without a check, and
 * the time is bounded whatever is in it.
 *
 * @return whether the kernel would run or map it; if not, @p elf is undefined
 */
bool elf_read(int fd, struct elf *elf);

/** @return the machine's name for people ("x86-64"); NULL if it has none here. */
const char *elf_machine_name(uint16_t machine);

#endif
