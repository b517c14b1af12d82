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

const char *
oxc_shown_text(wmem_allocator_t *scope, const char *text)
{
    return escape(scope, text, true);
}

const char *
oxc_value_text(wmem_allocator_t *scope, const char *text)
{
    return escape(scope, text, false);
}

const char *
oxc_utf16_text(wmem_allocator_t *scope, tvbuff_t *tvb, int offset, int size)
{
    return oxc_value_text(scope, (const char *)tvb_get_string_enc(scope, tvb, offset, size,
                                                                  ENC_UTF_16 | ENC_LITTLE_ENDIAN));
}
