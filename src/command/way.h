/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which way limits reach a program: by a library inside, or by a watcher outside.
 */
#ifndef SNDTIMEO_WAY_H
#define SNDTIMEO_WAY_H

#include <stdbool.h>

#include "reach.h"

enum way { WAY_ANY, WAY_INSIDE, WAY_OUTSIDE };

struct choice {
	enum way way;         /**< WAY_INSIDE or WAY_OUTSIDE */
	const char *why_not;  /**< what is in that one's way; NULL: nothing */
};

/** Choose for a program of which @p finding is known; @p asked: what its user asked for. Inside, where that reaches it. What is in
 * the way of a watcher is for the caller to find out. */
struct choice way_choose(enum way asked, const struct finding *finding);

/** Print what --check says. @return whether the program can be limited */
bool way_show(const char *command, const char *library, const struct finding *finding, const struct choice *choice);

/** Say which way is taken (verbose), or that the program runs without limits (--force). */
void way_tell(const struct choice *choice, const struct finding *finding);

/** A program that the limits do not reach is not to be run by somebody who believes that they do: say why, and end. */
_Noreturn void way_refuse(const struct choice *choice, const struct finding *finding, enum way asked);

/**
 * What LD_PRELOAD is going to be: the library first, but for AddressSanitizer's runtime, which ends the program if it
 * is not. It is named as the program names it, and so the loader looks where it looks for what the program needs.
 *
 * @return allocated; NULL if there is no memory
 */
char *way_preload(const char *library, const struct finding *finding);

#endif
