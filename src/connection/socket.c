/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the kernel knows of a socket, and what we ask it to remember.
 */
#include "connection/socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/libc.h"
#include "base/signals.h"
#include "connection/descriptor.h"
#include "limits/configured.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#ifndef MPTCP_INFO
#define MPTCP_INFO 1
#endif

/** The head of struct mptcp_info, as far as it is looked at; <linux/mptcp.h> has all of it, since Linux 5.16. */
struct mptcp_head {
	uint8_t counts[6];
	uint32_t flags, token;
	uint64_t write_seq, snd_una;
};

/* enum tcp_state is the kernel's own (include/net/tcp_states.h) and in no header that <linux/tcp.h> goes with. */
enum { STATE_ESTABLISHED = 1, STATE_SYN_SENT = 2, STATE_SYN_RECV = 3, STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8 };

#define US_PER_S INT64_C(1000000)

/** SO_SNDTIMEO after a verdict, in seconds: 19 days and some hours, which is below what the kernel of a 32-bit machine can
 * count at 1000 ticks a second. */
#define ENDED_SNDTIMEO_S 1703617
/** TCP_NOTSENT_LOWAT for stdio: room is made when half of this was sent, which a peer that takes 4 KB/s does in half
 * a second. What is in flight does not count, so a fast link stays full. Not a round number, because it is the mark, too. */
#define STDIO_NOTSENT_LOWAT 4093

static bool option(int fd, int level, int name, void *value, socklen_t size)
{
	return libc.getsockopt(fd, level, name, value, &size) == 0;
}

/** Whether a kernel that answers @p error may not be asked, and says nothing of the socket: a seccomp filter. */
static bool is_forbidden(int error)
{
	return error == EPERM || error == EACCES || error == ENOSYS || error == EINVAL || error == ENOPROTOOPT;
}

enum socket_kind socket_kind_of(int domain, int type, int protocol)
{
	/* With SOCK_CLOEXEC and SOCK_NONBLOCK in it. */
	if ((type & 0xf) != SOCK_STREAM)
		return SOCKET_OTHER;
	if (domain == AF_UNIX)
		return settings.rules.names_unix ? SOCKET_UNIX : SOCKET_OTHER;
	if (domain != AF_INET && domain != AF_INET6)
		return SOCKET_OTHER;
	return protocol == 0 || protocol == IPPROTO_TCP ? SOCKET_TCP : protocol == IPPROTO_MPTCP ? SOCKET_MPTCP : SOCKET_OTHER;
}

enum socket_kind socket_kind(int fd)
{
	int type = SOCK_STREAM, protocol, domain;
	if (!option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, sizeof protocol))
		return is_forbidden(errno) ? SOCKET_UNKNOWN : SOCKET_OTHER;
	/* A raw socket may carry IPPROTO_TCP as well, so the type has to be asked for; it comes without its flags. */
	if (!option(fd, SOL_SOCKET, SO_TYPE, &type, sizeof type) || type != SOCK_STREAM)
		return SOCKET_OTHER;
	if (protocol == IPPROTO_TCP)
		return SOCKET_TCP;
	if (protocol == IPPROTO_MPTCP)
		return SOCKET_MPTCP;
	if (protocol == 0 && settings.rules.names_unix && option(fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof domain) &&
	    domain == AF_UNIX)
		return SOCKET_UNIX;
	return SOCKET_OTHER;
}

unsigned socket_flags(enum socket_kind kind)
{
	switch (kind) {
	case SOCKET_TCP: return DESCRIPTOR_COVERED;
	case SOCKET_MPTCP: return DESCRIPTOR_COVERED | DESCRIPTOR_MPTCP;
	case SOCKET_UNIX: return DESCRIPTOR_COVERED | DESCRIPTOR_UNIX;
	default: return 0;
	}
}

uint64_t socket_cookie(int fd)
{
	uint64_t cookie;
	return option(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie) ? cookie : 0;
}

struct destination socket_peer(int fd)
{
	union { struct sockaddr any; struct sockaddr_in6 in6; struct sockaddr_storage room; } peer;
	socklen_t size = sizeof peer;
	if (libc.getpeername(fd, &peer.any, &size) == 0)
		return destination_of(&peer.any, size);
	/* It knows none while a connection is being made, nor once it is broken; this does, for whoever asks for no more
	 * bytes than the address has. */
	size = sizeof(struct sockaddr_in6);
	if (option(fd, SOL_SOCKET, SO_PEERNAME, &peer, size))
		return destination_of(&peer.any, size);
	size = sizeof(struct sockaddr_in);
	return destination_of(option(fd, SOL_SOCKET, SO_PEERNAME, &peer, size) ? &peer.any : NULL, size);
}

struct destination socket_local(int fd)
{
	union { struct sockaddr any; struct sockaddr_storage room; } local;
	socklen_t size = sizeof local;
	const bool known = libc.getsockname(fd, &local.any, &size) == 0;
	return destination_of(known ? &local.any : NULL, size);
}

bool socket_nonblocking(int fd)
{
	const int flags = libc.fcntl(fd, F_GETFL);
	return flags >= 0 && (flags & O_NONBLOCK);
}

bool socket_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	const int cancelled = signals_hold_cancellation();
	const bool writable = await_one(&p, &(struct timespec){0}, NULL) > 0;
	signals_release_cancellation(cancelled);
	return writable;
}

int socket_unread(int fd)
{
	int bytes = 0;
	return libc.ioctl(fd, SIOCINQ, &bytes) == 0 ? bytes : 0;
}

int socket_unacknowledged(int fd)
{
	int bytes = 0;
	return libc.ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/** Spread what progress is made of over 64 bits, one after the other, so that two changes do not cancel each other: an
 * acknowledgement that closes the window moves one number up by what the other goes down. */
static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint32_t least(uint32_t one, uint32_t other)
{
	return one < other ? one : other;
}

/** Where there is nothing but the bytes that are not acknowledged, or, over a unix socket, not read. */
static bool look_at_queue(int fd, bool is_unix, struct look *look)
{
	struct sockaddr peer;
	socklen_t size = sizeof peer;
	int bytes = 0;
	if (libc.getpeername(fd, &peer, &size) < 0 || libc.ioctl(fd, SIOCOUTQ, &bytes) < 0)
		return false;
	*look = (struct look){.established = true, .is_unix = is_unix, .partial = true, .outstanding = bytes > 0,
	                      .progress = mix(0, (uint64_t)bytes)};
	return true;
}

bool socket_established(int fd)
{
	struct tcp_info info;
	memset(&info, 0, sizeof info);
	return option(fd, IPPROTO_TCP, TCP_INFO, &info, sizeof info) &&
	       (info.tcpi_state == STATE_ESTABLISHED || info.tcpi_state == STATE_CLOSE_WAIT);
}

/** TCP_INFO is that of the first subflow, and bytes may wait for any. */
static void look_at_mptcp(int fd, struct look *look)
{
	struct mptcp_head mptcp;
	memset(&mptcp, 0, sizeof mptcp);
	look->busy_ns = 0;
	if (option(fd, SOL_MPTCP, MPTCP_INFO, &mptcp, sizeof mptcp)) {
		look->progress = mix(look->progress, mptcp.snd_una);
		look->acked = mptcp.snd_una;
	}
	look->outstanding |= socket_unacknowledged(fd) > 0;
}

/** Whether the kernel filled all that progress is told by. */
#define FILLED(size) ((size) >= offsetof(struct tcp_info, tcpi_notsent_bytes) + sizeof(uint32_t))

bool socket_look(int fd, unsigned flags, struct look *look)
{
	struct tcp_info info;
	socklen_t size = sizeof info;
	memset(&info, 0, sizeof info); /* an older kernel fills less of it */
	if (flags & DESCRIPTOR_UNIX)
		return look_at_queue(fd, true, look);
	if (libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return is_forbidden(errno) && socket_kind(fd) != SOCKET_OTHER && look_at_queue(fd, false, look);
	*look = (struct look){
		.connecting = info.tcpi_state == STATE_SYN_SENT || info.tcpi_state == STATE_SYN_RECV,
		.closed = info.tcpi_state == STATE_CLOSE,
		.established = info.tcpi_state == STATE_ESTABLISHED || info.tcpi_state == STATE_CLOSE_WAIT,
		.outstanding = info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0,
		.progress = mix(mix(0, info.tcpi_bytes_acked), info.tcpi_snd_wnd),
		.last_ack_ns = info.tcpi_last_ack_recv * NS_PER_MS,
		.window = info.tcpi_snd_wnd,
		.segment = info.tcpi_snd_mss,
		.in_flight = info.tcpi_unacked,
		.not_sent = info.tcpi_notsent_bytes,
		.probes = info.tcpi_probes,
		.undisturbed = info.tcpi_ca_state == TCP_CA_Open && info.tcpi_retransmits == 0,
		.has_timestamps = info.tcpi_options & TCPI_OPT_TIMESTAMPS,
		.lost = info.tcpi_retransmits > 0,
		.last_sent_ns = info.tcpi_last_data_sent * NS_PER_MS,
		.rto_ns = info.tcpi_rto * NS_PER_US,
		.rtt_ns = info.tcpi_rtt * NS_PER_US,
		.retransmits = info.tcpi_backoff > info.tcpi_retransmits ? info.tcpi_backoff : info.tcpi_retransmits,
		.acked = info.tcpi_bytes_acked,
		.busy_ns = (int64_t)info.tcpi_busy_time * NS_PER_US,
		.shut_ns = (int64_t)info.tcpi_rwnd_limited * NS_PER_US,
		.last_heard_ns = least(info.tcpi_last_ack_recv, info.tcpi_last_data_recv) * NS_PER_MS,
		.state = info.tcpi_state,
	};
	/* qemu-user hands on four bytes. */
	if (!FILLED(size) && look->established)
		return look_at_queue(fd, false, look);
	if (flags & DESCRIPTOR_MPTCP)
		look_at_mptcp(fd, look);
	return true;
}

bool socket_send_timeout(int fd, int64_t *us)
{
	struct timeval value;
	if (!option(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value))
		return false;
	*us = value.tv_sec * US_PER_S + value.tv_usec;
	return true;
}

bool socket_set_send_timeout(int fd, int64_t us)
{
	const struct timeval value = {.tv_sec = (time_t)(us / US_PER_S), .tv_usec = (suseconds_t)(us % US_PER_S)};
	return !settings.dry_run && libc.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) == 0;
}

int64_t socket_own_send_timeout_us(int fd, bool *ended)
{
	int64_t us;
	if (ended)
		*ended = false;
	if (!socket_send_timeout(fd, &us) || !us)
		return 0;
	if (us == ENDED_SNDTIMEO_S * US_PER_S && socket_ended(fd)) {
		if (ended)
			*ended = true;
		return 0;
	}
	return socket_stdio_armed(fd) ? 0 : us;
}

void socket_disarm_stdio(int fd)
{
	const int none = 0;
	libc.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &none, sizeof none);
}

bool socket_stdio_armed(int fd)
{
	int low;
	return option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low) && low == STDIO_NOTSENT_LOWAT;
}

/** kcmp(2): whether two processes have the same file there. The kernel is asked by number, for lack of a header in older systems. */
#define COMPARE_FILES 0

void socket_leave_stdio(int fd)
{
	if (settings.dry_run || !socket_stdio_armed(fd) || socket_ended(fd))
		return;
	/* It may be the parent's standard output as well, who waits for us and goes on there: then it is his. */
	const long parents = libc.syscall(SYS_kcmp, libc.syscall(SYS_getppid), (long)libc.getpid(), COMPARE_FILES, fd, fd);
	if (parents == 0 || (parents < 0 && errno != EBADF))
		return;
	/* The mark last: a SO_SNDTIMEO of ours is never without it. */
	if (socket_set_send_timeout(fd, 0))
		socket_disarm_stdio(fd);
}

void socket_arm_stdio(int fd, int32_t limit_ms)
{
	const int low = STDIO_NOTSENT_LOWAT;
	int64_t us;
	int own;
	if (settings.dry_run || !limit_ms || !socket_send_timeout(fd, &us) || us)
		return;
	if (option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &own, sizeof own) && own != 0 && own != low)
		return;
	/* The mark first: a SO_SNDTIMEO of ours is never without it. */
	if (libc.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low) == 0)
		socket_set_send_timeout(fd, limit_ms * INT64_C(1000));
}

bool socket_user_timeout(int fd, int *ms)
{
	return option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms, sizeof *ms);
}

bool socket_set_user_timeout(int fd, int ms)
{
	return !settings.dry_run && libc.setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms) == 0;
}

bool socket_give_up(int fd)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	if (settings.dry_run)
		return false;
	const int cancelled = signals_hold_cancellation();
	const bool given_up = libc.connect(fd, &nobody, sizeof nobody) == 0;
	signals_release_cancellation(cancelled);
	return given_up;
}

int socket_take_error(int fd)
{
	int error = 0;
	option(fd, SOL_SOCKET, SO_ERROR, &error, sizeof error);
	return error;
}

bool socket_reset(int fd)
{
	if (!socket_give_up(fd))
		return false;
	/* As after a reset from the peer: to be read, too, for loops that look at nothing else. It says ENOTCONN, and
	 * does so all the same. */
	libc.shutdown(fd, SHUT_RDWR);
	return true;
}

void socket_end(int fd)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	if (settings.dry_run)
		return;
	libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	socket_set_send_timeout(fd, ENDED_SNDTIMEO_S * US_PER_S);
	/* The reset would throw unread input away. A kernel that refuses it while another thread waits in the socket
	 * (some of 6.4 to 6.6) lets that thread go at the shutdown. */
	if (socket_unread(fd) > 0 || !socket_reset(fd))
		libc.shutdown(fd, SHUT_RD);
}

bool socket_ended(int fd)
{
	struct linger linger;
	int64_t us;
	return socket_send_timeout(fd, &us) && us == ENDED_SNDTIMEO_S * US_PER_S &&
	       option(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) && linger.l_onoff && linger.l_linger == 0;
}

void socket_revive(int fd)
{
	const struct linger none = {0};
	if (!socket_ended(fd))
		return;
	libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	socket_set_send_timeout(fd, 0);
	/* Both sides are shut down, and a new connection would be begun so. */
	socket_give_up(fd);
}
