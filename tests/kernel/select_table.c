/* SPDX-License-Identifier: MIT */
/* select() reads and writes a set up to the process' own table of descriptors, however large nfds is. */
#include "fact.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* An fd_set whose end is the end of what may be touched. */
	fd_set *set = (fd_set *)(pages + page - sizeof(fd_set));
	struct timeval none = {0, 0};
	struct rlimit limit;

	if (pages == MAP_FAILED || mprotect(pages + page, (size_t)page, PROT_NONE) < 0)
		die("mmap");
	FD_ZERO(set);
	fact("select(65536) with a set of 1024, a small table", "0", "%s",
	     said(select(65536, NULL, set, NULL, &none), 1));
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (dup2(1, 2000) < 0) {
		skip("select(65536) with a set of 1024, a larger table", "RLIMIT_NOFILE is %d", (int)limit.rlim_max);
		return 0;
	}
	fact("select(65536) with a set of 1024, a larger table", "EFAULT", "%s",
	     said(select(65536, NULL, set, NULL, &none), 1));
	close(2000);
	fact("  and after its close (the table never shrinks)", "EFAULT", "%s",
	     said(select(65536, NULL, set, NULL, &none), 1));
	return 0;
}
