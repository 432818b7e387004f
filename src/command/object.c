/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is known of a process and its connections as a JSON object in one line.
 */
#include "object.h"

#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "grid.h"
#include "judge.h"

/* Of the longest path, escaped, and what goes with it. */
#define OBJECT_SIZE 16384
#define CONNECTION_SIZE 2048

static void add_time(struct text *to)
{
	struct timespec now;
	struct tm utc;
	char seconds[40], all[64];

	clock_gettime(CLOCK_REALTIME, &now);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &utc));
	snprintf(all, sizeof all, "%s.%03dZ", seconds, (int)(now.tv_nsec / NS_PER_MS));
	json_string(to, "time", all, sizeof all);
}

static void add_process(struct text *to, const struct inspection *inspection)
{
	const struct settings *settings = inspect_settings(inspection);
	char buffer[LIMITS_SIZE];
	struct text limits;

	json_string(to, "program", inspection->process.name, sizeof inspection->process.name);
	json_number(to, "pid", inspection->process.id);
	json_bool(to, "active", inspection->active);
	json_number(to, "watcher", inspection->watcher ? inspection->watcher : -1);
	json_string(to, "library", inspection->loaded ? inspection->held.library : NULL, sizeof inspection->held.library);
	text_start(&limits, buffer, sizeof buffer);
	if (settings)
		text_add_limits(&limits, &settings->limits);
	json_string(to, "limits", settings ? buffer : NULL, sizeof buffer);
	json_number(to, "rules", settings ? (int64_t)settings->rules.count : -1);
	json_bool(to, "dry_run", settings && settings->dry_run);
}

static void add_destination(struct text *to, const char *key, const struct destination *destination)
{
	char buffer[GRID_CELL_SIZE];
	struct text text;

	text_start(&text, buffer, sizeof buffer);
	text_add_destination(&text, destination);
	json_string(to, key, destination->kind == DESTINATION_UNKNOWN ? NULL : buffer, sizeof buffer);
}

static void add_traffic(struct text *to, const struct socket_facts *facts)
{
	const struct look *look = &facts->look;
	const bool known = facts->has_traffic;

	json_number(to, "in_flight_bytes", known ? sockets_in_flight(facts) : -1);
	json_number(to, "not_sent_bytes", known ? sockets_not_sent(facts) : -1);
	json_number(to, "acknowledged_bytes", known && !facts->is_mptcp ? (int64_t)look->acked : -1);
	json_number(to, "window_bytes", known ? (int64_t)look->window : -1);
	json_number(to, "rtt_us", known ? look->rtt_ns / NS_PER_US : -1);
	json_number(to, "retransmitted_segments", known ? (int64_t)facts->retransmitted : -1);
}

static void print_connection(FILE *to, const struct inspection *inspection, const struct socket_facts *facts,
                             const struct past *past, int64_t now_ns)
{
	const struct judged judged = judge(inspection, facts, now_ns);
	char buffer[CONNECTION_SIZE];
	struct text text;

	text_start(&text, buffer, sizeof buffer);
	json_begin(&text);
	json_number(&text, "fd", facts->fd);
	add_destination(&text, "peer", &facts->peer);
	add_destination(&text, "local", &facts->local);
	json_string(&text, "state", judge_state(facts), SIZE_MAX);
	json_number(&text, "unacknowledged_bytes", facts->state == SOCKET_LISTEN ? -1 : facts->unacknowledged);
	add_traffic(&text, facts);
	json_number(&text, "rate_bytes_per_s", past_rate(past, facts));
	json_number(&text, "unmoved_ms", past_no_progress_ms(past, facts, now_ns));
	json_number(&text, "no_progress_ms", judged.no_progress_ms);
	json_number(&text, "send_timeout_ms", judged.send_ms ? judged.send_ms : -1);
	json_string(&text, "limits", judged.armed, sizeof judged.armed);
	json_end(&text);
	fputs(buffer, to);
}

void object_print(FILE *to, const struct inspection *inspection, const struct past *past, int64_t now_ns)
{
	char buffer[OBJECT_SIZE];
	struct text text;

	text_start(&text, buffer, sizeof buffer);
	json_begin(&text);
	add_time(&text);
	add_process(&text, inspection);
	if (inspection->sockets.list_error) {
		fprintf(to, "%s,\"connections\":null}\n", buffer);
		return;
	}
	fprintf(to, "%s,\"connections\":[", buffer);
	for (size_t i = 0; i < inspection->sockets.count; i++) {
		fputs(i ? "," : "", to);
		print_connection(to, inspection, &inspection->sockets.all[i], past, now_ns);
	}
	fputs("]}\n", to);
}
