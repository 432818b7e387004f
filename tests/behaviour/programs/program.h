/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the small programs share that do what no script of the tester can: each gets one argument, words of its own,
 * and says `key=value` as the tester does.
 *
 * Everything here but the sockets that a program works on itself goes past the library.
 */
#ifndef SNDTIMEO_TESTS_PROGRAM_H
#define SNDTIMEO_TESTS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MOST_ARGUMENTS 6

/** The argument's words; "" for those that are not there. */
struct words {
	char text[256];
	const char *word[MOST_ARGUMENTS];
};

struct words words_of(int argc, char **argv);
_Noreturn void fail(const char *what);
void say(const char *key, long value);
/** What a call returned, and errno if it failed. */
void say_result(const char *key, long ret, int error);
/** A child's end: its exit status, or 1000 and the signal. */
void say_status(const char *key, int status);
int64_t now_ms(void);
void pause_ms(long ms);
/** ends[0] is made and connected by libc, and blocking; ends[1] is known to the kernel alone. */
void connect_pair(int ends[2]);
/** ends[0]: the writing end of a pipe, or one of a unix or tcp connection; ends[1]: the other. */
void open_pair(const char *kind, int ends[2]);
/** Send past the library until the socket takes no more, not even after the first probe of the peer's window. */
void fill(int fd);

#endif
