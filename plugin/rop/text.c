/* text.c
 * What a person reads of a value, for one line of the tree
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/text.h"

#include "oxcnotif_item.h"

#include <string.h>

/* Texts are for lines of the tree, which hold 240 bytes. */
#define TEXT_MAX 200

oxc_text_t *
oxc_text_new(const oxc_read_t *r, const proto_tree *tree)
{
    oxc_text_t *text;

    if (r->measure || !oxc_is_seen(tree))
        return NULL;
    text = wmem_new(r->pinfo->pool, oxc_text_t);
    text->full = false;
    oxc_line_begin_part(&text->line, r->pinfo->pool);
    return text;
}

void
oxc_text_put(oxc_text_t *text, const char *added)
{
    oxc_line_t *line;
    size_t length;

    if (!text || text->full)
        return;
    line = &text->line;
    length = strlen(added);
    if (oxc_text_is_plain(added, length)) {
        oxc_line_add_own(line, added, MIN(length, TEXT_MAX + 1 - line->length));
    } else {
        added = oxc_shown_text(line->scope, added);
        oxc_line_add_some(line, added, MIN(strlen(added), TEXT_MAX + 1 - line->length));
    }
    if (line->length > TEXT_MAX) {
        const char *cut = g_utf8_find_prev_char(line->text, line->text + TEXT_MAX);

        oxc_line_cut(line, cut ? (size_t)(cut - line->text) : 0);
        OXC_LINE_ADD(line, "...");
        text->full = true;
    }
}

void
oxc_text_put_decimal(oxc_text_t *text, int64_t number)
{
    oxc_line_t line;

    if (!text)
        return;
    oxc_line_begin_part(&line, text->line.scope);
    if (number < 0)
        OXC_LINE_ADD(&line, "-");
    oxc_line_add_decimal(&line, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    oxc_text_put(text, line.text);
}

void
oxc_text_add(oxc_text_t *text, const char *format, ...)
{
    va_list args;

    if (!text || text->full)
        return;
    va_start(args, format);
    oxc_text_put(text, wmem_strdup_vprintf(text->line.scope, format, args));
    va_end(args);
}

void
oxc_text_show(proto_item *item, const oxc_text_t *text, bool as_label)
{
    if (!text || text->line.length == 0)
        return;
    if (as_label)
        oxc_line_set(item, &text->line);
    else
        proto_item_append_text(item, ": %s", text->line.text);
}
