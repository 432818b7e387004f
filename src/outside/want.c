/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the threads of another process wait for.
 */
#include "outside/want.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/net.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/** So many entries of poll(2), or words of select(2), are copied at once, and so many are looked at in all (fs.nr_open). */
#define CHUNK 1024
#define MOST_WAITED_FOR ((size_t)1 << 20)
/** Among so many is looked for epoll descriptors, which are waited for like any other, and so deep within one another. */
#define MOST_ASKED 256
#define EPOLLS_MOST 4
#define BITS (8 * sizeof(long))
#define TO_SEND (POLLOUT | POLLWRNORM | POLLWRBAND)

struct call {
	long number;
	uintptr_t arguments[6];
};

static void note_of(struct wishes *wishes, uint64_t of, bool is_inode, enum want want)
{
	if (wishes->count == wishes->room) {
		const size_t more = wishes->room ? 2 * wishes->room : 32;
		struct wish *all = reallocarray(wishes->all, more, sizeof *all);

		/* Then nothing is known of it. */
		if (!all)
			return;
		wishes->all = all;
		wishes->room = more;
	}
	wishes->all[wishes->count++] = (struct wish){of, is_inode, want};
}

static void note(struct wishes *wishes, int fd, enum want want)
{
	if (fd >= 0)
		note_of(wishes, (uint64_t)fd, false, want);
}

static void note_others(struct wishes *wishes, enum want want)
{
	if (want > wishes->of_others)
		wishes->of_others = want;
}

/** A pointer into nowhere is the program's, and its call fails; else it is we who may not read. */
static void note_unread(struct wishes *wishes, ssize_t got, int error)
{
	if (got < 0 && error != EFAULT && error != EIO)
		note_others(wishes, WANT_UNTOLD);
}

/* ---- waits for several ------------------------------------------------------------------------------------------- */

static void take_epoll(struct wishes *wishes, const struct process *process, int epfd, unsigned depth);

static bool is_epoll(const struct process *process, int fd)
{
	static const char kind[] = "anon_inode:[eventpoll]";
	char name[40], target[sizeof kind];

	snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)process->id, fd);
	return readlink(name, target, sizeof target) == sizeof kind - 1 && memcmp(target, kind, sizeof kind - 1) == 0;
}

static void take_poll(struct wishes *wishes, const struct process *process, uintptr_t array, size_t count)
{
	struct pollfd polled[CHUNK];

	for (size_t from = 0; from < count && from < MOST_WAITED_FOR; from += CHUNK) {
		const size_t left = count - from, size = (left < CHUNK ? left : CHUNK) * sizeof *polled;
		const ssize_t got = process_peek(process, array + from * sizeof *polled, polled, size);

		note_unread(wishes, got, errno);
		for (ssize_t i = 0; i < got / (ssize_t)sizeof *polled; i++) {
			note(wishes, polled[i].fd, polled[i].events & TO_SEND ? WANT_TO_SEND : WANT_NOTHING);
			if (count <= MOST_ASKED && polled[i].events & POLLIN && is_epoll(process, polled[i].fd))
				take_epoll(wishes, process, polled[i].fd, 1);
		}
		if (got < (ssize_t)size)
			break;
	}
}

static void take_set(struct wishes *wishes, const struct process *process, uintptr_t set, size_t end, enum want want)
{
	unsigned long words[CHUNK];
	const size_t count = ((end < MOST_WAITED_FOR ? end : MOST_WAITED_FOR) + BITS - 1) / BITS;

	for (size_t from = 0; set && from < count; from += CHUNK) {
		const size_t left = count - from, size = (left < CHUNK ? left : CHUNK) * sizeof *words;
		const ssize_t got = process_peek(process, set + from * sizeof *words, words, size);

		note_unread(wishes, got, errno);
		for (size_t bit = 0; got > 0 && bit < 8 * (size_t)got; bit++) {
			const size_t fd = from * BITS + bit;

			if (!(words[bit / BITS] >> (bit % BITS) & 1) || fd >= end)
				continue;
			note(wishes, (int)fd, want);
			if (want == WANT_NOTHING && end <= MOST_ASKED && is_epoll(process, (int)fd))
				take_epoll(wishes, process, (int)fd, 1);
		}
		if (got < (ssize_t)size)
			break;
	}
}

/* What is registered there says for how long what is asked for counts: a loop that sends until it is refused asks once. It is
 * named by its inode: the descriptor it was registered by may be closed, and the file open by another. */
static void take_epoll(struct wishes *wishes, const struct process *process, int epfd, unsigned depth)
{
	char name[32], *line = NULL;
	size_t size = 0, asked = 0;
	unsigned events;
	uint64_t inode;
	int fd;

	snprintf(name, sizeof name, "fdinfo/%d", epfd);
	FILE *info = depth < EPOLLS_MOST ? process_open(process, name) : NULL;

	while (info && getline(&line, &size, info) > 0) {
		if (sscanf(line, "tfd: %d events: %x data: %*x pos: %*d ino: %" SCNx64, &fd, &events, &inode) != 3)
			continue;
		note_of(wishes, inode, true, !(events & EPOLLOUT) ? WANT_NOTHING : events & EPOLLET ? WANT_UNTOLD : WANT_TO_SEND);
		if (events & EPOLLIN && asked++ < MOST_ASKED && is_epoll(process, fd))
			take_epoll(wishes, process, fd, depth + 1);
	}
	free(line);
	if (info)
		fclose(info);
}

/* Its numbers are in <linux/net.h>, and its arguments words of its machine's. */
static void take_socketcall(struct wishes *wishes, const struct process *process, enum machine machine, const uintptr_t *call)
{
	unsigned long wide = 0;
	uint32_t word = 0;
	const bool is_wide = machine == MACHINE_OWN && sizeof wide > sizeof word;
	const size_t size = is_wide ? sizeof wide : sizeof word;
	const ssize_t got = process_peek(process, call[1], is_wide ? (void *)&wide : &word, size);
	const int fd = is_wide ? (int)wide : (int)word;

	note_unread(wishes, got, errno);
	if (got != (ssize_t)size)
		return;
	switch (call[0]) {
	case SYS_CONNECT:
	case SYS_SEND:
	case SYS_SENDTO:
	case SYS_SENDMSG:
	case SYS_SENDMMSG:
		note(wishes, fd, WANT_TO_SEND);
		break;
	case SYS_RECV:
	case SYS_RECVFROM:
	case SYS_RECVMSG:
	case SYS_RECVMMSG:
		note(wishes, fd, WANT_NOTHING);
		break;
	default:
		break;
	}
}

/* ---- one thread -------------------------------------------------------------------------------------------------- */

/* What goes on with poll(2) after a stop has that call's arguments, but so have sleeps and futexes: by what of the kernel it waits in
 * they can be told apart. */
static void take_restarted(struct wishes *wishes, const struct process *process, const char *thread, const uintptr_t *arguments)
{
	char name[64], place[64] = "";

	snprintf(name, sizeof name, "task/%.20s/wchan", thread);
	FILE *file = process_open(process, name);

	if (!file || !fgets(place, sizeof place, file) || *place == '0')
		note_others(wishes, WANT_UNSEEN);
	else if (strstr(place, "poll"))
		take_poll(wishes, process, arguments[0], arguments[1]);
	if (file)
		fclose(file);
}

static void take_call(struct wishes *wishes, const struct process *process, enum machine machine, const char *thread,
                      const struct call *call)
{
	const uintptr_t *const a = call->arguments;

	switch (machine_call(machine, call->number)) {
	case SYS_restart_syscall:
		take_restarted(wishes, process, thread, a);
		break;
	case SYS_write:
	case SYS_writev:
	case SYS_pwritev2:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_sendfile:
#ifdef SYS_sendfile64
	case SYS_sendfile64:
#endif
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
#ifdef SYS_recvmmsg_time64
	case SYS_recvmmsg_time64:
#endif
		note(wishes, (int)a[0], WANT_NOTHING);
		break;
#ifdef SYS_poll
	case SYS_poll:
#endif
	case SYS_ppoll:
#ifdef SYS_ppoll_time64
	case SYS_ppoll_time64:
#endif
		take_poll(wishes, process, a[0], a[1]);
		break;
	/* Where there is a new one, the old one takes all its arguments by a pointer, and libc does not call it. */
#ifdef SYS__newselect
	case SYS__newselect:
#elif defined SYS_select
	case SYS_select:
#endif
#ifdef SYS_pselect6_time64
	case SYS_pselect6_time64:
#endif
	case SYS_pselect6:
		take_set(wishes, process, a[1], a[0], WANT_NOTHING);
		take_set(wishes, process, a[2], a[0], WANT_TO_SEND);
		break;
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
	case SYS_epoll_pwait:
		take_epoll(wishes, process, (int)a[0], 0);
		break;
	case CALL_SOCKETCALL:
		take_socketcall(wishes, process, machine, a);
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

static void take_thread(struct wishes *wishes, const struct process *process, enum machine machine, const char *thread)
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
		take_call(wishes, process, machine, thread, &call);
	fclose(file);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static int by_what(const void *one, const void *other)
{
	const struct wish *first = one, *second = other;

	if (first->is_inode != second->is_inode)
		return first->is_inode ? 1 : -1;
	return (first->of > second->of) - (first->of < second->of);
}

/** One of each, which is what outweighs the others, in order. */
static void unite(struct wishes *wishes)
{
	size_t count = 0;

	if (wishes->count)
		qsort(wishes->all, wishes->count, sizeof *wishes->all, by_what);
	for (size_t i = 0; i < wishes->count; i++) {
		const struct wish *wish = &wishes->all[i];

		if (!count || by_what(&wishes->all[count - 1], wish) != 0)
			wishes->all[count++] = *wish;
		else if (wish->want > wishes->all[count - 1].want)
			wishes->all[count - 1].want = wish->want;
	}
	wishes->count = count;
}

void wishes_find(struct wishes *wishes, const struct process *process, enum machine machine)
{
	char path[64];

	wishes->count = 0;
	wishes->of_others = WANT_NOTHING;
	snprintf(path, sizeof path, "/proc/%d/task", (int)process->id);
	DIR *threads = machine != MACHINE_UNKNOWN ? opendir(path) : NULL;

	if (!threads) {
		note_others(wishes, WANT_UNTOLD);
		return;
	}
	for (struct dirent *entry; (entry = readdir(threads));)
		if (*entry->d_name != '.')
			take_thread(wishes, process, machine, entry->d_name);
	closedir(threads);
	unite(wishes);
}

static const struct wish *find(const struct wishes *wishes, uint64_t of, bool is_inode)
{
	const struct wish sought = {of, is_inode, WANT_NOTHING};

	return wishes->count ? bsearch(&sought, wishes->all, wishes->count, sizeof sought, by_what) : NULL;
}

enum want wishes_for(const struct wishes *wishes, int fd, uint64_t inode)
{
	const struct wish *by_fd = find(wishes, (uint64_t)fd, false), *by_inode = find(wishes, inode, true);

	if (!by_fd && !by_inode)
		return wishes->of_others;
	const enum want one = by_fd ? by_fd->want : WANT_NOTHING, other = by_inode ? by_inode->want : WANT_NOTHING;
	const enum want want = one > other ? one : other;

	/* Who wants to send and is refused is in a call most of the time: a thread that runs is another one. */
	return wishes->of_others == WANT_UNTOLD && want < WANT_UNTOLD ? WANT_UNTOLD : want;
}

void wishes_free(struct wishes *wishes)
{
	free(wishes->all);
	*wishes = (struct wishes){0};
}
