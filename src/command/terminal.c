/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A terminal that is drawn on again and again, and left as it was.
 */
#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"

#define SECOND_SCREEN "\033[?1049h\033[?25l"
#define FIRST_SCREEN "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define END_OF_LINE "\033[K\r\n"
#define BELOW "\033[J"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT};

static volatile sig_atomic_t ended, redraw, stopped;
static struct termios before;
static bool has_keys;
static sigset_t mask;

static void note(int number)
{
	if (number == SIGTSTP)
		stopped = 1;
	else if (number == SIGWINCH || number == SIGCONT)
		redraw = 1;
	else
		ended = 1;
}

static void put(const char *bytes, size_t length)
{
	while (length) {
		const ssize_t count = write(STDOUT_FILENO, bytes, length);

		if (count < 0 && errno != EINTR && errno != EAGAIN)
			break;
		bytes += count > 0 ? count : 0;
		length -= count > 0 ? (size_t)count : 0;
	}
}

/* Keys come one by one and are not shown. Where we are in the background they are somebody else's, and asking stops us. */
static void take_keys(void)
{
	struct termios keys;

	has_keys = tcgetpgrp(STDIN_FILENO) == getpgrp() && tcgetattr(STDIN_FILENO, &before) == 0;
	if (!has_keys)
		return;
	keys = before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
}

static void enter(void)
{
	take_keys();
	put(SECOND_SCREEN, strlen(SECOND_SCREEN));
}

static void leave(void)
{
	put(FIRST_SCREEN, strlen(FIRST_SCREEN));
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

bool terminal_open(void)
{
	const char *kind = getenv("TERM");
	const struct sigaction action = {.sa_handler = note};
	sigset_t ours;

	if (!isatty(STDOUT_FILENO) || !kind || !*kind || strcmp(kind, "dumb") == 0)
		return false;
	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaddset(&ours, signals[i]);
	sigprocmask(SIG_BLOCK, &ours, &mask);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction old;

		sigdelset(&mask, signals[i]);
		/* Who began us with one ignored wants it so. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
	enter();
	return true;
}

void terminal_size(size_t *columns, size_t *lines)
{
	struct winsize size;
	const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;

	*columns = known ? size.ws_col : 80;
	*lines = known ? size.ws_row : 24;
}

void terminal_show(const char *text, size_t length)
{
	/* In one write, each line over the one that was there, so that nothing flickers. */
	size_t lines = 1, at = 0;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	char *all = malloc(length + lines * strlen(END_OF_LINE) + sizeof HOME + sizeof BELOW);

	if (!all)
		return;
	at = (size_t)(stpcpy(all, HOME) - all);
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			at = (size_t)(stpcpy(all + at, END_OF_LINE) - all);
		else
			all[at++] = text[i];
	}
	at = (size_t)(stpcpy(all + at, BELOW) - all);
	put(all, at);
	free(all);
}

/* As somebody who does not know of SIGTSTP would be stopped. */
static void stop(void)
{
	stopped = 0;
	leave();
	raise(SIGSTOP);
	enter();
	redraw = 1;
}

static bool is_quit_key(void)
{
	char keys[64];
	const ssize_t count = read(STDIN_FILENO, keys, sizeof keys);

	if (count <= 0)
		has_keys = false;
	return count > 0 && (memchr(keys, 'q', (size_t)count) || memchr(keys, 'Q', (size_t)count));
}

enum terminal_event terminal_wait(int64_t until_ns)
{
	for (;;) {
		const int64_t now_ns = clock_now_ns();

		if (stopped)
			stop();
		if (ended)
			return TERMINAL_QUIT;
		if (redraw) {
			redraw = 0;
			return TERMINAL_REDRAW;
		}
		if (now_ns >= until_ns)
			return TERMINAL_TIME;
		const struct timespec left = clock_timespec(until_ns - now_ns);
		struct pollfd keys = {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN};

		if (ppoll(&keys, 1, &left, &mask) > 0 && is_quit_key())
			return TERMINAL_QUIT;
	}
}

void terminal_close(void)
{
	leave();
}
