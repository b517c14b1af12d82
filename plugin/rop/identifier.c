/* identifier.c
 * ServerIds, XIDs, and which identifiers binary properties hold (MS-OXCDATA 2.2, 2.11.1.4, MS-OXCFXICS 2.2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/identifier.h"

#include "rop/entryid.h"
#include "rop/entryid_list.h"
#include "rop/idset.h"
#include "rop/property.h"

#include <epan/to_str.h>

static int hf_ours = -1;
static int hf_server_folder_id = -1;
static int hf_server_message_id = -1;
static int hf_instance = -1;
static int hf_client_data = -1;
static int hf_xid_size = -1;
static int hf_namespace_guid = -1;
static int hf_xid_counter = -1;

#define SERVER_ID_SIZE 21
#define GUID_SIZE 16
#define COUNTER_SIZE 6
#define XID_LOCAL_ID_MAX 8

void
oxc_server_id(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_text_t *text)
{
    uint8_t ours;

    if (c->measure || size == 0)
        return;
    ours = tvb_get_uint8(c->tvb, offset);
    proto_tree_add_item(tree, hf_ours, c->tvb, offset, 1, ENC_NA);
    if (ours == 1 && size == SERVER_ID_SIZE) {
        oxc_text_put(text, "folder ");
        oxc_id_item(c, tree, hf_server_folder_id, offset + 1, text);
        if (tvb_get_letoh64(c->tvb, offset + 9) != 0)
            oxc_text_put(text, " message ");
        oxc_id_item(c, tree, hf_server_message_id, offset + 9, tvb_get_letoh64(c->tvb, offset + 9) != 0 ? text : NULL);
        proto_tree_add_item(tree, hf_instance, c->tvb, offset + 17, 4, ENC_LITTLE_ENDIAN);
    } else if (size > 1) {
        proto_tree_add_item(tree, hf_client_data, c->tvb, offset + 1, size - 1, ENC_NA);
    }
}

/* ---- XID (MS-OXCFXICS 2.2.2.2): a namespace, and what names something in it ---- */

static void
show_xid(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_text_t *text)
{
    int rest = size - GUID_SIZE;

    oxc_guid_item(c, tree, hf_namespace_guid, offset, text);
    offset += GUID_SIZE;
    if (rest == COUNTER_SIZE) {
        proto_tree_add_item(tree, hf_xid_counter, c->tvb, offset, rest, ENC_BIG_ENDIAN);
        oxc_text_add(text, "-0x%" PRIx64, tvb_get_ntoh48(c->tvb, offset));
    } else {
        proto_tree_add_item(tree, proto_registrar_get_id_byname("rop.xid.local_id"), c->tvb, offset, rest, ENC_NA);
        if (text)
            oxc_text_add(text, "-%s", tvb_bytes_to_str(c->pinfo->pool, c->tvb, offset, MIN(rest, 32)));
    }
}

/* PredecessorChangeList (MS-OXCFXICS 2.2.2.3): XIDs, each behind its size. */
static bool
show_change_list(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_text_t *text)
{
    int end = offset + size;
    unsigned count = 0;

    for (int at = offset; at < end; at += 1 + tvb_get_uint8(c->tvb, at)) {
        int xid = tvb_get_uint8(c->tvb, at);

        if (xid <= GUID_SIZE || xid > end - at - 1)
            return false;
        count++;
    }
    oxc_text_add(text, "[%u] ", count);
    while (offset < end) {
        int xid = tvb_get_uint8(c->tvb, offset);

        proto_tree_add_item(tree, hf_xid_size, c->tvb, offset, 1, ENC_NA);
        show_xid(c, tree, offset + 1, xid, text);
        offset += 1 + xid;
        if (offset < end)
            oxc_text_put(text, ", ");
    }
    return count > 0;
}

/*
 * Properties that hold EntryIDs are named so. The name may be that of a named property, with its set and LID behind it.
 */
static bool
is_entry_id_name(const char *name)
{
    size_t length = strcspn(name, " ");

    if (length > 0 && name[length - 1] == 's')
        length--;
    return length > strlen("EntryId") && strncmp(name + length - strlen("EntryId"), "EntryId", strlen("EntryId")) == 0;
}

static bool
entry_list(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_text_t *text)
{
    if (oxc_flat_entry_list(c, tree, offset, size, text))
        return true;
    oxc_malformed(c, tree, offset, size, "Count and sizes of the FlatEntryList do not make up its %d bytes", size);
    return false;
}

bool
oxc_binary_id(oxc_cursor_t *c, proto_tree *tree, int offset, int size, uint32_t tag, oxc_text_t *text)
{
    oxc_idset_form_t form;
    const char *name;

    if (c->measure || size == 0)
        return false;
    if (oxc_idset_form(tag, &form)) {
        oxc_idset(c, tree, offset, size, form, text);
        return true;
    }
    switch (tag & ~0x3000U) {
    case 0x65E00102:            /* PidTagSourceKey */
    case 0x65E10102:            /* PidTagParentSourceKey */
    case 0x65E20102:            /* PidTagChangeKey */
        /* A client may have given it another form. */
        if (size > GUID_SIZE + XID_LOCAL_ID_MAX)
            return false;
        if (size <= GUID_SIZE) {
            oxc_malformed(c, tree, offset, size, "%d bytes are no XID, which has more than %d", size, GUID_SIZE);
            return false;
        }
        show_xid(c, tree, offset, size, text);
        return true;
    case 0x65E30102:            /* PidTagPredecessorChangeList */
        if (show_change_list(c, tree, offset, size, text))
            return true;
        oxc_malformed(c, tree, offset, size, "The sizes of the XIDs do not make up the %d bytes of the list", size);
        return false;
    case 0x004F0102:            /* PidTagReplyRecipientEntries */
        return entry_list(c, tree, offset, size, text);
    }
    name = oxc_property_name(c, tag);
    if (g_str_has_prefix(name, "PidLidContactLinkEntry"))
        return entry_list(c, tree, offset, size, text);
    return oxc_entry_id(c, tree, offset, size, is_entry_id_name(name), text);
}

void
oxc_identifier_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_ours, { "Ours", "rop.server_id.ours", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_server_folder_id, { "FolderId", "rop.server_id.folder_id", FT_UINT64, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_server_message_id, { "MessageId", "rop.server_id.message_id", FT_UINT64, BASE_HEX, NULL, 0, NULL,
            HFILL } },
        { &hf_instance, { "Instance", "rop.server_id.instance", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_client_data, { "ClientData", "rop.server_id.client_data", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_xid_size, { "XidSize", "rop.xid.xid_size", FT_UINT8, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_namespace_guid, { "NamespaceGuid", "rop.xid.namespace_guid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_xid_counter, { "GlobalCounter", "rop.xid.global_counter", FT_UINT48, BASE_HEX, NULL, 0, NULL, HFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    oxc_entry_id_register(proto);
    oxc_flat_entry_list_register(proto);
    oxc_idset_register(proto);
}
