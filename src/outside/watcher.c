/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Holds limits from outside.
 *
 * Two rhythms: scans of all descriptors find what is new, and each connection is looked at when it is due. Both take what
 * they cost into account, so that ten thousand connections are looked at less often rather than at all times.
 */
#include "outside/watcher.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "limits/configured.h"
#include "outside/holders.h"
#include "outside/kept.h"
#include "tell/digest.h"
#include "tell/line.h"
#include "tell/report.h"

/** Scans in the time of the shortest limit, and no more often than ... A connect is timed from its first SYN, once it is found. */
#define SCANS 16
#define CONNECT_SCANS 8
#define SCAN_LEAST_NS (50 * NS_PER_MS)
#define SCAN_MOST_NS (2 * NS_PER_S)
/** ... so many times what one takes. */
#define SCAN_SHARE 30
/** Looks are so many times apart what a round of them takes; where that would be a larger part of the shortest limit than ..., fewer. */
#define LOOK_SHARE 20
#define LOOK_PART 16
#define LOOK_SHARE_LEAST 3
#define LOOK_LEAST_NS (2 * NS_PER_MS)

struct watcher {
	struct family *family;
	struct watched *all;        /* in the order of their inodes */
	size_t count;
	struct holder *holders;     /* as the last scan found them, in that order, too */
	size_t n_holders;
	const struct limits *shortest;
	struct verdicts verdicts;
	int64_t scan_ns;            /* when the next scan is due */
	int64_t scanned_ns;         /* when the last one was; 0: there was none */
	pid_t begun_by;             /* the first process, */
	bool begun_by_ended;        /* which has ended */
};

/* What this process has cost: on a busy machine a round takes longer than it costs, and is not to come later for that. */
static int64_t spent_ns(void)
{
	struct timespec spent;

	return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) ? 0 : spent.tv_sec * NS_PER_S + spent.tv_nsec;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

int watcher_may(const struct member *member)
{
	/* There is no such descriptor: what its real ones are for would be ours to close, which may take long. */
	return process_duplicate(member->through, INT_MAX) >= 0 || errno == EBADF ? 0 : errno;
}

/* ---- scans -------------------------------------------------------------------------------------------------------- */

static int64_t between_ns(int64_t least_ns, int64_t ns, int64_t most_ns)
{
	return ns < least_ns ? least_ns : ns > most_ns ? most_ns : ns;
}

/* Parts of the shortest limits, of each kind so many. */
static int64_t part_ns(const struct limits *shortest, int of_connects, int of_sends)
{
	int64_t least_ns = NEVER_NS;

	if (shortest->connect_ms)
		least_ns = shortest->connect_ms * NS_PER_MS / of_connects;
	if (shortest->send_ms)
		least_ns = between_ns(0, shortest->send_ms * NS_PER_MS / of_sends, least_ns);
	if (shortest->unacked_ms)
		least_ns = between_ns(0, shortest->unacked_ms * NS_PER_MS / of_sends, least_ns);
	return least_ns;
}

struct scan {
	struct member *member;   /* whose descriptors are shown */
	struct holder *holders;
	size_t count, room;
};

static bool take_found(int fd, uint64_t inode, void *context)
{
	struct scan *scan = context;

	if (scan->count == scan->room) {
		const size_t more = scan->room ? 2 * scan->room : 64;
		struct holder *grown = reallocarray(scan->holders, more, sizeof *grown);

		if (!grown)
			return false;
		scan->holders = grown;
		scan->room = more;
	}
	scan->holders[scan->count++] = (struct holder){inode, scan->member, fd};
	return true;
}

/* Of those that have the same, the process that has been there longest is first. */
static int by_inode(const void *one, const void *other)
{
	const struct holder *first = one, *second = other;

	if (first->inode != second->inode)
		return first->inode < second->inode ? -1 : 1;
	if (first->member->began != second->member->began)
		return first->member->began < second->member->began ? -1 : 1;
	if (first->member->process.id != second->member->process.id)
		return first->member->process.id < second->member->process.id ? -1 : 1;
	return (first->fd > second->fd) - (first->fd < second->fd);
}

/* Nobody has it any more but us, if it was about to have its verdict: it may have had it. */
static void let_go(struct watcher *w, struct watched *one, int64_t now_ns)
{
	if (one->held >= 0)
		watched_look(one, now_ns, &w->verdicts);
	watched_end(one);
}

/* What was found takes the place of what was known; both are in the order of their inodes. The same socket at several
 * descriptors, or in several processes, is one. */
static void merge(struct watcher *w, struct scan *scan, int64_t now_ns)
{
	struct watched *all = calloc(scan->count + 1, sizeof *all);
	struct holder *holders = reallocarray(scan->holders, scan->count + 1, sizeof *holders);
	size_t count = 0, before = 0;

	/* Then all stays as it was. */
	if (!all || !holders) {
		free(all);
		free(holders ? holders : scan->holders);
		return;
	}
	for (size_t i = 0; i < scan->count; count++) {
		const uint64_t inode = holders[i].inode;
		const size_t first = i;
		struct watched *one = &all[count];

		while (before < w->count && w->all[before].inode < inode)
			let_go(w, &w->all[before++], now_ns);
		if (before < w->count && w->all[before].inode == inode)
			*one = w->all[before++];
		else
			/* It was not there at the scan before. */
			*one = (struct watched){.inode = inode, .held = -1, .looked_ns = w->scanned_ns};
		while (i < scan->count && holders[i].inode == inode)
			i++;
		one->holders = &holders[first];
		one->n_holders = (uint32_t)(i - first);
		/* It is new, or its process was about to become another program just then. */
		if (!one->begun)
			watched_begin(one, now_ns);
		/* Nobody had it where it was, or it has other limits now. */
		else if (one->cookie && (one->due_ns == NEVER_NS || watched_is_anothers(one)))
			one->due_ns = one->whole_ns = now_ns;
	}
	while (before < w->count)
		let_go(w, &w->all[before++], now_ns);
	free(w->all);
	free(w->holders);
	w->all = all;
	w->count = count;
	w->holders = holders;
	w->n_holders = scan->count;
}

static void tell_active(const struct member *member, void *context)
{
	(void)context;
	if (!settings.verbose)
		return;
	configuration_assume(member->configuration);
	line_about(member->process.name, member->process.id);
	report_active();
}

static void scan(struct watcher *w, int64_t now_ns)
{
	const int64_t before_ns = spent_ns();

	struct scan scan = {0};
	int error = 0;

	family_grow(w->family, tell_active, NULL);
	/* What is a summary is told at the end, and waited for. */
	if (w->begun_by_ended && settings.log == LOG_TO_STDERR && !summary_on)
		family_leave_standard_error(w->family);
	for (size_t i = 0; i < w->family->count; i++) {
		scan.member = w->family->all[i];
		family_refresh(scan.member);
		const int its = process_sockets(&scan.member->seen, take_found, &scan);

		/* Or it has just ended, and then the kernel does not say so. */
		if (its == EACCES || its == EPERM)
			holders_complain(scan.member, watcher_may(scan.member));
		/* Our own trouble: what is known stays known. Its end is told by its handle. */
		if (its == ENOMEM || its == ECANCELED || its == EMFILE || its == ENFILE)
			error = its;
	}
	if (error)
		free(scan.holders);
	else {
		if (scan.count)
			qsort(scan.holders, scan.count, sizeof *scan.holders, by_inode);
		merge(w, &scan, now_ns);
	}
	const int64_t took_ns = spent_ns() - before_ns, slice_ns = part_ns(w->shortest, CONNECT_SCANS, SCANS);

	w->scanned_ns = now_ns;
	w->scan_ns = now_ns + between_ns(took_ns * SCAN_SHARE, between_ns(SCAN_LEAST_NS, slice_ns, SCAN_MOST_NS), NEVER_NS);
}

/* ---- the loop ----------------------------------------------------------------------------------------------------- */

static void bury(struct watcher *w)
{
	/* Nobody refers to those who have ended. */
	for (size_t i = 0; i < w->n_holders; i++)
		if (w->holders[i].member && w->holders[i].member->ended)
			w->holders[i].member = NULL;
	family_bury(w->family);
}

/* What is about to have its verdict is looked at as soon as it had it: where the program is the first process of a pid namespace,
 * the kernel ends us with it. */
static bool is_awaited(const struct watched *one)
{
	return one->held >= 0 && !one->errs;
}

static size_t count_awaited(const struct watcher *w)
{
	size_t count = 0;

	for (size_t i = 0; i < w->count; i++)
		count += is_awaited(&w->all[i]);
	return count;
}

static void add_awaited(const struct watcher *w, struct pollfd *to)
{
	for (size_t i = 0; i < w->count; i++)
		if (is_awaited(&w->all[i]))
			*to++ = (struct pollfd){.fd = w->all[i].held};
}

static void look_at_awaited(struct watcher *w, const struct pollfd *of)
{
	for (size_t i = 0; i < w->count; i++) {
		struct watched *one = &w->all[i];

		if (!is_awaited(one))
			continue;
		const short events = of++->revents;

		if (events & POLLHUP) {
			one->whole_ns = 0;
			watched_look(one, clock_now_ns(), &w->verdicts);
		}
		/* What is queued there (MSG_ZEROCOPY) would be told again and again. */
		one->errs = events && one->held >= 0;
	}
}

/* Wait until something is due or a process ends. */
static void wait_until(struct watcher *w, int64_t until_ns, const sigset_t *mask)
{
	const struct timespec timeout = clock_timespec(until_ns - clock_now_ns());
	const size_t n_members = w->family->count, n_awaited = count_awaited(w);
	struct pollfd *ends = calloc(n_members + n_awaited + 1, sizeof *ends);
	bool any = false;

	for (size_t i = 0; ends && i < n_members; i++)
		ends[i] = (struct pollfd){.fd = w->family->all[i]->handle, .events = POLLIN};
	if (ends)
		add_awaited(w, ends + n_members);
	holders_rest();
	if (ppoll(ends, ends ? n_members + n_awaited : 0, &timeout, mask) > 0) {
		look_at_awaited(w, ends + n_members);
		for (size_t i = 0; i < n_members; i++)
			if (ends[i].revents) {
				w->family->all[i]->ended = any = true;
				w->begun_by_ended |= w->family->all[i]->process.id == w->begun_by;
			}
	}
	free(ends);
	if (any) {
		/* What they held on to has had its end, too. */
		for (size_t i = 0; i < w->count; i++)
			if (w->all[i].held >= 0)
				watched_look(&w->all[i], clock_now_ns(), &w->verdicts);
		bury(w);
		/* Their children were given to somebody else just now. */
		w->scan_ns = clock_now_ns();
	}
}

static int64_t look_at_due(struct watcher *w, int64_t now_ns)
{
	const int64_t before_ns = spent_ns();
	int64_t next_ns = NEVER_NS;

	for (size_t i = 0; i < w->count && !stopped; i++) {
		if (w->all[i].due_ns <= now_ns)
			watched_look(&w->all[i], now_ns, &w->verdicts);
		next_ns = w->all[i].due_ns < next_ns ? w->all[i].due_ns : next_ns;
	}
	const int64_t took_ns = spent_ns() - before_ns, enough_ns = part_ns(w->shortest, LOOK_PART, LOOK_PART);
	const int64_t least_ns = between_ns(LOOK_LEAST_NS, took_ns * LOOK_SHARE_LEAST, NEVER_NS);
	const int64_t pause_ns = between_ns(least_ns, took_ns * LOOK_SHARE, enough_ns > least_ns ? enough_ns : least_ns);

	/* Who is due meanwhile is so with others, in one round. */
	return next_ns < now_ns + pause_ns ? now_ns + pause_ns : next_ns;
}

struct verdicts watcher_run(struct family *family, int64_t until_ns)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
	const struct limits shortest = settings_shortest(&settings);
	const pid_t id = family->count ? family->all[0]->process.id : 0;
	struct watcher w = {.family = family, .shortest = &shortest, .begun_by = id};
	char name[PROCESS_NAME_SIZE] = "";
	sigset_t mask;

	watched_start(&shortest);
	holders_start();
	kept_signals(ending, sizeof ending / sizeof *ending, stop, &mask);
	for (;;) {
		int64_t now_ns = clock_now_ns();

		if (now_ns >= w.scan_ns)
			scan(&w, now_ns);
		if (!family->count || stopped || now_ns >= until_ns)
			break;
		/* For the summary: it has become the program by now. */
		if (family->all[0]->process.id == id)
			memcpy(name, family->all[0]->process.name, sizeof name);
		now_ns = clock_now_ns();
		int64_t next_ns = look_at_due(&w, now_ns);

		next_ns = next_ns < w.scan_ns ? next_ns : w.scan_ns;
		wait_until(&w, next_ns < until_ns ? next_ns : until_ns, &mask);
	}
	for (size_t i = 0; i < w.count; i++)
		watched_end(&w.all[i]);
	free(w.all);
	free(w.holders);
	if (summary_on && summary_claim()) {
		line_about(name, id);
		digest_tell();
	}
	return w.verdicts;
}
