/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's steps that take something away from itself, and from the library in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tester.h"

/* size: reports the slot's number and how many bytes are in its file */
void step_size(struct step *step)
{
	struct stat status = { 0 };

	report(step, "fd", slot_of(step)->fd);
	report(step, "ret", fstat(slot_of(step)->fd, &status));
	report(step, "bytes", (long)status.st_size);
}

static bool take_one(long most)
{
	const long fd = syscall(SYS_fcntl, RESULTS_FD, F_DUPFD_CLOEXEC, 0);

	return fd >= 0 && fd < most;
}

/* fsize BYTES: no file becomes longer (RLIMIT_FSIZE) */
void step_fsize(struct step *step)
{
	const struct rlimit most = { (rlim_t)number_word(step, 0), RLIM_INFINITY };

	if (setrlimit(RLIMIT_FSIZE, &most))
		die("setrlimit: %s", strerror(errno));
}

/* nofile MOST [taken=0]: descriptors have numbers below that from now on; unless taken=0, all of those are taken */
void step_nofile(struct step *step)
{
	const long most = number_word(step, 0);
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)most;
	while (number_option(step, "taken", 1) && take_one(most))
		;
	report(step, "ret", setrlimit(RLIMIT_NOFILE, &limit));
	if (number_option(step, "taken", 1))
		report(step, "opened", syscall(SYS_dup, RESULTS_FD));
}

/* Where the lower half of a filter's 64 bits is. */
#define LOW_HALF (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)

/* seccomp eperm|enosys: getsockopt fails so from now on, also after exec; ret is -1 where there is no seccomp */
void step_seccomp(struct step *step)
{
	const unsigned error = strcmp(word(step, 0), "enosys") == 0 ? ENOSYS : EPERM;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_socketcall /* i386, s390x: glibc may still take that for all of them, and says which in the first argument */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketcall, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + LOW_HALF),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_GETSOCKOPT, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
#else
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 1),
#endif
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof filter / sizeof *filter, .filter = filter };
	int failed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	if (!failed)
		failed = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	report(step, "ret", failed);
}

/* noproc: an empty folder is /proc from now on; ret is -1 where that is not allowed */
void step_noproc(struct step *step)
{
	int failed = unshare(CLONE_NEWNS);

	if (failed)
		failed = unshare(CLONE_NEWUSER | CLONE_NEWNS);
	if (!failed)
		failed = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("none", "/proc", "tmpfs", 0, NULL);
	report(step, "ret", failed ? -1 : 0);
	report(step, "there", access("/proc/self", F_OK) == 0);
}
