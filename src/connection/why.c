/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Why a connection stalled, as far as a look at it tells.
 */
#include "connection/why.h"

#include "base/clock.h"

/** What was heard before the stall began may have been told a little late. */
#define HEARD_MARGIN_NS (100 * NS_PER_MS)

/** Nothing of what is in flight was acknowledged. */
static enum reason reason_of_silence(const struct look *look, int64_t waited_ns)
{
	/* The peer's host was heard since. */
	if (look->last_heard_ns + look->rtt_ns + HEARD_MARGIN_NS < waited_ns)
		return REASON_PATH_MTU;
	/* It never took a full-size segment, but smaller ones (the first of all is the SYN, which counts as a byte). */
	if (look->acked > 1 && look->acked < look->segment)
		return REASON_PATH_MTU;
	return REASON_NO_ACKNOWLEDGEMENT;
}

enum reason why_stalled(const struct look *look, enum stall_cause cause, int64_t waited_ns)
{
	/* Below one segment the sender waits for a larger window (RFC 9293, 3.8.6.2.1) rather than fill it. */
	const bool closed = look->window < look->segment;
	if (cause == STALL_TOO_SLOW)
		return REASON_TOO_SLOW;
	if (cause == STALL_TOTAL)
		return REASON_SEND_TOTAL;
	if (look->is_unix)
		return REASON_NOT_READ;
	if (look->partial)
		return REASON_NO_PROGRESS;
	/* One may be on its way. */
	if (closed && look->probes > 1)
		return reason_of_silence(look, waited_ns);
	if (closed && (look->in_flight == 0 || look->retransmits == 0))
		return REASON_WINDOW_CLOSED;
	/* With something in flight and timeouts running, what was sent within the window was not answered. */
	return reason_of_silence(look, waited_ns);
}
