/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Why a connection timed out, as far as the kernel knows.
 */
#include "reason.h"

#include "clock.h"
#include "nearest.h"
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

/** Code and text of each, in order, as a list of names (nearest.h). */
static const char reasons[] =
	"window_closed\0"      "the peer is connected but does not read (its window is closed)\0"
	"not_read\0"           "the peer is connected but does not read\0"
	"no_acknowledgement\0" "no acknowledgement arrives (network or host gone)\0"
	"path_mtu\0"
	"small packets pass but full-size ones are not acknowledged (MTU black hole on the path)\0"
	"too_slow\0"           "the peer is too slow (it takes less than the least rate)\0"
	"send_total\0"         "the peer is too slow (one send took longer than it may in all)\0"
	"unacked\0"            "what was sent got no acknowledgement in time (TCP_USER_TIMEOUT)\0"
	"syn_unanswered\0"     "no answer to SYN\0"
	"backlog_full\0"       "nobody accepts (its backlog is full)\0"
	"connected_late\0"     "no answer to SYN in time; it was connected later\0"
	"refused_late\0"       "no answer to SYN in time; it was refused later\0"
	"failed_late\0"        "no answer to SYN in time; it failed later";

const char *reason_code(enum reason reason)
{
	return name_at(reasons, 2 * (size_t)reason);
}

const char *reason_text(enum reason reason)
{
	return name_at(reasons, 2 * (size_t)reason + 1);
}
