/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester: a program that does with sockets what a script on its command line says, and reports.
 *
 * The script is one argument: steps separated by `;`, each a name and its words. `@label` names the results of a step
 * (default: the step's name), `#2` picks the slot it works on (default 0; a slot holds one descriptor), `&` in front
 * runs it in a thread of its own, `key=value` words are options. Results are lines `label.key=value` on RESULTS_FD.
 * The steps themselves are listed, with their words, in tester.c.
 *
 * Every call a step reports on goes through libc, so that the library sees it; reporting and watching use raw system
 * calls, so that the library does not.
 */
#ifndef SNDTIMEO_TESTS_TESTER_H
#define SNDTIMEO_TESTS_TESTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "protocol.h"

#define MOST_WORDS 12
#define MOST_SLOTS 80

struct watch;

/** One descriptor the script works on. */
struct slot {
	int fd;
	int family;             /**< AF_UNSPEC for what is not a socket */
	uint64_t *sent;         /**< bytes the calls so far said were sent; shared by duplicates */
	uint64_t received;
	struct watch *watch;    /**< NULL unless step `watch` was run */
};

struct step {
	char *name;
	char *label;
	int slot;
	int n_words;
	char *words[MOST_WORDS];
	bool background;
	bool joined;
	bool unwound;        /**< the thread's frames were left one by one, as C++ needs it */
	pthread_t thread;
	struct step *next;   /**< of those running in the background */
};

/** What a call did. */
struct measured {
	long ret;
	int error;            /**< errno after it, whatever it returned */
	int64_t start_us;
	int64_t end_us;
};

/** Make a call with errno set to ERRNO_UNTOUCHED and note what it did. */
#define MEASURE(m, call)                                                                                           \
	do {                                                                                                       \
		(m)->start_us = now_us();                                                                          \
		errno = ERRNO_UNTOUCHED;                                                                           \
		(m)->ret = (long)(call);                                                                           \
		(m)->error = errno;                                                                                \
		(m)->end_us = now_us();                                                                            \
	} while (0)

/* tester.c */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
int64_t now_us(void);
struct slot *slot_of(const struct step *step);
struct slot *numbered_slot(int number);
/** @return word number @p n (0: the first after the name); ends the tester if there is none. */
const char *word(const struct step *step, int n);
long number_word(const struct step *step, int n);
/** @return the value of the option @p key, or @p otherwise. */
const char *option(const struct step *step, const char *key, const char *otherwise);
long number_option(const struct step *step, const char *key, long otherwise);
/** Print `label.key=value`. */
void report(const struct step *step, const char *key, long value);
/** Print ret, errno, ms and, on a watched slot, for how long it had been stalled when the call ended. */
void report_measured(const struct step *step, const struct measured *m);
/** @return @p fd under a number that no script's own descriptors get: what a script closes is never the tester's. */
int out_of_the_way(int fd);
/** Complain (once per line of output) if a successful call touched errno. */
void check_errno(const struct measured *m);
socklen_t loopback(struct sockaddr_storage *address, int family, unsigned port);

/* tester_watch.c */
/** Watch the slot's socket from a thread, until watch_stop(). */
void watch_start(struct slot *slot);
/** End the watch, if there is one, and report the longest time without progress. */
void watch_stop(struct slot *slot);
/**
 * For how long the connection had made no progress at @p end_us, counted from no earlier than @p start_us. Progress is
 * seen by sampling, hence two answers.
 */
void watch_stall(struct slot *slot, int64_t start_us, int64_t end_us, int64_t *least_us, int64_t *most_us);

/* tester_calls.c */
/** How the bytes of one send are laid out. */
struct shape {
	int flags;
	int pieces;                      /**< elements of the iovec; 0: one */
	bool control;                    /**< sendmsg: with control data */
	struct sockaddr_storage to;      /**< ss_family AF_UNSPEC: no address */
	socklen_t to_size;
};

/** Read flags=, iov=, control= and to= of a step. */
struct shape shape_of(const struct step *step);
/** Send @p size bytes of the pattern by the call of that name, once, and count what it says was taken. */
struct measured send_once(const char *call, struct slot *slot, size_t size, const struct shape *shape);
/** Receive at most @p size bytes by the call of that name, once. */
struct measured receive_once(const char *call, struct slot *slot, size_t size);
void step_send(struct step *step);
void step_sendall(struct step *step);
void step_fill(struct step *step);
void step_recv(struct step *step);
void step_drain(struct step *step);
void step_stdio(struct step *step);
void step_refusals(struct step *step);

/* tester_waits.c */
/** A way to wait for a slot, as words of a step say it. */
struct waiter {
	const char *call;    /**< poll, ppoll, poll_chk, ppoll_chk, select, pselect, epoll_wait, epoll_pwait, epoll_pwait2 */
	int events;          /**< as for poll */
	const char *with;    /**< "": alone; "pipe": a silent pipe, too; "twice": the same descriptor in a second entry */
	bool edge;           /**< epoll: edge-triggered */
	bool oneshot;        /**< epoll: for one event, asked for anew each time */
	int second_revents;  /**< of "twice" */
};

/** Read with=, et= and oneshot= of a step, and @p events as in "in+out". */
struct waiter waiter_of(const struct step *step, const char *call, const char *events);
/** Wait once. @return what it did; @p revents is what it said of the slot. */
struct measured wait_once(struct waiter *waiter, struct slot *slot, int timeout_ms, int *revents);
void step_wait(struct step *step);
void step_epadd(struct step *step);
void step_epmod(struct step *step);
void step_epwait(struct step *step);

/* tester_hostile.c */
void step_size(struct step *step);
void step_fsize(struct step *step);
void step_nofile(struct step *step);
void step_seccomp(struct step *step);
void step_noproc(struct step *step);

/* tester_unix.c */
void step_unixserve(struct step *step);
void step_unixlisten(struct step *step);
void step_unix(struct step *step);
void step_leave(struct step *step);

/* tester_healthy.c */
void step_seen(struct step *step);
void step_own(struct step *step);
void step_stranger(struct step *step);

/* tester_loops.c */
void step_upload(struct step *step);
void step_sync(struct step *step);

/* tester_reuse.c */
void step_reuse(struct step *step);
void step_carry(struct step *step);
void step_shared(struct step *step);

/* tester_raw.c */
void step_rawsock(struct step *step);
void step_rawconnect(struct step *step);
void step_hand(struct step *step);
void step_past(struct step *step);
void step_linger(struct step *step);
void step_deny(struct step *step);
void step_waits(struct step *step);
void step_orphan(struct step *step);
void step_quit(struct step *step);
void step_name(struct step *step);
void step_crowd(struct step *step);

/* tester_nested.c */
void step_nest(struct step *step);

#endif
