/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The slow path of waits that ask for writability: poll, select and epoll, and who is a synchronous writer.
 *
 * The kernel is asked with no wait first. Only a wait that would block looks at the sockets, and then goes on in slices
 * with a look in between.
 */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "deadline.h"
#include "memory.h"
#include "nudge.h"
#include "place.h"
#include "signals.h"
#include "slow.h"
#include "socket.h"
#include "stall.h"
#include "start.h"

/** A shorter finite wait is somebody's tick, and never prolonged. */
#define TICK_NS NS_PER_S
/** Longest slice of a wait in epoll, where another thread may add what has to be looked after. */
#define EPOLL_SLICE_NS NS_PER_S
/** Words of the largest set that select(2) is looked after with: 65536 descriptors, 24 KB of stack. */
#define SELECT_WORDS_MOST (65536 / 8 / sizeof(long))
/** Sockets looked after when epoll reports something; a program with more learns by the other ways. */
#define EPOLL_SOCKETS 32

/** A synchronous writer's next waits that may go unasked for, before its socket is looked at again. */
#define UNASKED_MOST 15

__thread uint64_t writer_cookie;
__thread int writer_fd;
/** Waits of this thread at writer_fd that may still go unasked for. */
static __thread unsigned unasked;

/** A wait of the program's, in one form for poll and select. */
struct wait {
	struct pollfd *fds;         /**< poll; NULL for select */
	nfds_t count;
	fd_set *sets[3];            /**< select: reads, writes, excepts, as the program gave them, for the result */
	const unsigned long *asked; /**< select: what it asked for, three sets one behind the other */
	size_t words;               /**< select: words of a set */
	int bits;
	const sigset_t *mask;       /**< NULL: the thread's own */
	bool alone;                 /**< for one descriptor, for writing alone */
};

enum { READS, WRITES, EXCEPTS };

/** Bits of a word of an fd_set. */
#define WORD_BITS (8 * (int)sizeof(long))

static bool bit(const unsigned long *set, int fd)
{
	return set[fd / WORD_BITS] >> fd % WORD_BITS & 1;
}

/** Ask the kernel, for @p ns at most (NEVER_NS: for ever). */
static int ask(struct wait *w, int64_t ns, const sigset_t *mask)
{
	const struct timespec left = clock_timespec(ns), *timeout = ns == NEVER_NS ? NULL : &left;
	if (w->fds)
		return libc.ppoll(w->fds, w->count, timeout, mask);
	for (int i = READS; i <= EXCEPTS; i++)
		if (w->sets[i])
			memcpy(w->sets[i], w->asked + (size_t)i * w->words, w->words * sizeof(long));
	return libc.pselect(w->bits, w->sets[READS], w->sets[WRITES], w->sets[EXCEPTS], timeout, mask);
}

/** The next descriptor that is waited for until it can be written to: -1 at the end. Begin with @p *position = 0. */
static int next_writer(const struct wait *w, nfds_t *position)
{
	if (w->fds) {
		while (*position < w->count) {
			const struct pollfd *p = &w->fds[(*position)++];
			if (p->fd >= 0 && (p->events & (POLLOUT | POLLWRNORM | POLLWRBAND)))
				return p->fd;
		}
		return -1;
	}
	while (*position < (nfds_t)w->bits) {
		const int fd = (int)(*position)++;
		if (bit(w->asked + WRITES * w->words, fd))
			return fd;
	}
	return -1;
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
	if (!w->fds && !FD_ISSET(fd, w->sets[WRITES])) {
		FD_SET(fd, w->sets[WRITES]);
		more = 1;
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

/** What the program learns of @p fd by a wait that ended by itself. @return how many more are reported */
static int learned_of(struct wait *w, int fd, int ready)
{
	if (summary_on && ready > 0 && socket_writable(fd))
		stall_room_at(fd, clock_now_ns());
	/* After a verdict the kernel says "writable" by itself, unless the reset waits for unread input. */
	if (memory_has(memory_at_hint(fd), MEMORY_LINGERING) && socket_ended(fd))
		return report_writable(w, fd);
	return 0;
}

static int learned(struct wait *w, int ready)
{
	nfds_t position = 0;
	for (int fd; ready >= 0 && (fd = next_writer(w, &position)) >= 0;) {
		connect_learn(fd);
		ready += learned_of(w, fd, ready);
	}
	return ready;
}

/** A wait for one descriptor, for writing alone, is over or about to begin: its thread is a synchronous writer from now
 * on, if the socket is past connecting. */
static void note_writer(int fd)
{
	uint64_t cookie;
	if (socket_cookie(fd, &cookie) && !memory_has(memory_find(cookie), MEMORY_CONNECTING))
		writer_cookie = cookie;
}

/** Whether a verdict is still to be told to this synchronous writer, by a wait that times out: once. */
static bool tell(int fd)
{
	struct memory *m = memory_at_hint(fd);
	if (!memory_has(m, MEMORY_UNTOLD) || !socket_ended(fd))
		return false;
	memory_clear(m, MEMORY_UNTOLD);
	return true;
}

/** Whether a synchronous writer's wait lasts as long as our limits let it. */
static bool prolongs(int fd, int64_t timeout_ns)
{
	return timeout_ns != NEVER_NS && timeout_ns >= TICK_NS && !settings.dry_run &&
	       limits_for(fd)->policy == POLICY_REPLACE;
}

/**
 * This thread's next waits at @p fd need not be asked for: its sends there are carried through, so it makes no difference
 * whether it waits before or in them. Not for somebody's tick, and not for long: what the descriptor is may change by
 * ways that no wrapper sees.
 */
static void spare_waits(int fd, uint64_t cookie, int64_t timeout_ns)
{
	const struct limits *limits = limits_of(fd, cookie);
	writer_fd = fd;
	unasked = limits->send_ms && limits->policy == POLICY_REPLACE && !settings.dry_run && !summary_on &&
	          timeout_ns >= TICK_NS && socket_nonblocking(fd) ? UNASKED_MOST : 0;
}

/** Whether this wait of poll(2) is one of those. */
static bool spared(struct pollfd *p, int64_t timeout_ns)
{
	if (!writer_cookie || p->fd != writer_fd || !unasked || timeout_ns < TICK_NS ||
	    (p->events & ~(POLLOUT | POLLWRNORM)) || memory_hinted(p->fd))
		return false;
	unasked--;
	p->revents = p->events;
	return true;
}

/** A wait for @p fd alone, for writing alone, found it writable at once. */
static int writable_at_once(struct wait *w, int fd, int ready, int64_t timeout_ns)
{
	uint64_t cookie;
	if (!socket_cookie(fd, &cookie))
		return ready;
	struct memory *m = memory_hinted(fd) ? memory_find(cookie) : NULL;
	if (!m) {
		memory_unhint(fd);
		writer_cookie = cookie;
		spare_waits(fd, cookie, timeout_ns);
		return summary_on ? ready + learned_of(w, fd, ready) : ready;
	}
	if (memory_has(m, MEMORY_CONNECTING)) {
		if (w->fds && !(w->fds->revents & (POLLERR | POLLHUP)))
			connect_through(fd, m);
		else
			connect_learn(fd);
	} else
		writer_cookie = cookie;
	/* Who waits for ever has no timeout to raise, and is told by the send. */
	if (tell(fd) && timeout_ns != NEVER_NS)
		return report_nothing(w);
	return ready + learned_of(w, fd, ready);
}

/** What a look at everything that waits for writing found. */
struct survey {
	bool established;    /**< a connection that counts under a send timeout */
	bool connecting;     /**< one of ours that still connects */
	bool verdict;        /**< one has stalled for too long, and was ended */
	bool fresh;          /**< ... by this look */
	int64_t wait_ns;     /**< until the next look */
	int64_t connect_ns;  /**< until the first connect deadline */
};

/** @p stays: the caller waits on, and surveys again in time. */
static struct survey survey(const struct wait *w, int64_t now_ns, int64_t looked_ns, bool stays)
{
	struct survey found = {.wait_ns = INT64_MAX, .connect_ns = INT64_MAX};
	nfds_t position = 0;
	for (int fd; (fd = next_writer(w, &position)) >= 0;) {
		struct stall s;
		uint64_t cookie;
		if (!socket_cookie(fd, &cookie))
			continue;
		const bool covered = stall_watch(&s, fd, cookie, looked_ns);
		const int64_t left_ns = covered ? stall_left_ns(&s, now_ns) : NEVER_NS;
		if (!s.look.established) {
			const int64_t connect_ns = connect_left_ns(fd, s.memory, now_ns);
			found.connecting |= memory_has(s.memory, MEMORY_CONNECTING);
			if (found.connect_ns > connect_ns)
				found.connect_ns = connect_ns;
			continue;
		}
		/* A unix socket tells too little to a loop that sends whatever there is room for. */
		if (s.look.is_unix && !w->alone)
			continue;
		if (memory_has(s.memory, MEMORY_ENDED) && socket_ended(fd))
			found.verdict = true;
		else if (left_ns <= 0 && !socket_writable(fd) && stall_end(&s, now_ns, 0, 0, false))
			found.verdict = found.fresh = true;
		if (stays && left_ns > 0)
			nudge(&s, now_ns, left_ns);
		found.established = true;
		if (found.wait_ns > nudge_slice_ns(&s))
			found.wait_ns = nudge_slice_ns(&s);
		if (left_ns > 0 && found.wait_ns > left_ns)
			found.wait_ns = left_ns;
	}
	return found;
}

/** Whether a wait for a connect ends by itself at the deadline: below a second the kernel is late (it sends a SYN again
 * after one). */
static bool ends_connect(int fd, const struct survey *found)
{
	return found->connecting && found->connect_ns != INT64_MAX && !settings.dry_run &&
	       limits_for(fd)->connect_ms < NS_PER_S / NS_PER_MS;
}

/** Wait in slices; the caller has blocked signals, and @p mask lets them in. */
static int wait_in_slices(struct wait *w, int64_t timeout_ns, const sigset_t *mask)
{
	const bool finite = timeout_ns != NEVER_NS;
	const int64_t begun_ns = clock_now_ns();
	int64_t until_ns = finite && timeout_ns < INT64_MAX - begun_ns ? begun_ns + timeout_ns : NEVER_NS;
	int64_t looked_ns = begun_ns;
	bool prolonged = false;
	for (;;) {
		const int64_t now_ns = clock_now_ns();
		const struct survey found = survey(w, now_ns, looked_ns, true);
		nfds_t position = 0;
		const int first = next_writer(w, &position);
		looked_ns = now_ns;
		/* Once: with input unread the socket stays as it is, and who waits again would wait for ever. */
		if (found.verdict && w->alone && (found.fresh || tell(first)) && finite)
			return report_nothing(w);
		if (found.verdict)
			return learned(w, ask(w, 0, mask));
		if (w->alone && found.established) {
			note_writer(first);
			if (!prolonged && prolongs(first, timeout_ns)) {
				prolonged = true;
				until_ns = NEVER_NS;
			}
		} else if (prolonged)
			until_ns = begun_ns + timeout_ns; /* no connection any more: the program's own limit counts */
		if (w->alone && finite && ends_connect(first, &found) && until_ns > now_ns + found.connect_ns)
			until_ns = now_ns + found.connect_ns;
		int64_t wait_ns = until_ns - now_ns;
		const int64_t look_ns = found.wait_ns < found.connect_ns || found.connect_ns <= 0 ? found.wait_ns : found.connect_ns;
		if (until_ns == NEVER_NS || wait_ns > look_ns)
			wait_ns = look_ns == INT64_MAX ? NEVER_NS : look_ns;
		const int ready = ask(w, wait_ns, mask);
		if (ready != 0 || clock_now_ns() >= until_ns)
			return learned(w, ready);
	}
}

static int wait_limited(struct wait *w, int64_t timeout_ns)
{
	const int before = errno;
	nfds_t position = 0;
	const int first = next_writer(w, &position);
	writer_cookie = 0;
	int ready = first < 0 ? 0 : ask(w, 0, w->mask);
	if (first < 0)
		ready = ask(w, timeout_ns, w->mask);
	else if (ready == 0 && timeout_ns > 0) {
		sigset_t mask;
		signals_block(&mask);
		ready = wait_in_slices(w, timeout_ns, w->mask ? w->mask : &mask);
		const int error = errno;
		nudge_no_more();
		signals_restore(&mask);
		errno = error;
	} else if (ready > 0 && w->alone && timeout_ns > 0) {
		ready = writable_at_once(w, first, ready, timeout_ns);
	} else {
		/* A program that has been refused and asks with no wait alone, again and again, would never hear of it. */
		const int64_t now_ns = ready == 0 && atomic_load(&watched) ? clock_now_ns() : 0;
		if (now_ns && survey(w, now_ns, now_ns, false).verdict)
			ready = ask(w, 0, w->mask);
		ready = learned(w, ready);
	}
	if (ready >= 0)
		errno = before;
	return ready;
}

static int64_t nanoseconds(const struct timespec *timeout)
{
	const int64_t seconds = timeout ? timeout->tv_sec : INT64_MAX;
	return seconds >= INT64_MAX / NS_PER_S - 1 ? NEVER_NS : seconds * NS_PER_S + timeout->tv_nsec;
}

/** What the kernel refuses with EINVAL is for the kernel to refuse. */
static bool valid(const struct timespec *timeout)
{
	return !timeout || (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < NS_PER_S);
}

int poll_limited(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct wait w = {.fds = fds, .count = count, .mask = mask};
	if (!valid(timeout))
		return libc.ppoll(fds, count, timeout, mask);
	if (count == 1 && spared(fds, nanoseconds(timeout)))
		return 1;
	w.alone = count == 1 && (fds->events & (POLLOUT | POLLWRNORM)) &&
	          !(fds->events & ~(POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR | POLLHUP));
	return wait_limited(&w, nanoseconds(timeout));
}

int select_limited(int count, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec *timeout,
                   const sigset_t *mask)
{
	/* Programs with more descriptors than an fd_set holds allocate larger sets; ours are as large, on the stack. */
	const size_t words = count > 0 ? ((size_t)count + WORD_BITS - 1) / WORD_BITS : 0;
	if (!valid(timeout) || !words || words > SELECT_WORDS_MOST)
		return libc.pselect(count, reads, writes, excepts, timeout, mask);
	unsigned long asked[3 * words];
	struct wait w = {.sets = {reads, writes, excepts}, .asked = asked, .words = words, .bits = count, .mask = mask};
	int bits[3] = {0};
	for (int i = READS; i <= EXCEPTS; i++) {
		unsigned long *set = asked + (size_t)i * words;
		if (w.sets[i])
			memcpy(set, w.sets[i], words * sizeof(long));
		else
			memset(set, 0, words * sizeof(long));
		for (int fd = 0; fd < count; fd++)
			bits[i] += bit(set, fd);
	}
	w.alone = bits[WRITES] == 1 && !bits[READS] && !bits[EXCEPTS];
	return wait_limited(&w, nanoseconds(timeout));
}

/** Look after what refused bytes to an event loop: the kernel itself makes the event when a connection is ended.
 * @return when to look again */
static int64_t look_after(int64_t now_ns, int64_t looked_ns)
{
	struct memory *m;
	int64_t next_ns = now_ns + EPOLL_SLICE_NS;
	for (size_t position = 0; (m = memory_next(&position, MEMORY_WATCHED | MEMORY_LINGERING | MEMORY_AWAITED));) {
		struct stall s;
		uint64_t cookie;
		const int fd = atomic_load(&m->fd);
		if (!socket_cookie(fd, &cookie) || cookie != atomic_load(&m->cookie)) {
			memory_clear(m, MEMORY_WATCHED | MEMORY_LINGERING | MEMORY_AWAITED);
			continue;
		}
		/* A loop that waits for nothing but room hears of the end only from the reset. Input that it has not read
		 * in a second it will not miss. */
		if (memory_has(m, MEMORY_LINGERING)) {
			if (socket_unread(fd) == 0 || now_ns - atomic_load(&m->since_ns) >= EPOLL_SLICE_NS) {
				memory_clear(m, MEMORY_LINGERING);
				if (socket_ended(fd))
					socket_reset(fd);
			}
			continue;
		}
		const bool connects = memory_has(m, MEMORY_CONNECTING);
		if (!connects && (socket_writable(fd) || !stall_watch(&s, fd, cookie, looked_ns))) {
			memory_clear(m, MEMORY_WATCHED);
			if (summary_on)
				stall_room_at(fd, now_ns);
			continue;
		}
		const int64_t left_ns = connects ? connect_left_ns(fd, m, now_ns) : stall_left_ns(&s, now_ns);
		if (connects)
			connect_learn(fd);
		else if (left_ns <= 0)
			(void)stall_end(&s, now_ns, 0, 0, false);
		else {
			nudge(&s, now_ns, left_ns);
			if (next_ns > now_ns + nudge_slice_ns(&s))
				next_ns = now_ns + nudge_slice_ns(&s);
		}
		if (left_ns > 0 && left_ns < next_ns - now_ns)
			next_ns = now_ns + left_ns;
	}
	return next_ns;
}

/** What the program learns by an event, of whatever descriptor: that may be one of ours. */
static void learned_in_epoll(void)
{
	struct memory *m;
	size_t position = 0;
	if (atomic_load(&attention))
		for (int i = 0; i < EPOLL_SOCKETS && (m = memory_next(&position, MEMORY_CONNECTING)); i++)
			connect_learn(atomic_load(&m->fd));
	position = 0;
	/* Before the program uses the room up. */
	if (summary_on && atomic_load(&watched))
		for (int i = 0; i < EPOLL_SOCKETS && (m = memory_next(&position, MEMORY_WATCHED)); i++)
			if (socket_writable(atomic_load(&m->fd)))
				stall_room_at(atomic_load(&m->fd), clock_now_ns());
}

static int ask_epoll(int epfd, struct epoll_event *events, int most, int64_t ns, bool precise, const sigset_t *mask)
{
	const struct timespec timeout = clock_timespec(ns);
	if (precise)
		return libc.epoll_pwait2(epfd, events, most, ns == NEVER_NS ? NULL : &timeout, mask);
	if (ns == NEVER_NS)
		return libc.epoll_pwait(epfd, events, most, -1, mask);
	const int64_t ms = (ns + NS_PER_MS - 1) / NS_PER_MS;
	return libc.epoll_pwait(epfd, events, most, ms > INT32_MAX ? INT32_MAX : (int)ms, mask);
}

int epoll_limited(int epfd, struct epoll_event *events, int most, int64_t timeout_ns, bool precise,
                  const sigset_t *mask)
{
	/* Shared by all threads: whoever comes first after it looks after everything. */
	static _Atomic int64_t next_look_ns, last_look_ns;
	const int before = errno;
	int64_t now_ns = clock_now_ns();
	const int64_t until_ns = timeout_ns < INT64_MAX - now_ns ? now_ns + timeout_ns : NEVER_NS;
	sigset_t own;
	bool blocked = false;
	int ready;
	writer_cookie = 0;
	for (;;) {
		int64_t wait_ns = until_ns == NEVER_NS ? NEVER_NS : until_ns - now_ns;
		if (atomic_load(&watched)) {
			int64_t next_ns = atomic_load(&next_look_ns);
			if (now_ns >= next_ns && atomic_compare_exchange_strong(&next_look_ns, &next_ns, now_ns + EPOLL_SLICE_NS)) {
				next_ns = look_after(now_ns, atomic_exchange(&last_look_ns, now_ns));
				atomic_store(&next_look_ns, next_ns);
			}
			if (wait_ns > next_ns - now_ns)
				wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
		} else if (wait_ns > EPOLL_SLICE_NS && !*atomic_load(&socket_only_thread))
			wait_ns = EPOLL_SLICE_NS;
		if (!blocked && (until_ns == NEVER_NS ? wait_ns != NEVER_NS : wait_ns < until_ns - now_ns)) {
			/* Most waits of a busy loop have something to tell at once. */
			ready = ask_epoll(epfd, events, most, 0, precise, mask);
			if (ready != 0)
				break;
			signals_block(&own);
			blocked = true;
		}
		ready = ask_epoll(epfd, events, most, wait_ns < 0 ? 0 : wait_ns, precise, mask || !blocked ? mask : &own);
		if (ready != 0)
			break;
		now_ns = clock_now_ns();
		if (now_ns >= until_ns)
			break;
	}
	const int error = errno;
	nudge_no_more();
	if (ready > 0)
		learned_in_epoll();
	if (blocked)
		signals_restore(&own);
	errno = ready < 0 ? error : before;
	return ready;
}
