/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Programs that are started from here and that the library does not reach: static ones, and Go.
 *
 * Whoever preloads a shell script believes that all it starts is limited. So it is said, once for each such program, and for all
 * that fork() made of the process that was started.
 */
#ifndef SNDTIMEO_UNREACHED_H
#define SNDTIMEO_UNREACHED_H

/** The process is going to fork: children are to share what was said. Keeps errno. */
void unreached_share(void);

/**
 * The process, or a vfork child of it, is about to become the program at @p path under @p environment. Says so if that has
 * settings of ours, no watcher beside it, and is not reached. What cannot be read is not judged.
 *
 * Async-signal-safe, as exec is; keeps errno.
 */
void unreached_exec(const char *path, char *const *environment);

/** The same of a name that execvp(3) looks for, and of an open file. */
void unreached_exec_by_name(const char *name, char *const *environment);
void unreached_exec_of(int fd, char *const *environment);

#endif
