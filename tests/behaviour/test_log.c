/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where lines go and what they look like: SNDTIMEO_LOG, SNDTIMEO_LOG_FORMAT, SNDTIMEO_VERBOSE (rule 24).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "rows.h"

#define SEND_MS 400
#define STALL "sock tcp4; connect %u; sendall send 20000000 @up"

static const struct peer_script never_reads = { .stop = PEER_STALLS };

/* An absolute path in the current folder that is nobody else's. */
static char *path_for(const char *name)
{
	char *here = getcwd(NULL, 0);

	return text("%s/log-test.%d.%s", here, (int)getpid(), name);
}

static char *contents(const char *path)
{
	static char buffer[1 << 20];
	FILE *file = fopen(path, "re");
	const size_t length = file ? fread(buffer, 1, sizeof buffer - 1, file) : 0;

	buffer[length] = '\0';
	if (file)
		fclose(file);
	return buffer;
}

/* A stall under this log; it has to end as it does without one. */
static struct run *stall(const char *log, const char *format, const char *before)
{
	struct peer *peer = peer_start(&never_reads);
	const char *variable = text("SNDTIMEO_LOG=%s", log);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .environment = { variable, format } }, "%s; " STALL,
			       before, peer_port(peer));

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	/* It ends, whatever the log is; how late a verdict may be is asked elsewhere. Filling the buffers counts here. */
	expect_within(run, "up.ms", 0, latest_ms(SEND_MS) + 2000);
	peer_finish(peer, 0);
	return run;
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

Test(log, a_file_is_appended_to, .timeout = 20)
{
	const char *path = path_for("appended");
	FILE *file = fopen(path, "we");

	cr_assert(file && fputs("a line of before\n", file) >= 0 && fclose(file) == 0);
	for (int i = 0; i < 2; i++)
		cr_assert_str_empty(stall(path, NULL, "sleep 0")->errors);
	const char *said = contents(path);

	unlink(path);
	cr_assert(strncmp(said, "a line of before\nsndtimeo: tester[", 34) == 0 && count_of(said, "\n") == 3, "%s", said);
	cr_assert(strstr(said, " timed out after 0.4 s: "), "%s", said);
}

/* Made for its owner to write, and for no program that ours starts. */
Test(log, a_file_is_made, .timeout = 20)
{
	const char *path = path_for("made");
	struct stat status;

	umask(022);
	stall(path, NULL, "fds @before");
	cr_assert(stat(path, &status) == 0 && (status.st_mode & 07777) == 0644, "%o", (unsigned)status.st_mode);
	unlink(path);
}

/* 64 threads at once, and each line whole. */
ROW_TEST(log, lines_are_whole, 2)
{
	static const char *const formats[] = { "SNDTIMEO_LOG_FORMAT=text", "SNDTIMEO_LOG_FORMAT=json" };
	const char *path = path_for("threads"), *variable = text("SNDTIMEO_LOG=%s", path);
	char script[8000] = "sock #70 tcp4; listen #70; port 0; ";

	for (int i = 1; i <= 64; i++)
		sprintf(script + strlen(script), "client #70; accept #70 accept %d; ", i);
	for (int i = 1; i <= 64; i++)
		sprintf(script + strlen(script), "&sendall #%d @t%d send 20000000; ", i, i);
	for (int i = 1; i <= 64; i++)
		sprintf(script + strlen(script), "join t%d; ", i);
	struct run *run = play(&(struct setting){ .send_ms = 1000, .environment = { variable, formats[*number] } }, "%s", script);
	char *said = contents(path), *rest;

	unlink(path);
	expect_clean(run);
	cr_assert(count_of(said, "\n") == 64, "%d lines\n%s", count_of(said, "\n"), said);
	for (char *line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *begins = *number ? "{\"time\":\"" : "sndtimeo: tester[";
		const char *ends = *number ? " has not opened its window\"}" : " has not opened its window for 1.0 s";

		/* The tenth depends on the machine. */
		cr_assert(strncmp(line, begins, strlen(begins)) == 0 && line[strlen(line) - 1] == ends[strlen(ends) - 1] &&
			  strstr(line, *number ? ends : " has not opened its window for 1."), "%s", line);
	}
}

/* Targets that cannot take it: the program is not disturbed; one that is known from the start not to is told of. */
static const struct {
	const char *log, *said;
} targets[] = {
	{ "/dev/full", "" },
	{ "/dev/null", "" },
	{ "/proc/no/such/file", "sndtimeo: SNDTIMEO_LOG='/proc/no/such/file': No such file or directory: timeouts are not told of\n" },
	{ "/", "sndtimeo: SNDTIMEO_LOG='/': Is a directory: timeouts are not told of\n" },
	{ "off", "" },
};

ROW_TEST(log, targets_that_take_nothing, ROWS_OF(targets))
{
	cr_assert_str_eq(stall(targets[*number].log, NULL, "sleep 0")->errors, targets[*number].said);
}

Test(log, a_fifo_without_a_reader, .timeout = 20)
{
	const char *path = path_for("fifo");

	cr_assert(mkfifo(path, 0600) == 0);
	struct run *run = stall(path, NULL, "sigpipe");

	unlink(path);
	cr_assert(strstr(run->errors, "No such device or address: timeouts are not told of"), "%s", run->errors);
}

Test(log, a_fifo_that_is_full, .timeout = 20)
{
	const char *path = path_for("full");
	char filler[65536] = "";

	cr_assert(mkfifo(path, 0600) == 0);
	const int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	cr_assert(write(fd, filler, sizeof filler) == sizeof filler);
	cr_assert_str_empty(stall(path, NULL, "sigpipe")->errors);
	unlink(path);
}

/* A file longer than it may be raises SIGXFSZ, which ends a program. */
Test(log, a_file_that_may_not_grow, .timeout = 20)
{
	const char *path = path_for("large");

	if (coverage_counted())
		cr_skip_test("the program itself writes what it counted, into a file that may not grow");
	FILE *file = fopen(path, "we");

	cr_assert(file && fputs("0123456789", file) >= 0 && fclose(file) == 0);
	struct run *run = stall(path, NULL, "sock #3 unix; send #3 send 1; fsize 10");
	const char *said = contents(path);

	unlink(path);
	cr_assert_str_empty(run->errors);
	cr_assert_str_eq(said, "0123456789");
}

/* ---- the system's log ------------------------------------------------------------------------------------------------- */

Test(log, the_systems, .timeout = 20)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	struct timeval soon = { 5, 0 };
	char said[1000] = "";

	if (access(at.sun_path, F_OK) == 0)
		cr_skip_test("there is a system log here, which is not ours to fill");
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		cr_skip_test("no /dev/log can be made here: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
	struct run *run = stall("syslog", NULL, "sleep 0");

	(void)!recv(fd, said, sizeof said - 1, 0);
	unlink(at.sun_path);
	unsigned pid, again;

	cr_assert_str_empty(run->errors);
	cr_assert(sscanf(said, "<12>sndtimeo[%u]: tester[%u]: send to 127.0.0.1:", &pid, &again) == 2 && pid == again, "%s",
		  said);
	cr_assert(!strchr(said, '\n'));
}

Test(log, no_systems, .timeout = 20)
{
	if (access("/dev/log", F_OK) == 0)
		cr_skip_test("there is a system log here");
	cr_assert_str_eq(stall("syslog", NULL, "sleep 0")->errors,
			 "sndtimeo: SNDTIMEO_LOG='syslog': No such file or directory: timeouts are not told of\n");
}

/* ---- standard error ---------------------------------------------------------------------------------------------------- */

/* A service's standard error is a socket of the journal. */
Test(log, a_standard_error_that_is_a_journals, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .socket_errors = true }, STALL, peer_port(peer));

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	cr_assert(strstr(run->errors, " timed out after 0.4 s: "), "%s", run->errors);
	peer_finish(peer, 0);
}

/* A program puts a file, a pipe or a socket of its own in place of its standard error: nothing is written there. */
static const struct {
	const char *replaced, *look;
	const char *key;
	long value;
} replacements[] = {
	{ "sock #5 file; adopt #9 2 tcp4; dup2 #5 9", "size #5 @seen", "seen.bytes", 0 },
	{ "sock #5 pipe; adopt #9 2 tcp4; dup2 #5 9", "nonblock #6 1; recv #6 read 100 @seen", "seen.errno", EAGAIN },
	{ "sock #5 unix; adopt #9 2 tcp4; dup2 #5 9", "nonblock #6 1; recv #6 read 100 @seen", "seen.errno", EAGAIN },
};

ROW_TEST(log, a_standard_error_of_the_programs_own, ROWS_OF(replacements))
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS }, "%s; " STALL "; %s", replacements[*number].replaced,
			       peer_port(peer), replacements[*number].look);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect(run, replacements[*number].key, replacements[*number].value);
	cr_assert_str_empty(run->errors);
	peer_finish(peer, 0);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------- */

/* The documented keys, in order, and a value that JSON has. */
Test(log, json_of_a_send, .timeout = 20)
{
	struct run *run = stall("stderr", "SNDTIMEO_LOG_FORMAT=json", "sleep 0");
	char time[40], peer[40], reason[40], end[100];
	long pid, after, accepted, asked, unacknowledged, unread;

	cr_assert(sscanf(run->errors,
			 "{\"time\":\"%39[^\"]\",\"program\":\"tester\",\"pid\":%ld,\"event\":\"send_timeout\",\"dry_run\":false,"
			 "\"peer\":\"%39[^\"]\",\"after_ms\":%ld,\"accepted_bytes\":%ld,\"asked_bytes\":%ld,"
			 "\"unacknowledged_bytes\":%ld,\"unread_bytes\":%ld,\"reason\":\"%39[^\"]\",\"text\":\"%99[^\n]",
			 time, &pid, peer, &after, &accepted, &asked, &unacknowledged, &unread, reason, end) == 10,
		  "%s", run->errors);
	cr_assert(strlen(time) == strlen("2026-11-24T14:28:05.123Z") && time[10] == 'T' && time[23] == 'Z', "%s", time);
	cr_assert(after >= earliest_ms(SEND_MS) && asked == 20000000 && accepted > 0 && accepted < asked);
	cr_assert(unacknowledged > 0 && unread == 0);
	cr_assert_str_eq(reason, "window_closed");
	cr_assert_str_eq(end, "the peer is connected but has not opened its window\"}");
	cr_assert_eq(count_of(run->errors, "\n"), 1);
}

/* The same time as everybody's, to the second before and after. */
Test(log, json_tells_the_time, .timeout = 20)
{
	char before[40], after[40];
	time_t now = time(NULL);

	strftime(before, sizeof before, "{\"time\":\"%Y-%m-%dT%H:%M:%S.", gmtime(&now));
	struct run *run = stall("stderr", "SNDTIMEO_LOG_FORMAT=json", "sleep 0");

	now = time(NULL);
	strftime(after, sizeof after, "{\"time\":\"%Y-%m-%dT%H:%M:%S.", gmtime(&now));
	cr_assert(strncmp(run->errors, before, strlen(before)) >= 0 && strncmp(run->errors, after, strlen(after)) <= 0, "%s",
		  run->errors);
}

/* ---- verbose ------------------------------------------------------------------------------------------------------------ */

Test(log, verbose, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	const unsigned port = peer_port(peer);
	struct run *run = play(&(struct setting){ .send_ms = 2500, .connect_ms = 3000, .environment = { "SNDTIMEO_VERBOSE=1" } },
			       "sock tcp4; connect %u; sock #2 tcp4; listen #2; client #2; accept #2 accept 3; sock #4 unix; "
			       "sock #6 udp4; connect #6 %u @udp; send send 10", port, port);
	const char *lines[] = {
		": active (sndtimeo ", "): connect=3s send=2500ms policy=replace\n",
		text(": connection to 127.0.0.1:%u: connect=3s send=2500ms policy=replace\n", port),
		": connection from 127.0.0.1:",
	};

	expect_clean(run);
	for (size_t i = 0; i < ROWS_OF(lines); i++)
		cr_assert(strstr(run->errors, lines[i]), "%s is missing in\n%s", lines[i], run->errors);
	cr_assert(count_of(run->errors, "\n") == 3, "%s", run->errors);
	peer_finish(peer, 0);
}

/* Who asks to be told is told that there is nothing. */
Test(log, verbose_without_a_limit, .timeout = 20)
{
	struct run *run = play(&(struct setting){ .environment = { "SNDTIMEO_VERBOSE=1", "SNDTIMEO_SEND=off" } },
			       "sock tcp4; connect 9; sock #1 unix; send #1 send 10");

	expect_clean(run);
	cr_assert(strstr(run->errors, ": not active (sndtimeo ") && strstr(run->errors, "): off\n") && count_of(run->errors, "\n") == 1,
		  "%s", run->errors);
}

/* A connect that does not wait is told of once, however often the program asks. */
Test(log, verbose_once, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .send_ms = 2500, .environment = { "SNDTIMEO_VERBOSE=1",
				       "SNDTIMEO_RULES=*:1 off;127.0.0.0/8 send=3s" } },
			       "sock tcp4; nonblock 1; connect %u; wait poll out 1000; connect @a 9; connect @b 9; getopt error; send send 10",
			       peer_port(peer));

	expect_clean(run);
	cr_assert(strstr(run->errors, text(": connection to 127.0.0.1:%u: send=3s policy=replace (rule 2)\n", peer_port(peer))),
		  "%s", run->errors);
	cr_assert(count_of(run->errors, "\n") == 2, "%s", run->errors);
	peer_finish(peer, 0);
}
