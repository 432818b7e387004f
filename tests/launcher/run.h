/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Runs the sndtimeo command and keeps what came of it.
 */
#ifndef SNDTIMEO_TESTS_RUN_H
#define SNDTIMEO_TESTS_RUN_H

#include <sys/types.h>

/** How to run it. All zero: the build tree's command, here, in the test's environment without our variables. */
struct invocation {
	const char *program;            /**< NULL: SNDTIMEO_TEST_LAUNCHER */
	const char *directory;          /**< where to; NULL: here */
	const char *output;             /**< a file for its standard output; NULL: kept in outcome.out */
	const char *const *environment; /**< more variables, NAME=VALUE, NULL at the end; NULL: none */
};

struct outcome {
	pid_t pid;
	int exit_status; /**< -1 if a signal ended it */
	int signal;      /**< 0 if it exited */
	char *out;       /**< what it wrote, as a string; never freed, each test is a process of its own */
	char *err;
};

/** Run `sndtimeo ARGUMENT...`; @p arguments ends with NULL. Fails the test if that cannot be tried. */
struct outcome run(const struct invocation *how, const char *const *arguments);

/** The arguments of run(). */
#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/** @return an environment variable of the tests; fails the test if it is not set. */
const char *needed(const char *name);

/** @return what printf(3) makes of it, allocated. */
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
