/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Signals that come in a wait and nowhere else.
 */
#include "outside/kept.h"

void kept_signals(const int *signals, size_t count, void (*handler)(int number), sigset_t *mask)
{
	const struct sigaction action = {.sa_handler = handler};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < count; i++)
		sigaddset(&blocked, signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, mask);
	for (size_t i = 0; i < count; i++) {
		struct sigaction before;

		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
		sigdelset(mask, signals[i]);
	}
}
