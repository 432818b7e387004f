/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Fuzzes what judges a program before it is run: an input is the content of a program, or of a script.
 *
 * See `make fuzz`. The library is this program itself.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holds.h"
#include "src/command/reach.h"

static void check_line(const char *line)
{
	for (; line && *line; line++)
		HOLDS(*line >= ' ' && *line <= '~');
}

static void check(const char *const *command)
{
	struct finding finding = reach_of("/proc/self/exe", (char *const *)command);

	HOLDS(finding.reach == REACHED || finding.reach == NOT_REACHED || finding.reach == CANNOT_TELL);
	HOLDS(!finding.why == (finding.reach == REACHED));
	HOLDS(!finding.advice == (finding.reach != NOT_REACHED));
	HOLDS(finding.chain && (finding.file || !*finding.chain));
	check_line(finding.chain);
	check_line(finding.why);
	check_line(finding.advice);
	HOLDS(!finding.runtime || !strpbrk(finding.runtime, " :/$"));
	check_line(finding.runtime);
	finding_free(&finding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[40], string[4097] = "";
	int fd = memfd_create("program", MFD_CLOEXEC);

	HOLDS(fd >= 0 && fchmod(fd, 0700) == 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	check((const char *const[]){path, "argument", NULL});
	/* As what is asked for a program, and as a string that env splits. */
	check((const char *const[]){"/lib64/ld-linux-x86-64.so.2", path, NULL});
	memcpy(string, data, size < sizeof string ? size : sizeof string - 1);
	check((const char *const[]){"/usr/bin/env", "-S", string, path, NULL});
	close(fd);
	return 0;
}
