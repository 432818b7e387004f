/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One connection that is watched from outside its process: how it is doing, and what is done to it.
 *
 * It is looked at through a duplicate of the descriptor, which is closed at once: while that is held, the program's own close()
 * ends nothing. Only what has an option of ours is held on to, so that it is taken off whatever its program does, and what is
 * about to have its verdict, so that this is seen and not guessed; a close() waits for one look there at most.
 */
#ifndef SNDTIMEO_WATCHED_H
#define SNDTIMEO_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "connection/stall.h"
#include "limits/limits.h"
#include "outside/family.h"
#include "tell/report.h"

/** A descriptor of a process that is a socket. */
struct holder {
	uint64_t inode;
	struct member *member;   /**< NULL: it has ended */
	int fd;
};

/** What of ours is on the socket, to be taken off again. */
enum armed {
	ARMED_CONNECT = 1,   /**< TCP_USER_TIMEOUT is the connect deadline */
	ARMED_SEND,          /**< TCP_USER_TIMEOUT is what is left until the verdict */
};

struct watched {
	uint64_t inode;                  /**< of the socket, as /proc/PID/fd has it */
	uint64_t cookie;                 /**< SO_COOKIE; 0: no connection, nor what may become one */
	struct holder *holders;          /**< all that were found, which are the scan's */
	const struct limits *limits;     /**< NULL: not known yet */
	struct stall_clock *clock;       /**< of the send timeout, while it is refused; NULL: it is not */
	struct stall_clock *unacked;     /**< of SNDTIMEO_UNACKED, where that is set */
	struct timeout *notes;           /**< what there would be to tell: the kernel forgets it with the verdict; NULL: none yet */
	int64_t due_ns;                  /**< the next look */
	int64_t whole_ns;                /**< the next that is more than whether its program still has what is held on to */
	int64_t looked_ns;               /**< the last one; 0: none */
	int64_t busy_ns;                 /**< look.busy_ns then */
	int64_t connect_ns;              /**< since when it connects; 0: it does not */
	int64_t shut_ns;                 /**< look.shut_ns when the last progress was seen */
	uint64_t progress;               /**< look.progress at the last look */
	int64_t from_ns;                 /**< not before this does the kernel count a TCP_USER_TIMEOUT: from here, the attempt, or arm.h */
	int64_t probed_ns;               /**< not before this was it probed in an earlier stall; 0: it was not */
	int64_t wanted_ns;               /**< when its program was last seen to want to send */
	/* There may be thousands: no space between them is lost. */
	uint32_t n_holders;
	int32_t armed_ms;                /**< our TCP_USER_TIMEOUT */
	int32_t verdict_ms;              /**< the last of them that ends it at its limit */
	int32_t own_ms;                  /**< the program's, to be put back */
	int held;                        /**< a duplicate that is held on to; -1: none */
	uint16_t connect_port;           /**< of ours, of the attempt */
	uint16_t configuration;          /**< the one that limits are of: configuration_assume() */
	uint8_t armed;                   /**< enum armed; 0: nothing is */
	uint8_t ran_out;                 /**< how often the kernel's timer had run out at the last look */
	bool followed, probing;          /**< the window was probed at the last look (arm.c) */
	uint8_t flags;                   /**< as descriptor.h has them: DESCRIPTOR_MPTCP */
	bool begun;                      /**< it was looked at, and cookie tells whether limits cover it */
	bool keeps;                      /**< the duplicate is to be held on to */
	bool errs;                       /**< an error is queued at it, so that poll(2) does not wait there */
	bool outstanding;                /**< something was, at the last look */
	bool unseen;                     /**< its program was in no call at the last look */
	bool told, through;              /**< what there is to tell was told; it was connected */
};

/** What happened, for the exit status. */
struct verdicts {
	unsigned connects, sends;
};

/** Before all others: the shortest limits that there are for any destination. They stay where they are. */
void watched_start(const struct limits *shortest);

/** Find out what a socket is that was seen for the first time. */
void watched_begin(struct watched *w, int64_t now_ns);

/** Whether another program's rules count for it than at the last look. */
bool watched_is_anothers(const struct watched *w);

/** Look, do what is due, and set w->due_ns. Before w->whole_ns it is only seen whether its program still has it. */
void watched_look(struct watched *w, int64_t now_ns, struct verdicts *verdicts);

/** Nobody is going to look any more: take off what is ours, and forget it. */
void watched_end(struct watched *w);

#endif
