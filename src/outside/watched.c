/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One connection that is watched from outside its process.
 *
 * Longer than 400 lines, because a connection is one thing: what is done in each of its states is read together.
 */
#include "outside/watched.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "connection/descriptor.h"
#include "connection/place.h"
#include "connection/room.h"
#include "connection/socket.h"
#include "connection/why.h"
#include "limits/configured.h"
#include "outside/arm.h"
#include "outside/holders.h"
#include "outside/notes.h"
#include "tell/report.h"

/** What is quiet is looked at so often in the time of a limit, to see a refusal begin. */
#define QUIET_LOOKS 4
#define QUIET_MOST_NS (5 * NS_PER_S)
/** A connect is looked at so often in the time of its deadline. */
#define CONNECT_LOOKS 20
/** What is about to have its verdict is held on to: for the last part of its limit, and for no less than some looks. */
#define HELD_PART 10
#define HELD_SLICES 2
/** Looks are so many slices apart in the first half of a limit. */
#define EARLY_SLICES 2
/** A program that was in no call when it was looked at wants what it wanted this part of its limit ago; or, for it may be waiting for
 * a processor, so long ago, but for no larger a part. */
#define WANTED_PART 10
#define WANTED_LEAST_NS (500 * NS_PER_MS)
#define WANTED_LARGEST_PART 4
/** It is looked at again after such a part of a slice: if it waits at all, it does so most of the time. */
#define UNSEEN_PART 4
/** The kernel's verdict may come so late before it is ours: a part of the limit, and what its timers take. */
#define GRACE_PART 20
#define GRACE_LEAST_NS (150 * NS_PER_MS)
/** A connect that was there at the first look of all is taken to have begun so long before, and some more. */
#define FOUND_PART 8
/** How often what is due is looked at, and whatever is held on to: its program may have closed it. */
#define DUE_SLICE_NS (10 * NS_PER_MS)
#define HELD_SLICE_NS (50 * NS_PER_MS)

/** Of what it is not known yet which limits it has. */
static const struct limits *shortest;

void watched_start(const struct limits *limits)
{
	shortest = limits;
}

static int64_t least(int64_t one, int64_t other)
{
	return one < other ? one : other;
}

static int64_t most(int64_t one, int64_t other)
{
	return one > other ? one : other;
}

/** When to look again at what is not refused. */
static int64_t quiet_ns(const struct watched *w)
{
	const struct limits *limits = w->limits ? w->limits : shortest;
	int64_t quiet_ns = QUIET_MOST_NS;

	if (limits->send_ms)
		quiet_ns = least(quiet_ns, limits->send_ms * NS_PER_MS / QUIET_LOOKS);
	if (limits->unacked_ms)
		quiet_ns = least(quiet_ns, limits->unacked_ms * NS_PER_MS / QUIET_LOOKS);
	return quiet_ns;
}

/** When to look again at what may begin to connect at any moment. */
static int64_t unconnected_ns(const struct watched *w)
{
	const int64_t part_ns = shortest->connect_ms * NS_PER_MS / CONNECT_LOOKS;

	return part_ns ? least(quiet_ns(w), most(part_ns, DUE_SLICE_NS)) : quiet_ns(w);
}

static int64_t grace_ns(int32_t limit_ms)
{
	return most(limit_ms * NS_PER_MS / GRACE_PART, GRACE_LEAST_NS);
}

/** Whether the verdict is so near that it is to be seen. */
static bool is_near(int64_t left_ns, int32_t limit_ms, int64_t slice_ns)
{
	return left_ns <= most(limit_ms * NS_PER_MS / HELD_PART, HELD_SLICES * slice_ns);
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

/** The kernel did not, or may not: the socket is reset, and nothing of ours is left on it. */
static void end_it(struct watched *w, int at)
{
	if (settings.dry_run)
		return;
	arm_take_off(w, at);
	socket_give_up(at);
	/* Where the kernel ends it itself it is readable then, too: who polls for that alone would never read of it. It has no peer any
	 * more, and so it is an error, but it is done all the same (net/ipv4/af_inet.c). */
	if (w->through)
		shutdown(at, SHUT_RDWR);
}

/* ---- connecting ---------------------------------------------------------------------------------------------------- */

/** Whether the kernel keeps the deadline: it counts from the first SYN. */
static bool kernel_keeps_connect(struct watched *w, int at, int32_t limit_ms)
{
	if (w->armed == ARMED_CONNECT)
		return true;
	return limit_ms >= ARM_CONNECT_LEAST_MS && arm_user_timeout(w, at, ARMED_CONNECT, limit_ms);
}

/** The kernel gives each attempt a port of its own, unless the program has bound one; and its timer begins anew. */
static bool is_another_attempt(const struct watched *w, const struct look *look, uint16_t port)
{
	return !w->connect_ns || port != w->connect_port || look->retransmits < w->ran_out;
}

/** The attempt is over: tell of it, if it may have been our verdict. The kernel counts from when it began, which was since the look
 * before the one that found it. */
static void attempted(struct watched *w, int64_t now_ns, struct verdicts *verdicts)
{
	const int64_t limit_ns = w->limits->connect_ms * NS_PER_MS;

	if (w->armed == ARMED_CONNECT && now_ns - w->from_ns >= limit_ns)
		notes_tell(w, most(now_ns - w->connect_ns, limit_ns), verdicts);
}

static void connecting(struct watched *w, int at, const struct look *look, int64_t now_ns, struct verdicts *verdicts)
{
	const uint16_t port = socket_local(at).port;

	if (is_another_attempt(w, look, port)) {
		if (w->connect_ns)
			attempted(w, now_ns, verdicts);
		w->limits = limits_of(at, NULL);
		w->connect_ns = now_ns;
		w->from_ns = w->looked_ns ? w->looked_ns : now_ns - w->limits->connect_ms * NS_PER_MS / FOUND_PART - GRACE_LEAST_NS;
		w->connect_port = port;
		w->told = false;
	}
	w->ran_out = (uint8_t)look->retransmits;

	const int32_t limit_ms = w->limits->connect_ms;
	const int64_t limit_ns = limit_ms * NS_PER_MS;

	w->due_ns = now_ns + (limit_ms ? most(limit_ns / CONNECT_LOOKS, DUE_SLICE_NS) : quiet_ns(w));
	if (!limit_ms || w->told)
		return;
	const int64_t left_ns = w->connect_ns + limit_ns - now_ns;

	if (settings.dry_run) {
		if (left_ns <= 0) {
			notes_take(w, at, REPORT_CONNECT, REASON_SYN_UNANSWERED);
			notes_tell(w, now_ns - w->connect_ns, verdicts);
		}
		w->due_ns = left_ns > 0 ? least(w->due_ns, now_ns + left_ns) : w->due_ns;
		return;
	}
	const bool kept = kernel_keeps_connect(w, at, limit_ms);

	/* It may have begun so much before it was found. */
	w->keeps = is_near(w->from_ns + limit_ns - now_ns, limit_ms, DUE_SLICE_NS);
	if (w->keeps)
		notes_take(w, at, REPORT_CONNECT, REASON_SYN_UNANSWERED);
	if (left_ns <= (kept ? -grace_ns(limit_ms) : 0)) {
		notes_tell(w, now_ns - w->connect_ns, verdicts);
		end_it(w, at);
	}
	w->due_ns = left_ns > 0 ? least(w->due_ns, now_ns + left_ns) : now_ns + DUE_SLICE_NS;
}

static void connected(struct watched *w, int at, int64_t now_ns)
{
	const int64_t took_ns = w->connect_ns ? now_ns - w->connect_ns : -1;

	arm_take_off(w, at);
	w->connect_ns = 0;
	w->through = true;
	w->told = false;
	const struct place place = place_of(at);

	notes_about(w);
	if (summary_on)
		summary_connected(&place.destination, place.side, took_ns);
	if (settings.verbose)
		report_armed(&place.destination, place.side, w->limits, limits_rule(at));
}

/* ---- established --------------------------------------------------------------------------------------------------- */

static int64_t wanted_for_ns(const struct watched *w)
{
	const int64_t limit_ns = w->limits->send_ms * NS_PER_MS;

	return most(limit_ns / WANTED_PART, least(WANTED_LEAST_NS, limit_ns / WANTED_LARGEST_PART));
}

/** Whether its program wants to hand over more, or may: where the kernel does not tell, a buffer that is full is taken for it. */
static bool is_wanted(struct watched *w, int64_t now_ns)
{
	enum want want = WANT_NOTHING;

	for (size_t i = 0; i < w->n_holders; i++) {
		struct member *member = w->holders[i].member;

		if (!member || member->ended)
			continue;
		/* Once for all its connections. */
		if (member->wished_ns != now_ns)
			wishes_find(&member->wishes, &member->seen, member->machine);
		member->wished_ns = now_ns;
		const enum want its = wishes_for(&member->wishes, w->holders[i].fd, w->inode);

		want = its > want ? its : want;
	}
	w->unseen = want == WANT_UNSEEN;
	if (w->unseen)
		return now_ns - w->wanted_ns <= wanted_for_ns(w);
	if (want == WANT_NOTHING)
		return false;
	w->wanted_ns = now_ns;
	return true;
}

static void forget_clock(struct watched *w)
{
	free(w->clock);
	w->clock = NULL;
}

static void calm_down(struct watched *w, int at)
{
	arm_take_off(w, at);
	forget_clock(w);
	w->told = false;
	w->wanted_ns = 0;
}

static void not_refused(struct watched *w, int at, const struct look *look, int64_t now_ns)
{
	if (w->clock)
		place_count(at, &(struct stall_news){.pause_ns = stall_room(w->clock, look, w->cookie, now_ns)});
	calm_down(w, at);
	/* Where something is outstanding a refusal is to be seen as it begins. */
	w->due_ns = now_ns + (look->outstanding && w->limits->send_ms ? most(stall_slice_ns(w->limits), DUE_SLICE_NS) : quiet_ns(w));
}

/** Since when nothing has moved, at the earliest: what a stall may be counted from that is seen now and was not before. The kernel
 * tells for how long anything has been outstanding. */
static int64_t floor_ns(const struct watched *w, const struct look *look, bool goes_on, int64_t now_ns)
{
	if (!w->looked_ns || goes_on)
		return w->looked_ns ? w->looked_ns : now_ns;
	if (w->outstanding || look->busy_ns <= w->busy_ns)
		return now_ns;
	return most(w->looked_ns, now_ns - (look->busy_ns - w->busy_ns));
}

/** The verdict is due: the kernel's, if that was armed in time, else ours. */
static void give_up(struct watched *w, int at, const struct look *look, enum stall_cause cause, int64_t now_ns,
                    struct verdicts *verdicts)
{
	const int64_t waited_ns = stall_waited_ns(w->clock, cause, now_ns);
	const bool armed = w->armed == ARMED_SEND;
	/* The library may be inside as well, and is first then. */
	const int64_t ours_ns = armed ? grace_ns(w->limits->send_ms) : stall_slice_ns(w->limits) + DUE_SLICE_NS;

	w->due_ns = now_ns + DUE_SLICE_NS;
	if (settings.dry_run || cause != STALL_NO_PROGRESS ||
	    (waited_ns >= w->limits->send_ms * NS_PER_MS + ours_ns && !socket_ended(at))) {
		notes_take(w, at, REPORT_SEND, why_stalled(look, cause, waited_ns));
		notes_tell(w, waited_ns, verdicts);
		end_it(w, at);
		w->due_ns = now_ns + quiet_ns(w);
	}
}

static void refused(struct watched *w, int at, const struct look *look, int64_t now_ns, struct verdicts *verdicts)
{
	struct stall_news news;
	const int64_t since_ns = floor_ns(w, look, w->clock, now_ns);

	if (!w->clock && !(w->clock = calloc(1, sizeof *w->clock)))
		return;
	const int64_t slice_ns = most(stall_slice_ns(w->limits), DUE_SLICE_NS);
	const int64_t left_ns = stall_left_ns(w->clock, look, w->limits, w->cookie, since_ns, now_ns, true, &news);

	place_count(at, &news);
	if (news.moved)
		w->told = false;
	if (left_ns == NEVER_NS || w->told) {
		w->due_ns = now_ns + quiet_ns(w);
		return;
	}
	/* Once it is known when the window was probed first; what moves meanwhile is dated by the kernel. */
	const bool may_rest = !look->in_flight && look->retransmits && left_ns > w->limits->send_ms * NS_PER_MS / 2;

	w->due_ns = now_ns + (left_ns > 0 ? least(left_ns, may_rest ? EARLY_SLICES * slice_ns : slice_ns) : DUE_SLICE_NS);
	if (news.cause == STALL_NO_PROGRESS)
		arm_for_verdict(w, at, look, left_ns, now_ns);
	w->keeps = is_near(left_ns, w->limits->send_ms, slice_ns);
	if (w->keeps)
		notes_take(w, at, REPORT_SEND, why_stalled(look, news.cause, stall_waited_ns(w->clock, news.cause, now_ns)));
	if (left_ns <= 0)
		give_up(w, at, look, news.cause, now_ns, verdicts);
}

/** SNDTIMEO_UNACKED: outstanding bytes without progress, whether or not anybody wants to send. */
static void look_at_unacked(struct watched *w, int at, const struct look *look, int64_t now_ns, struct verdicts *verdicts)
{
	const struct limits limits = {.send_ms = w->limits->unacked_ms};
	struct stall_news news;

	if (!limits.send_ms || (!w->unacked && !(w->unacked = calloc(1, sizeof *w->unacked))))
		return;
	if (!look->outstanding) {
		stall_forget(w->unacked);
		return;
	}
	const int64_t since_ns = floor_ns(w, look, w->outstanding, now_ns);
	const int64_t left_ns = stall_left_ns(w->unacked, look, &limits, w->cookie, since_ns, now_ns, true, &news);

	w->due_ns = least(w->due_ns, now_ns + (left_ns > 0 ? least(left_ns, stall_slice_ns(&limits)) : DUE_SLICE_NS));
	if (left_ns > 0 || w->told)
		return;
	notes_take(w, at, REPORT_UNACKED, REASON_UNACKED);
	notes_tell(w, stall_waited_ns(w->unacked, STALL_NO_PROGRESS, now_ns), verdicts);
	end_it(w, at);
}

static void established(struct watched *w, int at, const struct look *look, int64_t now_ns, struct verdicts *verdicts)
{
	if (!w->through)
		connected(w, at, now_ns);
	arm_follow(w, look, now_ns);
	struct look dated = *look;

	/* Our option makes the last timer shorter. */
	if (!w->armed)
		dated.last_ack_ns += stall_answers_ns(look);
	const enum room room = look->outstanding ? room_for_more(at, look->not_sent) : ROOM_ENOUGH;

	if (!w->limits->send_ms || room == ROOM_ENOUGH || room == ROOM_UNKNOWN || !is_wanted(w, now_ns))
		not_refused(w, at, look, now_ns);
	else
		refused(w, at, &dated, now_ns, verdicts);
	if (w->unseen)
		w->due_ns = least(w->due_ns, now_ns + most(stall_slice_ns(w->limits) / UNSEEN_PART, DUE_SLICE_NS));
	look_at_unacked(w, at, &dated, now_ns, verdicts);
}

/** Its program has closed it for sending, and what was handed over is still to be acknowledged. */
static bool is_ending(const struct look *look)
{
	return look->state == TCP_FIN_WAIT1 || look->state == TCP_CLOSING || look->state == TCP_LAST_ACK;
}

static void ending(struct watched *w, int at, const struct look *look, int64_t now_ns, struct verdicts *verdicts)
{
	calm_down(w, at);
	w->due_ns = now_ns + quiet_ns(w);
	look_at_unacked(w, at, look, now_ns, verdicts);
}

/* ---- over ---------------------------------------------------------------------------------------------------------- */

/** The kernel has ended it, which may have been our verdict. */
static void closed(struct watched *w, int at, int64_t now_ns, struct verdicts *verdicts)
{
	if (w->connect_ns)
		attempted(w, now_ns, verdicts);
	if (w->armed == ARMED_SEND && w->clock && !socket_ended(at)) {
		const int64_t waited_ns = stall_waited_ns(w->clock, STALL_NO_PROGRESS, now_ns);

		if (waited_ns >= w->limits->send_ms * NS_PER_MS - stall_slice_ns(w->limits))
			notes_tell(w, waited_ns, verdicts);
	}
	/* It may connect again, and then nothing of ours may be on it. */
	arm_take_off(w, at);
	w->connect_ns = 0;
	w->through = w->told = false;
	w->limits = NULL;
	forget_clock(w);
	w->due_ns = now_ns + unconnected_ns(w);
}

/* ---- the look ------------------------------------------------------------------------------------------------------ */

/** The first process that has it is whose rules count; NULL: none has. */
static const struct member *owner_of(const struct watched *w)
{
	for (size_t i = 0; i < w->n_holders; i++)
		if (w->holders[i].member && !w->holders[i].member->ended)
			return w->holders[i].member;
	return NULL;
}

/** That may be another one, or another program, than before. */
static void assume_settings(struct watched *w)
{
	const struct member *owner = owner_of(w);

	if (!owner)
		return;
	if (watched_is_anothers(w))
		w->limits = NULL;
	w->configuration = (uint16_t)configuration_assume(owner->configuration);
}

bool watched_is_anothers(const struct watched *w)
{
	const struct member *owner = owner_of(w);

	return owner && (uint16_t)configuration_number(owner->configuration) != w->configuration;
}

void watched_begin(struct watched *w, int64_t now_ns)
{
	assume_settings(w);
	w->held = -1;
	const int at = holders_duplicate(w);

	w->begun = at >= 0;
	const enum socket_kind kind = at < 0 ? SOCKET_OTHER : socket_kind(at);
	int listens = 0;
	socklen_t size = sizeof listens;

	w->due_ns = NEVER_NS;
	if (kind == SOCKET_TCP || kind == SOCKET_MPTCP) {
		w->flags = (uint8_t)socket_flags(kind);
		if (getsockopt(at, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
			place_listens(at);
		else {
			w->cookie = socket_cookie(at);
			w->due_ns = now_ns;
		}
	}
	if (at >= 0)
		holders_release(at);
}

/** Whether its program was in no call, which tells nothing of how long it has wanted to send: a stall that the next look finds may
 * have begun before this one. Who goes on so wants nothing. */
static bool told_nothing(const struct watched *w, int64_t now_ns)
{
	return w->unseen && !w->clock && now_ns - w->looked_ns <= quiet_ns(w) + wanted_for_ns(w);
}

void watched_look(struct watched *w, int64_t now_ns, struct verdicts *verdicts)
{
	struct look look = {0};

	assume_settings(w);
	const bool given_up = w->held >= 0 && !holders_are_there(w);

	if (w->held >= 0 && !given_up && now_ns < w->whole_ns) {
		w->due_ns = least(w->whole_ns, now_ns + HELD_SLICE_NS);
		return;
	}
	const int at = w->held >= 0 ? w->held : holders_duplicate(w);

	w->due_ns = NEVER_NS;
	w->keeps = w->unseen = false;
	if (at < 0)
		return;
	/* It has none when another program's rules count from now on. */
	if (!w->limits)
		arm_take_off(w, at);
	if (socket_look(at, w->flags, &look)) {
		if (!w->limits && (look.connecting || look.established || is_ending(&look)))
			w->limits = limits_of(at, NULL);
		if (look.connecting)
			connecting(w, at, &look, now_ns, verdicts);
		else if (look.established)
			established(w, at, &look, now_ns, verdicts);
		else if (is_ending(&look))
			ending(w, at, &look, now_ns, verdicts);
		else if (w->limits)
			closed(w, at, now_ns, verdicts);
		else
			w->due_ns = now_ns + unconnected_ns(w);
	}
	if (!told_nothing(w, now_ns)) {
		w->outstanding = look.outstanding;
		w->busy_ns = look.busy_ns;
		w->looked_ns = now_ns;
	}
	w->whole_ns = w->keeps ? least(w->due_ns, now_ns + DUE_SLICE_NS) : w->due_ns;
	/* Nothing of ours may stay on what its program closes next: what was handed over waits in the kernel then, for a peer that has
	 * all the time it wants, and nobody could take it off any more. */
	const int64_t again_ns = w->keeps ? DUE_SLICE_NS : HELD_SLICE_NS;

	if (w->armed)
		w->keeps = true;
	if (w->keeps && !process_may_keep(at)) {
		arm_take_off(w, at);
		w->keeps = false;
	}
	/* What its program has closed is not to be kept open by us; while we do, its epoll sees it still. */
	if (given_up) {
		arm_take_off(w, at);
		w->keeps = false;
		w->due_ns = NEVER_NS;
	}
	else if (w->keeps)
		w->due_ns = least(w->due_ns, now_ns + again_ns);
	w->held = w->keeps ? at : -1;
	if (!w->keeps) {
		w->errs = false;
		holders_release(at);
	}
}

void watched_end(struct watched *w)
{
	const int at = w->held >= 0 ? w->held : w->armed ? holders_duplicate(w) : -1;

	if (at >= 0) {
		arm_take_off(w, at);
		holders_release(at);
	}
	w->held = -1;
	forget_clock(w);
	free(w->unacked);
	free(w->notes);
	w->unacked = NULL;
	w->notes = NULL;
}
