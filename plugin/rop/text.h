/* text.h
 * What a person reads of a value, for one line of the tree
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TEXT_H
#define OXCNOTIF_TEXT_H

#include "rop/line.h"
#include "rop/reading.h"

/* In pinfo->pool. */
typedef struct {
    oxc_line_t line;
    bool full;
} oxc_text_t;

/* A text to put together, NULL when nobody would see it. It never gets long; adding to NULL does nothing. */
oxc_text_t *oxc_text_new(const oxc_read_t *r, const proto_tree *tree);
void oxc_text_put(oxc_text_t *text, const char *added);
void oxc_text_put_decimal(oxc_text_t *text, int64_t number);
void oxc_text_add(oxc_text_t *text, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Puts the text behind the field's own name or, with as_label, in its place. */
void oxc_text_show(proto_item *item, const oxc_text_t *text, bool as_label);

#endif /* OXCNOTIF_TEXT_H */
