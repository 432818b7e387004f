/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A bounded line of text, built without stdio and without memory from the heap.
 */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

static void add_bytes(struct text *t, const char *bytes, size_t count)
{
	size_t room = t->size - t->length - 1;

	if (count > room)
		count = room;
	memcpy(t->at + t->length, bytes, count);
	t->length += count;
	t->at[t->length] = '\0';
}

static void add_unsigned(struct text *t, uint64_t number)
{
	char digits[20];
	size_t first = sizeof digits;

	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	add_bytes(t, digits + first, sizeof digits - first);
}

void text_start(struct text *t, char *buffer, size_t size)
{
	t->at = buffer;
	t->size = size;
	t->length = 0;
	buffer[0] = '\0';
}

void text_add(struct text *t, const char *string)
{
	add_bytes(t, string, strnlen(string, t->size));
}

void text_add_format(struct text *t, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (; *format; format++) {
		if (*format != '%')
			add_bytes(t, format, 1);
		else if (*++format == 's')
			text_add(t, va_arg(arguments, const char *));
		else {
			format++;
			text_add_number(t, va_arg(arguments, intmax_t));
		}
	}
	va_end(arguments);
}

void text_add_foreign(struct text *t, const char *string, size_t most)
{
	for (size_t i = 0; string[i] != '\0'; i++) {
		if (i == most) {
			text_add(t, "...");
			return;
		}

		bool printable = string[i] >= ' ' && string[i] <= '~';
		add_bytes(t, printable ? &string[i] : "?", 1);
	}
}

void text_add_number(struct text *t, int64_t number)
{
	if (number < 0) {
		text_add(t, "-");
		add_unsigned(t, -(uint64_t)number); /* unsigned: INT64_MIN has no positive twin */
	} else {
		add_unsigned(t, (uint64_t)number);
	}
}

void text_add_seconds(struct text *t, int64_t ms)
{
	int64_t tenths = ms / 100 + (ms % 100 >= 50);

	text_add_format(t, "%jd.%jd s", (intmax_t)(tenths / 10), (intmax_t)(tenths % 10));
}

/* strerror(3) may allocate and translate. */
static const char *error_text(int error)
{
	switch (error) {
	case ENOENT: return "No such file or directory";
	case EACCES: return "Permission denied";
	case EPERM: return "Operation not permitted";
	case EISDIR: return "Is a directory";
	case EMFILE: return "Too many open files";
	case ENOTDIR: return "Not a directory";
	case ELOOP: return "Too many levels of symbolic links";
	case ENAMETOOLONG: return "File name too long";
	case EROFS: return "Read-only file system";
	case ENOSPC: return "No space left on device";
	case ECONNREFUSED: return "Connection refused";
	case ENXIO: return "No such device or address";
	default: return NULL;
	}
}

void text_add_error(struct text *t, int error)
{
	const char *known = error_text(error);

	if (known)
		text_add(t, known);
	else
		text_add_format(t, "error %jd", (intmax_t)error);
}

void text_add_bytes(struct text *t, uint64_t bytes)
{
	static const char units[][7] = {" bytes", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
	size_t unit = 0;

	while (bytes >> (10 * unit) >= 1024)
		unit++;
	add_unsigned(t, bytes >> (10 * unit));
	if (unit > 0) {
		uint64_t rest = bytes & ((UINT64_C(1) << (10 * unit)) - 1);

		text_add(t, ".");
		add_unsigned(t, rest * 10 >> (10 * unit)); /* at most 2^60 * 10: fits */
	}
	text_add(t, bytes == 1 ? " byte" : units[unit]);
}
