/* SPDX-License-Identifier: MIT */
/** @file
 * @brief refuse EPERM|ENOSYS CALL[,CALL...] COMMAND...: runs a command under a seccomp filter that answers so to the calls, as a
 * container's profile or an older kernel does.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#define MOST_CALLS 8

static unsigned number_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned number;
	} all[] = {
		{"pidfd_getfd", SYS_pidfd_getfd}, {"ptrace", SYS_ptrace}, {"process_vm_readv", SYS_process_vm_readv},
		{"kcmp", SYS_kcmp},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].number;
	fprintf(stderr, "refuse: %s is not known\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sock_filter filter[2 * MOST_CALLS + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.filter = filter};
	unsigned short count = 1;

	if (argc < 4)
		return 2;
	const unsigned error = strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS : EPERM;

	for (char *name = strtok(argv[2], ","); name && count < 2 * MOST_CALLS; name = strtok(NULL, ",")) {
		filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(name), 0, 1);
		filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
	}
	filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = count;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
		perror("seccomp");
		return 77;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
