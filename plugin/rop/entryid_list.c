/* entryid_list.c
 * FlatEntryLists: EntryIDs in one binary property (MS-OXCDATA 2.3.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/entryid_list.h"

#include "rop/entryid.h"
#include "rop/property.h"

static int hf_list_count = -1;
static int hf_list_size = -1;
static int hf_list_entry = -1;
static int hf_list_entry_size = -1;
static int hf_list_padding = -1;
static int hf_data = -1;

#define FLAT_ENTRY_LIST_HEADER 8

/* Bytes that fill an entry up to a multiple of four; the last one may lack them. */
static int
flat_entry_padding(uint32_t size, int left)
{
    return MIN((int)((4 - size % 4) % 4), left);
}

/* Do the count and the sizes fit into the bytes, all of them? */
static bool
is_flat_entry_list(oxc_cursor_t *c, int offset, int end)
{
    uint32_t count = tvb_get_letohl(c->tvb, offset);

    if (tvb_get_letohl(c->tvb, offset + 4) != (uint32_t)(end - offset - FLAT_ENTRY_LIST_HEADER))
        return false;
    offset += FLAT_ENTRY_LIST_HEADER;
    for (; count > 0; count--) {
        uint32_t size;

        if (end - offset < 4)
            return false;
        size = tvb_get_letohl(c->tvb, offset);
        offset += 4;
        if (size > (uint32_t)(end - offset))
            return false;
        offset += (int)size;
        offset += flat_entry_padding(size, end - offset);
    }
    return offset == end;
}

bool
oxc_flat_entry_list(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_text_t *text)
{
    int end = offset + size;
    uint32_t count;

    if (c->measure || size < FLAT_ENTRY_LIST_HEADER || !is_flat_entry_list(c, offset, end))
        return false;
    count = tvb_get_letohl(c->tvb, offset);
    proto_tree_add_item(tree, hf_list_count, c->tvb, offset, 4, ENC_LITTLE_ENDIAN);
    proto_tree_add_item(tree, hf_list_size, c->tvb, offset + 4, 4, ENC_LITTLE_ENDIAN);
    oxc_text_add(text, "[%u] ", count);
    offset += FLAT_ENTRY_LIST_HEADER;
    for (uint32_t i = 0; i < count && oxc_afford(c, tree, offset, 1); i++) {
        int start = offset;
        int entry = (int)tvb_get_letohl(c->tvb, offset);
        int padding = flat_entry_padding((uint32_t)entry, end - offset - 4 - entry);
        proto_item *item;
        proto_tree *sub = oxc_subtree(c, tree, hf_list_entry, offset, &item);
        oxc_text_t *own = oxc_text_new(c, sub);

        proto_tree_add_item(sub, hf_list_entry_size, c->tvb, offset, 4, ENC_LITTLE_ENDIAN);
        offset += 4;
        if (entry > 0 && !oxc_entry_id(c, sub, offset, entry, true, own))
            proto_tree_add_item(sub, hf_data, c->tvb, offset, entry, ENC_NA);
        offset += entry;
        if (padding > 0)
            proto_tree_add_item(sub, hf_list_padding, c->tvb, offset, padding, ENC_NA);
        offset = oxc_subtree_end(item, start, offset + padding);
        oxc_text_show(item, own, false);
        if (own)
            oxc_text_add(text, "%s%s", i > 0 ? ", " : "", own->line.text);
    }
    return true;
}

void
oxc_flat_entry_list_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_list_count, { "Count", "rop.flat_entry_list.count", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_list_size, { "Size", "rop.flat_entry_list.size", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_list_entry, { "FlatEntry", "rop.flat_entry", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_list_entry_size, { "Size", "rop.flat_entry.size", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_list_padding, { "Padding", "rop.flat_entry.padding", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_data, { "Data", "rop.flat_entry.data", FT_BYTES, BASE_NONE, NULL, 0, "EntryID of no known kind",
            HFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
}
