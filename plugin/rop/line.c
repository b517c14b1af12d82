/* line.c
 * Lines of the tree that are put together without formats
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/line.h"

#include "foreign_text.h"
#include "oxcnotif_item.h"

#include <string.h>

#define DIGITS_MAX 20           /* of a number of 64 bits */
#define USUAL_LENGTH 64         /* of a text that is part of a line */

void
oxc_line_grow(oxc_line_t *line, size_t more)
{
    const char *before = line->text;

    line->room = 2 * (line->room + more);
    if (line->label) {
        line->text = (char *)wmem_alloc(line->scope, line->room);
        memcpy(line->text, before, line->length);
        line->label = NULL;
    } else {
        line->text = (char *)wmem_realloc(line->scope, line->text, line->room);
    }
}

/* What a release has behind the text is 0. */
static item_label_t *
new_label(wmem_allocator_t *scope)
{
    item_label_t *label = wmem_new(scope, item_label_t);

    memset((char *)label + sizeof label->representation, 0, sizeof *label - sizeof label->representation);
    return label;
}

void
oxc_line_begin(oxc_line_t *line, wmem_allocator_t *scope, const char *text)
{
    line->scope = scope;
    line->label = new_label(scope);
    line->text = line->label->representation;
    line->room = sizeof line->label->representation;
    line->length = line->own = 0;
    line->plain = true;
    oxc_line_add_own(line, text, strlen(text));
}

void
oxc_line_begin_part(oxc_line_t *line, wmem_allocator_t *scope)
{
    line->scope = scope;
    line->label = NULL;
    line->room = USUAL_LENGTH;
    line->text = (char *)wmem_alloc(scope, line->room);
    line->text[0] = '\0';
    line->length = line->own = 0;
    line->plain = true;
}

void
oxc_line_begin_field(oxc_line_t *line, wmem_allocator_t *scope, const proto_item *item)
{
    oxc_line_begin(line, scope, PITEM_FINFO(item)->hfinfo->name);
    OXC_LINE_ADD(line, ": ");
}

void
oxc_line_add(oxc_line_t *line, const char *text)
{
    oxc_line_add_some(line, text, strlen(text));
}

void
oxc_line_add_some(oxc_line_t *line, const char *text, size_t length)
{
    line->plain = line->plain && oxc_text_is_plain(text, length);
    oxc_line_add_own(line, text, length);
}

void
oxc_line_cut(oxc_line_t *line, size_t length)
{
    line->length = length;
    line->text[length] = '\0';
}

void
oxc_line_add_decimal(oxc_line_t *line, uint64_t number)
{
    char digits[DIGITS_MAX];
    char *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    oxc_line_add_own(line, at, (size_t)(digits + sizeof digits - at));
}

void
oxc_line_add_hex(oxc_line_t *line, uint64_t number, unsigned digits)
{
    char text[DIGITS_MAX];
    char *at = text + sizeof text;

    for (unsigned i = 0; i < digits || number > 0; i++) {
        *--at = "0123456789abcdef"[number & 0xF];
        number >>= 4;
    }
    *--at = 'x';
    *--at = '0';
    oxc_line_add_own(line, at, (size_t)(text + sizeof text - at));
}

bool
oxc_line_give(proto_item *item, const oxc_line_t *line)
{
    field_info *field;

    if (!oxc_is_seen(item) || !oxc_line_is_label(line))
        return false;
    field = PITEM_FINFO(item);
    if (line->label) {
        field->rep = line->label;
        return true;
    }
    if (!field->rep)
        field->rep = new_label(PNODE_POOL(item));
    memcpy(field->rep->representation, line->text, line->length + 1);
    return true;
}

void
oxc_line_set(proto_item *item, const oxc_line_t *line)
{
    if (!oxc_line_give(item, line))
        proto_item_set_text(item, "%s", line->text);
}

void
oxc_line_append(proto_item *item, const oxc_line_t *line)
{
    if (!oxc_line_give(item, line))
        proto_item_append_text(item, "%s", line->text + line->own);
}

void
oxc_line_name(proto_item *item, wmem_allocator_t *scope, const char *name, uint64_t number, unsigned digits)
{
    oxc_line_t line;

    if (!oxc_is_seen(item))
        return;
    oxc_line_begin_field(&line, scope, item);
    oxc_line_add_own(&line, name, strlen(name));
    OXC_LINE_ADD(&line, " (");
    oxc_line_add_hex(&line, number, digits);
    OXC_LINE_ADD(&line, ")");
    oxc_line_give(item, &line);
}
