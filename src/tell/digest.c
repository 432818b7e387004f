/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The summary as it is told: a line for each destination, and what follows from all of them.
 */
#include "tell/digest.h"

#include "base/clock.h"
#include "base/json.h"
#include "tell/line.h"
#include "tell/summary.h"

static int64_t to_ms(int64_t ns)
{
	return ns < 0 ? -1 : (ns + NS_PER_MS / 2) / NS_PER_MS;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void tell_line_as_text(const struct summary_line *of)
{
	struct line line;
	struct text *t = &line.text;
	line_begin_text(&line, "summary: ");
	if (of->others)
		text_add(t, "other destinations");
	else {
		text_add(t, of->side == SUMMARY_AT ? "accepted at " : "");
		text_add_destination(t, &of->destination);
	}
	text_add_format(t, ": %jd connection%s", (intmax_t)of->connections, plural(of->connections));
	if (of->connect_longest_ns >= 0)
		text_add_format(t, " (connect time: median %jd ms, longest %jd ms)", (intmax_t)to_ms(of->connect_median_ns),
		                (intmax_t)to_ms(of->connect_longest_ns));
	text_add_format(t, "; %jd send%s had to wait", (intmax_t)of->waits, plural(of->waits));
	if (of->longest_pause_ns > 0) {
		text_add(t, " (longest time without progress that recovered: ");
		text_add_seconds(t, to_ms(of->longest_pause_ns));
		text_add(t, ")");
	}
	text_add_format(t, "; timeouts: %jd connect%s, %jd send%s", (intmax_t)of->connect_timeouts,
	                plural(of->connect_timeouts), (intmax_t)of->send_timeouts, plural(of->send_timeouts));
	line_end(&line);
}

static void tell_line_as_json(const struct summary_line *of)
{
	struct line line;
	line_begin_json(&line, "summary");
	line_json_destination(&line, "destination", &of->destination);
	json_string(&line.text, "side", of->others ? "others" : of->side == SUMMARY_AT ? "at" : "to", SIZE_MAX);
	json_number(&line.text, "connections", (int64_t)of->connections);
	json_number(&line.text, "connect_median_ms", to_ms(of->connect_median_ns));
	json_number(&line.text, "connect_longest_ms", to_ms(of->connect_longest_ns));
	json_number(&line.text, "waits", (int64_t)of->waits);
	json_number(&line.text, "longest_pause_ms", to_ms(of->longest_pause_ns));
	json_number(&line.text, "connect_timeouts", (int64_t)of->connect_timeouts);
	json_number(&line.text, "send_timeouts", (int64_t)of->send_timeouts);
	line_end(&line);
}

/** What helps to choose a send timeout; @p send_timeouts, @p waits: how many there were. */
static void tell_advice(uint64_t send_timeouts, uint64_t waits)
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
		text_add_format(&line.text, "; a send timeout of %jd s would have cut nothing%s",
		                (intmax_t)(summary_suggestion_ms(pause_ns) / 1000), send_timeouts ? " that recovered" : "");
	} else if (waits || send_timeouts)
		text_add(&line.text, "no pause of a send recovered, so nothing is known of what would be cut");
	else
		text_add(&line.text, "all sends were complete at once, so no send timeout would have acted; a peer that then says nothing "
		                     "is the read timeout's business");
	if (pause_ns > 0 || waits || send_timeouts)
		text_add(&line.text, " (sends that were complete at once are not seen)");
	line_end(&line);
}

__attribute__((cold)) void digest_tell(void)
{
	struct summary_line of;
	size_t position = 0;
	uint64_t send_timeouts = 0, waits = 0;
	while (summary_next(&position, &of)) {
		(line_as_json() ? tell_line_as_json : tell_line_as_text)(&of);
		send_timeouts += of.send_timeouts;
		waits += of.waits;
	}
	tell_advice(send_timeouts, waits);
}
