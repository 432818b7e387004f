/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the administrator of a machine has set for all of its programs.
 */
#include "limits/machine.h"

#include <string.h>

#include "base/libc.h"

#define PRELOAD "/etc/ld.so.preload"
/** It names a few libraries. */
#define PRELOAD_MOST 4096

const char machine_config[] = CONFIG_FILE;

bool machine_has_config(void)
{
	return libc.syscall(SYS_faccessat, AT_FDCWD, machine_config, F_OK) == 0;
}

/** As ld.so reads it: names with blanks or colons in between, and comments. */
static bool names_us(const char *text, const char *end)
{
	static const char ours[] = "libsndtimeo.";
	bool comment = false;

	for (; text + sizeof ours - 1 <= end; text++) {
		comment = *text == '#' || (comment && *text != '\n');
		if (!comment && memcmp(text, ours, sizeof ours - 1) == 0)
			return true;
	}
	return false;
}

bool machine_preloads_us(void)
{
	static char text[PRELOAD_MOST];
	const int fd = (int)libc.syscall(SYS_openat, AT_FDCWD, PRELOAD, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	const long length = libc.syscall(SYS_read, fd, text, sizeof text);

	libc.syscall(SYS_close, fd);
	return length > 0 && names_us(text, text + length);
}
