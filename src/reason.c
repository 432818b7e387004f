/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Why a connection timed out, as far as the kernel knows.
 */
#include "reason.h"

#include "clock.h"
#include "stall.h"

/** What was heard before the stall began may have been told a little late. */
#define HEARD_MARGIN_NS (100 * NS_PER_MS)

/** Nothing of what is in flight was acknowledged. */
static enum reason of_silence(const struct look *look, int64_t waited_ns)
{
	/* The peer's host was heard since. */
	if (look->last_heard_ns + look->rtt_ns + HEARD_MARGIN_NS < waited_ns)
		return REASON_PATH_MTU;
	/* It never took a full-size segment, but smaller ones (the first of all is the SYN, which counts as a byte). */
	if (look->acked > 1 && look->acked < look->segment)
		return REASON_PATH_MTU;
	return REASON_NO_ACKNOWLEDGEMENT;
}

enum reason reason_of_stall(const struct stall *s, int64_t waited_ns)
{
	const struct look *look = &s->look;
	/* Below one segment the sender waits for a larger window (RFC 9293, 3.8.6.2.1) rather than fill it. */
	const bool closed = look->window < look->segment;
	if (s->cause == STALL_TOO_SLOW)
		return REASON_TOO_SLOW;
	if (s->cause == STALL_TOTAL)
		return REASON_SEND_TOTAL;
	if (look->is_unix)
		return REASON_NOT_READ;
	if (closed && (look->in_flight == 0 || look->retransmits == 0))
		return REASON_WINDOW_CLOSED;
	/* With something in flight and timeouts running, what was sent within the window was not answered. */
	return of_silence(look, waited_ns);
}

/* No tables: each pointer in one would be relocated in every program. */

const char *reason_code(enum reason reason)
{
	switch (reason) {
	case REASON_WINDOW_CLOSED: return "window_closed";
	case REASON_NOT_READ: return "not_read";
	case REASON_NO_ACKNOWLEDGEMENT: return "no_acknowledgement";
	case REASON_PATH_MTU: return "path_mtu";
	case REASON_TOO_SLOW: return "too_slow";
	case REASON_SEND_TOTAL: return "send_total";
	case REASON_UNACKED: return "unacked";
	case REASON_SYN_UNANSWERED: return "syn_unanswered";
	case REASON_BACKLOG_FULL: return "backlog_full";
	case REASON_CONNECTED_LATE: return "connected_late";
	case REASON_REFUSED_LATE: return "refused_late";
	case REASON_FAILED_LATE: return "failed_late";
	}
	return "";
}

const char *reason_text(enum reason reason)
{
	switch (reason) {
	case REASON_WINDOW_CLOSED: return "the peer is connected but does not read (its window is closed)";
	case REASON_NOT_READ: return "the peer is connected but does not read";
	case REASON_NO_ACKNOWLEDGEMENT: return "no acknowledgement arrives (network or host gone)";
	case REASON_PATH_MTU:
		return "small packets pass but full-size ones are not acknowledged (MTU black hole on the path)";
	case REASON_TOO_SLOW: return "the peer is too slow (it takes less than the least rate)";
	case REASON_SEND_TOTAL: return "the peer is too slow (one send took longer than it may in all)";
	case REASON_UNACKED: return "what was sent got no acknowledgement in time (TCP_USER_TIMEOUT)";
	case REASON_SYN_UNANSWERED: return "no answer to SYN";
	case REASON_BACKLOG_FULL: return "nobody accepts (its backlog is full)";
	case REASON_CONNECTED_LATE: return "no answer to SYN in time; it was connected later";
	case REASON_REFUSED_LATE: return "no answer to SYN in time; it was refused later";
	case REASON_FAILED_LATE: return "no answer to SYN in time; it failed later";
	}
	return "";
}
