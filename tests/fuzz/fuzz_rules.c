/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Fuzzes the rules: what is read of them, what is said of bad ones, and what they match.
 *
 * An input is the text of rules. What is found in them is compared with what each rule, read alone, is for.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holds.h"
#include "src/limits/nearest.h"
#include "src/limits/program.h"
#include "src/limits/rules.h"

#define LINE_SIZE 400
#define ORIGIN "SNDTIMEO_RULES"

/* ---- complaints -------------------------------------------------------------------------------------------------- */

struct complaints {
	const char *text;
	size_t size;
	size_t count;
};

/** The byte that a complaint points at; one behind the end is good, too. */
static void check_place(const struct complaints *in, const char *line)
{
	size_t row, column, start = 0;
	HOLDS(sscanf(line, ORIGIN ":%zu:%zu: ", &row, &column) == 2);
	HOLDS(row > 0 && column > 0);
	while (--row > 0) {
		const char *newline = memchr(in->text + start, '\n', in->size - start);
		HOLDS(newline);
		start = (size_t)(newline - in->text) + 1;
	}
	HOLDS(start + column - 1 <= in->size);
	HOLDS(!memchr(in->text + start, '\n', column - 1));
}

static void check_line(const char *line, void *context)
{
	struct complaints *complaints = context;
	const size_t length = strnlen(line, LINE_SIZE);
	/* Shorter than its room: nothing was cut off. */
	HOLDS(length < LINE_SIZE - 1);
	for (size_t i = 0; i < length; i++)
		HOLDS(line[i] >= ' ' && line[i] <= '~');
	HOLDS(strstr(line, ": expected "));
	check_place(complaints, line);
	complaints->count++;
}

/* ---- look-ups, by another way ------------------------------------------------------------------------------------ */

/** A part of the text. */
struct part {
	const char *at, *end;
};

/** Cut off the next rule; its separator, which may be behind a comment, is not in it. */
static bool next_rule(struct part *rest, struct part *rule)
{
	bool word = false, comment = false;
	if (rest->at >= rest->end)
		return false;
	rule->at = rule->end = rest->at;
	for (; rest->at < rest->end && *rest->at != '\n' && (comment || *rest->at != ';'); rest->at++) {
		comment = comment || (!word && *rest->at == '#');
		word = !strchr(" \t\r", *rest->at) || *rest->at == '\0';
		if (!comment)
			rule->end = rest->at + 1;
	}
	rest->at++;
	return true;
}

static bool same_bits(const uint8_t *one, const uint8_t *other, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if ((one[i / 8] ^ other[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/** Copy the first word that begins at @p start or behind it. @return where it ends */
static const char *copy_word(const char *start, const char *end, char word[512])
{
	size_t length = 0;
	while (start < end && strchr(" \t\r", *start))
		start++;
	for (; start + length < end && !strchr(" \t\r", start[length]); length++)
		HOLDS(length < 512 - 1);
	memcpy(word, start, length);
	word[length] = '\0';
	return start + length;
}

/** Whether a rule that was taken, and so is a good one, is for the destination. */
static bool is_for(const struct part *rule, const struct destination *to)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char word[512], behind[512] = "", name[INET6_ADDRSTRLEN];
	uint8_t address[16], own[16];
	unsigned first = 0, last = UINT16_MAX, prefix = 128;
	size_t skip = 0;
	const char *rest = copy_word(rule->at, rule->end, word);
	if (strncmp(word, "program=", 8) == 0) {
		copy_word(rest, rule->end, word);
		/* A limit: it is for all. */
		if (strcmp(word, "off") == 0 || (strchr(word, '=') && !strchr(word, ':')))
			strcpy(word, "*");
	}
	if (strncmp(word, "unix:", 5) == 0) {
		const char *path = word[5] == '@' ? word + 6 : word + 5;
		return to->kind == DESTINATION_UNIX && to->abstract == (word[5] == '@') && strcmp(path, to->path) == 0;
	}
	if (to->kind != DESTINATION_IPV4 && to->kind != DESTINATION_IPV6)
		return false;
	const char *ports = *word == '[' ? strchr(strchr(word, ']'), ':') : strchr(word, ':');
	if (ports) {
		const int parts = sscanf(ports, ":%u-%u", &first, &last);
		HOLDS(parts >= 1);
		last = parts == 1 ? first : last;
	}
	if (to->port < first || to->port > last)
		return false;
	if (*word == '*')
		return true;
	memcpy(own, mapped, 12);
	memcpy(own + 12, to->address, 4);
	if (to->kind == DESTINATION_IPV6)
		memcpy(own, to->address, 16);
	if (*word == '[') {
		HOLDS(sscanf(word, "[%45[^]]]%511s", name, behind) >= 1);
		HOLDS(inet_pton(AF_INET6, name, address) == 1);
		sscanf(behind, "/%u", &prefix);
		skip = memcmp(address, mapped, 12) == 0 && prefix >= 96 ? 96 : 0;
	} else {
		HOLDS(sscanf(word, "%45[0-9.]%511s", name, behind) >= 1);
		memcpy(address, mapped, 12);
		HOLDS(inet_pton(AF_INET, name, address + 12) == 1);
		prefix = sscanf(behind, "/%u", &prefix) == 1 ? prefix + 96 : 128;
		skip = 96;
	}
	return (skip > 0) == (to->kind == DESTINATION_IPV4) && same_bits(address, own, prefix);
}

static void check_range(const struct limits *limits)
{
	HOLDS(limits->connect_ms >= 0);
	HOLDS(limits->send_ms >= 0);
	HOLDS(limits->send_total_ms >= 0);
	HOLDS(limits->unacked_ms >= 0);
	HOLDS(limits->min_rate >= 0 && limits->min_rate <= INT64_C(1) << 40);
	HOLDS(limits->policy == POLICY_REPLACE || limits->policy == POLICY_CAP);
}

/** Read each rule alone. @return how many were taken, all of them in @p good */
static size_t read_alone(const char *text, size_t size, struct part *good)
{
	static struct rules alone;
	struct part rest = {text, text + size}, rule;
	size_t count = 0;
	while (next_rule(&rest, &rule)) {
		struct complaints complaints = {rule.at, (size_t)(rule.end - rule.at), 0};
		alone.count = 0;   /* its room stays */
		rules_add(&alone, rule.at, complaints.size, ORIGIN, check_line, &complaints);
		HOLDS(alone.count + complaints.count <= 1);
		if (alone.count)
			good[count++] = rule;
	}
	return count;
}

static void check_look_up(const struct rules *rules, const struct part *good, const struct destination *to)
{
	size_t number = 0, wanted = 0;
	const struct limits *limits = rules_find(rules, to, &number);
	while (wanted < rules->count && !is_for(&good[wanted], to))
		wanted++;
	HOLDS((limits != NULL) == (wanted < rules->count));
	HOLDS(number == (limits ? wanted + 1 : 0));
	if (limits)
		check_range(limits);
}

/** The word with a number, cut if it is long; "" if there are not that many. */
static void find_word(const char *text, size_t size, unsigned number, char *word, size_t room)
{
	size_t at = 0, length = 0;
	for (unsigned i = 0; i <= number; i++) {
		while (at < size && strchr(" \t\r\n;", text[at]))
			at++;
		for (length = 0; at < size && !strchr(" \t\r\n;", text[at]); at++)
			if (length < room - 1)
				word[length++] = text[at];
	}
	word[length] = '\0';
}

/** Change a bit of the address: the last that counts with that prefix, or the one behind it, or any. */
static void flip(struct destination *to, const char *prefix, bool written_as_ipv6, unsigned change)
{
	const unsigned bits = to->kind == DESTINATION_IPV6 ? 128 : 32;
	unsigned bit = change * 7 % bits;
	if (change < 20) {
		bit = prefix ? (unsigned)strtoul(prefix + 1, NULL, 10) : written_as_ipv6 ? 128 : bits;
		bit -= (written_as_ipv6 && bits == 32 ? 96 : 0) + change % 2;
	}
	if (bit < bits)
		to->address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

/** Something that a rule with this word in front may be for; with @p change, only nearly so. */
static struct destination near_to(const char *word, unsigned change)
{
	struct destination to = {.kind = DESTINATION_IPV4, .port = 443, .address = {192, 0, 2, 7}};
	const bool ipv6 = *word == '[';
	const char *address_end = word + ipv6 + strcspn(word + ipv6, ipv6 ? "]" : "/:"), *colon = strchr(address_end, ':');
	char address[64];
	if (strncmp(word, "unix:", 5) == 0) {
		to = (struct destination){.kind = DESTINATION_UNIX, .abstract = word[5] == '@'};
		snprintf(to.path, sizeof to.path, "%s", word + 5 + to.abstract);
		to.path[sizeof to.path - 2] ^= change == 1 && to.path[sizeof to.path - 2];
		return to;
	}
	snprintf(address, sizeof address, "%.*s", (int)(address_end - word - ipv6), word + ipv6);
	if (inet_pton(AF_INET6, address, to.address) == 1 || change == 2)
		to.kind = DESTINATION_IPV6;
	else
		inet_pton(AF_INET, address, to.address);
	if (colon)
		to.port = (uint16_t)(strtoul(colon + 1, NULL, 10) + (change == 3));
	/* A mapped one never comes as IPv6 (destination_of()). */
	if (to.kind == DESTINATION_IPV6 && memcmp(to.address, (uint8_t[12]){[10] = 0xff, [11] = 0xff}, 12) == 0) {
		to.kind = DESTINATION_IPV4;
		memcpy(to.address, to.address + 12, 4);
	}
	if (change > 3)
		flip(&to, strchr(address_end, '/'), ipv6, change);
	return to;
}

/** Where rules are another program's there is nothing to compare. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	program_assume_any();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct limits otherwise = {1, 2, 3, 4, 5, POLICY_CAP};
	static struct rules rules;
	char *text = calloc(1, size ? size : 1);   /* exactly: the address sanitizer watches its end */
	struct part *good = malloc((size / strlen("* off") + 1) * sizeof *good);
	HOLDS(text && good);
	if (size)
		memcpy(text, data, size);
	struct complaints complaints = {text, size, 0};
	rules.count = 0;   /* its room stays */
	HOLDS(rules_add(&rules, text, size, ORIGIN, check_line, &complaints) == complaints.count);
	rules_complete(&rules, &otherwise);
	rules_limit(&rules);
	HOLDS(read_alone(text, size, good) == rules.count);
	for (unsigned which = 0; which < 24; which++) {
		char word[256];
		find_word(text, size, which / 2, word, sizeof word);
		const struct destination to = near_to(word, which % 2 ? (unsigned)(size + which) % 32 : 0);
		check_look_up(&rules, good, &to);
	}
	nearest(text, size, limit_names, LIMIT_COUNT + 1);
	free(good);
	free(text);
	return 0;
}
