/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A peer as a program, for the far end of a delayed link: serve ADDRESS PORT [NAME=NUMBER]...
 *
 * The names are those of struct peer_script. When it gets SIGTERM it says what the peer saw, as the tester does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../behaviour/protocol.h"
#include "peer.h"

/* Returns false if @p name is none of them. */
static bool set(struct peer_script *script, const char *name, size_t length, long value)
{
	const struct {
		const char *name;
		int *number;
		size_t *size;
	} all[] = {
		{ "rcvbuf_bytes", &script->rcvbuf_bytes, NULL }, { "mss_bytes", &script->mss_bytes, NULL },
		{ "start_ms", &script->start_ms, NULL },         { "chunk_bytes", NULL, &script->chunk_bytes },
		{ "pause_ms", &script->pause_ms, NULL },         { "stop_bytes", NULL, &script->stop_bytes },
		{ "talk_ms", &script->talk_ms, NULL },
	};

	if (length == strlen("stalls") && strncmp(name, "stalls", length) == 0) {
		script->stop = value ? PEER_STALLS : PEER_READS_ON;
		return true;
	}
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (strlen(all[i].name) != length || strncmp(all[i].name, name, length) != 0)
			continue;
		if (all[i].number)
			*all[i].number = (int)value;
		else
			*all[i].size = (size_t)value;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct peer_script script = { 0 };
	sigset_t end;
	int signal;

	if (argc < 3)
		return 2;
	script.address = argv[1];
	script.port = (unsigned)atoi(argv[2]);
	for (char **argument = argv + 3; *argument; argument++) {
		const char *equals = strchr(*argument, '=');

		if (!equals || !set(&script, *argument, (size_t)(equals - *argument), atol(equals + 1))) {
			fprintf(stderr, "serve: what is %s?\n", *argument);
			return 2;
		}
	}
	/* Before the peer's thread begins, which is to get none. */
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	struct peer *peer = peer_start(&script);

	sigwait(&end, &signal);
	struct peer_report report = peer_finish(peer, 0);

	dprintf(RESULTS_FD, "peer.bytes=%llu\npeer.in_pattern=%d\npeer.end=%d\n", (unsigned long long)report.bytes,
		report.in_pattern, report.end);
	return 0;
}
