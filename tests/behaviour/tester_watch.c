/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's own view of a connection's progress, for fair limits: a stall counts from the last progress, and
 * when that was depends on the peer, the kernel's window probes and the machine's load.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tester.h"

#define SAMPLE_US 3000
/* As in the kernel's enum, which no header for programs shares with linux/tcp.h. */
#define STATE_CLOSE 7

struct watch {
	int fd;
	pthread_t thread;
	atomic_bool over;
	pthread_mutex_t mutex;
	/* Guarded by the mutex. The last progress happened after `after_us` and was seen at `seen_us`. */
	int64_t after_us;
	int64_t seen_us;
	int64_t gap_us;
};

struct sample {
	uint64_t acked;
	uint32_t window;
	int outstanding;
};

static bool take_sample(int fd, struct sample *sample)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	memset(&info, 0, sizeof info);
	if (syscall(SYS_ioctl, fd, SIOCOUTQ, &sample->outstanding) ||
	    syscall(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return false;
	sample->acked = info.tcpi_bytes_acked;
	sample->window = info.tcpi_snd_wnd;
	return info.tcpi_state != STATE_CLOSE;
}

static void note(struct watch *watch, bool progress, int64_t before_us, int64_t now)
{
	pthread_mutex_lock(&watch->mutex);
	if (progress) {
		watch->after_us = before_us;
		watch->seen_us = now;
	} else if (now - watch->seen_us > watch->gap_us) {
		watch->gap_us = now - watch->seen_us;
	}
	pthread_mutex_unlock(&watch->mutex);
}

static void *watch_main(void *context)
{
	const struct timespec pause = { .tv_nsec = SAMPLE_US * 1000L };
	struct watch *watch = context;
	struct sample last = { 0 }, sample, again;
	int64_t last_us = watch->seen_us;

	while (!atomic_load(&watch->over)) {
		int64_t before_us = now_us();

		if (!take_sample(watch->fd, &sample))
			break;
		/* With nothing outstanding no clock runs. */
		bool progress = sample.acked != last.acked || sample.window != last.window || !sample.outstanding;

		/* A reset changes everything, and the kernel reads the state before it waits for whoever does that. */
		if (progress && !take_sample(watch->fd, &again))
			break;
		note(watch, progress, last_us, now_us());
		last = sample;
		last_us = before_us;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

void watch_start(struct slot *slot)
{
	struct watch *watch = calloc(1, sizeof *watch);
	sigset_t all, before;

	if (!watch)
		die("calloc");
	watch->fd = slot->fd;
	watch->after_us = watch->seen_us = now_us();
	pthread_mutex_init(&watch->mutex, NULL);
	/* Signals are for the threads whose calls they should interrupt. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&watch->thread, NULL, watch_main, watch))
		die("pthread_create");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	slot->watch = watch;
}

void watch_stop(struct slot *slot)
{
	struct watch *watch = slot->watch;
	struct step step = { .label = "watch" };

	if (!watch)
		return;
	atomic_store(&watch->over, true);
	pthread_join(watch->thread, NULL);
	slot->watch = NULL;
	report(&step, "gap", (long)(watch->gap_us / 1000));
	free(watch);
}

void watch_stall(struct slot *slot, int64_t start_us, int64_t end_us, int64_t *least_us, int64_t *most_us)
{
	struct watch *watch = slot->watch;

	pthread_mutex_lock(&watch->mutex);
	*least_us = end_us - (start_us > watch->seen_us ? start_us : watch->seen_us);
	*most_us = end_us - (start_us > watch->after_us ? start_us : watch->after_us);
	pthread_mutex_unlock(&watch->mutex);
}
