/* line.h
 * Lines of the tree that are put together without formats
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_LINE_H
#define OXCNOTIF_LINE_H

#include "compat.h"

#include <epan/packet.h>

#include <string.h>

/*
 * proto_item_append_text() makes the label of the field, measures it, formats, and in 4.4 looks at every character: more than
 * all else that an item takes. Where a ROP has such lines, their text is put together here and becomes the label as it is.
 */
typedef struct {
    wmem_allocator_t *scope;
    item_label_t *label;        /* that the text is put together in; NULL: it is too long for one, or a part */
    char *text;
    size_t length;
    size_t room;
    size_t own;                 /* where what stands behind the item's own label begins */
    bool plain;                 /* see oxc_text_is_plain(): no release escapes anything of it in a label */
} oxc_line_t;

/* A line that begins with a text of the plugin's own. It lives in scope, which is that of the packet. */
void oxc_line_begin(oxc_line_t *line, wmem_allocator_t *scope, const char *text);

/* A line that begins with the name of the item's field and a colon. */
void oxc_line_begin_field(oxc_line_t *line, wmem_allocator_t *scope, const proto_item *item);

/* An empty one that no item has for its label, or that goes on to grow then. */
void oxc_line_begin_part(oxc_line_t *line, wmem_allocator_t *scope);

void oxc_line_grow(oxc_line_t *line, size_t more);

/* Text that is plain, as the plugin's own. */
static inline void
oxc_line_add_own(oxc_line_t *line, const char *text, size_t length)
{
    if (length >= line->room - line->length)
        oxc_line_grow(line, length);
    memcpy(line->text + line->length, text, length);
    line->length += length;
    line->text[line->length] = '\0';
}

#define OXC_LINE_ADD(line, literal) oxc_line_add_own((line), "" literal, sizeof literal - 1)

void oxc_line_add(oxc_line_t *line, const char *text);
void oxc_line_add_some(oxc_line_t *line, const char *text, size_t length);

/* Leaves so many bytes of it. */
void oxc_line_cut(oxc_line_t *line, size_t length);

void oxc_line_add_decimal(oxc_line_t *line, uint64_t number);

/* What was added up to here is the label that the item has anyway. */
static inline void
oxc_line_own(oxc_line_t *line)
{
    line->own = line->length;
}

/* As "0x" and so many digits at least. */
void oxc_line_add_hex(oxc_line_t *line, uint64_t number, unsigned digits);

/* Would Wireshark take the line as it is? */
static inline bool
oxc_line_is_label(const oxc_line_t *line)
{
    return line->plain && line->length < ITEM_LABEL_LENGTH;
}

/*
 * Makes the line the item's label if it is one and somebody sees the tree; returns whether it did. A line that is no part is given
 * once, and then it is at its end.
 */
bool oxc_line_give(proto_item *item, const oxc_line_t *line);

/* The same with any text, in place of the item's label, or of one that stands behind it: see oxc_line_own(). */
void oxc_line_set(proto_item *item, const oxc_line_t *line);
void oxc_line_append(proto_item *item, const oxc_line_t *line);

/* The label of a number with a name: "field: name (0x02)". The name is one of the plugin's own. */
void oxc_line_name(proto_item *item, wmem_allocator_t *scope, const char *name, uint64_t number, unsigned digits);

#endif /* OXCNOTIF_LINE_H */
