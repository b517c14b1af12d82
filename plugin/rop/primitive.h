/* primitive.h
 * Numbers, ids, strings and times as fields
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_PRIMITIVE_H
#define OXCNOTIF_PRIMITIVE_H

#include "rop/text.h"

#include <epan/guid-utils.h>

typedef oxc_read_t oxc_cursor_t;

/*
 * Every reader takes the offset it starts at, never goes past r->end, adds to tree (NULL while measuring) and returns
 * the offset behind what it read, or -1 when the bytes cannot be followed; then the reason stands in the tree unless
 * r->measure is set.
 */

/*
 * Size of the NUL-terminated string at offset, terminator included: 8-bit, or UTF-16 if wide. -1, and said, when
 * there is no NUL before r->end.
 */
int oxc_stringz_size(oxc_read_t *r, proto_tree *tree, int offset, bool wide, const char *name);

/* The same for one that is all there and captured; 0 if it is not, and nothing is said. */
int oxc_stringz_skip(const oxc_read_t *r, int offset, bool wide);

/*
 * A string of size bytes, all there, with or without its NUL, as field hf (FT_STRINGZ); one of 8 bits is in the code
 * page, if that is not 0.
 */
void oxc_string_item(oxc_read_t *r, proto_tree *tree, int hf, int offset, int size, bool wide, uint32_t code_page,
                     oxc_text_t *text);

/* The string at offset with its NUL as field hf (FT_STRINGZ); appended to text unless NULL. */
int oxc_stringz(oxc_read_t *r, proto_tree *tree, int hf, int offset, bool wide, oxc_text_t *text);

/* A count in the width of r->counts, as field hf; the offset behind it or -1. */
int oxc_count(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint32_t *count);

/* A number of 1, 2 or 4 bytes as field hf; the offset behind it or -1. */
int oxc_number(oxc_read_t *r, proto_tree *tree, int hf, int offset, int size, uint32_t *value);

/* A folder or message id of 8 bytes, all there, as field hf (FT_UINT64), with what oxc_id_text() says. */
void oxc_id_item(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text);

/* A FILETIME of 8 bytes, all there, as field hf; the ends of the calendar by what they stand for. text may be NULL. */
void oxc_filetime(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text);

/* A GUID of 16 bytes, all there, as field hf, with its well-known name. */
void oxc_guid_item(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text);

/* A subtree for what starts at offset and may last until r->end; oxc_subtree_end() gives it its true length. */
proto_tree *oxc_subtree(oxc_read_t *r, proto_tree *tree, int hf, int offset, proto_item **item);
int oxc_subtree_end(proto_item *item, int start, int end);

void oxc_primitive_register(int proto);

#endif /* OXCNOTIF_PRIMITIVE_H */
