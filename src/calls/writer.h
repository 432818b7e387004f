/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Synchronous writers: threads that wait for one descriptor, for writing alone, before they send there.
 */
#ifndef SNDTIMEO_WRITER_H
#define SNDTIMEO_WRITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** The socket this thread waited for, for writing alone, before anything else: it is a synchronous writer of it.
 * 0: of none. */
extern __thread uint64_t writer_cookie __attribute__((visibility("hidden"), tls_model("initial-exec")));
/** The descriptor it waited at, and its word then. */
extern __thread int writer_fd __attribute__((visibility("hidden"), tls_model("initial-exec")));
extern __thread uint32_t writer_word __attribute__((visibility("hidden"), tls_model("initial-exec")));
/** Whether any thread ever was one: until then nobody need touch thread-local storage, which some have not. */
extern atomic_int writer_any __attribute__((visibility("hidden")));

/** This thread waits otherwise: it is one no more. */
static inline void writer_end(void)
{
	if (atomic_load_explicit(&writer_any, memory_order_relaxed))
		writer_cookie = 0;
}

#endif
