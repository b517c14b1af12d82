/* property_name.c
 * PropertyName: what names a property with an id of 0x8000 and above (MS-OXCDATA 2.6.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/property.h"

static int hf_kind = -1;
static int hf_guid = -1;
static int hf_lid = -1;
static int hf_name_size = -1;
static int hf_name = -1;

#define GUID_SIZE 16

enum {
    KIND_LID = 0x00,
    KIND_NAME = 0x01,
    KIND_NONE = 0xFF
};

static const value_string kind_vals[] = {
    { KIND_LID, "Numerical id (LID)" },
    { KIND_NAME, "Name" },
    { KIND_NONE, "No name for this id" },
    { 0, NULL }
};

static int
read_lid(oxc_cursor_t *c, proto_tree *tree, int offset, const e_guid_t *set, oxc_text_t *text)
{
    proto_item *item;
    const char *name;
    uint32_t lid;

    if (!oxc_fits(c, tree, offset, 4))
        return -1;
    lid = tvb_get_letohl(c->tvb, offset);
    name = oxc_lid_name(set, lid);
    if (!c->measure) {
        item = proto_tree_add_uint(tree, hf_lid, c->tvb, offset, 4, lid);
        if (name)
            proto_item_append_text(item, " (%s)", name);
    }
    if (name)
        oxc_text_add(text, " 0x%04x (%s)", lid, name);
    else
        oxc_text_add(text, " 0x%04x", lid);
    return offset + 4;
}

static int
read_name(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t size;

    offset = oxc_number(c, tree, hf_name_size, offset, 1, &size);
    if (offset < 0 || !oxc_fits(c, tree, offset, size))
        return -1;
    if (!c->measure && size > 0) {
        const char *name = oxc_utf16_text(c->pinfo->pool, c->tvb, offset, (int)size);

        proto_tree_add_string(tree, hf_name, c->tvb, offset, (int)size, name);
        oxc_text_add(text, " %s", name);
    }
    return offset + (int)size;
}

/* The inside; the set and what names the property in it become text. */
static int
read_property_name(oxc_cursor_t *c, proto_tree *tree, int offset, bool guid_always, oxc_text_t *text)
{
    uint32_t kind;
    e_guid_t set;

    offset = oxc_number(c, tree, hf_kind, offset, 1, &kind);
    if (offset < 0)
        return -1;
    if (kind == KIND_NONE && !guid_always)
        return offset;
    if (kind > KIND_NAME && kind != KIND_NONE)
        return oxc_malformed(c, tree, offset - 1, c->end - offset + 1, "0x%02X is no kind of property name", kind);
    if (!oxc_fits(c, tree, offset, GUID_SIZE))
        return -1;
    tvb_get_letohguid(c->tvb, offset, &set);
    oxc_guid_item(c, tree, hf_guid, offset, text);
    offset += GUID_SIZE;
    switch (kind) {
    case KIND_LID:
        return read_lid(c, tree, offset, &set, text);
    case KIND_NAME:
        return read_name(c, tree, offset, text);
    default:
        return offset;
    }
}

int
oxc_type_property_name(oxc_cursor_t *c, proto_tree *tree, int hf, int offset, uint64_t arg)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(c, tree, hf, offset, &item);
    oxc_text_t *text = oxc_text_new(c, sub);
    int end = read_property_name(c, sub, offset, arg != OXC_PROPERTY_NAME_WITHOUT_GUID, text);

    oxc_text_show(item, text, false);
    return oxc_subtree_end(item, offset, end);
}

const char *
oxc_property_name_text(wmem_allocator_t *scope, packet_info *pinfo, tvbuff_t *tvb, int offset)
{
    uint8_t kind = tvb_get_uint8(tvb, offset);
    const char *name;
    e_guid_t set;

    if (kind > KIND_NAME)
        return NULL;
    tvb_get_letohguid(tvb, offset + 1, &set);
    offset += 1 + GUID_SIZE;
    if (kind == KIND_LID)
        return oxc_lid_text(scope, &set, tvb_get_letohl(tvb, offset));
    name = oxc_utf16_text(pinfo->pool, tvb, offset + 1, tvb_get_uint8(tvb, offset));
    return oxc_string_name_text(scope, &set, name);
}

void
oxc_property_name_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_kind, { "Kind", "rop.property_name.kind", FT_UINT8, BASE_HEX, VALS(kind_vals), 0, NULL, HFILL } },
        { &hf_guid, { "GUID", "rop.property_name.guid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_lid, { "LID", "rop.property_name.lid", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_name_size, { "NameSize", "rop.property_name.name_size", FT_UINT8, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_name, { "Name", "rop.property_name.name", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
}
