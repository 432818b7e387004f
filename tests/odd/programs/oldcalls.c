/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A library with some functions as the system calls that their names say. Newer glibcs make others of them
 * (newfstatat, pselect6), which the sandboxes of older programs do not know: bare, they die of their own libc.
 */
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined SYS_fstat && defined __LP64__
int fstat(int fd, struct stat *file)
{
	return (int)syscall(SYS_fstat, fd, file);
}

int fstat64(int, struct stat64 *) __attribute__((alias("fstat")));
#endif

#if defined SYS_stat && defined __LP64__
int stat(const char *path, struct stat *file)
{
	return (int)syscall(SYS_stat, path, file);
}

int lstat(const char *path, struct stat *file)
{
	return (int)syscall(SYS_lstat, path, file);
}

int stat64(const char *, struct stat64 *) __attribute__((alias("stat")));
int lstat64(const char *, struct stat64 *) __attribute__((alias("lstat")));
#endif

#if defined SYS_select && defined __LP64__
int select(int count, fd_set *readable, fd_set *writable, fd_set *exceptional, struct timeval *timeout)
{
	return (int)syscall(SYS_select, count, readable, writable, exceptional, timeout);
}
#endif
