/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is said of each event, in a line of text or of JSON.
 */
#include "report.h"

#include <errno.h>

#include "config.h"

#include "clock.h"
#include "json.h"
#include "line.h"
#include "nearest.h"
#include "place.h"
#include "socket.h"
#include "stall.h"
#include "start.h"

void report_complaint(const char *said)
{
	struct line line;
	text_start(&line.text, line.buffer, sizeof line.buffer - 1);
	text_add_format(&line.text, "sndtimeo: %s", said);
	log_complaint(&line.text);
}

/* ---- start and connections (verbose) --------------------------------------------------------------------------------- */

static void add_settings(struct text *t)
{
	text_add_limits(t, &settings.limits);
	if (settings.rules.count)
		text_add_format(t, settings.rules.count == 1 ? ", %jd rule" : ", %jd rules", (intmax_t)settings.rules.count);
	if (settings.dry_run)
		text_add(t, ", dry run");
}

static void add_json_limits(struct line *line, const struct limits *limits)
{
	char buffer[LIMITS_SIZE];
	struct text t;
	text_start(&t, buffer, sizeof buffer);
	text_add_limits(&t, limits);
	json_string(&line->text, "limits", buffer, sizeof buffer);
}

void report_active(void)
{
	struct line line;
	if (line_as_json()) {
		line_begin_json(&line, "start");
		json_string(&line.text, "version", PACKAGE_VERSION, SIZE_MAX);
		add_json_limits(&line, &settings.limits);
		json_number(&line.text, "rules", (int64_t)settings.rules.count);
		json_bool(&line.text, "dry_run", settings.dry_run);
		line_end(&line);
		return;
	}
	line_begin_text(&line, settings_limit(&settings) ? "active (" : "not active (");
	text_add(&line.text, PACKAGE_STRING "): ");
	add_settings(&line.text);
	line_end(&line);
}

void report_armed(int fd)
{
	struct line line;
	const int before = errno;
	const struct place place = place_of(fd);
	const struct limits *limits = limits_for(fd);
	const size_t rule = limits_rule(fd);
	const struct destination peer = socket_peer(fd);
	if (line_as_json()) {
		line_begin_json(&line, "armed");
		line_json_destination(&line, "peer", &peer);
		json_string(&line.text, "side", place.side == SUMMARY_AT ? "at" : "to", SIZE_MAX);
		add_json_limits(&line, limits);
		json_number(&line.text, "rule", rule ? (int64_t)rule : -1);
		line_end(&line);
	} else {
		line_begin_text(&line, place.side == SUMMARY_AT ? "connection from " : "connection to ");
		text_add_destination(&line.text, &peer);
		text_add(&line.text, ": ");
		text_add_limits(&line.text, limits);
		if (rule)
			text_add_format(&line.text, " (rule %jd)", (intmax_t)rule);
		line_end(&line);
	}
	errno = before;
}

/* ---- timeouts ------------------------------------------------------------------------------------------------------- */

enum event { CONNECT, SEND, UNACKED };

/** How each is called in JSON and in text, in order, as a list of names (nearest.h). */
static const char events[] = "connect_timeout\0connect\0send_timeout\0send\0unacked_timeout\0connection";

static void add_text_send(struct text *t, uint64_t accepted, uint64_t asked, int unacknowledged, int unread)
{
	if (asked) {
		text_add_bytes(t, accepted);
		text_add(t, " of ");
		text_add_bytes(t, asked);
		text_add(t, " accepted, ");
	}
	text_add_bytes(t, (uint64_t)unacknowledged);
	text_add(t, " unacknowledged");
	if (unread > 0) {
		text_add(t, ", ");
		text_add_bytes(t, (uint64_t)unread);
		text_add(t, " of input unread");
	}
	text_add(t, ": ");
}

static void add_json_send(struct text *t, uint64_t accepted, uint64_t asked, int unacknowledged, int unread)
{
	json_number(t, "accepted_bytes", asked ? (int64_t)accepted : -1);
	json_number(t, "asked_bytes", asked ? (int64_t)asked : -1);
	json_number(t, "unacknowledged_bytes", unacknowledged);
	json_number(t, "unread_bytes", unread);
}

/** Count it and tell of it; @p accepted and @p asked are a send's. */
static void tell(int fd, enum event event, const struct destination *to, int64_t waited_ms, enum reason reason,
                 uint64_t accepted, uint64_t asked)
{
	struct line line;
	struct text *const t = &line.text;
	const int before = errno;
	const bool json = line_as_json();
	const struct destination peer = to && to->kind != DESTINATION_UNKNOWN ? *to : socket_peer(fd);
	if (summary_on) {
		const struct place place = event == CONNECT ? (struct place){peer, SUMMARY_TO} : place_of(fd);
		summary_timeout(&place.destination, place.side, event == CONNECT);
	}
	if (json) {
		line_begin_json(&line, name_at(events, 2 * (size_t)event));
		json_bool(t, "dry_run", settings.dry_run);
		line_json_destination(&line, "peer", &peer);
		json_number(t, "after_ms", waited_ms);
	} else {
		line_begin_text(&line, name_at(events, 2 * (size_t)event + 1));
		text_add(t, " to ");
		text_add_destination(t, &peer);
		text_add(t, settings.dry_run ? " would have timed out after " : " timed out after ");
		text_add_seconds(t, waited_ms);
		text_add(t, ": ");
	}
	if (event == SEND)
		(json ? add_json_send : add_text_send)(t, accepted, asked, socket_unacknowledged(fd), socket_unread(fd));
	if (json) {
		json_string(t, "reason", reason_code(reason), SIZE_MAX);
		json_string(t, "text", reason_text(reason), SIZE_MAX);
	} else
		text_add(t, reason_text(reason));
	line_end(&line);
	errno = before;
}

void report_connect(int fd, const struct destination *to, int64_t waited_ms, enum reason reason)
{
	tell(fd, CONNECT, to, waited_ms, reason, 0, 0);
}

void report_send(const struct stall *s, int64_t waited_ns, uint64_t accepted, uint64_t asked)
{
	tell(s->fd, SEND, NULL, waited_ns / NS_PER_MS, reason_of_stall(s, waited_ns), accepted, asked);
}

void report_unacked(int fd, int64_t limit_ms)
{
	tell(fd, UNACKED, NULL, limit_ms, REASON_UNACKED, 0, 0);
}
