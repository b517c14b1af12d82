/* handle_table.h
 * Server object handle tables (MS-OXCROPS 2.2.1), and the objects that their handles name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_HANDLE_TABLE_H
#define OXCNOTIF_HANDLE_TABLE_H

#include "rop/reading.h"

typedef struct oxc_handle_table {
    tvbuff_t *tvb;
    int offset;
    unsigned count;
    const uint8_t *bytes;       /* where it begins */
    unsigned captured;          /* entries that are there */
    oxc_object_t **opened;      /* OXC_MAX_HANDLES, by ROPs of this buffer for the later ones; NULL: none; first pass */
} oxc_handle_table_t;

/* Handle in the table at the index, OXC_NO_HANDLE when the table has no such entry. */
static inline uint32_t
oxc_handle_at(const oxc_handle_table_t *table, unsigned place)
{
    if (place < table->captured)
        return oxc_le32(table->bytes + place * 4);
    return place < table->count ? tvb_get_letohl(table->tvb, table->offset + (int)place * 4) : OXC_NO_HANDLE;
}

/* A ROP of the buffer has opened an object at the index; what keeps it lives in scope. */
void oxc_handle_opened(wmem_allocator_t *scope, oxc_handle_table_t *table, unsigned place, oxc_object_t *object);

/* The object that a ROP of the buffer has opened at the index; NULL if none has. */
static inline oxc_object_t *
oxc_handle_opened_at(const oxc_handle_table_t *table, unsigned place)
{
    return table->opened && place < OXC_MAX_HANDLES ? table->opened[place] : NULL;
}

/*
 * The object that a ROP works on, by its handle index; NULL when its opening was not captured. A request may name it by
 * 0xFFFFFFFF when an earlier ROP of the same buffer opens it: then only the answers tell (MS-OXCROPS 3.1.4.1). First
 * visit only.
 */
oxc_object_t *oxc_handle_input(const oxc_read_t *r, unsigned place);

/* The line of an index, with the handle that it stands for if there is one. */
void oxc_handle_index_show(const oxc_read_t *r, proto_item *item, unsigned place);

/* Shows the table, up to the end of its buffer. */
void oxc_handle_table_show(oxc_read_t *r, proto_tree *tree, const oxc_handle_table_t *table);

/* rop.object: what a server object is, "contents table of Inbox, opened in frame 12". */
void oxc_object_add(const oxc_read_t *r, proto_tree *tree, int offset, int length, const oxc_object_t *object);

/* The same, if there is a tree and an object. */
static inline void
oxc_object_show(const oxc_read_t *r, proto_tree *tree, int offset, int length, const oxc_object_t *object)
{
    if (tree && object)
        oxc_object_add(r, tree, offset, length, object);
}

void oxc_handle_table_register(int proto);

#endif /* OXCNOTIF_HANDLE_TABLE_H */
