/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Why a connection timed out, as far as the kernel knows.
 */
#ifndef SNDTIMEO_REASON_H
#define SNDTIMEO_REASON_H

/** In the order of reason.c's list. */
enum reason {
	REASON_WINDOW_CLOSED,       /**< the peer's host answers, and announces no room */
	REASON_NOT_READ,            /**< the same for a unix socket */
	REASON_NO_ACKNOWLEDGEMENT,  /**< nothing comes back: the network or the host is gone */
	REASON_NO_PROGRESS,         /**< the kernel does not say more here (TCP_INFO cut short) */
	REASON_PATH_MTU,            /**< small packets pass, full-size ones do not */
	REASON_TOO_SLOW,            /**< slower than the least rate */
	REASON_SEND_TOTAL,          /**< one send took longer than it may, however it moved */
	REASON_UNACKED,             /**< the kernel's own limit (TCP_USER_TIMEOUT) ran out */
	REASON_SYN_UNANSWERED,
	REASON_BACKLOG_FULL,        /**< a unix socket whose owner accepts nothing */
	REASON_CONNECTED_LATE,      /**< dry runs: how it ended after the deadline */
	REASON_REFUSED_LATE,
	REASON_FAILED_LATE,
};

/** The word that stands for it in JSON: "window_closed". */
const char *reason_code(enum reason reason);
/** For people: "no answer to SYN". */
const char *reason_text(enum reason reason);

#endif
