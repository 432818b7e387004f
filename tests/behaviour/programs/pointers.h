/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The calls of pointers.c, by their names, for it and for the tests.
 */
#ifndef SNDTIMEO_TESTS_POINTERS_H
#define SNDTIMEO_TESTS_POINTERS_H

#define CALLS(X)                                                                                                   \
	X(poll, poll(nowhere, 1, 0))                                                                               \
	X(poll_kernel, poll(kernels, 1, 0))                                                                        \
	X(poll_null, poll(NULL, 1, 0))                                                                             \
	X(poll_many, poll(fds, (nfds_t)huge, 0))                                                                   \
	X(poll_edge, poll((struct pollfd *)(edge - 4), 1, 0))                                                      \
	X(poll_read_only, poll((struct pollfd *)"\0\0\0\0\0\0\0\0", 1, 0))                                         \
	X(ppoll, ppoll(nowhere, 1, &instant, NULL))                                                                \
	X(ppoll_mask, ppoll(fds, 1, &instant, nowhere))                                                            \
	X(ppoll_negative, ppoll(fds, 1, &(struct timespec){ -1, 0 }, NULL))                                        \
	X(select, select(fd + 1, NULL, nowhere, NULL, &moment))                                                    \
	X(select_read, select(fd + 1, nowhere, NULL, NULL, &moment))                                               \
	X(select_negative, select(-1, NULL, NULL, NULL, &moment))                                                  \
	X(select_edge, select(1024, NULL, (fd_set *)(edge - 8), NULL, &moment))                                    \
	X(pselect, pselect(fd + 1, NULL, nowhere, NULL, &instant, NULL))                                           \
	X(pselect_mask, pselect(fd + 1, NULL, NULL, NULL, &instant, nowhere))                                      \
	X(epoll_wait, epoll_wait(instance, nowhere, 1, 0))                                                         \
	X(epoll_wait_none, epoll_wait(instance, (struct epoll_event *)&messages, 0, 0))                            \
	X(epoll_wait_bad_number, epoll_wait(-1, (struct epoll_event *)&messages, 1, 0))                            \
	X(epoll_ctl, epoll_ctl(instance, EPOLL_CTL_MOD, fd, nowhere))                                              \
	X(send, send(fd, nowhere, 10, MSG_NOSIGNAL))                                                               \
	X(send_kernel, send(fd, kernels, 10, MSG_NOSIGNAL))                                                        \
	X(send_edge, send(fd, edge - 3000, 6000, MSG_NOSIGNAL))                                                    \
	X(send_huge, send(fd, nowhere, huge, MSG_NOSIGNAL))                                                        \
	X(send_nothing, send(fd, nowhere, 0, MSG_NOSIGNAL))                                                        \
	X(sendto, sendto(fd, &byte, 1, MSG_NOSIGNAL, nowhere, 16))                                                 \
	X(write, write(fd, nowhere, 10))                                                                           \
	X(write_edge, write(fd, edge - 3000, 6000))                                                                \
	X(write_huge, write(fd, &byte, huge))                                                                      \
	X(write_bad_number, write(-1, &byte, 1))                                                                   \
	X(write_far_number, write(2000000000, &byte, 1))                                                           \
	X(writev, writev(fd, nowhere, 1))                                                                          \
	X(writev_base, writev(fd, bad_iov, 2))                                                                     \
	X(writev_edge, writev(fd, edge_iov, 2))                                                                    \
	X(writev_many, writev(fd, edge_iov, many))                                                                 \
	X(writev_negative, writev(fd, edge_iov, negative))                                                         \
	X(sendmsg, sendmsg(fd, nowhere, MSG_NOSIGNAL))                                                             \
	X(sendmsg_iov, sendmsg(fd, &null_iov_message, MSG_NOSIGNAL))                                               \
	X(sendmsg_base, sendmsg(fd, &bad_message, MSG_NOSIGNAL))                                                   \
	X(sendmmsg, sendmmsg(fd, nowhere, 1, MSG_NOSIGNAL))                                                        \
	X(sendmmsg_base, sendmmsg(fd, messages, 2, MSG_NOSIGNAL))                                                  \
	X(sendmmsg_later, sendmmsg(fd, good_and_bad, 2, MSG_NOSIGNAL))                                                    \
	X(sendmmsg_edge, sendmmsg(fd, at_edge, 2, MSG_NOSIGNAL))                                                          \
	X(sendmsg_first, sendmsg(socket(AF_INET, SOCK_STREAM, 0), nowhere, MSG_NOSIGNAL | MSG_FASTOPEN))                  \
	X(sendmsg_first_iov, sendmsg(socket(AF_INET, SOCK_STREAM, 0), &null_iov_message, MSG_NOSIGNAL | MSG_FASTOPEN))    \
	X(sendfile, sendfile(fd, memfd_create("file", 0), nowhere, 10))                                            \
	X(splice, splice(fd, NULL, fd, nowhere, 10, 0))                                                            \
	X(recv, recv(fd, nowhere, 10, MSG_DONTWAIT))                                                               \
	X(read, read(fd, nowhere, 1))                                                                              \
	X(readv, readv(fd, nowhere, 1))                                                                            \
	X(recvfrom, recvfrom(fd, &byte, 1, MSG_DONTWAIT, nowhere, nowhere))                                        \
	X(recvmsg, recvmsg(fd, nowhere, MSG_DONTWAIT))                                                             \
	X(recvmsg_iov, recvmsg(fd, &null_iov_message, MSG_DONTWAIT))                                               \
	X(connect, connect(socket(AF_INET, SOCK_STREAM, 0), nowhere, 16))                                          \
	X(connect_short, connect(socket(AF_INET, SOCK_STREAM, 0), nowhere, 1))                                     \
	X(connect_long, connect(socket(AF_INET, SOCK_STREAM, 0), nowhere, 100000))                                 \
	X(connect_none, connect(socket(AF_INET, SOCK_STREAM, 0), NULL, 0))                                         \
	X(connect_edge, connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)(edge - 8), 16))               \
	X(accept, accept(fd, nowhere, nowhere))                                                                    \
	X(getsockopt, getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, nowhere, &size))                                     \
	X(getsockopt_size, getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &byte, nowhere))                                \
	X(getsockopt_error, getsockopt(fd, SOL_SOCKET, SO_ERROR, nowhere, &size))                                  \
	X(setsockopt, setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, nowhere, 16))                                        \
	X(setsockopt_short, setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &byte, 1))                                     \
	X(setsockopt_user, setsockopt(fd, 6, 18, nowhere, 4))                                                      \
	X(ioctl, ioctl_at(nowhere))                                                                                \
	X(fcntl, fcntl(fd, F_GETLK, nowhere))                                                                      \
	X(getpeername, getpeername(fd, nowhere, &size))                                                            \
	X(getpeername_size, getpeername(fd, (struct sockaddr *)&byte, nowhere))

#endif
