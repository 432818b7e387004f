/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's event loops whose epoll instance is waited for by something else: another wait, another thread.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <unistd.h>

#include "tester.h"

#define CHUNK_BYTES 65536

struct nest {
	const char *outer;   /* poll, select, epoll: waits for the instance; thread: hands events on */
	int instance;
	int around;          /* an epoll instance around that one, or the eventfd that the thread writes to */
	int tick_ms;
};

static int make_instance(int of, uint32_t events)
{
	struct epoll_event event = { .events = events };
	const int made = out_of_the_way(epoll_create1(EPOLL_CLOEXEC));

	if (epoll_ctl(made, EPOLL_CTL_ADD, of, &event))
		die("epoll_ctl: %s", strerror(errno));
	return made;
}

static void *hand_on(void *context)
{
	const struct nest *nest = context;
	struct epoll_event event;

	for (;;)
		if (epoll_wait(nest->instance, &event, 1, -1) == 1 && eventfd_write(nest->around, 1))
			die("eventfd: %s", strerror(errno));
	return NULL;
}

static void wait_in_select(int fd, int tick_ms)
{
	struct timeval time = { tick_ms / 1000, tick_ms % 1000 * 1000L };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	select(fd + 1, &set, NULL, NULL, tick_ms < 0 ? NULL : &time);
}

/* Wait until there is something to ask about. Returns whether the socket is said to be ready. */
static bool wait_around(const struct nest *nest)
{
	struct pollfd fd = { .fd = nest->instance, .events = POLLIN };
	struct epoll_event event;
	eventfd_t count;

	if (strcmp(nest->outer, "thread") == 0) {
		fd.fd = nest->around;
		return poll(&fd, 1, nest->tick_ms) == 1 && eventfd_read(nest->around, &count) == 0;
	}
	if (strcmp(nest->outer, "poll") == 0)
		poll(&fd, 1, nest->tick_ms);
	else if (strcmp(nest->outer, "select") == 0)
		wait_in_select(nest->instance, nest->tick_ms);
	else
		epoll_wait(nest->around, &event, 1, nest->tick_ms);
	return epoll_wait(nest->instance, &event, 1, 0) == 1;
}

/* nest OUTER CALL BYTES [tick=MS]: an event loop on an epoll instance of its own, which poll, select, epoll or a thread
 * waits for; reports as `upload` does, the time from the first refusal on */
void step_nest(struct step *step)
{
	struct slot *slot = slot_of(step);
	/* The thread that hands on lives as long as the process. */
	static struct nest nest;
	const bool thread = strcmp(word(step, 0), "thread") == 0;
	const struct shape shape = shape_of(step);
	const size_t bytes = (size_t)number_word(step, 2);
	struct measured all = { .start_us = now_us() };
	bool refused = false;
	pthread_t helper;

	nest = (struct nest){ .outer = word(step, 0), .tick_ms = (int)number_option(step, "tick", -1) };
	nest.instance = make_instance(slot->fd, EPOLLOUT | (thread ? EPOLLET : 0));
	nest.around = thread ? out_of_the_way(eventfd(0, EFD_CLOEXEC)) : make_instance(nest.instance, EPOLLIN);
	if (thread && (pthread_create(&helper, NULL, hand_on, &nest) || pthread_detach(helper)))
		die("no thread");
	while ((size_t)all.ret < bytes) {
		const size_t left = bytes - (size_t)all.ret;
		struct measured m = send_once(word(step, 1), slot, left < CHUNK_BYTES ? left : CHUNK_BYTES, &shape);

		if (m.ret > 0)
			all.ret += m.ret;
		if (m.ret < 0 && m.error != EAGAIN) {
			all.error = m.error;
			break;
		}
		if (m.ret < 0 && !refused) {
			all.start_us = m.start_us;
			refused = true;
		}
		while (m.ret < 0 && !wait_around(&nest))
			;
	}
	all.end_us = now_us();
	report_measured(step, &all);
}
