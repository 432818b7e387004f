/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Why a connection timed out, as far as the kernel knows.
 */
#include "tell/reason.h"

#include "limits/nearest.h"

/** Code and text of each, in order, as a list of names (nearest.h). */
static const char reasons[] =
	"window_closed\0"      "the peer is connected but has not opened its window\0"
	"not_read\0"           "the peer is connected but has read nothing\0"
	"no_acknowledgement\0" "no acknowledgement arrives (network or host gone)\0"
	"no_progress\0"        "no progress (the kernel does not say why)\0"
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
