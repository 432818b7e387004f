/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Whether a preloaded library acts in a program, judged before the program is run.
 */
#ifndef SNDTIMEO_REACH_H
#define SNDTIMEO_REACH_H

#include <stdbool.h>

enum reach {
	REACHED,
	NOT_REACHED, /**< the program would run without the library */
	CANNOT_TELL, /**< whether it does, or it does not run at all, which execvp(3) is going to say */
};

/** What was found. The strings are allocated, and NULL where there is none or no memory for it. All but the two files are
 * printable ASCII without a newline: what others wrote has '?' for every other byte. */
struct finding {
	enum reach reach;
	char *file; /**< the one judged at the end of the chain, as it was found, byte for byte; NULL if none was */
	char *started_as; /**< what execve(2) is given for it: of a script, that; NULL if none was */
	/** For people: every file that was followed, "./upload -> /usr/bin/env -> /usr/bin/python3"; empty: none was. */
	char *chain;
	char *why;    /**< what is in the way; NULL if REACHED */
	char *advice; /**< what to do about it; NULL if REACHED, and mostly if CANNOT_TELL */
	/** The sanitizer's runtime that has to be in LD_PRELOAD before the library, or the program ends itself; as the
	 * program names it, for the loader to look for; NULL: none. */
	char *runtime;
	/** LD_PRELOAD has to hold the library's own path, because the program's loader, musl's for example, takes $LIB as it
	 * is (abi.h). */
	bool is_literal;
};

/**
 * Judge @p command, the arguments as execvp(3) would get them, with the library at the path @p library, or that of another
 * ABI beside it, as the first in LD_PRELOAD. Scripts are followed to their interpreter, env(1) and the dynamic loader to the program they run.
 * It is the program itself that is judged: what a program that is not reached starts in turn may well be.
 *
 * The files may be anybody's: none of them can hang us. Nothing is run and nothing is changed.
 */
struct finding reach_of(const char *library, char *const *command);

/** Free the strings. */
void finding_free(struct finding *finding);

#endif
