/* fasttransfer_structure.c
 * Structures in values of FastTransfer streams (MS-OXCFXICS 2.2.2.7 to 2.2.2.9)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/fasttransfer_structure.h"

#include "rop/fasttransfer_marker.h"
#include "ropdefs.h"

static oxc_structure_fn read_structure;

void
oxc_fx_set_reader(oxc_structure_fn read)
{
    read_structure = read;
}

/* The structure that a value holds; -1 if none. */
static int
structure_of(const oxc_cursor_t *c, uint32_t tag)
{
    if (c->counts != OXC_COUNTS_STREAM)
        return -1;
    if (tag == OXC_META_TAG_NEW_FX_FOLDER)
        return ROPDEF_STRUCT_FOLDER_REPLICA_INFO;
    if (tag != PTYP_BINARY)     /* the property id is 0: the marker in front tells what it is */
        return -1;
    switch (c->section) {
    case OXC_FX_INCR_SYNC_PROGRESS_MODE:
        return ROPDEF_STRUCT_PROGRESS_INFORMATION;
    case OXC_FX_INCR_SYNC_GROUP_INFO:
        return ROPDEF_STRUCT_PROPERTY_GROUP_INFO;
    default:
        return -1;
    }
}

bool
oxc_fx_structure(oxc_cursor_t *c, proto_tree *tree, int offset, int size, uint32_t tag, oxc_text_t *text)
{
    int form = structure_of(c, tag);
    oxc_cursor_t inner = *c;
    int end;

    if (form < 0 || !read_structure)
        return false;
    inner.end = offset + size;
    end = read_structure(&inner, tree, offset, (unsigned)form, text);
    if (end >= 0 && end < inner.end)
        oxc_malformed(&inner, tree, end, inner.end - end, "%d bytes more than the structure has", inner.end - end);
    return true;
}
