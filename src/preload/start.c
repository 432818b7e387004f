/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Starts the library: bindings, limits, and the sockets that came over exec.
 */
#include "preload/start.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#include "config.h"

#include "base/anchor.h"
#include "base/libc.h"
#include "base/process.h"
#include "base/signals.h"
#include "calls/options.h"
#include "calls/wait.h"
#include "connection/duplicate.h"
#include "connection/memory.h"
#include "connection/socket.h"
#include "limits/configured.h"
#include "limits/machine.h"
#include "tell/digest.h"
#include "tell/line.h"
#include "tell/log.h"
#include "tell/report.h"
#include "tell/summary.h"

/** Inherited descriptors are looked for below this number, and further while there are any: by a poll(2) for so many at once. */
#define INHERITED_LEAST 512
#define INHERITED_AT_ONCE 256

bool started;

/** sndtimeo --status looks for it; nothing here does. */
__attribute__((used)) static struct anchor anchor = {.magic = ANCHOR_MAGIC};

static void complain(enum settings_fault fault, const char *what, const char *why, void *context)
{
	char buffer[SETTINGS_COMPLAINT_SIZE];
	const bool *machine_wide = context;
	struct text line;
	text_start(&line, buffer, sizeof buffer);
	settings_complaint(&line, fault, what, why, true);
	if (*machine_wide && fault == SETTINGS_RULE)
		report_complaint_of_machine(buffer);
	else
		report_complaint(buffer);
}

/** Adopt the sockets among the @p count descriptors from @p first on. @return whether any is open */
static bool adopt_some(int first, nfds_t count)
{
	bool any = false;
	struct pollfd open[INHERITED_AT_ONCE], *const end = open + count;
	for (struct pollfd *p = open; p < end; p++) {
		p->fd = first++;
		p->events = 0;
	}
	if (libc.poll(open, count, 0) < 0)
		return false;
	for (const struct pollfd *p = open; p < end; p++)
		if (!(p->revents & POLLNVAL)) {
			any = true;
			adopt(p->fd);
		}
	return any;
}

static void adopt_inherited(void)
{
	struct rlimit most;
	/* No descriptor is higher, and poll(2) refuses more entries. */
	const rlim_t end = libc.getrlimit(RLIMIT_NOFILE, &most) == 0 ? most.rlim_cur : INHERITED_LEAST;
	bool any = true;
	for (rlim_t first = 0; first < end && first < DESCRIPTORS && (any || first < INHERITED_LEAST); first += INHERITED_AT_ONCE)
		any = adopt_some((int)first, end - first < INHERITED_AT_ONCE ? (nfds_t)(end - first) : INHERITED_AT_ONCE);
}

/** Where nothing can be told, somebody should hear of it. */
static void check_log(void)
{
	char buffer[SETTINGS_COMPLAINT_SIZE];
	struct text line;
	const int error = log_defect();
	if (!error)
		return;
	text_start(&line, buffer, sizeof buffer);
	text_add(&line, SETTINGS_PREFIX "LOG='");
	text_add_foreign(&line, settings.log == LOG_TO_FILE ? settings.log_path : "syslog", 60);
	text_add(&line, "': ");
	text_add_error(&line, error);
	text_add(&line, ": timeouts are not told of");
	report_complaint(buffer);
}

static void start_modules(void)
{
	process_start();
	duplicate_start();
	if (settings.summary) {
		summary_start();
		summary_on = true;
	}
	check_log();
	anchor = (struct anchor){.magic = ANCHOR_MAGIC, .version = PACKAGE_VERSION, .settings = &settings,
	                         .rules = settings.rules.count, .memories = memory_chunks(), .active = &active};
}

/** A libc that lacks what we need: nothing is limited, and one line says so, unless that takes what is missing (log.c). */
__attribute__((cold)) static void give_up(const char *missing)
{
	char buffer[SETTINGS_COMPLAINT_SIZE];
	struct text line;
	if (!(libc.write && libc.syscall && libc.poll && libc.ppoll && libc.sigprocmask && libc.pthread_setcancelstate &&
	      libc.sigemptyset && libc.sigaddset && libc.sigismember && libc.sigpending && libc.sigtimedwait))
		return;
	log_start();
	text_start(&line, buffer, sizeof buffer);
	text_add_format(&line, "this libc has no %s(): nothing is limited", missing);
	report_complaint(buffer);
}

__attribute__((cold)) static void begin(void)
{
	/* The environment of a program that runs with more rights than its caller is not to be trusted. */
	if (!libc.getauxval || libc.getauxval(AT_SECURE) || !libc.syscall)
		return;
	bool machine_wide = machine_preloads_us();
	if (!settings_given(environ) && !(machine_wide && machine_has_config()))
		return;
	const char *missing = bind_libc_rest();
	if (missing) {
		give_up(missing);
		return;
	}
	const int cancelled = signals_hold_cancellation();
	log_start();
	line_start();
	settings_read(&settings, environ, machine_wide, complain, &machine_wide);
	if (settings.verbose)
		report_active();
	if (settings_limit(&settings)) {
		start_modules();
		active = true;
		sends_limited = settings.limits.send_ms || settings.limits.send_total_ms || settings.rules.count;
		adopt_inherited();
	} else
		/* The program before had limits. */
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			socket_leave_stdio(fd);
	signals_release_cancellation(cancelled);
}

void start(void)
{
	static atomic_int begun;
	const int before = errno;
	const bool again = atomic_exchange(&begun, 1);
	/* Whoever comes while another thread begins does not wait for it, and has no limits yet. */
	bind_libc();
	started = true;
	if (!again) {
		begin();
		descriptor_known = active ? DESCRIPTOR_SEEN : 0;
		descriptor_tried = sends_limited ? DESCRIPTOR_COVERED : ~0u;
		descriptor_bound = DESCRIPTORS;
		atomic_fetch_sub(&memory_waits_matter, 1);
	}
	errno = before;
}

void finish(void)
{
	if (!active || !summary_on || process_is_vforked())
		return;
	const int before = errno;
	if (summary_claim())
		digest_tell();
	errno = before;
}

void start_may_end(void)
{
	const int before = errno;
	if (settings.verbose)
		report_sandboxed();
	finish();
	errno = before;
}

void start_no_more(void)
{
	active = sends_limited = false;
	descriptor_known = 0;
	descriptor_tried = ~0u;
}

/* A program without libc has nothing to limit, and us nothing to run with. */
#pragma weak dl_iterate_phdr

__attribute__((constructor)) static void construct(void)
{
	if (dl_iterate_phdr)
		start();
}

__attribute__((destructor)) static void destruct(void)
{
	finish();
}
