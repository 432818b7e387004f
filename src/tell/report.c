/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is said of each event, in a line of text or of JSON.
 */
#include "tell/report.h"

#include <errno.h>

#include "config.h"

#include "base/json.h"
#include "limits/configured.h"
#include "limits/nearest.h"
#include "tell/line.h"

/** Of a path. */
#define PATH_SHOWN 200

static void complain(const char *said, void log(const struct text *line))
{
	struct line line;
	text_start(&line.text, line.buffer, sizeof line.buffer - 1);
	text_add_format(&line.text, "sndtimeo: %s", said);
	log(&line.text);
}

void report_complaint(const char *said)
{
	complain(said, log_complaint);
}

__attribute__((cold)) void report_complaint_of_machine(const char *said)
{
	struct line line;
	if (!line_as_json()) {
		complain(said, log_line);
		return;
	}
	line_begin_json(&line, "mistake");
	json_string(&line.text, "text", said, SIZE_MAX);
	line_end(&line);
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

__attribute__((cold)) void report_active(void)
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

void report_sandboxed(void)
{
	struct line line;
	if (line_as_json())
		line_begin_json(&line, "sandboxed");
	else
		line_begin_text(&line, "the process asks for a seccomp sandbox, and is left alone from then on");
	line_end(&line);
}

__attribute__((cold)) void report_unreached(const char *path, const char *why)
{
	struct line line;
	if (line_as_json()) {
		line_begin_json(&line, "unreached");
		json_string(&line.text, "path", path, PATH_SHOWN);
		json_string(&line.text, "text", why, SIZE_MAX);
	} else {
		line_begin_text(&line, "");
		text_add_foreign(&line.text, path, PATH_SHOWN);
		text_add(&line.text, " cannot be limited from inside, for ");
		text_add(&line.text, why);
		text_add(&line.text, ": use --outside");
	}
	line_end(&line);
}

__attribute__((cold)) void report_armed(const struct destination *peer, enum summary_side side, const struct limits *limits, size_t rule)
{
	struct line line;
	const int before = errno;
	if (line_as_json()) {
		line_begin_json(&line, "armed");
		line_json_destination(&line, "peer", peer);
		json_string(&line.text, "side", side == SUMMARY_AT ? "at" : "to", SIZE_MAX);
		add_json_limits(&line, limits);
		json_number(&line.text, "rule", rule ? (int64_t)rule : -1);
	} else {
		line_begin_text(&line, side == SUMMARY_AT ? "connection from " : "connection to ");
		text_add_destination(&line.text, peer);
		text_add(&line.text, ": ");
		text_add_limits(&line.text, limits);
		if (rule)
			text_add_format(&line.text, " (rule %jd)", (intmax_t)rule);
	}
	line_end(&line);
	errno = before;
}

/* ---- timeouts ------------------------------------------------------------------------------------------------------- */

/** How each event is called in JSON and in text, in order, as a list of names (nearest.h). */
static const char events[] = "connect_timeout\0connect\0send_timeout\0send\0unacked_timeout\0connection";

static void add_text_send(struct text *t, const struct timeout *timeout)
{
	if (timeout->asked) {
		text_add_bytes(t, timeout->accepted);
		text_add(t, " of ");
		text_add_bytes(t, timeout->asked);
		text_add(t, " accepted, ");
	}
	text_add_bytes(t, (uint64_t)timeout->unacknowledged);
	text_add(t, " unacknowledged");
	if (timeout->unread > 0) {
		text_add(t, ", ");
		text_add_bytes(t, (uint64_t)timeout->unread);
		text_add(t, " of input unread");
	}
	text_add(t, ": ");
}

static void add_json_send(struct text *t, const struct timeout *timeout)
{
	json_number(t, "accepted_bytes", timeout->asked ? (int64_t)timeout->accepted : -1);
	json_number(t, "asked_bytes", timeout->asked ? (int64_t)timeout->asked : -1);
	json_number(t, "unacknowledged_bytes", timeout->unacknowledged);
	json_number(t, "unread_bytes", timeout->unread);
}

static void tell_as_json(struct line *line, const struct timeout *timeout)
{
	struct text *const t = &line->text;
	line_begin_json(line, name_at(events, 2 * (size_t)timeout->event));
	json_bool(t, "dry_run", settings.dry_run);
	line_json_destination(line, "peer", &timeout->peer);
	json_number(t, "after_ms", timeout->waited_ms);
	if (timeout->event == REPORT_SEND)
		add_json_send(t, timeout);
	json_string(t, "reason", reason_code(timeout->reason), SIZE_MAX);
	json_string(t, "text", reason_text(timeout->reason), SIZE_MAX);
}

static void tell_as_text(struct line *line, const struct timeout *timeout)
{
	struct text *const t = &line->text;
	line_begin_text(line, name_at(events, 2 * (size_t)timeout->event + 1));
	text_add(t, " to ");
	text_add_destination(t, &timeout->peer);
	text_add(t, settings.dry_run ? " would have timed out after " : " timed out after ");
	text_add_seconds(t, timeout->waited_ms);
	text_add(t, ": ");
	if (timeout->event == REPORT_SEND)
		add_text_send(t, timeout);
	text_add(t, reason_text(timeout->reason));
	if (timeout->reason == REASON_WINDOW_CLOSED || timeout->reason == REASON_NOT_READ) {
		text_add(t, " for ");
		text_add_seconds(t, timeout->waited_ms);
	}
}

__attribute__((cold)) void report_timeout(const struct timeout *timeout)
{
	struct line line;
	const int before = errno;
	summary_timeout(&timeout->place.destination, timeout->place.side, timeout->event == REPORT_CONNECT);
	(line_as_json() ? tell_as_json : tell_as_text)(&line, timeout);
	line_end(&line);
	errno = before;
}
