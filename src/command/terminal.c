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
#include "outside/kept.h"

#define SECOND_SCREEN "\033[?1049h\033[?25l"
#define FIRST_SCREEN "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define END_OF_LINE "\033[K\r\n"
#define BELOW "\033[J"

static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT};

static volatile sig_atomic_t ended, redraw, stopped;
static struct termios before;
static bool has_keys, entered;
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

/* A terminal may take nothing for as long as its user likes: a signal ends that. Returns false if it is gone, or was given up. */
static bool put(const char *bytes, size_t length)
{
	sigset_t blocked;
	bool good = true;

	sigprocmask(SIG_SETMASK, &mask, &blocked);
	while (length && good) {
		const ssize_t count = write(STDOUT_FILENO, bytes, length);
		struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};

		if (count < 0 && errno == EAGAIN)
			good = poll(&room, 1, 1000) > 0 || !ended;
		else if (count < 0)
			good = errno == EINTR && !ended;
		bytes += count > 0 ? count : 0;
		length -= count > 0 ? (size_t)count : 0;
	}
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	return good;
}

/* Whether it is ours to draw on: not where a shell has put us into the background. One that is nobody's controlling terminal is. */
static bool is_in_front(void)
{
	const pid_t front = tcgetpgrp(STDOUT_FILENO);

	return front < 0 || front == getpgrp();
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
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
}

static bool enter(void)
{
	entered = true;
	take_keys();
	return put(SECOND_SCREEN, strlen(SECOND_SCREEN));
}

static void leave(void)
{
	if (entered && is_in_front()) {
		put(FIRST_SCREEN, strlen(FIRST_SCREEN));
		if (has_keys)
			tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	}
	entered = false;
}

bool terminal_open(void)
{
	const char *kind = getenv("TERM");

	if (!isatty(STDOUT_FILENO) || !kind || !*kind || strcmp(kind, "dumb") == 0 || !is_in_front())
		return false;
	kept_signals(signals, sizeof signals / sizeof *signals, note, &mask);
	return true;
}

void terminal_size(size_t *columns, size_t *lines)
{
	struct winsize size;
	const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;

	*columns = known ? size.ws_col : 80;
	*lines = known ? size.ws_row : 24;
}

bool terminal_show(const char *text, size_t length)
{
	if (!is_in_front())
		return true;
	if (!entered && !enter())
		return false;
	/* In one write, each line over the one that was there, so that nothing flickers. */
	size_t lines = 1, at = 0;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	char *all = malloc(length + lines * strlen(END_OF_LINE) + sizeof HOME + sizeof BELOW);

	if (!all)
		return true;
	at = (size_t)(stpcpy(all, HOME) - all);
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			at = (size_t)(stpcpy(all + at, END_OF_LINE) - all);
		else
			all[at++] = text[i];
	}
	at = (size_t)(stpcpy(all + at, BELOW) - all);
	const bool shown = put(all, at);

	free(all);
	return shown;
}

/* As somebody who does not know of SIGTSTP would be stopped: not where nobody is there to let us go on. */
static void stop(void)
{
	const struct sigaction action = {.sa_handler = note}, plain = {.sa_handler = SIG_DFL};
	sigset_t one, blocked;

	stopped = 0;
	leave();
	sigaction(SIGTSTP, &plain, NULL);
	sigemptyset(&one);
	sigaddset(&one, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &one, &blocked);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	sigaction(SIGTSTP, &action, NULL);
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
