/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the kernel knows of a socket, and what we ask it to remember.
 */
#include "socket.h"

#include <errno.h>
#include <linux/mptcp.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "clock.h"
#include "libc.h"
#include "signals.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

/* enum tcp_state is the kernel's own (include/net/tcp_states.h) and in no header that <linux/tcp.h> goes with. */
enum { STATE_ESTABLISHED = 1, STATE_SYN_SENT = 2, STATE_SYN_RECV = 3, STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8 };

#define US_PER_MS 1000
#define US_PER_S INT64_C(1000000)

/** The milliseconds after a whole tenth of a second that mark a SO_SNDTIMEO as ours. The kernel keeps ticks: at 1000,
 * 250, 300 and 100 Hz 27 ms read back as 27, 28, 30 and 30. */
#define SNDTIMEO_MARK_MS 27
#define SNDTIMEO_MARK_LAST_MS 30
/** The last digit that marks a TCP_USER_TIMEOUT as ours; the kernel keeps milliseconds. */
#define USER_TIMEOUT_MARK 3
/** SO_SNDTIMEO after a verdict: so short that it reads back as 10 ms at the most, whatever the kernel's tick (100 Hz to
 * 1000 Hz), and long enough to be told from a socket that does not wait (send.c). */
#define ENDED_SNDTIMEO_US (5 * US_PER_MS)
#define ENDED_SNDTIMEO_LAST_US (10 * US_PER_MS)

/** TCP_NOTSENT_LOWAT for stdio: room is made when half of this was sent, which a peer that takes 4 KB/s does in half
 * a second. What is in flight does not count, so a fast link stays full. */
#define STDIO_NOTSENT_LOWAT 4096

static const char no = 0, yes = 1;
_Atomic(const char *) socket_only_thread = &yes;
/** Not 0 while there is one thread for certain (sys/single_threaded.h). Weak: musl has none. */
extern char __libc_single_threaded __attribute__((weak));

bool socket_unix_covered, socket_hands_off;

static bool option(int fd, int level, int name, void *value, socklen_t size)
{
	return libc.getsockopt(fd, level, name, value, &size) == 0;
}

static int protocol(int fd)
{
	int value;
	return option(fd, SOL_SOCKET, SO_PROTOCOL, &value, sizeof value) ? value : -1;
}

bool socket_is_unix(int fd)
{
	int domain, type;
	return option(fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof domain) && domain == AF_UNIX &&
	       option(fd, SOL_SOCKET, SO_TYPE, &type, sizeof type) && type == SOCK_STREAM;
}

bool socket_covered(int fd)
{
	int type;
	const int p = protocol(fd);
	/* A raw socket may carry IPPROTO_TCP as well, so the type has to be asked for; it comes without its flags. */
	if (p == IPPROTO_TCP || p == IPPROTO_MPTCP) {
		if (!option(fd, SOL_SOCKET, SO_TYPE, &type, sizeof type) || type != SOCK_STREAM)
			return false;
	} else if (!socket_unix_covered || p < 0 || !socket_is_unix(fd))
		return false;
	socket_seen();
	return true;
}

void socket_seen(void)
{
	atomic_store_explicit(&socket_only_thread, &__libc_single_threaded ? &__libc_single_threaded : &no,
	                      memory_order_relaxed);
}

bool socket_cookie(int fd, uint64_t *cookie)
{
	return option(fd, SOL_SOCKET, SO_COOKIE, cookie, sizeof *cookie);
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
	const bool writable = socket_await(&p, &(struct timespec){0}, NULL) > 0;
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

/** A unix socket has no acknowledgements: bytes are outstanding until they are read. */
static bool look_at_unix(int fd, struct look *look)
{
	struct sockaddr peer;
	socklen_t size = sizeof peer;
	if (!socket_unix_covered || !socket_is_unix(fd) || libc.getpeername(fd, &peer, &size) < 0)
		return false;
	const int bytes = socket_unacknowledged(fd);
	*look = (struct look){.established = true, .is_unix = true, .outstanding = bytes > 0,
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

bool socket_look(int fd, struct look *look)
{
	struct tcp_info info;
	memset(&info, 0, sizeof info); /* an older kernel fills less of it */
	if (!option(fd, IPPROTO_TCP, TCP_INFO, &info, sizeof info))
		return look_at_unix(fd, look);
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
		.undisturbed = info.tcpi_ca_state == TCP_CA_Open && info.tcpi_retransmits == 0,
		.lost = info.tcpi_retransmits > 0,
		.last_sent_ns = info.tcpi_last_data_sent * NS_PER_MS,
		.rto_ns = info.tcpi_rto * NS_PER_US,
		.rtt_ns = info.tcpi_rtt * NS_PER_US,
		.retransmits = info.tcpi_backoff > info.tcpi_retransmits ? info.tcpi_backoff : info.tcpi_retransmits,
		.acked = info.tcpi_bytes_acked,
		.busy_ns = (int64_t)info.tcpi_busy_time * NS_PER_US,
		.last_heard_ns = least(info.tcpi_last_ack_recv, info.tcpi_last_data_recv) * NS_PER_MS,
		.state = info.tcpi_state,
	};
	if (protocol(fd) == IPPROTO_MPTCP) {
		/* TCP_INFO is that of the first subflow, and bytes may wait for any. */
		struct mptcp_info mptcp;
		memset(&mptcp, 0, sizeof mptcp);
		look->busy_ns = 0;
		if (option(fd, SOL_MPTCP, MPTCP_INFO, &mptcp, sizeof mptcp)) {
			look->progress = mix(look->progress, mptcp.mptcpi_snd_una);
			look->acked = mptcp.mptcpi_snd_una;
		}
		look->outstanding |= socket_unacknowledged(fd) > 0;
	}
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
	return !socket_hands_off && libc.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) == 0;
}

bool send_timeout_ours(int64_t us)
{
	const int64_t after_tenth_us = us % (100 * US_PER_MS);
	return after_tenth_us >= SNDTIMEO_MARK_MS * US_PER_MS && after_tenth_us <= SNDTIMEO_MARK_LAST_MS * US_PER_MS;
}

int64_t socket_tick_ns(int64_t us)
{
	switch (us / US_PER_MS % 100) {
	case 27: return NS_PER_MS;
	case 28: return 4 * NS_PER_MS;
	default: return 10 * NS_PER_MS; /* or a third of that, at 300 Hz */
	}
}

/** The largest value of our mark that is not above @p ms, or the smallest there is. */
static int64_t marked_us(int64_t ms)
{
	const int64_t tenths = ms < SNDTIMEO_MARK_MS ? 0 : (ms - SNDTIMEO_MARK_MS) / 100;
	return (tenths * 100 + SNDTIMEO_MARK_MS) * US_PER_MS;
}

int64_t send_timeout_slice_us(int32_t limit_ms)
{
	return marked_us(limit_ms / 20);
}

/** The shortest of the limits that a send comes back for, 0: none. */
static int32_t shortest_ms(const struct limits *limits)
{
	const int32_t send_ms = limits->send_ms, total_ms = limits->send_total_ms;
	return !send_ms || (total_ms && total_ms < send_ms) ? total_ms : send_ms;
}

int64_t send_timeout_for(const struct limits *limits)
{
	const int32_t limit_ms = shortest_ms(limits);
	if (!limit_ms)
		return 0;
	/* A rate has to see every send that waits. */
	return send_timeout_slice_us(limits->min_rate ? 0 : limit_ms);
}

/** Set SO_SNDTIMEO to @p us where that is ours to do: there is none, or one of ours. */
static bool arm(int fd, int64_t us)
{
	int64_t found;
	if (!socket_send_timeout(fd, &found) || (found && !send_timeout_ours(found)))
		return false;
	return found == us || socket_set_send_timeout(fd, us);
}

void socket_arm(int fd, const struct limits *limits)
{
	if (socket_covered(fd))
		arm(fd, send_timeout_for(limits));
}

bool socket_arm_stdio(int fd, const struct limits *limits)
{
	const int low = STDIO_NOTSENT_LOWAT;
	const int32_t limit_ms = shortest_ms(limits);
	if (!limit_ms || !socket_covered(fd) || !arm(fd, marked_us(limit_ms)))
		return false;
	libc.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low);
	return true;
}

bool socket_user_timeout(int fd, int *ms)
{
	return option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms, sizeof *ms);
}

bool socket_set_user_timeout(int fd, int ms)
{
	return !socket_hands_off && libc.setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms) == 0;
}

bool user_timeout_ours(int ms)
{
	return ms > 0 && ms % 10 == USER_TIMEOUT_MARK;
}

int user_timeout_for(int32_t limit_ms)
{
	if (limit_ms > INT32_MAX - 10)
		limit_ms = INT32_MAX - 10;
	return limit_ms ? limit_ms + (10 + USER_TIMEOUT_MARK - limit_ms % 10) % 10 : 0;
}

void socket_arm_unacked(int fd, const struct limits *limits)
{
	int found_ms;
	const int ms = user_timeout_for(limits->unacked_ms);
	if (socket_user_timeout(fd, &found_ms) && found_ms != ms && (!found_ms || user_timeout_ours(found_ms)))
		socket_set_user_timeout(fd, ms);
}

bool socket_give_up(int fd)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	if (socket_hands_off)
		return false;
	const int cancelled = signals_hold_cancellation();
	const bool given_up = libc.connect(fd, &nobody, sizeof nobody) == 0;
	signals_release_cancellation(cancelled);
	return given_up;
}

void socket_take_error(int fd)
{
	int error;
	option(fd, SOL_SOCKET, SO_ERROR, &error, sizeof error);
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
	if (socket_hands_off)
		return;
	libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	socket_set_send_timeout(fd, ENDED_SNDTIMEO_US);
	/* The reset would throw unread input away. A kernel that refuses it while another thread waits in the socket
	 * (some of 6.4 to 6.6) lets that thread go at the shutdown. */
	if (socket_unread(fd) > 0 || !socket_reset(fd))
		libc.shutdown(fd, SHUT_RD);
}

bool socket_ended(int fd)
{
	struct linger linger;
	int64_t us;
	return socket_send_timeout(fd, &us) && us > 0 && us <= ENDED_SNDTIMEO_LAST_US &&
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
