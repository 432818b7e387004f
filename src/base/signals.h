/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What a wait of ours owes to signals and to cancellation.
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

/** Block one, so that it can be taken back (signals_take_back()). */
void signals_block_one(int signal, sigset_t *before);
/** As signals_restore(); errno stays. */
void signals_restore_keeping(const sigset_t *before);
/** Take one back that is blocked and was raised in this thread; errno stays. */
void signals_take_back(int signal);

/** Have no pthread_cancel(3) end this thread until what is begun is done, though it calls what may be cancelled.
 * @return what signals_release_cancellation() is to be given */
int signals_hold_cancellation(void);
void signals_release_cancellation(int before);

/**
 * Whether every handler that is installed has SA_RESTART, so that a call that was interrupted before it did anything
 * would be begun again by the kernel if SO_SNDTIMEO had not turned that off (signal(7)). Which signal it was is not
 * known: where handlers disagree the answer is no.
 */
bool signals_restart(void);

#endif
