/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One JSON object in one line.
 */
#include "base/json.h"

void json_begin(struct text *t)
{
	text_add(t, "{");
}

static void begin_value(struct text *t, const char *key)
{
	text_add_format(t, t->length && t->at[t->length - 1] != '{' ? ",\"%s\":" : "\"%s\":", key);
}

void json_string(struct text *t, const char *key, const char *value, size_t most)
{
	if (!value) {
		json_number(t, key, -1);
		return;
	}
	begin_value(t, key);
	text_add(t, "\"");
	for (size_t i = 0; i < most && value[i]; i++) {
		if (value[i] == '"' || value[i] == '\\')
			text_add(t, "\\");
		text_add_foreign(t, (const char[]){value[i], '\0'}, 1);
	}
	text_add(t, "\"");
}

void json_number(struct text *t, const char *key, int64_t value)
{
	begin_value(t, key);
	if (value < 0)
		text_add(t, "null");
	else
		text_add_number(t, value);
}

void json_bool(struct text *t, const char *key, bool value)
{
	begin_value(t, key);
	text_add(t, value ? "true" : "false");
}

void json_end(struct text *t)
{
	text_add(t, "}");
}
