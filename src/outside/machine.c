/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which machine's calls a program makes.
 */
#include "outside/machine.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/** What a program's file says of the machine that it is for. */
struct kind {
	unsigned char head[EI_NIDENT + 4];
	bool known;
};

static struct kind kind_of(const struct process *process)
{
	struct kind kind = {.known = false};
	FILE *file = process_open(process, "exe");

	if (file) {
		kind.known = fread(kind.head, sizeof kind.head, 1, file) == 1;
		fclose(file);
	}
	return kind;
}

static uint16_t machine_in(const struct kind *kind)
{
	uint16_t machine;

	memcpy(&machine, kind->head + EI_NIDENT + 2, sizeof machine);
	return machine;
}

enum machine machine_of(const struct process *process)
{
	/* Ours stays what it is. */
	static struct kind own;

	if (!own.known)
		own = kind_of(&(struct process){.id = getpid()});
	const struct kind its = kind_of(process);

	if (!own.known || !its.known)
		return MACHINE_UNKNOWN;
	if (own.head[EI_CLASS] == its.head[EI_CLASS] && machine_in(&own) == machine_in(&its))
		return MACHINE_OWN;
#ifdef __x86_64__
	if (its.head[EI_CLASS] == ELFCLASS32 && machine_in(&its) == EM_386)
		return MACHINE_I386;
#endif
	return MACHINE_UNKNOWN;
}

#ifdef __x86_64__
/* arch/x86/entry/syscalls/syscall_32.tbl. Those with times of 64 bits are what ours are. */
static const struct {
	short theirs;
	int ours;
} calls_of_i386[] = {
	{0, SYS_restart_syscall}, {3, SYS_read},        {4, SYS_write},        {102, CALL_SOCKETCALL}, {142, SYS_select},
	{145, SYS_readv},         {146, SYS_writev},    {168, SYS_poll},       {187, SYS_sendfile},    {239, SYS_sendfile},
	{256, SYS_epoll_wait},    {308, SYS_pselect6},  {309, SYS_ppoll},      {313, SYS_splice},      {319, SYS_epoll_pwait},
	{337, SYS_recvmmsg},      {345, SYS_sendmmsg},  {362, SYS_connect},    {369, SYS_sendto},      {370, SYS_sendmsg},
	{371, SYS_recvfrom},      {372, SYS_recvmsg},   {378, SYS_preadv2},    {379, SYS_pwritev2},    {413, SYS_pselect6},
	{414, SYS_ppoll},         {417, SYS_recvmmsg},
#ifdef SYS_io_uring_enter
	{426, SYS_io_uring_enter},
#endif
#ifdef SYS_epoll_pwait2
	{441, SYS_epoll_pwait2},
#endif
};
#endif

long machine_call(enum machine machine, long number)
{
	if (machine == MACHINE_OWN)
		return number;
#ifdef __x86_64__
	for (size_t i = 0; i < sizeof calls_of_i386 / sizeof *calls_of_i386; i++)
		if (calls_of_i386[i].theirs == number)
			return calls_of_i386[i].ours;
#endif
	return -1;
}
