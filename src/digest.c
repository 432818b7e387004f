/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The summary as it is told: a line for each destination, and what follows from all of them.
 */
#include "digest.h"

#include "clock.h"
#include "json.h"
#include "line.h"
#include "summary.h"

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
	line_begin_text(&line, "summary: ");
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
	line_end(&line);
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
	line_begin_json(&line, "summary");
	line_json_destination(&line, "destination", &of->destination);
	json_string(&line.text, "side", of->others ? "others" : of->side == SUMMARY_AT ? "at" : "to", SIZE_MAX);
	json_number(&line.text, "connections", (int64_t)of->connections);
	add_json_ms(&line, "connect_median_ms", of->connect_median_ns);
	add_json_ms(&line, "connect_longest_ms", of->connect_longest_ns);
	json_number(&line.text, "waits", (int64_t)of->waits);
	add_json_ms(&line, "longest_pause_ms", of->longest_pause_ns);
	json_number(&line.text, "connect_timeouts", (int64_t)of->connect_timeouts);
	json_number(&line.text, "send_timeouts", (int64_t)of->send_timeouts);
	line_end(&line);
}

/** What helps to choose a send timeout; @p send_timeouts: how many there were. */
static void tell_advice(uint64_t send_timeouts)
{
	struct line line;
	const int64_t pause_ns = summary_longest_pause_ns();
	if (line_as_json()) {
		line_begin_json(&line, "advice");
		json_number(&line.text, "longest_pause_ms", to_ms(pause_ns));
		json_number(&line.text, "send_ms", summary_suggestion_ms(pause_ns));
		line_end(&line);
		return;
	}
	line_begin_text(&line, "summary: ");
	if (pause_ns > 0) {
		text_add(&line.text, "the longest pause that recovered was ");
		text_add_seconds(&line.text, to_ms(pause_ns));
		text_add(&line.text, "; a send timeout of ");
		text_add_number(&line.text, summary_suggestion_ms(pause_ns) / 1000);
		text_add(&line.text, send_timeouts ? " s would have cut nothing that recovered" : " s would have cut nothing");
	} else
		text_add(&line.text, "no pause of a send recovered, so nothing is known of what would be cut");
	text_add(&line.text, " (sends that were complete at once are not seen)");
	line_end(&line);
}

void digest_tell(void)
{
	struct summary_line of;
	size_t position = 0;
	uint64_t send_timeouts = 0;
	while (summary_next(&position, &of)) {
		(line_as_json() ? tell_line_as_json : tell_line_as_text)(&of);
		send_timeouts += of.send_timeouts;
	}
	tell_advice(send_timeouts);
}
