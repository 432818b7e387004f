/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A wait of poll(2) or select(2), in slices.
 *
 * Longer than 400 lines, because both are cut by the same loop, and each tells of its results in its own way.
 */
#include "calls/sliced.h"

#include <errno.h>
#include <string.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/signals.h"
#include "calls/wait.h"
#include "connection/connection.h"
#include "connection/deadline.h"
#include "connection/nudge.h"
#include "connection/place.h"
#include "connection/room.h"
#include "connection/socket.h"
#include "limits/configured.h"
#include "tell/summary.h"

/** A shorter finite wait is somebody's tick, and never prolonged. */
#define TICK_NS NS_PER_S
/** As for a send that is carried through (carry.c). */
#define INPUT_MOST 32768
#define INPUT_PATIENCE_NS NS_PER_S
#define INPUT_LOOK_NS (100 * NS_PER_MS)

static int64_t least(int64_t one, int64_t other)
{
	return one < other ? one : other;
}

/* ---- the two calls in one form ----------------------------------------------------------------------------------------- */

static bool bit(const unsigned long *set, int fd)
{
	return set[fd / WORD_BITS] >> fd % WORD_BITS & 1;
}

static int ask_kernel(struct wait *w, int64_t ns, const sigset_t *mask)
{
	const struct timespec left = clock_timespec(ns), *timeout = ns == NEVER_NS ? NULL : &left;
	if (w->fds)
		return libc.ppoll(w->fds, w->count, timeout, mask);
	for (int i = READS; w->asked_before && i <= EXCEPTS; i++)
		if (w->sets[i])
			memcpy(w->sets[i], w->asked + (size_t)i * w->words, w->words * sizeof(long));
	w->asked_before = true;
	return libc.pselect(w->bits, w->sets[READS], w->sets[WRITES], w->sets[EXCEPTS], timeout, mask);
}

/** Ask the kernel, for @p ns at most (NEVER_NS: for ever). */
static int ask(struct wait *w, int64_t ns, const sigset_t *mask)
{
	await_begin();
	const int ready = ask_kernel(w, ns, mask);
	await_end();
	return ready;
}

/** The next descriptor of ours that is waited for until it can be written to: -1 at the end. Begin with @p *position = 0. */
static int next_writer(const struct wait *w, nfds_t *position)
{
	if (w->fds) {
		while (*position < w->count) {
			const struct pollfd *p = &w->fds[(*position)++];
			if (p->fd >= 0 && (p->events & (POLLOUT | POLLWRNORM | POLLWRBAND)) && !descriptor_plain(p->fd))
				return p->fd;
		}
		return -1;
	}
	const unsigned long *writes = w->asked + WRITES * w->words;
	while (*position < w->words * (size_t)WORD_BITS) {
		if (*position % WORD_BITS == 0 && !writes[*position / WORD_BITS]) {
			*position += WORD_BITS;
			continue;
		}
		const int fd = (int)(*position)++;
		if (bit(writes, fd) && !descriptor_plain(fd))
			return fd;
	}
	return -1;
}

static int first_writer(const struct wait *w)
{
	nfds_t position = 0;
	return next_writer(w, &position);
}

/** Report @p fd writable wherever that was asked for and is not reported yet; the number of additions. */
static int report_writable(struct wait *w, int fd)
{
	int more = 0;
	for (nfds_t i = 0; i < w->count; i++) {
		struct pollfd *p = &w->fds[i];
		const short asked = p->events & (POLLOUT | POLLWRNORM);
		if (p->fd != fd || !asked || (p->revents & asked))
			continue;
		more += p->revents == 0;
		p->revents |= asked;
	}
	if (!w->fds) {
		unsigned long *word = (unsigned long *)w->sets[WRITES] + fd / WORD_BITS;
		const unsigned long one = 1ul << fd % WORD_BITS;
		more = !(*word & one);
		*word |= one;
	}
	return more;
}

static int report_nothing(struct wait *w)
{
	for (nfds_t i = 0; i < w->count; i++)
		w->fds[i].revents = 0;
	for (int i = READS; !w->fds && i <= EXCEPTS; i++)
		if (w->sets[i])
			memset(w->sets[i], 0, w->words * sizeof(long));
	return 0;
}

/* ---- what a wait tells the program ------------------------------------------------------------------------------------- */

/** What the program learns of @p fd by a wait that ended by itself. @return how many more are reported */
static int learned_of(struct wait *w, int fd, int ready)
{
	struct connection c;
	const struct memory *m = memory_unverified(fd);
	if (summary_on && ready > 0 && m && atomic_load(&m->clock.refused_ns) && socket_writable(fd)) {
		connection_open(&c, fd, descriptor_word(fd), 0);
		const int64_t now_ns = clock_now_ns();
		/* Who was busy elsewhere for longer cannot say when the room came. */
		if (c.memory == m && stall_was_refused_lately(&m->clock, c.limits, now_ns) &&
		    socket_look(fd, c.word, &c.look))
			connection_room(&c, now_ns);
	}
	/* After a verdict the kernel says "writable" by itself, unless the reset waits for unread input. */
	if (memory_has(m, MEMORY_LINGERING) && socket_ended(fd))
		return report_writable(w, fd);
	return 0;
}

static int learned(struct wait *w, int ready)
{
	nfds_t position = 0;
	for (int fd; ready >= 0 && (fd = next_writer(w, &position)) >= 0;) {
		deadline_learn(fd);
		ready += learned_of(w, fd, ready);
	}
	/* A connect that failed is told of in the events, whatever was asked for. */
	for (nfds_t i = 0; ready > 0 && i < w->count; i++)
		if (w->fds[i].fd >= 0 && (w->fds[i].revents & (POLLERR | POLLHUP)) &&
		    descriptor_has(w->fds[i].fd, DESCRIPTOR_NOTICED))
			deadline_learn(w->fds[i].fd);
	return ready;
}

/** A wait for one descriptor, for writing alone: its thread is a synchronous writer from now on, if the socket is past
 * connecting. @return whether it is */
static bool note_writer(int fd)
{
	const uint32_t word = descriptor_word(fd);
	if (!(word & DESCRIPTOR_COVERED))
		return false;
	/* Nothing seems to have changed: the send will ask. */
	if (atomic_load_explicit(&writer_any, memory_order_relaxed) && writer_cookie && writer_fd == fd && writer_word == word)
		return true;
	const uint64_t cookie = socket_cookie(fd);
	if (!cookie || memory_has(memory_find(fd, cookie), MEMORY_CONNECTING))
		return false;
	if (!atomic_exchange(&writer_any, 1))
		atomic_fetch_add(&memory_waits_matter, 1);
	writer_fd = fd;
	writer_word = word;
	writer_cookie = cookie;
	return true;
}

/** Whether a verdict is still to be told to this synchronous writer, by a wait that times out: once. */
static bool tell(int fd)
{
	struct memory *m = memory_unverified(fd);
	if (!memory_has(m, MEMORY_UNTOLD) || !socket_ended(fd))
		return false;
	memory_clear(m, MEMORY_UNTOLD);
	return true;
}

/** A wait for @p fd alone, for writing alone, found it writable at once. */
static int writable_at_once(struct wait *w, int fd, int ready, int64_t timeout_ns)
{
	if (memory_has(memory_unverified(fd), MEMORY_CONNECTING) && descriptor_has(fd, DESCRIPTOR_NOTICED)) {
		if (w->fds && !(w->fds->revents & (POLLERR | POLLHUP)))
			deadline_over(fd, 0);
		else
			deadline_learn(fd);
		return ready + learned_of(w, fd, ready);
	}
	note_writer(fd);
	/* Who waits for ever has no timeout to raise, and is told by the send. */
	if (tell(fd) && timeout_ns != NEVER_NS)
		return report_nothing(w);
	return ready + learned_of(w, fd, ready);
}

/* ---- what is looked at while it waits ---------------------------------------------------------------------------------- */

/** What a look at everything that waits for writing found. */
struct survey {
	bool established;    /**< a connection that counts under a send timeout */
	bool connecting;     /**< one of ours that still connects */
	bool verdict;        /**< one has stalled for too long, and was ended */
	bool fresh;          /**< ... by this look */
	int64_t wait_ns;     /**< until the next look */
	int64_t connect_ns;  /**< until the first connect deadline */
};

static void survey_one(struct survey *found, const struct wait *w, int fd, int64_t looked_ns, bool stays)
{
	struct connection c;
	const uint32_t word = descriptor_word(fd);
	if (!(word & DESCRIPTOR_COVERED))
		return;
	connection_open(&c, fd, word, looked_ns);
	if (!c.cookie) {
		connection_is_covered(fd, word);
		return;
	}
	if (memory_has(c.memory, MEMORY_CONNECTING)) {
		if (socket_look(fd, word, &c.look) && !c.look.established) {
			const int64_t connect_ns = deadline_left_ns(&c, clock_now_ns());
			found->connecting = true;
			found->connect_ns = connect_ns < found->connect_ns ? connect_ns : found->connect_ns;
			connection_release(&c);
			return;
		}
		deadline_learn(fd);
	}
	/* A unix socket tells too little to a loop that sends whatever there is room for. */
	if (!c.limits->send_ms || ((word & DESCRIPTOR_UNIX) && !w->alone))
		return;
	if (memory_has(c.memory, MEMORY_ENDED) && socket_ended(fd)) {
		found->verdict = found->established = true;
		return;
	}
	const int64_t left_ns = connection_left_ns(&c);
	if (!c.look.established) {
		if (!c.look.connecting && !c.look.closed)
			connection_is_covered(fd, word);
		return;
	}
	found->established = true;
	if (left_ns <= 0 && !socket_writable(fd) && connection_end(&c, 0, 0, false))
		found->verdict = found->fresh = true;
	else if (stays)
		nudge(&c, left_ns);
	int64_t wait_ns = nudge_slice_ns(&c);
	if (left_ns > 0 && left_ns < wait_ns)
		wait_ns = left_ns;
	found->wait_ns = wait_ns < found->wait_ns ? wait_ns : found->wait_ns;
	connection_release(&c);
}

/** Whether the kernel has said of @p fd that it can be written to. */
static bool is_reported(const struct wait *w, int fd)
{
	for (nfds_t i = 0; i < w->count; i++)
		if (w->fds[i].fd == fd && (w->fds[i].revents & (POLLOUT | POLLWRNORM | POLLERR | POLLHUP)))
			return true;
	return !w->fds && bit((const unsigned long *)w->sets[WRITES], fd);
}

/** @p stays: the caller waits on, and surveys again in time. */
static struct survey survey(const struct wait *w, int64_t looked_ns, bool stays)
{
	struct survey found = {.wait_ns = NEVER_NS, .connect_ns = NEVER_NS};
	nfds_t position = 0;
	for (int fd; (fd = next_writer(w, &position)) >= 0;)
		if (stays || !is_reported(w, fd))
			survey_one(&found, w, fd, looked_ns, stays);
	return found;
}

/** Whether a wait that finds something ready, as one of a busy loop always does, is to look at the rest all the same. */
static bool survey_is_due(int64_t now_ns)
{
	static _Atomic int64_t next_ns;
	int64_t due_ns = atomic_load_explicit(&next_ns, memory_order_relaxed);
	return (now_ns >= due_ns || due_ns > now_ns + WATCH_LONG_NS) &&
	       atomic_compare_exchange_strong(&next_ns, &due_ns, now_ns + least(stall_slice_ns(&settings.limits), WATCH_LONG_NS));
}

/** Whether a wait for a connect ends by itself at the deadline: below a second the kernel is late (it sends a SYN again
 * after one). */
static bool ends_connect(int fd, const struct survey *found)
{
	return found->connecting && found->connect_ns != NEVER_NS && !settings.dry_run &&
	       limits_of(fd, memory_unverified(fd))->connect_ms < DEADLINE_KERNEL_LEAST_MS;
}

/* ---- a synchronous writer's wait ------------------------------------------------------------------------------------------ */

/** A finite wait that lasts as long as our limits let it. */
struct prolonged {
	bool is;
	int unread_before;
	int64_t own_until_ns;   /**< when the program's own time is over */
};

static bool prolongs(int fd, int64_t timeout_ns)
{
	return timeout_ns != NEVER_NS && timeout_ns >= TICK_NS && !settings.dry_run &&
	       limits_of(fd, memory_unverified(fd))->policy == POLICY_REPLACE;
}

/** Whether the program is to be let go after its own time, to read what came meanwhile. */
static bool input_calls(const struct prolonged *p, int fd, int64_t now_ns)
{
	if (!p->is || now_ns < p->own_until_ns)
		return false;
	const int unread = socket_unread(fd), came = unread - p->unread_before;
	const struct memory *m = memory_unverified(fd);
	return came >= INPUT_MOST || (unread > 0 && room_input_is_full(fd)) ||
	       (came > 0 && m && stall_waited_ns(&m->clock, STALL_NO_PROGRESS, now_ns) >= INPUT_PATIENCE_NS);
}

/* ---- the wait -------------------------------------------------------------------------------------------------------- */

/** How long to wait before the next look. */
static int64_t slice_ns(const struct survey *found, struct watcher *watcher, const struct prolonged *p, int64_t now_ns)
{
	int64_t wait_ns = found->wait_ns;
	if (found->connect_ns > 0)
		wait_ns = least(wait_ns, found->connect_ns);
	if (watch_any())
		wait_ns = least(wait_ns, watch_turn(watcher, now_ns) - now_ns);
	else if (!*process_only_thread)
		wait_ns = least(wait_ns, WATCH_LONG_NS);
	if (p->is && now_ns >= p->own_until_ns - INPUT_LOOK_NS)
		wait_ns = least(wait_ns, INPUT_LOOK_NS);
	return wait_ns < 0 ? 0 : wait_ns;
}

/** Wait in slices; the caller has blocked signals, and @p mask lets them in. */
static int wait_in_slices(struct wait *w, struct watcher *watcher, int64_t timeout_ns, const sigset_t *mask)
{
	const bool finite = timeout_ns != NEVER_NS;
	int64_t now_ns = clock_now_ns(), looked_ns = now_ns;
	int64_t until_ns = finite ? clock_sum_ns(now_ns, timeout_ns) : NEVER_NS;
	struct prolonged prolonged = {.own_until_ns = until_ns};
	const int first = first_writer(w);
	for (;;) {
		const struct survey found = survey(w, looked_ns, true);
		looked_ns = now_ns;
		/* Once: with input unread the socket stays as it is, and who waits again would wait for ever. */
		if (found.verdict && w->alone && (found.fresh || tell(first)) && finite)
			return report_nothing(w);
		if (found.verdict)
			return learned(w, ask(w, 0, mask));
		if (w->alone && found.established) {
			note_writer(first);
			if (!prolonged.is && prolongs(first, timeout_ns)) {
				prolonged.is = true;
				prolonged.unread_before = socket_unread(first);
				until_ns = NEVER_NS;
			}
		} else if (prolonged.is)
			until_ns = prolonged.own_until_ns; /* no connection any more: the program's own limit counts */
		if (input_calls(&prolonged, first, now_ns))
			until_ns = now_ns;
		const bool connects = w->alone && finite && ends_connect(first, &found) &&
		                      clock_sum_ns(now_ns, found.connect_ns) < until_ns;
		if (connects)
			until_ns = clock_sum_ns(now_ns, found.connect_ns);
		const int64_t wait_ns = least(until_ns == NEVER_NS ? NEVER_NS : until_ns - now_ns,
		                              slice_ns(&found, watcher, &prolonged, now_ns));
		const int ready = ask(w, wait_ns, mask);
		now_ns = clock_now_ns();
		if (ready == 0 && connects && now_ns >= until_ns)
			deadline_passed(first);
		if (ready != 0 || now_ns >= until_ns)
			return learned(w, ready);
	}
}

/** It would block. */
static int wait_long(struct wait *w, int64_t timeout_ns)
{
	sigset_t mask;
	struct watcher watcher = {0};
	signals_block(&mask);
	const int ready = wait_in_slices(w, &watcher, timeout_ns, w->mask ? w->mask : &mask);
	const int error = errno;
	watch_leave(&watcher);
	nudge_no_more();
	signals_restore(&mask);
	errno = error;
	return ready;
}

int wait_limited(struct wait *w, int64_t timeout_ns)
{
	const int before = errno, first = first_writer(w);
	w->alone = w->alone && first >= 0;
	/* Its own socket's next wait may find that nothing has changed. */
	if (!(w->alone && timeout_ns != 0 && atomic_load_explicit(&writer_any, memory_order_relaxed) && first == writer_fd))
		writer_end();
	int ready = w->asked_before ? w->ready : ask(w, 0, w->mask);
	if (ready == 0 && timeout_ns != 0)
		ready = wait_long(w, timeout_ns);
	else if (ready > 0 && w->alone && timeout_ns != 0)
		ready = writable_at_once(w, first, ready, timeout_ns);
	else {
		/* A program that has been refused and asks with no wait alone, or always finds something ready, would never hear
		 * of it. */
		if (ready >= 0) {
			const int64_t now_ns = clock_now_ns();
			watch_pass();
			if (first >= 0 && (ready == 0 ? watch_any() : survey_is_due(now_ns)) && survey(w, now_ns, false).verdict)
				ready = ask(w, 0, w->mask);
		}
		ready = learned(w, ready);
	}
	if (ready >= 0)
		errno = before;
	return ready;
}
