/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What a wait of ours owes to signals.
 */
#include "signals.h"

#include <stddef.h>

void signals_block(sigset_t *before)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, before);
}

void signals_restore(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

bool signals_restart(void)
{
	struct sigaction action;
	/* libc keeps one or two for itself and refuses to tell; those always restart. */
	for (int signal = 1; signal < NSIG; signal++)
		if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
		    !(action.sa_flags & SA_RESTART))
			return false;
	return true;
}
