/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's waits: every wrapped way of waiting by its name.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "tester.h"

static const struct event {
	const char *name;
	int value;
} events[] = {
	{ "in", POLLIN }, { "out", POLLOUT }, { "err", POLLERR },
	{ "hup", POLLHUP }, { "pri", POLLPRI }, { "none", 0 },
};

/* Read "in+out". The values are epoll's too. */
static int parse_events(const char *list)
{
	char *copy = strdup(list), *rest;
	int value = 0;

	for (char *name = strtok_r(copy, "+", &rest); name; name = strtok_r(NULL, "+", &rest))
		for (size_t i = 0; i < sizeof events / sizeof *events; i++)
			if (strcmp(events[i].name, name) == 0)
				value |= events[i].value;
	free(copy);
	return value;
}

struct waiter waiter_of(const struct step *step, const char *call, const char *list)
{
	return (struct waiter){
		.call = call,
		.events = parse_events(list),
		.with = option(step, "with", ""),
		.edge = number_option(step, "et", 0) != 0,
		.oneshot = number_option(step, "oneshot", 0) != 0,
	};
}

/* The reading end of a pipe that never says anything. */
static int silent_pipe(void)
{
	static int ends[2] = { -1, -1 };

	if (ends[0] >= 0)
		return ends[0];
	if (pipe2(ends, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	ends[0] = out_of_the_way(ends[0]);
	ends[1] = out_of_the_way(ends[1]);
	return ends[0];
}

static struct timespec *timespec_of(struct timespec *time, int timeout_ms)
{
	*time = (struct timespec){ timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	return timeout_ms < 0 ? NULL : time;
}

/* ---- poll and its kin -------------------------------------------------------------------------------------------- */

static int by_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return poll(fds, n, timeout_ms);
}

static int by_ppoll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec time;

	return ppoll(fds, n, timespec_of(&time, timeout_ms), NULL);
}

/* What a fortified program calls, found by name so that the test does not depend on the compiler's options. */
static int by_poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	int (*call)(struct pollfd *, nfds_t, int, size_t) =
		(int (*)(struct pollfd *, nfds_t, int, size_t))dlsym(RTLD_DEFAULT, "__poll_chk");

	return call(fds, n, timeout_ms, n * sizeof *fds);
}

#if defined __USE_TIME_BITS64 && __TIMESIZE == 32
#define PPOLL_CHK "__ppoll64_chk"
#else
#define PPOLL_CHK "__ppoll_chk"
#endif

static int by_ppoll_chk(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	int (*call)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t) =
		(int (*)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t))dlsym(
			RTLD_DEFAULT, PPOLL_CHK);
	struct timespec time;

	/* glibc has had the one for wide times since 2.40; bare there is none before. */
	if (!call)
		return by_ppoll(fds, n, timeout_ms);
	return call(fds, n, timespec_of(&time, timeout_ms), NULL, n * sizeof *fds);
}

static const struct poll_call {
	const char *name;
	int (*call)(struct pollfd *fds, nfds_t n, int timeout_ms);
} poll_calls[] = {
	{ "poll", by_poll },
	{ "ppoll", by_ppoll },
	{ "poll_chk", by_poll_chk },
	{ "ppoll_chk", by_ppoll_chk },
};

static struct measured wait_in_poll(const struct poll_call *how, struct waiter *waiter, int fd, int timeout_ms,
				    int *revents)
{
	struct pollfd fds[2] = { { .fd = fd, .events = (short)waiter->events } };
	nfds_t n = 1;
	struct measured m;

	if (strcmp(waiter->with, "pipe") == 0)
		fds[n++] = (struct pollfd){ .fd = silent_pipe(), .events = POLLIN };
	if (strcmp(waiter->with, "twice") == 0)
		fds[n++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	MEASURE(&m, how->call(fds, n, timeout_ms));
	*revents = fds[0].revents;
	waiter->second_revents = fds[1].revents;
	return m;
}

/* ---- select ------------------------------------------------------------------------------------------------------ */

static int by_select(int n, fd_set *in, fd_set *out, fd_set *except, int timeout_ms)
{
	struct timeval time = { timeout_ms / 1000, timeout_ms % 1000 * 1000L };

	return select(n, in, out, except, timeout_ms < 0 ? NULL : &time);
}

static int by_pselect(int n, fd_set *in, fd_set *out, fd_set *except, int timeout_ms)
{
	struct timespec time;

	return pselect(n, in, out, except, timespec_of(&time, timeout_ms), NULL);
}

static const struct select_call {
	const char *name;
	int (*call)(int n, fd_set *in, fd_set *out, fd_set *except, int timeout_ms);
} select_calls[] = {
	{ "select", by_select },
	{ "pselect", by_pselect },
};

static struct measured wait_in_select(const struct select_call *how, struct waiter *waiter, int fd, int timeout_ms,
				      int *revents)
{
	const int other = strcmp(waiter->with, "pipe") == 0 ? silent_pipe() : -1;
	const bool reads = waiter->events & POLLIN || other >= 0;
	fd_set in, out;
	struct measured m;

	FD_ZERO(&in);
	FD_ZERO(&out);
	/* A set has no place for a descriptor that there is not. */
	if (waiter->events & POLLIN && fd >= 0)
		FD_SET(fd, &in);
	if (other >= 0)
		FD_SET(other, &in);
	if (waiter->events & POLLOUT && fd >= 0)
		FD_SET(fd, &out);
	MEASURE(&m, how->call((fd > other ? fd : other) + 1, reads ? &in : NULL, &out, NULL, timeout_ms));
	*revents = 0;
	if (m.ret > 0 && fd >= 0)
		*revents = (FD_ISSET(fd, &out) ? POLLOUT : 0) | (reads && FD_ISSET(fd, &in) ? POLLIN : 0);
	return m;
}

/* ---- epoll: one instance for the whole tester, the slot's number as data ------------------------------------------ */

static int epoll_instance(void)
{
	static int instance = -1;

	if (instance < 0)
		instance = out_of_the_way(epoll_create1(EPOLL_CLOEXEC));
	return instance;
}

static int by_epoll_wait(struct epoll_event *list, int n, int timeout_ms)
{
	return epoll_wait(epoll_instance(), list, n, timeout_ms);
}

static int by_epoll_pwait(struct epoll_event *list, int n, int timeout_ms)
{
	return epoll_pwait(epoll_instance(), list, n, timeout_ms, NULL);
}

static int by_epoll_pwait2(struct epoll_event *list, int n, int timeout_ms)
{
	struct timespec time;

	return epoll_pwait2(epoll_instance(), list, n, timespec_of(&time, timeout_ms), NULL);
}

static const struct epoll_call {
	const char *name;
	int (*call)(struct epoll_event *list, int n, int timeout_ms);
} epoll_calls[] = {
	{ "epoll_wait", by_epoll_wait },
	{ "epoll_pwait", by_epoll_pwait },
	{ "epoll_pwait2", by_epoll_pwait2 },
};

/* Returns errno. */
static int control_epoll(int operation, int slot, int interest, uint32_t flags)
{
	struct epoll_event event = { .events = (uint32_t)interest | flags, .data.u32 = (uint32_t)slot };

	return epoll_ctl(epoll_instance(), operation, numbered_slot(slot)->fd, &event) ? errno : 0;
}

static void add_to_epoll(int slot, int interest, bool edge, bool oneshot)
{
	const uint32_t flags = (edge ? EPOLLET : 0) | (oneshot ? EPOLLONESHOT : 0);
	int error = control_epoll(EPOLL_CTL_ADD, slot, interest, flags);

	if (error == EEXIST)
		error = oneshot ? control_epoll(EPOLL_CTL_MOD, slot, interest, flags) : 0;
	if (error)
		die("epoll_ctl: %s", strerror(error));
}

static struct measured wait_in_epoll(const struct epoll_call *how, int timeout_ms, int revents[MOST_SLOTS])
{
	struct epoll_event list[MOST_SLOTS];
	struct measured m;

	MEASURE(&m, how->call(list, MOST_SLOTS, timeout_ms));
	for (long i = 0; i < m.ret; i++)
		revents[list[i].data.u32] = (int)list[i].events;
	return m;
}

static const struct epoll_call *find_epoll_call(const char *name)
{
	for (size_t i = 0; i < sizeof epoll_calls / sizeof *epoll_calls; i++)
		if (strcmp(epoll_calls[i].name, name) == 0)
			return &epoll_calls[i];
	return NULL;
}

/* epadd EVENTS [et=1] */
void step_epadd(struct step *step)
{
	add_to_epoll(step->slot, parse_events(word(step, 0)), number_option(step, "et", 0) != 0, false);
}

/* epmod EVENTS|nothing: what is waited for from now on */
void step_epmod(struct step *step)
{
	const bool nothing = strcmp(word(step, 0), "nothing") == 0;
	const int error = nothing ? control_epoll(EPOLL_CTL_DEL, step->slot, 0, 0)
	                          : control_epoll(EPOLL_CTL_MOD, step->slot, parse_events(word(step, 0)), 0);

	if (error)
		die("epoll_ctl: %s", strerror(error));
}

/* epwait CALL TIMEOUT_MS: on all that was added; reports ev0, ev1, ... for the slots that have events */
void step_epwait(struct step *step)
{
	const struct epoll_call *call = find_epoll_call(word(step, 0));
	int revents[MOST_SLOTS] = { 0 };

	if (!call)
		die("no call %s", word(step, 0));
	struct measured m = wait_in_epoll(call, (int)number_word(step, 1), revents);

	check_errno(&m);
	report_measured(step, &m);
	for (int slot = 0; slot < MOST_SLOTS; slot++) {
		char key[16];

		snprintf(key, sizeof key, "ev%d", slot);
		if (revents[slot])
			report(step, key, revents[slot]);
	}
}

/* ---- any of them ------------------------------------------------------------------------------------------------- */

static struct measured wait_by_name(struct waiter *waiter, struct slot *slot, int timeout_ms, int *revents)
{
	const int number = (int)(slot - numbered_slot(0));
	int all[MOST_SLOTS] = { 0 };

	for (size_t i = 0; i < sizeof poll_calls / sizeof *poll_calls; i++)
		if (strcmp(poll_calls[i].name, waiter->call) == 0)
			return wait_in_poll(&poll_calls[i], waiter, slot->fd, timeout_ms, revents);
	for (size_t i = 0; i < sizeof select_calls / sizeof *select_calls; i++)
		if (strcmp(select_calls[i].name, waiter->call) == 0)
			return wait_in_select(&select_calls[i], waiter, slot->fd, timeout_ms, revents);
	if (!find_epoll_call(waiter->call))
		die("no call %s", waiter->call);
	add_to_epoll(number, waiter->events, waiter->edge, waiter->oneshot);
	struct measured m = wait_in_epoll(find_epoll_call(waiter->call), timeout_ms, all);

	*revents = all[number];
	return m;
}

struct measured wait_once(struct waiter *waiter, struct slot *slot, int timeout_ms, int *revents)
{
	struct measured m = wait_by_name(waiter, slot, timeout_ms, revents);

	check_errno(&m);
	return m;
}

/* wait CALL EVENTS TIMEOUT_MS [with=pipe|twice] [et=1]: once; reports revents */
void step_wait(struct step *step)
{
	struct waiter waiter = waiter_of(step, word(step, 0), word(step, 1));
	int revents;
	struct measured m = wait_once(&waiter, slot_of(step), (int)number_word(step, 2), &revents);

	report_measured(step, &m);
	report(step, "revents", revents);
	report(step, "second_revents", waiter.second_revents);
}
