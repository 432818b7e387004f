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
#include "place.h"
#include "socket.h"
#include "stall.h"
#include "start.h"

void report_complaint(const char *said)
{
	struct line line;
	text_start(&line.text, line.buffer, sizeof line.buffer - 1);
	text_add(&line.text, "sndtimeo: ");
	text_add(&line.text, said);
	log_complaint(&line.text);
}

/* ---- start and connections (verbose) --------------------------------------------------------------------------------- */

static void add_settings(struct text *t)
{
	text_add_limits(t, &settings.limits);
	if (settings.rules.count) {
		text_add(t, ", ");
		text_add_number(t, (int64_t)settings.rules.count);
		text_add(t, settings.rules.count == 1 ? " rule" : " rules");
	}
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
		if (rule)
			json_number(&line.text, "rule", (int64_t)rule);
		else
			json_null(&line.text, "rule");
		line_end(&line);
	} else {
		line_begin_text(&line, place.side == SUMMARY_AT ? "connection from " : "connection to ");
		text_add_destination(&line.text, &peer);
		text_add(&line.text, ": ");
		text_add_limits(&line.text, limits);
		if (rule) {
			text_add(&line.text, " (rule ");
			text_add_number(&line.text, (int64_t)rule);
			text_add(&line.text, ")");
		}
		line_end(&line);
	}
	errno = before;
}

/* ---- timeouts ------------------------------------------------------------------------------------------------------- */

static const char *timed_out(void)
{
	return settings.dry_run ? " would have timed out after " : " timed out after ";
}

static void begin_timeout(struct line *line, const char *what, const char *event, const struct destination *peer,
                          int64_t waited_ms)
{
	if (line_as_json()) {
		line_begin_json(line, event);
		json_bool(&line->text, "dry_run", settings.dry_run);
		line_json_destination(line, "peer", peer);
		json_number(&line->text, "after_ms", waited_ms);
		return;
	}
	line_begin_text(line, what);
	text_add_destination(&line->text, peer);
	text_add(&line->text, timed_out());
	text_add_seconds(&line->text, waited_ms);
	text_add(&line->text, ": ");
}

static void add_json_reason(struct line *line, enum reason reason)
{
	json_string(&line->text, "reason", reason_code(reason), SIZE_MAX);
	json_string(&line->text, "text", reason_text(reason), SIZE_MAX);
}

static void end_timeout(struct line *line, enum reason reason)
{
	if (line_as_json()) {
		add_json_reason(line, reason);
		line_end(line);
		return;
	}
	text_add(&line->text, reason_text(reason));
	line_end(line);
}

static void count_timeout(int fd, const struct destination *to, bool connect)
{
	if (!summary_on)
		return;
	const struct place place = connect ? (struct place){*to, SUMMARY_TO} : place_of(fd);
	summary_timeout(&place.destination, place.side, connect);
}

void report_connect(int fd, const struct destination *to, int64_t waited_ms, enum reason reason)
{
	struct line line;
	const int before = errno;
	const struct destination peer = to->kind == DESTINATION_UNKNOWN ? socket_peer(fd) : *to;
	count_timeout(fd, &peer, true);
	begin_timeout(&line, "connect to ", "connect_timeout", &peer, waited_ms);
	end_timeout(&line, reason);
	errno = before;
}

static void add_text_send(struct line *line, uint64_t accepted, uint64_t asked, int unacknowledged, int unread)
{
	struct text *t = &line->text;
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

static void add_json_send(struct line *line, uint64_t accepted, uint64_t asked, int unacknowledged, int unread)
{
	struct text *t = &line->text;
	if (asked) {
		json_number(t, "accepted_bytes", (int64_t)accepted);
		json_number(t, "asked_bytes", (int64_t)asked);
	} else {
		json_null(t, "accepted_bytes");
		json_null(t, "asked_bytes");
	}
	json_number(t, "unacknowledged_bytes", unacknowledged);
	json_number(t, "unread_bytes", unread);
}

void report_send(const struct stall *s, int64_t waited_ns, uint64_t accepted, uint64_t asked)
{
	struct line line;
	const int before = errno;
	const struct destination peer = socket_peer(s->fd);
	const enum reason reason = reason_of_stall(s, waited_ns);
	count_timeout(s->fd, &peer, false);
	begin_timeout(&line, "send to ", "send_timeout", &peer, waited_ns / NS_PER_MS);
	(line_as_json() ? add_json_send : add_text_send)(&line, accepted, asked, socket_unacknowledged(s->fd),
	                                            socket_unread(s->fd));
	end_timeout(&line, reason);
	errno = before;
}

void report_unacked(int fd, int64_t limit_ms)
{
	struct line line;
	const int before = errno;
	const struct destination peer = socket_peer(fd);
	count_timeout(fd, &peer, false);
	begin_timeout(&line, "connection to ", "unacked_timeout", &peer, limit_ms);
	end_timeout(&line, REASON_UNACKED);
	errno = before;
}
