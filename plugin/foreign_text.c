/* foreign_text.c
 * Text that others wrote: names, DNs, message classes, headers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "foreign_text.h"

#include <string.h>

/* No character; g_utf8_get_char_validated() returns it for bytes that are none. */
#define NO_CHARACTER ((gunichar)-1)

static gunichar
character_at(const char *at)
{
    gunichar c = g_utf8_get_char_validated(at, -1);

    return c == (gunichar)-2 ? NO_CHARACTER : c;
}

static bool
is_forbidden_in_xml(gunichar c)
{
    return c == NO_CHARACTER || c == 0xFFFE || c == 0xFFFF;
}

static bool
is_control(gunichar c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
}

static void
append_escape(wmem_strbuf_t *to, gunichar c, const char *at)
{
    static const char names[] = "abtnvfr";      /* of the characters from 7 on */

    if (c >= 7 && c < 7 + sizeof names - 1)
        wmem_strbuf_append_printf(to, "\\%c", names[c - 7]);
    else if (c < 0x80)
        wmem_strbuf_append_printf(to, "\\x%02x", c);
    else if (c == NO_CHARACTER)
        wmem_strbuf_append_printf(to, "\\x%02x", (uint8_t)*at);
    else
        wmem_strbuf_append_printf(to, "\\u%04x", c);
}

/*
 * epan's format_text() lets U+2028 and U+2029 through, which end lines, escapes joiners, which some scripts need, and
 * writes other escapes in each release.
 */
static const char *
escape(wmem_allocator_t *scope, const char *text, bool controls)
{
    wmem_strbuf_t *escaped = NULL;
    const char *done = text;

    for (const char *at = text; *at;) {
        const char *next = at + 1;
        gunichar c;

        if (*at >= 0x20 && *at < 0x7F) {        /* nearly all of what is ever shown */
            at = next;
            continue;
        }
        c = (uint8_t)*at < 0x80 ? (gunichar)*at : character_at(at);
        if (c != NO_CHARACTER)
            next = g_utf8_next_char(at);

        if (is_forbidden_in_xml(c) || (controls && is_control(c))) {
            if (!escaped)
                escaped = wmem_strbuf_new(scope, "");
            wmem_strbuf_append_len(escaped, done, (size_t)(at - done));
            append_escape(escaped, c, at);
            done = next;
        }
        at = next;
    }
    if (!escaped)
        return text;
    wmem_strbuf_append(escaped, done);
    return wmem_strbuf_get_str(escaped);
}

/* A bit in each byte of eight that is 0; a byte above one that is 0 may have it, too. */
static inline uint64_t
zeros(uint64_t eight)
{
    return (eight - UINT64_C(0x0101010101010101)) & ~eight & UINT64_C(0x8080808080808080);
}

/* Of eight characters. */
static inline bool
are_plain(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    /* Above '~', or, by a borrow, below ' '. */
    uint64_t found = ((eight + ones) | eight | (eight - ones * ' ')) & ones * 0x80;

    return (found | zeros(eight ^ ones * '\\') | zeros(eight ^ ones * '"')) == 0;
}

bool
oxc_text_is_plain(const char *text, size_t length)
{
    static const char spaces[] = "        ";
    size_t whole = length & ~(size_t)7;
    uint64_t eight;

    for (size_t at = 0; at < whole; at += 8) {
        memcpy(&eight, text + at, 8);
        if (!are_plain(eight))
            return false;
    }
    memcpy(&eight, spaces, 8);
    memcpy(&eight, text + whole, length - whole);
    return are_plain(eight);
}

const char *
oxc_shown_text(wmem_allocator_t *scope, const char *text)
{
    return oxc_text_is_plain(text, strlen(text)) ? text : escape(scope, text, true);
}

const char *
oxc_value_text(wmem_allocator_t *scope, const char *text)
{
    return escape(scope, text, false);
}

/* The text if all of it is ASCII, which nearly all is, NULL if it is not; size is even. */
static const char *
ascii_text(wmem_allocator_t *scope, const uint8_t *wide, int size)
{
    char *text = (char *)wmem_alloc(scope, (size_t)size / 2 + 1);
    unsigned found = 0;

    for (int i = 0; i < size / 2; i++) {
        found |= wide[2 * i + 1] | (wide[2 * i] & 0x80U);
        text[i] = (char)wide[2 * i];
    }
    text[size / 2] = '\0';
    return found == 0 ? text : NULL;
}

const char *
oxc_utf16_text(wmem_allocator_t *scope, tvbuff_t *tvb, int offset, int size)
{
    const char *text = size > 0 && size % 2 == 0 ? ascii_text(scope, tvb_get_ptr(tvb, offset, size), size) : NULL;

    if (text)
        return text;
    return oxc_value_text(scope, (const char *)tvb_get_string_enc(scope, tvb, offset, size,
                                                                  ENC_UTF_16 | ENC_LITTLE_ENDIAN));
}
