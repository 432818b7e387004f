/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Holds limits from outside.
 *
 * Two rhythms: scans of all descriptors find what is new, and each connection is looked at when it is due. Both take what
 * they cost into account, so that ten thousand connections are looked at less often rather than at all times.
 */
#include "outside/watcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "limits/configured.h"
#include "tell/digest.h"
#include "tell/line.h"
#include "tell/report.h"

/** Scans in the time of the shortest limit, and no more often than ... */
#define SCANS 16
#define SCAN_LEAST_NS (50 * NS_PER_MS)
#define SCAN_MOST_NS (2 * NS_PER_S)
/** ... so many times what one takes. */
#define SCAN_SHARE 30
/** Looks are so many times apart what a round of them takes. */
#define LOOK_SHARE 8
#define LOOK_LEAST_NS (2 * NS_PER_MS)

struct found {
	uint64_t inode;
	struct holder holder;
};

struct watcher {
	struct family *family;
	struct watched *all;        /* in the order of their inodes */
	size_t count;
	struct found *found;        /* by the scan that is under way */
	size_t n_found, found_room;
	struct verdicts verdicts;
	int64_t scan_ns;            /* when the next scan is due */
	int64_t scanned_ns;         /* when the last one was; 0: there was none */
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
	/* Whether or not there is such a descriptor. */
	const int fd = process_duplicate(member->handle, 0);
	const int error = fd < 0 && errno != EBADF ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* ---- scans -------------------------------------------------------------------------------------------------------- */

static int64_t scan_slice_ns(void)
{
	int64_t slice_ns = SCAN_MOST_NS;
	const int32_t limits_ms[] = {settings.limits.connect_ms, settings.limits.send_ms, settings.limits.unacked_ms};

	/* Rules may be shorter; they are seldom so by much. */
	for (size_t i = 0; i < sizeof limits_ms / sizeof *limits_ms; i++)
		if (limits_ms[i] && limits_ms[i] * NS_PER_MS / SCANS < slice_ns)
			slice_ns = limits_ms[i] * NS_PER_MS / SCANS;
	return slice_ns < SCAN_LEAST_NS ? SCAN_LEAST_NS : slice_ns;
}

struct scan {
	struct watcher *watcher;
	struct member *member;
};

static bool take_found(int fd, uint64_t inode, void *context)
{
	const struct scan *scan = context;
	struct watcher *w = scan->watcher;

	if (w->n_found == w->found_room) {
		const size_t more = w->found_room ? 2 * w->found_room : 64;
		struct found *grown = reallocarray(w->found, more, sizeof *grown);

		if (!grown)
			return false;
		w->found = grown;
		w->found_room = more;
	}
	w->found[w->n_found++] = (struct found){inode, {scan->member, fd}};
	return true;
}

static int by_inode(const void *one, const void *other)
{
	const struct found *first = one, *second = other;

	if (first->inode != second->inode)
		return first->inode < second->inode ? -1 : 1;
	return (first->holder.fd > second->holder.fd) - (first->holder.fd < second->holder.fd);
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
static void merge(struct watcher *w, int64_t now_ns)
{
	struct watched *all = calloc(w->n_found + 1, sizeof *all);
	size_t count = 0, before = 0;

	/* Then all stays as it was. */
	if (!all)
		return;
	for (size_t i = 0; i < w->n_found; count++) {
		const uint64_t inode = w->found[i].inode;
		struct watched *one = &all[count];

		while (before < w->count && w->all[before].inode < inode)
			let_go(w, &w->all[before++], now_ns);
		if (before < w->count && w->all[before].inode == inode)
			*one = w->all[before++];
		else
			/* It was not there at the scan before. */
			*one = (struct watched){.inode = inode, .held = -1, .looked_ns = w->scanned_ns};
		memset(one->holders, 0, sizeof one->holders);
		for (size_t holder = 0; i < w->n_found && w->found[i].inode == inode; i++)
			if (holder < HOLDERS_MOST)
				one->holders[holder++] = w->found[i].holder;
		/* It is new, or its process was about to become another program just then. */
		if (!one->begun)
			watched_begin(one, now_ns);
	}
	while (before < w->count)
		let_go(w, &w->all[before++], now_ns);
	free(w->all);
	w->all = all;
	w->count = count;
}

/* Nothing is kept that the next scan makes anew: there may be thousands. */
static void unite(struct watcher *w, int64_t now_ns)
{
	if (w->n_found)
		qsort(w->found, w->n_found, sizeof *w->found, by_inode);
	merge(w, now_ns);
	free(w->found);
	w->found = NULL;
	w->n_found = w->found_room = 0;
}

static void tell_active(const struct member *member, void *context)
{
	(void)context;
	if (!settings.verbose)
		return;
	line_about(member->process.name, member->process.id);
	report_active();
}

static void scan(struct watcher *w, int64_t now_ns)
{
	const int64_t before_ns = spent_ns();

	family_grow(w->family, tell_active, NULL);
	for (size_t i = 0; i < w->family->count; i++) {
		struct scan of = {w, w->family->all[i]};

		family_rename(of.member);
		process_sockets(&of.member->process, take_found, &of);
	}
	unite(w, now_ns);
	const int64_t took_ns = spent_ns() - before_ns, slice_ns = scan_slice_ns();

	w->scanned_ns = now_ns;
	w->scan_ns = now_ns + (took_ns * SCAN_SHARE > slice_ns ? took_ns * SCAN_SHARE : slice_ns);
}

/* ---- the loop ----------------------------------------------------------------------------------------------------- */

static void bury(struct watcher *w)
{
	/* Nobody refers to those who have ended. */
	for (size_t i = 0; i < w->count; i++)
		for (size_t j = 0; j < HOLDERS_MOST; j++)
			if (w->all[i].holders[j].member && w->all[i].holders[j].member->ended)
				w->all[i].holders[j].member = NULL;
	family_bury(w->family);
}

/* Wait until something is due or a process ends. */
static void wait_until(struct watcher *w, int64_t until_ns, const sigset_t *mask)
{
	const struct timespec timeout = clock_timespec(until_ns - clock_now_ns());
	struct pollfd *ends = calloc(w->family->count + 1, sizeof *ends);
	bool any = false;

	for (size_t i = 0; ends && i < w->family->count; i++)
		ends[i] = (struct pollfd){.fd = w->family->all[i]->handle, .events = POLLIN};
	if (ppoll(ends, ends ? w->family->count : 0, &timeout, mask) > 0)
		for (size_t i = 0; i < w->family->count; i++)
			if (ends[i].revents) {
				w->family->all[i]->ended = any = true;
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
	const int64_t took_ns = spent_ns() - before_ns;
	const int64_t pause_ns = took_ns * LOOK_SHARE > LOOK_LEAST_NS ? took_ns * LOOK_SHARE : LOOK_LEAST_NS;

	/* Who is due meanwhile is so with others, in one round. */
	return next_ns < now_ns + pause_ns ? now_ns + pause_ns : next_ns;
}

static void take_signals(sigset_t *mask)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction action = {.sa_handler = stop};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaddset(&blocked, signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, mask);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction before;

		/* Who begun us with one ignored wants it so. */
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
		sigdelset(mask, signals[i]);
	}
}

struct verdicts watcher_run(struct family *family, int64_t until_ns)
{
	struct watcher w = {.family = family};
	const pid_t id = family->count ? family->all[0]->process.id : 0;
	char name[PROCESS_NAME_SIZE] = "";
	sigset_t mask;

	take_signals(&mask);
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
	free(w.found);
	if (summary_on && summary_claim()) {
		line_about(name, id);
		digest_tell();
	}
	return w.verdicts;
}
