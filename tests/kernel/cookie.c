/* SPDX-License-Identifier: MIT */
/* SO_COOKIE tells whether a number is still the socket it was. */
#include "fact.h"

int main(void)
{
	struct pair pair = connected(0);
	uint64_t cookie = cookie_of(pair.near);
	int number = pair.near, duplicate = dup(number), other, unix_pair[2], pipe_ends[2], status;
	pid_t child;

	holds("SO_COOKIE of a TCP socket", "other than 0", cookie != 0, "%#llx", (unsigned long long)cookie);
	holds("SO_COOKIE of its duplicate", "the same", cookie_of(duplicate) == cookie, "%#llx",
	      (unsigned long long)cookie_of(duplicate));
	if ((child = fork()) == 0)
		_exit(cookie_of(number) != cookie);
	waitpid(child, &status, 0);
	fact("SO_COOKIE in a forked child", "the same", "%s", status == 0 ? "the same" : "another");
	holds("SO_COOKIE of the other end", "another", cookie_of(pair.far) && cookie_of(pair.far) != cookie, "%#llx",
	      (unsigned long long)cookie_of(pair.far));
	disconnect(number);
	holds("SO_COOKIE after connect(AF_UNSPEC)", "the same", cookie_of(number) == cookie, "%#llx",
	      (unsigned long long)cookie_of(number));
	close(number);
	close(duplicate);
	other = dup2(new_socket(SOCK_STREAM, 0), number);
	holds("SO_COOKIE of a new socket of the same number", "another", cookie_of(other) && cookie_of(other) != cookie,
	      "%#llx", (unsigned long long)cookie_of(other));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, unix_pair) < 0 || pipe(pipe_ends) < 0)
		die("socketpair");
	holds("SO_COOKIE of a unix socket", "other than 0", cookie_of(unix_pair[0]) != 0, "%#llx",
	      (unsigned long long)cookie_of(unix_pair[0]));
	errno = 0;
	fact("SO_COOKIE of a pipe", "ENOTSOCK", "%s", cookie_of(pipe_ends[0]) ? "a cookie" : error_name(errno));
	return 0;
}
