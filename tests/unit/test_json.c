/* SPDX-License-Identifier: MIT */
/** @file
 * @brief json_*(): one object in one line, whatever is in it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/json.h"

#define COUNT(array) (sizeof (array) / sizeof *(array))

/* A line, with bytes behind it that must stay as they are. */
struct guarded {
	char buffer[400];
	struct text line;
};

static struct text *begin(struct guarded *g, size_t size)
{
	memset(g->buffer, '#', sizeof g->buffer);
	text_start(&g->line, g->buffer, size);
	json_begin(&g->line);
	return &g->line;
}

static void expect_line(const struct guarded *g, const char *wanted)
{
	cr_expect_str_eq(g->buffer, wanted, "%s, not %s", g->buffer, wanted);
	cr_expect_eq(g->line.length, strlen(wanted));
	for (size_t i = g->line.size; i < sizeof g->buffer; i++)
		cr_expect_eq(g->buffer[i], '#', "byte %zu behind the buffer was written", i);
}

#define SOME \
	"{\"event\":\"it said \\\"no\\\" {\",\"path\":\"C:\\\\a\\\\\",\"count\":7,\"good\":true," \
	"\"bad\":false,\"peer\":null,\"empty\":\"\",\"odd\":\"??? </&'\"}"

static void add_some(struct text *line)
{
	json_string(line, "event", "it said \"no\" {", 100);
	json_string(line, "path", "C:\\a\\", 100);
	json_number(line, "count", 7);
	json_bool(line, "good", true);
	json_bool(line, "bad", false);
	json_number(line, "peer", -1);
	json_string(line, "empty", "", 100);
	json_string(line, "odd", "\n\xc3\xbc </&'", 100);
	json_end(line);
}

Test(json, empty_object)
{
	struct guarded g;

	json_end(begin(&g, 40));
	expect_line(&g, "{}");
}

Test(json, one_of_each)
{
	struct guarded g;

	json_string(begin(&g, 40), "key", "value", 100);
	json_end(&g.line);
	expect_line(&g, "{\"key\":\"value\"}");
	json_number(begin(&g, 40), "key", 17);
	json_end(&g.line);
	expect_line(&g, "{\"key\":17}");
	json_bool(begin(&g, 40), "key", true);
	json_end(&g.line);
	expect_line(&g, "{\"key\":true}");
	json_bool(begin(&g, 40), "key", false);
	json_end(&g.line);
	expect_line(&g, "{\"key\":false}");
	json_number(begin(&g, 40), "key", -1);
	json_end(&g.line);
	expect_line(&g, "{\"key\":null}");
	json_string(begin(&g, 40), "key", NULL, 100);
	json_end(&g.line);
	expect_line(&g, "{\"key\":null}");
}

Test(json, several)
{
	struct guarded g;

	add_some(begin(&g, 300));
	expect_line(&g, SOME);
}

Test(json, behind_something)
{
	struct guarded g;

	memset(g.buffer, '#', sizeof g.buffer);
	text_start(&g.line, g.buffer, 60);
	text_add(&g.line, "<6>");
	json_begin(&g.line);
	json_number(&g.line, "one", 1);
	json_number(&g.line, "two", 2);
	json_end(&g.line);
	text_add(&g.line, "\n");
	expect_line(&g, "<6>{\"one\":1,\"two\":2}\n");
}

Test(json, strings)
{
	static const struct {
		const char *value;
		size_t most;
		const char *wanted;
	} cases[] = {
		{"plain ~!", 60, "plain ~!"},
		{"", 60, ""},
		{"\"", 60, "\\\""},
		{"\\", 60, "\\\\"},
		{"\\\"\\", 60, "\\\\\\\"\\\\"},
		{"\\n\\u0041", 60, "\\\\n\\\\u0041"},
		{"{", 60, "{"},
		{"two\nlines\r\n", 60, "two?lines??"},
		{"\b\f\t\v\a\1\x1f\033[2J\x7f", 60, "????????[2J?"},
		{"gr\xc3\xbcn \x9b\xff\x80", 60, "gr??n ???"},
		{"</script>", 60, "</script>"},
		/* Bytes of the value are counted, and not what becomes of them. */
		{"12345", 5, "12345"},
		{"123456", 5, "12345"},
		{"\"\"\"\"", 2, "\\\"\\\""},
		{"\\x", 1, "\\\\"},
		{"1", 0, ""},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct guarded g;
		char wanted[100];

		snprintf(wanted, sizeof wanted, "{\"key\":\"%s\",\"next\":1}", cases[i].wanted);
		json_string(begin(&g, 100), "key", cases[i].value, cases[i].most);
		json_number(&g.line, "next", 1);
		json_end(&g.line);
		expect_line(&g, wanted);
	}
}

/* Nothing behind so many bytes is looked at. */
Test(json, strings_without_a_nul)
{
	struct guarded g;
	char *bytes = malloc(3); /* exactly: the address sanitizer watches its end */

	cr_assert(bytes);
	memcpy(bytes, "abc", 3);
	json_string(begin(&g, 100), "key", bytes, 3);
	json_end(&g.line);
	expect_line(&g, "{\"key\":\"abc\"}");
	free(bytes);
}

Test(json, every_byte)
{
	for (int byte = 1; byte < 256; byte++) {
		struct guarded g;
		char value[] = {(char)byte, '\0'}, wanted[40];

		snprintf(wanted, sizeof wanted, "{\"key\":\"%s%c\"}", byte == '"' || byte == '\\' ? "\\" : "",
		         byte >= ' ' && byte <= '~' ? byte : '?');
		json_string(begin(&g, 40), "key", value, 1);
		json_end(&g.line);
		expect_line(&g, wanted);
	}
}

Test(json, numbers)
{
	static const struct {
		int64_t number;
		const char *wanted;
	} cases[] = {
		{0, "{\"key\":0}"},
		{-1, "{\"key\":null}"},
		{INT64_MAX, "{\"key\":9223372036854775807}"},
		{INT64_MIN, "{\"key\":null}"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct guarded g;

		json_number(begin(&g, 60), "key", cases[i].number);
		json_end(&g.line);
		expect_line(&g, cases[i].wanted);
	}
}

/* What there is room for, to the byte. */
Test(json, cut)
{
	for (size_t size = 1; size <= sizeof SOME + 5; size++) {
		struct guarded g;
		char wanted[sizeof SOME] = "";

		add_some(begin(&g, size));
		memcpy(wanted, SOME, size < sizeof SOME ? size - 1 : sizeof SOME - 1);
		expect_line(&g, wanted);
	}
}

/* By somebody else's reading. */
Test(json, python_reads_it, .timeout = 60)
{
	static const char script[] =
		"import json, sys\n"
		"assert json.loads(sys.argv[1]) == {'event': 'it said \"no\" {', 'path': 'C:\\\\a\\\\', 'count': 7,\n"
		"    'good': True, 'bad': False, 'peer': None, 'empty': '', 'odd': \"??? </&'\"}\n"
		"assert json.loads(sys.argv[2]) == {}\n"
		"all = ''.join(chr(c) if 32 <= c < 127 else '?' for c in range(1, 256))\n"
		"assert json.loads(sys.argv[3]) == {'all': all}\n";
	const char *python = getenv("PYTHON");
	char all[256] = "";
	struct guarded some, none, each;
	int status;

	if (!python || access(python, X_OK) != 0)
		cr_skip_test("no Python is to be had here");
	for (int byte = 1; byte < 256; byte++)
		all[byte - 1] = (char)byte;
	add_some(begin(&some, sizeof some.buffer));
	json_end(begin(&none, sizeof none.buffer));
	json_string(begin(&each, sizeof each.buffer), "all", all, sizeof all);
	json_end(&each.line);

	const pid_t pid = fork();

	cr_assert(pid >= 0);
	if (pid == 0) {
		execl(python, python, "-c", script, some.buffer, none.buffer, each.buffer, (char *)NULL);
		_exit(99);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0, "%d", status);
}
