/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sndtimeo --record: samples of all connections of a family of processes.
 *
 * Nothing in the processes changes. A connection is known by its cookie, in whichever of them it is.
 */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

#include "base/clock.h"
#include "base/text.h"
#include "connection/why.h"
#include "judge.h"
#include "outside/kept.h"
#include "sockets.h"

#define PERIOD_NS (250 * NS_PER_MS)
/* For so long nothing has moved before it is called a stall: a round trip, and what a peer may take to acknowledge, are less. */
#define STALL_NS (500 * NS_PER_MS)
/* Of the longest line: two unix paths, and the words before. */
#define LINE_SIZE 600

static const char head[] =
	"# sndtimeo record 1: the TCP connections of %s, process %d, from %s on (" PACKAGE_STRING ")\n"
	"# One line for each sample, four a second, and for each event; fields are separated by one tab. What is empty is as in the line\n"
	"# before of the same connection, or 0 for those with a +; what is empty at the end is left out; time: as in the line above.\n"
	"# time: seconds since the beginning; id: of the connection; event: connect, found, connected, failed, stall, progress,\n"
	"# closing, broken, timed_out, close, end; acked+: bytes acknowledged since; flight: bytes sent and not acknowledged; waiting: bytes not sent yet;\n"
	"# window: bytes that the peer has room for; rtt: round trip in ms; again+: segments sent again since; note: whose and which\n"
	"# connection it is, or why it stalls. See libsndtimeo(7); sndtimeo-plot draws it.\n"
	"time\tid\tevent\tacked+\tflight\twaiting\twindow\trtt\tagain+\tnote\n";

struct track {
	uint64_t number;
	unsigned id;
	bool seen;             /* in the round that is under way */
	bool stalled;
	enum socket_state state;
	int64_t flight, waiting, rtt_ms;
	uint64_t acked;
	uint32_t window, again;
	int64_t moved_ns;      /* when something moved, or nothing was there to move */
};

struct record {
	FILE *to;
	struct track *all;     /* by their numbers */
	size_t count, room, known;
	unsigned last_id;
	int64_t begun_ns, now_ns, told_ns;
};

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */

/* What is empty at the end is left out. */
static void put(struct record *r, struct text *line)
{
	while (line->length && line->at[line->length - 1] == '\t')
		line->at[--line->length] = '\0';
	fprintf(r->to, "%s\n", line->at);
}

static void add_change(struct text *line, bool differs, int64_t value)
{
	if (differs)
		text_add_number(line, value);
	text_add(line, "\t");
}

static void begin_line(struct record *r, struct text *line, unsigned id, const char *event)
{
	const int64_t ms = (r->now_ns - r->begun_ns) / NS_PER_MS;
	char time[40];

	if (r->told_ns != r->now_ns) {
		snprintf(time, sizeof time, "%jd.%03d", (intmax_t)(ms / 1000), (int)(ms % 1000));
		text_add(line, time);
	}
	r->told_ns = r->now_ns;
	text_add(line, "\t");
	if (id)
		text_add_number(line, id);
	text_add(line, "\t");
	text_add(line, event);
	text_add(line, "\t");
}

/* A line of @p track, which takes over what was found. @p is_new: nothing is as before. */
static void tell(struct record *r, struct track *track, const struct socket_facts *facts, const char *event, const char *note, bool is_new)
{
	const bool known = facts->has_traffic;
	const bool apart = known && !facts->is_mptcp;
	const int64_t flight = apart ? sockets_in_flight(facts) : facts->unacknowledged, waiting = apart ? sockets_not_sent(facts) : 0;
	const uint64_t acked = known && facts->look.acked > track->acked ? facts->look.acked : track->acked;
	const uint32_t window = known ? facts->look.window : track->window;
	/* What a socket has counted is forgotten with its connection. */
	const uint32_t again = known && facts->retransmitted > track->again ? facts->retransmitted : track->again;
	const int64_t rtt_ms = known ? facts->look.rtt_ns / NS_PER_MS : track->rtt_ms;
	char buffer[LINE_SIZE];
	struct text line;

	if (!*event && !is_new && flight == track->flight && waiting == track->waiting && acked == track->acked && window == track->window &&
	    again == track->again)
		return;
	text_start(&line, buffer, sizeof buffer);
	begin_line(r, &line, track->id, event);
	add_change(&line, acked != track->acked, (int64_t)(acked - track->acked));
	add_change(&line, is_new || flight != track->flight, flight);
	add_change(&line, is_new || waiting != track->waiting, waiting);
	add_change(&line, is_new || window != track->window, window);
	add_change(&line, is_new || rtt_ms != track->rtt_ms, rtt_ms);
	add_change(&line, again != track->again, again - track->again);
	text_add(&line, note);
	put(r, &line);
	track->acked = acked;
	track->flight = flight;
	track->waiting = waiting;
	track->window = window;
	track->rtt_ms = rtt_ms;
	track->again = again;
}

static void tell_end(struct record *r, const struct track *track, const char *event)
{
	char buffer[LINE_SIZE];
	struct text line;

	text_start(&line, buffer, sizeof buffer);
	begin_line(r, &line, track ? track->id : 0, event);
	put(r, &line);
}

/* ---- one connection ----------------------------------------------------------------------------------------------- */

static bool is_connecting(enum socket_state state)
{
	return state == SOCKET_SYN_SENT || state == SOCKET_SYN_RECEIVED;
}

static bool can_send(enum socket_state state)
{
	return state == SOCKET_ESTABLISHED || state == SOCKET_CLOSE_WAIT;
}

/* "python3[4711] 192.0.2.1:40000 -> 192.0.2.7:443". */
static void name_it(struct text *note, const struct process *process, const struct socket_facts *facts)
{
	text_add_foreign(note, process->name, 40);
	text_add_format(note, "[%jd] ", (intmax_t)process->id);
	text_add_destination(note, &facts->local);
	text_add(note, " -> ");
	text_add_destination(note, &facts->peer);
}

static bool has_moved(const struct track *track, const struct socket_facts *facts)
{
	return !facts->outstanding || facts->look.acked != track->acked || facts->look.window != track->window;
}

static const char *paused(struct text *note, int64_t pause_ns)
{
	text_add(note, "after ");
	text_add_seconds(note, pause_ns / NS_PER_MS);
	return note->at;
}

static void look_at_known(struct record *r, struct track *track, const struct socket_facts *facts)
{
	const enum socket_state before = track->state;
	const int64_t pause_ns = r->now_ns - track->moved_ns;
	const bool moved = !facts->has_traffic || has_moved(track, facts), was_stalled = track->stalled;
	char buffer[LINE_SIZE];
	struct text note;

	text_start(&note, buffer, sizeof buffer);
	track->state = facts->state;
	if (moved)
		track->moved_ns = r->now_ns;
	track->stalled = can_send(facts->state) && !moved && pause_ns >= STALL_NS;
	if (facts->state != before && facts->ended)
		tell(r, track, facts, "timed_out", paused(&note, pause_ns), false);
	else if (facts->state == SOCKET_CLOSED && before != SOCKET_CLOSED)
		tell(r, track, facts, is_connecting(before) ? "failed" : "broken", was_stalled ? paused(&note, pause_ns) : "", false);
	else if (is_connecting(before) && can_send(facts->state))
		tell(r, track, facts, "connected", "", false);
	else if (can_send(before) && !can_send(facts->state))
		tell(r, track, facts, "closing", "", false);
	else if (track->stalled && !was_stalled) {
		text_add(&note, reason_text(why_stalled(&facts->look, STALL_NO_PROGRESS, pause_ns)));
		tell(r, track, facts, "stall", buffer, false);
	} else if (was_stalled && !track->stalled)
		tell(r, track, facts, "progress", paused(&note, pause_ns), false);
	else
		tell(r, track, facts, "", "", false);
}

static int by_number(const void *one, const void *other)
{
	const uint64_t first = ((const struct track *)one)->number, second = ((const struct track *)other)->number;

	return (first > second) - (first < second);
}

/* Among those that were there before this round, which are in order, and those that are new in it. */
static struct track *find(const struct record *r, uint64_t number)
{
	const struct track wanted = {.number = number};
	struct track *found = r->known ? bsearch(&wanted, r->all, r->known, sizeof wanted, by_number) : NULL;

	for (size_t i = r->known; !found && i < r->count; i++)
		if (r->all[i].number == number)
			found = &r->all[i];
	return found;
}

static void look_at_new(struct record *r, const struct process *process, const struct socket_facts *facts, bool is_first)
{
	char buffer[LINE_SIZE];
	struct text note;

	if (r->count == r->room) {
		const size_t more = r->room ? 2 * r->room : 64;
		struct track *all = reallocarray(r->all, more, sizeof *all);

		if (!all)
			return;
		r->all = all;
		r->room = more;
	}
	struct track *track = &r->all[r->count++];

	*track = (struct track){.number = facts->number, .id = ++r->last_id, .seen = true, .state = facts->state, .moved_ns = r->now_ns};
	text_start(&note, buffer, sizeof buffer);
	name_it(&note, process, facts);
	/* What was there at first has done things before that are not told. */
	if ((is_first || facts->is_mptcp) && facts->has_traffic) {
		track->acked = facts->look.acked;
		track->again = facts->retransmitted;
	}
	tell(r, track, facts, is_first && !is_connecting(facts->state) ? "found" : "connect", buffer, true);
}

static bool is_recorded(const struct socket_facts *facts)
{
	return facts->asked && !facts->is_unix && facts->state != SOCKET_LISTEN;
}

/* ---- a round ------------------------------------------------------------------------------------------------------ */

static void look_at(struct record *r, const struct member *member, bool is_first)
{
	struct sockets sockets = sockets_of(&member->seen, false);

	for (size_t i = 0; i < sockets.count; i++) {
		const struct socket_facts *facts = &sockets.all[i];
		struct track *track = is_recorded(facts) ? find(r, facts->number) : NULL;

		if (track && !track->seen) {
			track->seen = true;
			look_at_known(r, track, facts);
		} else if (!track && is_recorded(facts) && facts->state != SOCKET_CLOSED)
			look_at_new(r, &member->process, facts, is_first);
	}
	free(sockets.all);
}

static void welcome(const struct member *member, void *context)
{
	(void)member;
	(void)context;
}

static void round_of(struct record *r, struct family *family, bool is_first)
{
	size_t kept = 0;

	r->now_ns = clock_now_ns();
	r->known = r->count;
	for (size_t i = 0; i < r->count; i++)
		r->all[i].seen = false;
	family_grow(family, welcome, NULL);
	for (size_t i = 0; i < family->count; i++) {
		family_refresh(family->all[i]);
		look_at(r, family->all[i], is_first);
	}
	for (size_t i = 0; i < r->count; i++) {
		if (r->all[i].seen)
			r->all[kept++] = r->all[i];
		else
			tell_end(r, &r->all[i], "close");
	}
	r->count = kept;
	if (kept)
		qsort(r->all, kept, sizeof *r->all, by_number);
}

/* Until it is time, or a process ends: what comes next is another round in each case. */
static void wait_until(struct family *family, int64_t until_ns, const sigset_t *mask)
{
	const int64_t left_ns = until_ns - clock_now_ns();
	const struct timespec left = clock_timespec(left_ns > 0 ? left_ns : 0);
	struct pollfd *ends = calloc(family->count + 1, sizeof *ends);
	bool any = false;

	for (size_t i = 0; ends && i < family->count; i++)
		ends[i] = (struct pollfd){.fd = family->all[i]->handle, .events = POLLIN};
	if (ppoll(ends, ends ? family->count : 0, &left, mask) > 0) {
		for (size_t i = 0; i < family->count; i++)
			if (ends[i].revents)
				family->all[i]->ended = any = true;
	}
	free(ends);
	if (any)
		family_bury(family);
}

int record_open(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
}

static void print_head(struct record *r, const char *program, pid_t id)
{
	char when[40], name[60];
	const time_t now = time(NULL);
	struct text shown;
	struct tm utc;

	text_start(&shown, name, sizeof name);
	text_add_foreign(&shown, program, 40);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	fprintf(r->to, head, name, (int)id, when);
}

int record_run(struct family *family, const char *program, bool runs, int fd, int64_t until_ns)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
	struct record r = {.to = fdopen(fd, "a"), .begun_ns = clock_now_ns(), .told_ns = -1};
	sigset_t mask;

	if (!r.to) {
		close(fd);
		return ENOMEM;
	}
	kept_signals(ending, sizeof ending / sizeof *ending, end, &mask);
	if (family->count)
		print_head(&r, program, family->all[0]->process.id);
	for (int64_t next_ns = r.begun_ns; !ended && family->count && clock_now_ns() < until_ns && !ferror(r.to);) {
		round_of(&r, family, runs && next_ns == r.begun_ns);
		/* Each round is whole, whoever reads it meanwhile. */
		fflush(r.to);
		next_ns = next_ns + PERIOD_NS > r.now_ns ? next_ns + PERIOD_NS : r.now_ns + PERIOD_NS;
		wait_until(family, next_ns < until_ns ? next_ns : until_ns, &mask);
	}
	r.now_ns = clock_now_ns();
	tell_end(&r, NULL, "end");
	free(r.all);
	const int error = ferror(r.to) ? EIO : 0;

	return fclose(r.to) != 0 ? errno : error;
}
