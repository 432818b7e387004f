/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What a wait of ours owes to signals.
 */
#ifndef SNDTIMEO_SIGNALS_H
#define SNDTIMEO_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/**
 * Block all signals in this thread. A wait in slices does so, and lets them in with the mask of ppoll(2), pselect(2) or
 * epoll_pwait(2): then none can slip through between two slices and leave a wait unended that it should have ended.
 * Leaving such a wait by siglongjmp() or cancellation happens inside the system call, under the program's own mask.
 */
void signals_block(sigset_t *before);
void signals_restore(const sigset_t *before);

/**
 * Whether every handler that is installed has SA_RESTART, so that a call that was interrupted before it did anything
 * would be begun again by the kernel if SO_SNDTIMEO had not turned that off (signal(7)). Which signal it was is not
 * known: where handlers disagree the answer is no.
 */
bool signals_restart(void);

#endif
