/* SPDX-License-Identifier: MIT */
/* A peer that reads is silent until its kernel has enough free memory to announce, about a sixteenth of the receive
   buffer. Memory is freed in whole packets: of 1500 bytes on a slow link, but where packets are merged, as on loopback,
   into up to 64 KB or more, the silence may last for nearly the whole buffer. */
#include "fact.h"

static void try_pieces(const char *name, size_t piece)
{
	struct sockaddr_in address;
	struct tcp_info before, after;
	int listener = bound_socket(0, &address), near = new_socket(SOCK_STREAM, 0), far, buffer;
	size_t read_bytes = 0;

	set(listener, SOL_SOCKET, SO_RCVBUF, 106496);
	if (listen(listener, 1) < 0 || connect_to(near, &address) < 0)
		die("connect");
	far = accept(listener, NULL, NULL);
	for (int refused = 0; refused < 8; refused++) {
		while (send(near, much(), piece, MSG_DONTWAIT) > 0)
			refused = 0;
		sleep_ms(30);
	}
	buffer = get(far, SOL_SOCKET, SO_RCVBUF);
	before = info_of(near);
	do {
		read_bytes += take(far, 512, NULL);
		after = info_of(near);
	} while (before.tcpi_bytes_acked == after.tcpi_bytes_acked && before.tcpi_snd_wnd == after.tcpi_snd_wnd &&
	         read_bytes < (size_t)buffer);
	holds(name, "1/64 to 1/1", read_bytes >= (size_t)buffer / 64 && read_bytes <= (size_t)buffer,
	      "%zu of %d: 1/%.1f", read_bytes, buffer, (double)buffer / (double)read_bytes);
}

int main(void)
{
	try_pieces("part of its buffer a full peer reads in silence, sent in 512 bytes", 512);
	try_pieces("part of its buffer a full peer reads in silence, sent in 64 KB", 65536);
	return 0;
}
