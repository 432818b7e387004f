/* SPDX-License-Identifier: MIT */
/** @file
 * @brief text_*(): lines built in a fixed buffer.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"

/* A line of @p size bytes at most, with bytes behind it that must stay as they are. */
struct guarded {
	char buffer[64];
	struct text line;
};

static struct text *start(struct guarded *g, size_t size)
{
	memset(g->buffer, '#', sizeof g->buffer);
	text_start(&g->line, g->buffer, size);
	return &g->line;
}

static void expect_line(const struct guarded *g, const char *wanted)
{
	cr_expect_str_eq(g->buffer, wanted);
	cr_expect_eq(g->line.length, strlen(wanted), "the length is %zu, not %zu", g->line.length, strlen(wanted));
	for (size_t i = g->line.size; i < sizeof g->buffer; i++)
		cr_expect_eq(g->buffer[i], '#', "byte %zu behind the buffer was written", i);
}

Test(text, starts_empty)
{
	struct guarded g;

	start(&g, 10);
	expect_line(&g, "");
}

Test(text, is_cut_at_the_end_of_the_buffer)
{
	static const struct {
		size_t size;
		const char *wanted;
	} cases[] = {{1, ""}, {2, "1"}, {4, "123"}, {6, "12345"}, {7, "12345-"}, {9, "12345-78"}, {10, "12345-789"}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct guarded g;
		struct text *line = start(&g, cases[i].size);

		text_add(line, "123");
		text_add(line, "");
		text_add(line, "45");
		text_add_number(line, -789);
		expect_line(&g, cases[i].wanted);
		text_add_foreign(line, "", 5);
		cr_expect_str_eq(g.buffer, cases[i].wanted);
	}
}

Test(text, foreign_bytes_are_harmless)
{
	static const struct {
		const char *string;
		size_t most;
		const char *wanted;
	} cases[] = {
		{"plain ~!", 60, "plain ~!"},
		{"two\nlines\r\n", 60, "two?lines??"},
		{"\033[2J\a\t\x7f", 60, "?[2J???"},
		{"gr\xc3\xbcn \x9b", 60, "gr??n ?"},
		{"12345", 5, "12345"},
		{"123456", 5, "12345..."},
		{"1", 0, "..."},
		{"", 0, ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct guarded g;

		text_add_foreign(start(&g, 40), cases[i].string, cases[i].most);
		expect_line(&g, cases[i].wanted);
	}
}

Test(text, numbers)
{
	static const struct {
		int64_t number;
		const char *wanted;
	} cases[] = {
		{0, "0"},
		{7, "7"},
		{10, "10"},
		{-1, "-1"},
		{1234567890, "1234567890"},
		{INT64_MAX, "9223372036854775807"},
		{INT64_MIN, "-9223372036854775808"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct guarded g;

		text_add_number(start(&g, 40), cases[i].number);
		expect_line(&g, cases[i].wanted);
	}
}

Test(text, seconds)
{
	static const struct {
		int64_t ms;
		const char *wanted;
	} cases[] = {
		{0, "0.0 s"},
		{49, "0.0 s"},
		{50, "0.1 s"},
		{250, "0.3 s"},
		{949, "0.9 s"},
		{950, "1.0 s"},
		{30000, "30.0 s"},
		{4049, "4.0 s"},
		{INT32_MAX, "2147483.6 s"},
		{INT64_MAX, "9223372036854775.8 s"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct guarded g;

		text_add_seconds(start(&g, 40), cases[i].ms);
		expect_line(&g, cases[i].wanted);
	}
}

Test(text, bytes)
{
	static const struct {
		uint64_t bytes;
		const char *wanted;
	} cases[] = {
		{0, "0 bytes"},
		{1, "1 byte"},
		{512, "512 bytes"},
		{1023, "1023 bytes"},
		{1024, "1.0 KiB"},
		{1300, "1.2 KiB"},
		{1024 * 1024 - 1, "1023.9 KiB"},
		{1024 * 1024, "1.0 MiB"},
		{50 * 1000 * 1000, "47.6 MiB"},
		{UINT64_C(1) << 30, "1.0 GiB"},
		{UINT64_C(3) << 39, "1.5 TiB"},
		{UINT64_C(1) << 50, "1.0 PiB"},
		{UINT64_MAX, "15.9 EiB"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct guarded g;

		text_add_bytes(start(&g, 40), cases[i].bytes);
		expect_line(&g, cases[i].wanted);
	}
}

/* What opening a file gives has a name, untranslated; everything else its number. */
Test(text, errors)
{
	static const struct {
		int error;
		const char *wanted;
	} cases[] = {
		{ENOENT, "No such file or directory"},
		{EACCES, "Permission denied"},
		{EPERM, "Operation not permitted"},
		{EISDIR, "Is a directory"},
		{ENOTDIR, "Not a directory"},
		{ELOOP, "Too many levels of symbolic links"},
		{ENAMETOOLONG, "File name too long"},
		{EROFS, "Read-only file system"},
		{ENOSPC, "No space left on device"},
		{ECONNREFUSED, "Connection refused"},
		{ENXIO, "No such device or address"},
		{EMFILE, "Too many open files"},
		{EIO, "error 5"},
		{0, "error 0"},
		{-1, "error -1"},
		{99999, "error 99999"},
	};
	struct guarded g;
	int named = 0;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		text_add_error(start(&g, 60), cases[i].error);
		expect_line(&g, cases[i].wanted);
	}
	for (int error = 1; error < 140; error++) {
		char number[20];

		snprintf(number, sizeof number, "error %d", error);
		text_add_error(start(&g, 60), error);
		if (strncmp(g.buffer, "error ", 6) == 0)
			expect_line(&g, number);
		else
			named++;
	}
	cr_expect_eq(named, 12);
}

Test(text, error_behind_something_and_cut)
{
	struct guarded g;

	text_add(start(&g, 9), "a: ");
	text_add_error(&g.line, ENOENT);
	expect_line(&g, "a: No su");
	text_add(start(&g, 9), "a: ");
	text_add_error(&g.line, 12345);
	expect_line(&g, "a: error");
}
