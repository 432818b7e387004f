/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is said of each event, in a line of text or of JSON.
 */
#include "report.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

#include "clock.h"
#include "json.h"
#include "log.h"
#include "place.h"
#include "socket.h"
#include "stall.h"
#include "start.h"
#include "text.h"

/** Characters of the program's name; a longer one is cut off visibly. */
#define NAME_MOST 40
/** Bytes of a destination as text: a unix path and what is before it. */
#define DESTINATION_SIZE 160

/** The name at the start: libc points into the arguments, where programs write what they are about. */
static char program[NAME_MOST + 2];

/** A line under way; text_start() is told of two bytes less than there are. */
struct line {
	struct text text;
	char buffer[LOG_LINE_SIZE];
};

void report_start(void)
{
	memcpy(program, program_invocation_short_name, strnlen(program_invocation_short_name, sizeof program - 1));
}

void report_complaint(const char *said)
{
	struct line line;
	text_start(&line.text, line.buffer, sizeof line.buffer - 1);
	text_add(&line.text, "sndtimeo: ");
	text_add(&line.text, said);
	log_complaint(&line.text);
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

static void begin_text(struct line *line, const char *what)
{
	text_start(&line->text, line->buffer, sizeof line->buffer - 1);
	text_add(&line->text, settings.log == LOG_TO_SYSLOG ? "sndtimeo[" : "sndtimeo: ");
	if (settings.log == LOG_TO_SYSLOG) {
		text_add_number(&line->text, getpid());
		text_add(&line->text, "]: ");
	}
	text_add_foreign(&line->text, program, NAME_MOST);
	text_add(&line->text, "[");
	text_add_number(&line->text, getpid());
	text_add(&line->text, "]: ");
	text_add(&line->text, what);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------- */

static void add_padded(struct text *t, int64_t number, int64_t digits_over)
{
	for (int64_t power = digits_over; power > 1 && number < power; power /= 10)
		text_add(t, "0");
	text_add_number(t, number);
}

/** The time as RFC 3339 has it, in UTC: gmtime(3) is not for signal handlers. */
static void add_time(struct text *t)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	/* Days and years counted from March, in eras of 400 years, so that leap days come last. */
	const int64_t days = now.tv_sec / 86400 + 719468, era = days / 146097, day = days % 146097;
	const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	const int64_t day_of_year = day - (365 * year + year / 4 - year / 100), month = (5 * day_of_year + 2) / 153;
	add_padded(t, era * 400 + year + (month >= 10), 1000);
	text_add(t, "-");
	add_padded(t, month < 10 ? month + 3 : month - 9, 10);
	text_add(t, "-");
	add_padded(t, day_of_year - (153 * month + 2) / 5 + 1, 10);
	text_add(t, "T");
	add_padded(t, now.tv_sec / 3600 % 24, 10);
	text_add(t, ":");
	add_padded(t, now.tv_sec / 60 % 60, 10);
	text_add(t, ":");
	add_padded(t, now.tv_sec % 60, 10);
	text_add(t, ".");
	add_padded(t, now.tv_nsec / 1000000, 100);
	text_add(t, "Z");
}

static void begin_json(struct line *line, const char *event)
{
	char time[40];
	struct text at;
	text_start(&at, time, sizeof time);
	add_time(&at);
	text_start(&line->text, line->buffer, sizeof line->buffer - 1);
	json_begin(&line->text);
	json_string(&line->text, "time", time, sizeof time);
	json_string(&line->text, "program", program, NAME_MOST);
	json_number(&line->text, "pid", getpid());
	json_string(&line->text, "event", event, SIZE_MAX);
}

/** null if unknown. */
static void add_json_destination(struct line *line, const char *key, const struct destination *d)
{
	char buffer[DESTINATION_SIZE];
	struct text t;
	text_start(&t, buffer, sizeof buffer);
	text_add_destination(&t, d);
	json_string(&line->text, key, d->kind == DESTINATION_UNKNOWN ? NULL : buffer, sizeof buffer);
}

static void add_json_reason(struct line *line, enum reason reason)
{
	json_string(&line->text, "reason", reason_code(reason), SIZE_MAX);
	json_string(&line->text, "text", reason_text(reason), SIZE_MAX);
}

static void end_json(struct line *line)
{
	json_end(&line->text);
	log_line(&line->text);
}

static bool as_json(void)
{
	return settings.log_format == LOG_AS_JSON;
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
	if (as_json()) {
		begin_json(&line, "start");
		json_string(&line.text, "version", PACKAGE_VERSION, SIZE_MAX);
		add_json_limits(&line, &settings.limits);
		json_number(&line.text, "rules", (int64_t)settings.rules.count);
		json_bool(&line.text, "dry_run", settings.dry_run);
		end_json(&line);
		return;
	}
	begin_text(&line, settings_limit(&settings) ? "active (" : "not active (");
	text_add(&line.text, PACKAGE_STRING "): ");
	add_settings(&line.text);
	log_line(&line.text);
}

void report_armed(int fd)
{
	struct line line;
	const int before = errno;
	const struct place place = place_of(fd);
	const struct limits *limits = limits_for(fd);
	const size_t rule = limits_rule(fd);
	const struct destination peer = socket_peer(fd);
	if (as_json()) {
		begin_json(&line, "armed");
		add_json_destination(&line, "peer", &peer);
		json_string(&line.text, "side", place.side == SUMMARY_AT ? "at" : "to", SIZE_MAX);
		add_json_limits(&line, limits);
		if (rule)
			json_number(&line.text, "rule", (int64_t)rule);
		else
			json_null(&line.text, "rule");
		end_json(&line);
	} else {
		begin_text(&line, place.side == SUMMARY_AT ? "connection from " : "connection to ");
		text_add_destination(&line.text, &peer);
		text_add(&line.text, ": ");
		text_add_limits(&line.text, limits);
		if (rule) {
			text_add(&line.text, " (rule ");
			text_add_number(&line.text, (int64_t)rule);
			text_add(&line.text, ")");
		}
		log_line(&line.text);
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
	if (as_json()) {
		begin_json(line, event);
		json_bool(&line->text, "dry_run", settings.dry_run);
		add_json_destination(line, "peer", peer);
		json_number(&line->text, "after_ms", waited_ms);
		return;
	}
	begin_text(line, what);
	text_add_destination(&line->text, peer);
	text_add(&line->text, timed_out());
	text_add_seconds(&line->text, waited_ms);
	text_add(&line->text, ": ");
}

static void end_timeout(struct line *line, enum reason reason)
{
	if (as_json()) {
		add_json_reason(line, reason);
		end_json(line);
		return;
	}
	text_add(&line->text, reason_text(reason));
	log_line(&line->text);
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
	(as_json() ? add_json_send : add_text_send)(&line, accepted, asked, socket_unacknowledged(s->fd),
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

/* ---- the summary ---------------------------------------------------------------------------------------------------- */

static int64_t to_ms(int64_t ns)
{
	return ns < 0 ? -1 : (ns + NS_PER_MS / 2) / NS_PER_MS;
}

static void add_counted(struct text *t, uint64_t count, const char *one, const char *many)
{
	text_add_number(t, (int64_t)count);
	text_add(t, count == 1 ? one : many);
}

static void add_ms(struct text *t, int64_t ns)
{
	text_add_number(t, to_ms(ns));
	text_add(t, " ms");
}

static void add_place(struct text *t, const struct summary_line *of)
{
	if (of->others) {
		text_add(t, "other destinations");
		return;
	}
	if (of->side == SUMMARY_AT)
		text_add(t, "accepted at ");
	text_add_destination(t, &of->destination);
}

static void tell_line_as_text(const struct summary_line *of)
{
	struct line line;
	struct text *t = &line.text;
	begin_text(&line, "summary: ");
	add_place(t, of);
	text_add(t, ": ");
	add_counted(t, of->connections, " connection", " connections");
	if (of->connect_longest_ns >= 0) {
		text_add(t, " (connect time: median ");
		add_ms(t, of->connect_median_ns);
		text_add(t, ", longest ");
		add_ms(t, of->connect_longest_ns);
		text_add(t, ")");
	}
	text_add(t, "; ");
	add_counted(t, of->waits, " send had to wait", " sends had to wait");
	if (of->longest_pause_ns > 0) {
		text_add(t, " (longest time without progress that recovered: ");
		text_add_seconds(t, to_ms(of->longest_pause_ns));
		text_add(t, ")");
	}
	text_add(t, "; timeouts: ");
	add_counted(t, of->connect_timeouts, " connect, ", " connects, ");
	add_counted(t, of->send_timeouts, " send", " sends");
	log_line(t);
}

static void add_json_ms(struct line *line, const char *key, int64_t ns)
{
	if (ns < 0)
		json_null(&line->text, key);
	else
		json_number(&line->text, key, to_ms(ns));
}

static void tell_line_as_json(const struct summary_line *of)
{
	struct line line;
	begin_json(&line, "summary");
	add_json_destination(&line, "destination", &of->destination);
	json_string(&line.text, "side", of->others ? "others" : of->side == SUMMARY_AT ? "at" : "to", SIZE_MAX);
	json_number(&line.text, "connections", (int64_t)of->connections);
	add_json_ms(&line, "connect_median_ms", of->connect_median_ns);
	add_json_ms(&line, "connect_longest_ms", of->connect_longest_ns);
	json_number(&line.text, "waits", (int64_t)of->waits);
	add_json_ms(&line, "longest_pause_ms", of->longest_pause_ns);
	json_number(&line.text, "connect_timeouts", (int64_t)of->connect_timeouts);
	json_number(&line.text, "send_timeouts", (int64_t)of->send_timeouts);
	end_json(&line);
}

/** What helps to choose a send timeout; @p send_timeouts: how many there were. */
static void tell_advice(uint64_t send_timeouts)
{
	struct line line;
	const int64_t pause_ns = summary_longest_pause_ns();
	if (as_json()) {
		begin_json(&line, "advice");
		json_number(&line.text, "longest_pause_ms", to_ms(pause_ns));
		json_number(&line.text, "send_ms", summary_suggestion_ms(pause_ns));
		end_json(&line);
		return;
	}
	begin_text(&line, "summary: ");
	if (pause_ns > 0) {
		text_add(&line.text, "the longest pause that recovered was ");
		text_add_seconds(&line.text, to_ms(pause_ns));
		text_add(&line.text, "; a send timeout of ");
		text_add_number(&line.text, summary_suggestion_ms(pause_ns) / 1000);
		text_add(&line.text, send_timeouts ? " s would have cut nothing that recovered" : " s would have cut nothing");
	} else
		text_add(&line.text, "no pause of a send recovered, so nothing is known of what would be cut");
	text_add(&line.text, " (sends that were complete at once are not seen)");
	log_line(&line.text);
}

void report_summary(void)
{
	struct summary_line of;
	size_t position = 0;
	uint64_t send_timeouts = 0;
	while (summary_next(&position, &of)) {
		(as_json() ? tell_line_as_json : tell_line_as_text)(&of);
		send_timeouts += of.send_timeouts;
	}
	tell_advice(send_timeouts);
}
