/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What there is to tell of a connection that is watched.
 */
#include "outside/notes.h"

#include <stdlib.h>

#include "base/clock.h"
#include "connection/place.h"
#include "connection/socket.h"
#include "limits/configured.h"
#include "tell/line.h"

void notes_about(const struct watched *w)
{
	for (size_t i = 0; i < w->n_holders; i++)
		if (w->holders[i].member) {
			line_about(w->holders[i].member->process.name, w->holders[i].member->process.id);
			return;
		}
}

void notes_take(struct watched *w, int at, enum report_event event, enum reason reason)
{
	if (!w->notes && !(w->notes = calloc(1, sizeof *w->notes)))
		return;
	*w->notes = (struct timeout){
		.event = event, .peer = socket_peer(at), .reason = reason, .unacknowledged = socket_unacknowledged(at),
		.unread = socket_unread(at),
	};
	w->notes->place = event == REPORT_CONNECT ? (struct place){w->notes->peer, SUMMARY_TO} : place_of(at);
}

void notes_tell(struct watched *w, int64_t waited_ns, struct verdicts *verdicts)
{
	w->told = true;
	if (!w->notes)
		return;
	if (!settings.dry_run && w->notes->event == REPORT_CONNECT)
		verdicts->connects++;
	else if (!settings.dry_run)
		verdicts->sends++;
	w->notes->waited_ms = waited_ns / NS_PER_MS;
	notes_about(w);
	report_timeout(w->notes);
}
