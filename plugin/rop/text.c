/* text.c
 * What a person reads of a value, for one line of the tree
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/text.h"

/* Texts are for lines of the tree, which hold 240 bytes. */
#define TEXT_MAX 200

oxc_text_t *
oxc_text_new(const oxc_read_t *r, const proto_tree *tree)
{
    oxc_text_t *text;

    if (r->measure || !tree || !PTREE_DATA(tree)->visible)
        return NULL;
    text = wmem_new(r->pinfo->pool, oxc_text_t);
    text->scope = r->pinfo->pool;
    text->buffer = wmem_strbuf_new(r->pinfo->pool, "");
    text->full = false;
    return text;
}

void
oxc_text_add(oxc_text_t *text, const char *format, ...)
{
    const char *added, *shown;
    size_t before;
    va_list args;

    if (!text || text->full)
        return;
    before = wmem_strbuf_get_len(text->buffer);
    va_start(args, format);
    wmem_strbuf_append_vprintf(text->buffer, format, args);
    va_end(args);
    added = wmem_strbuf_get_str(text->buffer) + before;
    shown = oxc_shown_text(text->scope, added);
    if (shown != added) {
        wmem_strbuf_truncate(text->buffer, before);
        wmem_strbuf_append(text->buffer, shown);
    }
    if (wmem_strbuf_get_len(text->buffer) > TEXT_MAX) {
        const char *start = wmem_strbuf_get_str(text->buffer);
        const char *cut = g_utf8_find_prev_char(start, start + TEXT_MAX);

        wmem_strbuf_truncate(text->buffer, cut ? (size_t)(cut - start) : 0);
        wmem_strbuf_append(text->buffer, "...");
        text->full = true;
    }
}

void
oxc_text_show(proto_item *item, const oxc_text_t *text, bool as_label)
{
    if (!text || wmem_strbuf_get_len(text->buffer) == 0)
        return;
    if (as_label)
        proto_item_set_text(item, "%s", wmem_strbuf_get_str(text->buffer));
    else
        proto_item_append_text(item, ": %s", wmem_strbuf_get_str(text->buffer));
}
