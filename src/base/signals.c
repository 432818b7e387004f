/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What a wait of ours owes to signals and to cancellation.
 */
#include "base/signals.h"

#include <errno.h>
#include <stddef.h>

#include "base/libc.h"

void signals_block(sigset_t *before)
{
	sigset_t all;
	libc.sigfillset(&all);
	libc.sigprocmask(SIG_BLOCK, &all, before);
}

void signals_restore(const sigset_t *before)
{
	libc.sigprocmask(SIG_SETMASK, before, NULL);
}

void signals_block_one(int signal, sigset_t *before)
{
	sigset_t one;
	libc.sigemptyset(&one);
	libc.sigaddset(&one, signal);
	libc.sigprocmask(SIG_BLOCK, &one, before);
}

void signals_restore_keeping(const sigset_t *before)
{
	const int error = errno;
	signals_restore(before);
	errno = error;
}

void signals_take_back(int signal)
{
	const int error = errno;
	sigset_t one;
	libc.sigemptyset(&one);
	libc.sigaddset(&one, signal);
	libc.sigtimedwait(&one, NULL, &(struct timespec){0});
	errno = error;
}

int signals_hold_cancellation(void)
{
	int before = PTHREAD_CANCEL_ENABLE;
	libc.pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

void signals_release_cancellation(int before)
{
	libc.pthread_setcancelstate(before, NULL);
}

/** Whether a signal tells a thread of its own mistake: it comes in the middle of the program's code, never of a wait,
 * and crash handlers (Python's faulthandler, sanitizers) do not restart anything. */
static bool is_fault(int signal)
{
	const uint32_t faults = 1u << SIGSEGV | 1u << SIGBUS | 1u << SIGFPE | 1u << SIGILL | 1u << SIGTRAP | 1u << SIGSYS |
	                        1u << SIGABRT;
	return signal < 32 && faults >> signal & 1;
}

bool signals_restart(void)
{
	struct sigaction action;
	/* libc keeps one or two for itself and refuses to tell; those always restart. */
	for (int signal = 1; signal < NSIG; signal++)
		if (!is_fault(signal) && libc.sigaction(signal, NULL, &action) == 0 &&
		    action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
		    !(action.sa_flags & SA_RESTART))
			return false;
	return true;
}
