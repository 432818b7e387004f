/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the harness and the tester must agree on.
 */
#ifndef SNDTIMEO_TESTS_PROTOCOL_H
#define SNDTIMEO_TESTS_PROTOCOL_H

/** The tester's results go here and not to standard output, so that descriptors 0 to 2 are free to be sockets. */
#define RESULTS_FD 100

/** What the tester sets errno to before each call it reports on, and so what it reads after a success. */
#define ERRNO_UNTOUCHED 12345

#endif
