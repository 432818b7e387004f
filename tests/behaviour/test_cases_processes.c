/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 1 and 25: processes in which little works. What works there bare works there under the library.
 */
#include "cases.h"
#include "rows.h"

#include <stdio.h>

#define SEND_MS 600

/* Nothing here takes long, unless a send is carried that should be left alone. */
static const struct setting limits = { .send_ms = 30000, .connect_ms = 30000, .watchdog_ms = 4000 };

/* ---- no thread-local storage ------------------------------------------------------------------------------------- */

static const char *const without_tls[] = {
	"_exit", "_Exit", "execve", "write", "writev", "send", "sendmsg", "read", "recv", "recvmsg", "poll", "select", "close",
	"dup", "dup2", "fcntl", "getsockopt", "setsockopt", "listen",
};
static const char *const kinds[] = { "pipe", "unix", "tcp" };

/* Where the library has work to do on a covered socket, once there are limits: not promised without such storage. */
static const char *const at_work[] = { "write", "writev", "send", "sendmsg", "poll", "select", "dup", "dup2", "getsockopt",
				       "setsockopt" };

static bool is_at_work(const char *call, const char *kind)
{
	for (size_t i = 0; i < ROWS_OF(at_work); i++)
		if (strcmp(at_work[i], call) == 0)
			return strcmp(kind, "tcp") == 0;
	return false;
}

/* Rule 1. A libc that itself looks there for a call (as glibc 2.36 does for cancellation points) dies bare, too. */
ROW_TEST(processes, without_tls, ROWS_OF(without_tls) * ROWS_OF(kinds))
{
	not_under("san", "the sanitizers' own wrappers need thread-local storage");
#ifdef __i386__
	cr_skip_test("libc finds its way into the kernel there");
#endif
	const char *call = without_tls[*number / ROWS_OF(kinds)], *kind = kinds[*number % ROWS_OF(kinds)];
	char *script = text("%s %s", call, kind);
	struct run *bare = play(&(struct setting){ .bare = true, .program = "no_tls" }, "%s", script);

	expect_clean(bare);
	if (value_of(bare, "status") != 0)
		cr_skip_test("this libc needs thread-local storage for that call itself");
	same_as_bare("no_tls", script, is_at_work(call, kind) ? &(struct setting){ 0 } : &limits);
}

/* ---- sandboxes --------------------------------------------------------------------------------------------------- */

static const char *const sandboxes[] = { "prctl rest", "syscall rest", "tsync rest", "strict -", "strict_syscall -",
					 "no_tsc -" };
static const char *const calls[] = { "write", "send", "read", "recv", "poll", "close", "end", "refused", "polled" };

#define SANDBOXES (ROWS_OF(sandboxes) * ROWS_OF(calls) * ROWS_OF(kinds))

/* All that the program does not do itself kills it. */
ROW_TEST(processes, in_a_sandbox_that_kills, SANDBOXES)
{
	not_under("san", "sanitizers make system calls of their own");
	const char *sandbox = sandboxes[*number / ROWS_OF(calls) / ROWS_OF(kinds)];
	char *script = text("%s %s %s", sandbox, kinds[*number % ROWS_OF(kinds)],
			    calls[*number / ROWS_OF(kinds) % ROWS_OF(calls)]);

	/* That is no sandbox, and a synchronous writer's send is carried through. */
	if (strcmp(script, "no_tsc - tcp polled") == 0)
		return;
	struct run *bare = play(&(struct setting){ .bare = true, .program = "sandbox" }, "%s", script);

	expect_clean(bare);
	/* Such as send() on a pipe, which fails, or poll() in strict mode, which kills. */
	if (value_of(bare, "status") == 99)
		cr_skip_test("no such sandbox is to be had here");
	same_as_bare("sandbox", script, &limits);
}

/* One call that the library may want to make, and the program does not. */
static const char *const killed[] = {
	"getsockopt", "ppoll",  "fcntl", "dup",           "sendto",         "ioctl",
	"setsockopt", "gettid", "futex", "clock_gettime", "rt_sigprocmask", "fstat",
};
static const char *const works[] = {
	"tcp write", "tcp end", "tcp poll", "tcp polled", "tcp refused", "unix write", "unix poll", "pipe write",
};

ROW_TEST(processes, in_a_sandbox_that_kills_for_one_call, ROWS_OF(killed) * ROWS_OF(works))
{
	not_under("san", "sanitizers make system calls of their own");
	same_as_bare("sandbox", text("%s %s %s", *number % 2 ? "prctl" : "syscall", killed[*number / ROWS_OF(works)],
				     works[*number % ROWS_OF(works)]),
		     &limits);
}

static const char *const meanwhiles[] = { "meanwhile write", "meanwhile send" };

/* Another thread locks all of them in while one waits in a call that goes on. */
ROW_TEST(processes, a_sandbox_that_comes_meanwhile, ROWS_OF(meanwhiles))
{
	not_under("san", "sanitizers make system calls of their own");
	same_as_bare("sandbox", meanwhiles[*number], &limits);
}

/* ---- what is no sandbox of ours ---------------------------------------------------------------------------------- */

static const char *const attempts[] = {
	"bad_filter", "bad_mode", "bad_syscall", "asked", "got", "no_new_privs", "vforked", "forked",
};

/* Rule 25: limits hold where a sandbox was not made, or is another process'. */
ROW_TEST(processes, no_sandbox_of_their_own, ROWS_OF(attempts))
{
	struct run *run = play(&(struct setting){ .program = "sandbox", .send_ms = SEND_MS }, "stall %s", attempts[*number]);

	expect_clean(run);
	expect(run, "attempt", strncmp(attempts[*number], "bad", 3) == 0 ? -1 : 0);
	expect(run, "short", 1);
	expect(run, "next.errno", ETIMEDOUT);
	expect_within(run, "ms", earliest_ms(SEND_MS), latest_ms(2 * SEND_MS));
	cr_expect_eq(count_of(run->errors, "timed out"), 1, "%s", run->errors);
}
