/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rule 3 under stress: descriptor numbers change hands as fast as they can while other threads are inside calls on
 * them, and every byte, verdict and reset must stay with the file that its call began with.
 *
 * Two processes. The peers (race_peers.c) were forked off first and make raw system calls alone. The other one, under the
 * library or bare, has threads of these kinds:
 *
 * - owners (race_owners.c): open a connection, a pipe or a file, use it alone and close it. A connection to a peer that reads
 *   must arrive whole, with an end in good order; a pipe or a file must hold its own bytes. They are who gets harmed.
 * - victims (race_victims.c): make one single call on a number (a send, a connect, a poll, a wait in epoll), while
 * - closers take that number from under the call, by every way there is, and give it to a new owner,
 * - and children are forked, vforked and spawned, and close what they inherited.
 *
 * The kernel itself is blameless in all this, which a bare run shows: a number is closed under a send only after the send
 * has moved bytes, under a connect only after its SYN is out, and it is the only call that its victim ever makes on that
 * number. The kernel holds the file until the call returns, so even a victim's bytes arrive, as many as the call says.
 */
#ifndef SNDTIMEO_TESTS_RACE_H
#define SNDTIMEO_TESTS_RACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MOST_CONNECTIONS 4096
/* Of one connection. */
#define MOST_BYTES (1u << 20)
/* Many times what the buffers on the way to a peer that stops take. */
#define STOPPED_BYTES 262144
/* The first bytes of each connection, pipe and file: RACE, then its id. */
#define HEADER_BYTES 16

/* The peers hold a stopped connection for so long, then reset it, so that a bare run ends, too. */
#define HOLD_MS 1200
/* Somebody who knows of no connect deadline gives up then. */
#define BLACKHOLE_MS 1500

enum manner {
	READS_FAST,
	READS_SLOWLY,   /* 1.6 MB/s, far within any send timeout */
	READS_LATE,     /* fast, after some milliseconds: a send waits, and not for long */
	STOPS,          /* after the first bytes, for good */
	BLACKHOLE,      /* does not accept */
	MANNERS,
};

enum fate {
	WHOLE,     /* nobody interferes: all of it arrives */
	TAKEN_AWAY, /* its number is taken from under its one call: as much arrives as the call said */
	STOPPED,   /* its peer stops reading: a part arrives */
};

enum ending { NOT_ENDED, IN_ORDER, RESET, GIVEN_UP };

/** What both processes know of a connection. It is in use from the time that its id is set until both are done. */
struct connection {
	_Atomic uint64_t id;        /* 0: free */
	enum fate fate;
	enum manner manner;
	uint64_t length;
	int number;                 /* the descriptor's, for messages */
	const char *by;             /* the way it is sent, for messages */
	int64_t start_us;
	_Atomic int64_t done_us;    /* when the sender was through with it; 0: not yet */
	uint64_t accepted;          /* the sender's, until done_us is set: what the calls said was accepted */
	bool excused;
	_Atomic int64_t ended_us;   /* when the peer was; 0: not yet */
	_Atomic uint64_t read;
	enum ending ending;         /* the peer's, until ended_us is set */
};

/** Shared by the two processes. */
struct shared {
	_Atomic uint64_t last_id;
	atomic_bool over;
	/* When the peers were last held up by the machine for longer than a healthy peer may be silent. */
	_Atomic int64_t held_up_us;
	int64_t held_up_least_us;
	unsigned ports[MANNERS];
	atomic_bool peers_ready;
	atomic_int harmed;          /* 1: the message is being written; 2: it is there */
	char harm[512];
	struct connection connections[MOST_CONNECTIONS];
};

extern struct shared *shared;
extern int64_t began_us;

/** Counted for the last line, so that it shows that each kind of thing was really done. */
struct counts {
	atomic_long whole, taken, stopped, taken_waits, taken_connects, pipes, files, children;
	atomic_long verdicts, connect_deadlines, excused, wait_verdicts;
};
extern struct counts counts;

/* race.c */
int64_t now_us(void);
void nap_us(long us);
/** The first harm ends the run with this line. */
void harm(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void broken(const char *what);
bool is_over(void);
/** @return whether the machine held the peers up after @p since_us, so that a verdict after that may have been right. */
bool held_up_since(int64_t since_us);

/** A thread, its random numbers, its room for bytes, and what it is doing, in case it hangs. */
struct worker {
	const char *role;
	void (*turn)(struct worker *worker);
	uint64_t random;
	unsigned char *bytes;    /* MOST_BYTES */
	_Atomic(const char *) doing;
	atomic_int number;
	int epoll;
	bool is_victim, closes;
};
uint64_t random_of(struct worker *worker);
uint64_t below(struct worker *worker, uint64_t limit);

static inline uint64_t mix(uint64_t x)
{
	/* The end of splitmix64. */
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/** @return byte @p offset of connection (or pipe, or file) @p id. */
static inline unsigned char race_byte(uint64_t id, uint64_t offset)
{
	if (offset < 8)
		return (unsigned char)"RACERACE"[offset];
	if (offset < HEADER_BYTES)
		return (unsigned char)(id >> 8 * (offset - 8));
	return (unsigned char)(mix((id << 20) + (offset >> 3)) >> 8 * (offset & 7));
}

static inline void race_fill(unsigned char *bytes, uint64_t id, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = race_byte(id, i);
}

/** @return how many of the bytes are those that @p id has from @p offset on. */
static inline size_t race_match(const unsigned char *bytes, uint64_t id, uint64_t offset, size_t size)
{
	size_t i = 0;

	while (i < size && bytes[i] == race_byte(id, offset + i))
		i++;
	return i;
}

/* race_peers.c */
/** Fork the peers off; returns when they listen. */
pid_t start_peers(void);

/* race_owners.c */
/** A connection, a pipe or a file, and the number by which it is written to. */
struct owner {
	enum { OWNS_CONNECTION, OWNS_PIPE, OWNS_FILE } kind;
	int number;
	int other;                        /* a pipe's end to read */
	uint64_t id;
	bool quick;
	struct connection *connection;
};

/** @return a new entry of the table, or NULL if the run is over. */
struct connection *new_connection(enum fate fate, enum manner manner, uint64_t length);
void done_with(struct connection *connection, uint64_t accepted);
/** Connect a new socket; anything but success is harm. @return its number, -1 when there was harm. */
int connect_to(struct worker *worker, struct connection *connection, bool non_blocking);
/** One call, of kind @p method. */
#define METHODS 5
extern const char *const methods[METHODS];
ssize_t send_by(struct worker *worker, int method, int number, const unsigned char *bytes, size_t size, int source);
/** A file with the bytes of sendfile(), for the method that wants one; else -1. */
int source_for(int method, const unsigned char *bytes, size_t size);
/** @param quick to be through with in some milliseconds */
struct owner open_owner(struct worker *worker, bool quick);
void use_owner(struct worker *worker, struct owner *owner);
/** Free a number that belongs to the caller, by a way of chance. */
void close_number(struct worker *worker, int number);
void own(struct worker *worker);

/* race_victims.c */
void lose_a_send(struct worker *worker);
void lose_a_short_send(struct worker *worker);
void lose_a_connect(struct worker *worker);
void lose_waits(struct worker *worker);
void meet_the_stopped(struct worker *worker);
void take_numbers(struct worker *worker);
void take_numbers_in_haste(struct worker *worker);

/* race_children.c */
void make_children(struct worker *worker);

#endif
