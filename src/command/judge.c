/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What of the limits holds for one socket of another process at this moment.
 */
#include "judge.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "connection/stall.h"

/* A socket, what the library remembers of it, and the limits that are for it. */
struct seen {
	const struct inspection *of;
	const struct settings *settings;
	const struct socket_facts *facts;
	const struct memory *slot; /* NULL: nothing is remembered, or it cannot be known */
	struct limits limits;
	bool limits_known;
};

const char *judge_state(const struct socket_facts *facts)
{
	static const char *const names[SOCKET_STATES] = {
		[SOCKET_ESTABLISHED] = "ESTABLISHED",
		[SOCKET_SYN_SENT] = "SYN-SENT",
		[SOCKET_SYN_RECEIVED] = "SYN-RECEIVED",
		[SOCKET_FIN_WAIT_1] = "FIN-WAIT-1",
		[SOCKET_FIN_WAIT_2] = "FIN-WAIT-2",
		[SOCKET_TIME_WAIT] = "TIME-WAIT",
		[SOCKET_CLOSED] = "CLOSED",
		[SOCKET_CLOSE_WAIT] = "CLOSE-WAIT",
		[SOCKET_LAST_ACK] = "LAST-ACK",
		[SOCKET_LISTEN] = "LISTEN",
		[SOCKET_CLOSING] = "CLOSING",
		[SOCKET_NEW_SYN_RECEIVED] = "SYN-RECEIVED",
	};

	return names[facts->state];
}

void judge_peer(struct text *to, const struct socket_facts *facts)
{
	if (facts->state == SOCKET_LISTEN) {
		text_add(to, "(listening at ");
		text_add_destination(to, &facts->local);
		text_add(to, ")");
	} else if (facts->peer.kind == DESTINATION_UNKNOWN)
		text_add(to, "-");
	else
		text_add_destination(to, &facts->peer);
}

static bool can_send(const struct socket_facts *facts)
{
	return facts->state == SOCKET_ESTABLISHED || facts->state == SOCKET_CLOSE_WAIT;
}

static bool is_connecting(const struct socket_facts *facts)
{
	return facts->state == SOCKET_SYN_SENT || facts->state == SOCKET_SYN_RECEIVED;
}

/* ---- the time without progress ----------------------------------------------------------------------------------- */

/* Whether the program waited to send when the library last looked, which it does forty times in the time of the limit. */
static bool waits(const struct seen *seen, int64_t now_ns)
{
	const int32_t limit_ms = seen->limits_known ? seen->limits.send_ms : 0;
	const int64_t recently_ns = 3 * NS_PER_S + limit_ms * NS_PER_MS / 10;
	const int64_t refused_ns = seen->slot ? atomic_load(&seen->slot->clock.refused_ns) : 0;

	return refused_ns > 0 && refused_ns >= now_ns - recently_ns && seen->facts->outstanding && can_send(seen->facts) &&
	       !seen->facts->ended;
}

static int64_t no_progress_ms(const struct seen *seen, int64_t now_ns)
{
	const int64_t its_now_ns = now_ns + process_clock_ahead_ns(&seen->of->process);
	const int64_t since_ms = seen->slot ? stall_since_ms(atomic_load(&seen->slot->clock.moved)) : 0;

	if (!can_send(seen->facts))
		return NOBODY_WAITS;
	if (!seen->facts->asked || !seen->of->held.has_slots)
		return NOT_TOLD;
	if (!waits(seen, its_now_ns) || !since_ms)
		return NOBODY_WAITS;
	return its_now_ns / NS_PER_MS > since_ms ? its_now_ns / NS_PER_MS - since_ms : 0;
}

/* ---- the limits -------------------------------------------------------------------------------------------------- */

/* The limits that hold, and remarks on those that do not. */
struct armed {
	struct limits holds;
	struct text remarks;
	char buffer[JUDGED_SIZE];
};

static void remark(struct armed *armed, const char *what)
{
	text_add(&armed->remarks, armed->remarks.length ? ", " : "");
	text_add(&armed->remarks, what);
}

static void remark_own(struct armed *armed, const char *option, int64_t ms)
{
	remark(armed, "own ");
	text_add(&armed->remarks, option);
	text_add(&armed->remarks, " of ");
	text_add_seconds(&armed->remarks, ms);
}

/* Every send is tried without waiting and waited for by the library: nothing of that is on the socket. */
static void judge_send(struct armed *armed, const struct seen *seen)
{
	const struct socket_facts *facts = seen->facts;

	if (!seen->limits.send_ms && !seen->limits.send_total_ms)
		return;
	if (facts->send_timeout_us > 0 && !facts->nonblocking && !seen->settings->dry_run) {
		remark_own(armed, "SO_SNDTIMEO", facts->send_timeout_us / 1000);
		text_add(&armed->remarks, " too");
	}
	armed->holds.send_ms = seen->limits.send_ms;
	armed->holds.send_total_ms = seen->limits.send_total_ms;
	armed->holds.min_rate = facts->is_unix ? 0 : seen->limits.min_rate;
}

/* The kernel has the deadline, or the library keeps it itself while its caller waits. */
static void judge_connect(struct armed *armed, const struct seen *seen)
{
	const struct socket_facts *facts = seen->facts;
	const int own_ms = facts->has_user_timeout ? facts->user_timeout_ms : 0;

	if (!seen->limits.connect_ms)
		return;
	if (own_ms > 0 && own_ms < seen->limits.connect_ms && !seen->settings->dry_run)
		remark_own(armed, "TCP_USER_TIMEOUT", own_ms);
	else
		armed->holds.connect_ms = seen->limits.connect_ms;
}

static void judge_unacked(struct armed *armed, const struct seen *seen)
{
	const struct socket_facts *facts = seen->facts;

	if (!seen->limits.unacked_ms || facts->is_unix)
		return;
	if (seen->settings->dry_run || (facts->has_user_timeout && facts->user_timeout_ms == seen->limits.unacked_ms))
		armed->holds.unacked_ms = seen->limits.unacked_ms;
	else if (!facts->has_user_timeout)
		remark(armed, "MPTCP has no TCP_USER_TIMEOUT");
	else if (facts->user_timeout_ms > 0)
		remark_own(armed, "TCP_USER_TIMEOUT", facts->user_timeout_ms);
	else
		remark(armed, "TCP_USER_TIMEOUT is not set");
}

static void add_holding(struct text *cell, const struct limits *limits)
{
	char buffer[LIMITS_SIZE];
	struct text all;

	if (!limits_any(limits)) {
		text_add(cell, "none");
		return;
	}
	text_start(&all, buffer, sizeof buffer);
	text_add_limits(&all, limits);
	/* The policy comes last, and is no limit. */
	*strrchr(buffer, ' ') = '\0';
	text_add(cell, buffer);
}

static void add_judged(struct text *cell, const struct seen *seen)
{
	struct armed armed = {0};

	text_start(&armed.remarks, armed.buffer, sizeof armed.buffer);
	if (is_connecting(seen->facts)) {
		judge_connect(&armed, seen);
	} else {
		judge_send(&armed, seen);
		judge_unacked(&armed, seen);
	}
	if (seen->settings->dry_run && limits_any(&armed.holds))
		remark(&armed, "dry run");
	add_holding(cell, &armed.holds);
	if (armed.remarks.length) {
		text_add(cell, " (");
		text_add(cell, armed.buffer);
		text_add(cell, ")");
	}
}

/* Which rule is for it was not looked up, or we do not know. */
static void add_by_rule(struct text *cell, bool dry_run)
{
	text_add(cell, dry_run ? "by its rule (dry run)" : "by its rule");
}

static void add_armed(struct text *cell, const struct seen *seen)
{
	const struct socket_facts *facts = seen->facts;

	if (facts->ended)
		text_add(cell, "timed out");
	else if (!seen->of->active)
		text_add(cell, seen->of->watcher ? "by its watcher" : "none");
	else if (!can_send(facts) && !is_connecting(facts) && facts->state != SOCKET_LISTEN)
		text_add(cell, "-");
	else if (!facts->asked || !seen->settings)
		text_add(cell, "?");
	else if (seen->limits_known)
		add_judged(cell, seen);
	else
		add_by_rule(cell, seen->settings->dry_run);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static struct seen see(const struct inspection *of, const struct socket_facts *facts)
{
	struct seen seen = {.of = of, .settings = inspect_settings(of), .facts = facts};

	seen.slot = facts->asked ? held_slot(&of->held, facts->number) : NULL;
	if (!seen.settings)
		return seen;
	seen.limits_known = true;
	if (seen.settings->rules.count)
		seen.limits_known = held_limits(&of->process, seen.slot, &seen.limits);
	else
		seen.limits = seen.settings->limits;
	return seen;
}

struct judged judge(const struct inspection *inspection, const struct socket_facts *facts, int64_t now_ns)
{
	const struct seen seen = see(inspection, facts);
	struct judged judged = {.no_progress_ms = no_progress_ms(&seen, now_ns)};
	struct text armed;

	if (inspection->active && seen.limits_known)
		judged.send_ms = seen.limits.send_ms;
	text_start(&armed, judged.armed, sizeof judged.armed);
	add_armed(&armed, &seen);
	return judged;
}
