/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the threads of another process wait for.
 */
#include "outside/want.h"

#include <dirent.h>
#include <elf.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Entries of one poll(2) that are looked at. */
#define POLLED_MOST 1024
/** Descriptors of one select(2), as many as glibc's fd_set has. */
#define SELECTED_MOST 1024
#define BITS (8 * sizeof(long))
#define TO_SEND (POLLOUT | POLLWRNORM | POLLWRBAND)

struct call {
	long number;
	uintptr_t arguments[6];
};

static void note(struct wishes *wishes, int fd, enum want want)
{
	for (size_t i = 0; i < wishes->count; i++)
		if (wishes->all[i].fd == fd) {
			if (want > wishes->all[i].want)
				wishes->all[i].want = want;
			return;
		}
	if (wishes->count == wishes->room) {
		const size_t more = wishes->room ? 2 * wishes->room : 32;
		struct wish *all = reallocarray(wishes->all, more, sizeof *all);

		/* Then nothing is known of it. */
		if (!all)
			return;
		wishes->all = all;
		wishes->room = more;
	}
	wishes->all[wishes->count++] = (struct wish){fd, want};
}

static void note_others(struct wishes *wishes, enum want want)
{
	if (want > wishes->of_others)
		wishes->of_others = want;
}

/* ---- waits for several ------------------------------------------------------------------------------------------- */

static void take_poll(struct wishes *wishes, const struct process *process, uintptr_t array, size_t count)
{
	struct pollfd polled[POLLED_MOST];
	const ssize_t got = process_read(process, array, polled, (count < POLLED_MOST ? count : POLLED_MOST) * sizeof *polled);

	for (ssize_t i = 0; i < got / (ssize_t)sizeof *polled; i++)
		if (polled[i].fd >= 0)
			note(wishes, polled[i].fd, polled[i].events & TO_SEND ? WANT_TO_SEND : WANT_NOTHING);
}

static void take_set(struct wishes *wishes, const struct process *process, uintptr_t set, int end, enum want want)
{
	unsigned long words[SELECTED_MOST / BITS] = {0};
	const size_t size = ((size_t)end + BITS - 1) / BITS * sizeof *words;

	if (!set || process_read(process, set, words, size < sizeof words ? size : sizeof words) <= 0)
		return;
	for (int fd = 0; fd < end && fd < SELECTED_MOST; fd++)
		if (words[(size_t)fd / BITS] >> ((size_t)fd % BITS) & 1)
			note(wishes, fd, want);
}

/* What is registered there says for how long what is asked for counts: a loop that sends until it is refused asks once. */
static void take_epoll(struct wishes *wishes, const struct process *process, int epfd)
{
	char name[32], *line = NULL;
	size_t size = 0;
	unsigned events;
	int fd;

	snprintf(name, sizeof name, "fdinfo/%d", epfd);
	FILE *info = process_open(process, name);

	while (info && getline(&line, &size, info) > 0)
		if (sscanf(line, "tfd: %d events: %x", &fd, &events) == 2)
			note(wishes, fd, !(events & EPOLLOUT) ? WANT_NOTHING : events & EPOLLET ? WANT_UNTOLD : WANT_TO_SEND);
	free(line);
	if (info)
		fclose(info);
}

/* ---- one thread -------------------------------------------------------------------------------------------------- */

static void take_call(struct wishes *wishes, const struct process *process, const struct call *call)
{
	const uintptr_t *const a = call->arguments;

	switch (call->number) {
	case SYS_write:
	case SYS_writev:
	case SYS_pwritev2:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_sendfile:
	case SYS_connect:
		note(wishes, (int)a[0], WANT_TO_SEND);
		break;
	case SYS_splice:
		note(wishes, (int)a[2], WANT_TO_SEND);
		break;
	case SYS_read:
	case SYS_readv:
	case SYS_preadv2:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
		note(wishes, (int)a[0], WANT_NOTHING);
		break;
#ifdef SYS_poll
	case SYS_poll:
#endif
	case SYS_ppoll:
		take_poll(wishes, process, a[0], a[1]);
		break;
#ifdef SYS_select
	case SYS_select:
#endif
	case SYS_pselect6:
		take_set(wishes, process, a[1], (int)a[0], WANT_NOTHING);
		take_set(wishes, process, a[2], (int)a[0], WANT_TO_SEND);
		break;
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
	case SYS_epoll_pwait:
		take_epoll(wishes, process, (int)a[0]);
		break;
#ifdef SYS_io_uring_enter
	case SYS_io_uring_enter:
		note_others(wishes, WANT_UNTOLD);
		break;
#endif
	default:
		break;
	}
}

static void take_thread(struct wishes *wishes, const struct process *process, const char *thread)
{
	char name[64], line[256] = "";
	struct call call;
	uintptr_t *const a = call.arguments;

	snprintf(name, sizeof name, "task/%.20s/syscall", thread);
	FILE *file = process_open(process, name);

	if (!file) {
		note_others(wishes, WANT_UNTOLD);
		return;
	}
	if (!fgets(line, sizeof line, file) || strncmp(line, "running", 7) == 0)
		note_others(wishes, WANT_UNSEEN);
	else if (sscanf(line, "%ld %" SCNxPTR " %" SCNxPTR " %" SCNxPTR " %" SCNxPTR " %" SCNxPTR " %" SCNxPTR, &call.number,
	                &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) == 7)
		take_call(wishes, process, &call);
	fclose(file);
}

/* Whether it makes our machine's calls, so that their numbers mean to us what they mean to it. */
static bool is_our_kind(const struct process *process)
{
	unsigned char own[EI_NIDENT + 4], its[EI_NIDENT + 4];
	const struct process self = {.id = getpid()};
	FILE *files[] = {process_open(&self, "exe"), process_open(process, "exe")};
	const bool same = files[0] && files[1] && fread(own, sizeof own, 1, files[0]) == 1 &&
	                  fread(its, sizeof its, 1, files[1]) == 1 && own[EI_CLASS] == its[EI_CLASS] &&
	                  memcmp(own + EI_NIDENT + 2, its + EI_NIDENT + 2, 2) == 0;

	for (size_t i = 0; i < 2; i++)
		if (files[i])
			fclose(files[i]);
	return same;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

void wishes_find(struct wishes *wishes, const struct process *process)
{
	char path[64];

	wishes->count = 0;
	wishes->of_others = WANT_NOTHING;
	snprintf(path, sizeof path, "/proc/%d/task", (int)process->id);
	DIR *threads = is_our_kind(process) ? opendir(path) : NULL;

	if (!threads) {
		note_others(wishes, WANT_UNTOLD);
		return;
	}
	for (struct dirent *entry; (entry = readdir(threads));)
		if (*entry->d_name != '.')
			take_thread(wishes, process, entry->d_name);
	closedir(threads);
}

enum want wishes_for(const struct wishes *wishes, int fd)
{
	for (size_t i = 0; i < wishes->count; i++)
		/* Who wants to send and is refused is in a call most of the time: a thread that runs is another one. */
		if (wishes->all[i].fd == fd)
			return wishes->of_others == WANT_UNTOLD && wishes->all[i].want < WANT_UNTOLD ? WANT_UNTOLD
			                                                                             : wishes->all[i].want;
	return wishes->of_others;
}

void wishes_free(struct wishes *wishes)
{
	free(wishes->all);
	*wishes = (struct wishes){0};
}
