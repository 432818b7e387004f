/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where a call that is made often goes first.
 */
#undef _FORTIFY_SOURCE /* the plain and the checked functions by their own names */
#include "route.h"

#include <assert.h>
#include <stdatomic.h>

#include "memory.h"
#include "slow.h"
#include "start.h"

/** Whoever waits for a thread that is going back to the real functions gives up after so many turns: that thread may be
 * gone (this process was forked from its), or be the one that this signal handler interrupted. */
#define TURNS_MOST 1000

/** The place of a pointer in struct route, and how many there are of sends, and in all. */
#define NUMBER(name) (offsetof(struct route, name) / sizeof(void *))
#define SENDS NUMBER(recv)
#define POINTERS NUMBER(send)

/** Stands for every send: none needs its arguments for this. */
static ssize_t not_tried(void)
{
	return NOT_TRIED;
}

#if defined __x86_64__ && defined __LP64__

/* start_at_last: start if that has not happened, and keep every register that an argument may be in. start_first: an
 * entry of four bytes for each pointer, which does so and goes on where the pointer leads then. */
extern const char start_first[] __attribute__((visibility("hidden")));
__asm__(".pushsection .text\n"
        ".globl start_at_last, start_first\n"
        ".hidden start_at_last, start_first\n"
        "start_at_last:\t"
        "cmpb $0, bound(%rip)\n\t"
        "jne 1f\n\t"
        "push %rbp\n\t" "mov %rsp, %rbp\n\t" "push %rcx\n\t" "push %rdx\n\t" "push %rsi\n\t" "push %rdi\n\t"
        "push %r8\n\t" "push %r9\n\t"
        "and $-16, %rsp\n\t"
        "call start\n\t"
        "lea -48(%rbp), %rsp\n\t"
        "pop %r9\n\t" "pop %r8\n\t" "pop %rdi\n\t" "pop %rsi\n\t" "pop %rdx\n\t" "pop %rcx\n\t"
        "pop %rbp\n"
        "1:\t"
        "ret\n"
        "start_first:\n"
        ".set .Lnumber, 0\n"
        ".rept 15\n\t"
        "push $.Lnumber\n\t"
        "jmp 2f\n\t"
        ".set .Lnumber, .Lnumber + 1\n"
        ".endr\n"
        "2:\t"
        "call start_at_last\n\t"
        "pop %rax\n\t"
        "lea route(%rip), %r11\n\t"
        "jmp *(%r11,%rax,8)\n"
        ".popsection");
static_assert(POINTERS == 15, "as many entries as there are pointers");
#define START_FIRST(name) (void *)(start_first + 4 * NUMBER(name))

#else

#define START_RECEIVE(name, parameters, arguments)                                                                 \
	static ssize_t start_first_##name parameters                                                               \
	{                                                                                                          \
		start();                                                                                           \
		return route.name arguments;                                                                       \
	}
#define START_WAIT(name, parameters, arguments)                                                                    \
	static int start_first_##name parameters                                                                   \
	{                                                                                                          \
		start();                                                                                           \
		return route.name arguments;                                                                       \
	}
ROUTE_RECEIVES(START_RECEIVE)
ROUTE_WAITS(START_WAIT)
#define START_FIRST(name) start_first_##name

#endif

#define ROUTE_NOT_TRIED(name, ...) .name = (void *)not_tried,
#define ROUTE_START_FIRST(name, ...) .name = START_FIRST(name),
struct route route = {
	ROUTE_SENDS(ROUTE_NOT_TRIED)
	ROUTE_RECEIVES(ROUTE_START_FIRST)
	ROUTE_WAITS(ROUTE_START_FIRST)
	.send = (void *)not_tried,
};

#define ROUTE_IN_ORDER(name, ...)                                                                                  \
	static_assert(offsetof(struct route, name) == offsetof(struct libc, name), "struct libc begins as struct route");
ROUTE_SENDS(ROUTE_IN_ORDER)
ROUTE_RECEIVES(ROUTE_IN_ORDER)
ROUTE_WAITS(ROUTE_IN_ORDER)

/** The pointers from number @p i to @p end as libc has them. In one store each: other threads call through them. */
static void lead_to_libc(size_t i, size_t end)
{
	for (; i < end; i++)
		__atomic_store_n((void **)&route + i, ((void **)&libc)[i], __ATOMIC_RELAXED);
}

static void lead_sends_nowhere(void)
{
	for (size_t i = 0; i < SENDS; i++)
		__atomic_store_n((void **)&route + i, (void *)not_tried, __ATOMIC_RELAXED);
	__atomic_store_n(&route.send, (void *)not_tried, __ATOMIC_RELAXED);
}

void route_start(void)
{
	lead_to_libc(SENDS, POINTERS);
	route_settle();
}

void route_settle(void)
{
	/* Only going back has to be alone: a thread that was slow at it would take away what another one set since. */
	static atomic_bool going_back;
	if (route.poll != libc.poll)
		return;
	if (atomic_load(&attention)) {
		lead_sends_nowhere();
		for (int turn = 0; atomic_load(&going_back) && turn < TURNS_MOST; turn++)
			libc.sched_yield();
		lead_sends_nowhere();
	} else if (!atomic_exchange(&going_back, true)) {
		lead_to_libc(0, SENDS);
		__atomic_store_n(&route.send, libc.send_is_sendto ? libc.sendto : send_as_sendto, __ATOMIC_RELAXED);
		if (atomic_load(&attention))
			lead_sends_nowhere();
		atomic_store(&going_back, false);
	}
}
