/* entryid.c
 * EntryIDs, ServerIds, XIDs and what else binary properties hold (MS-OXCDATA 2.2, MS-OXCFXICS 2.2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/property.h"

#include <epan/to_str.h>

static int hf_flags = -1;
static int hf_provider_uid = -1;
static int hf_object_type = -1;
static int hf_database_guid = -1;
static int hf_global_counter = -1;
static int hf_folder_database_guid = -1;
static int hf_folder_global_counter = -1;
static int hf_message_database_guid = -1;
static int hf_message_global_counter = -1;
static int hf_pad = -1;
static int hf_store_version = -1;
static int hf_store_flag = -1;
static int hf_dll_file_name = -1;
static int hf_wrapped_flags = -1;
static int hf_wrapped_provider_uid = -1;
static int hf_wrapped_type = -1;
static int hf_server_shortname = -1;
static int hf_mailbox_dn = -1;
static int hf_one_off_version = -1;
static int hf_one_off_flags = -1;
static int hf_display_name = -1;
static int hf_address_type = -1;
static int hf_email_address = -1;
static int hf_version = -1;
static int hf_type = -1;
static int hf_x500_dn = -1;
static int hf_mid = -1;
static int hf_trailing = -1;
static int hf_data = -1;
static int hf_ours = -1;
static int hf_server_folder_id = -1;
static int hf_server_message_id = -1;
static int hf_instance = -1;
static int hf_client_data = -1;
static int hf_xid_size = -1;
static int hf_namespace_guid = -1;
static int hf_local_id = -1;
static int hf_xid_counter = -1;

#define FOLDER_ENTRY_ID_SIZE 46
#define MESSAGE_ENTRY_ID_SIZE 70
#define EPHEMERAL_ENTRY_ID_SIZE 32
#define SERVER_ID_SIZE 21
#define GUID_SIZE 16
#define COUNTER_SIZE 6
#define GID_SIZE (GUID_SIZE + COUNTER_SIZE)

/* MS-OXCDATA 2.2.4 */
static const value_string object_type_vals[] = {
    { 0x0001, "eitLTPrivateFolder" },
    { 0x0003, "eitLTPublicFolder" },
    { 0x0005, "eitLTMappedPublicFolder" },
    { 0x0007, "eitLTPrivateMessage" },
    { 0x0009, "eitLTPublicMessage" },
    { 0x000B, "eitLTMappedPublicMessage" },
    { 0x000C, "eitLTPublicFolderByName" },
    { 0, NULL }
};

/* MS-OXCDATA 2.2.5.2, MS-OXNSPI 2.2.1.3 */
static const value_string address_book_type_vals[] = {
    { 0x0000, "Local mail user" },
    { 0x0001, "Distribution list" },
    { 0x0002, "Bulletin board or public folder" },
    { 0x0003, "Automated mailbox" },
    { 0x0004, "Organizational mailbox" },
    { 0x0005, "Private distribution list" },
    { 0x0006, "Remote mail user" },
    { 0x0100, "Container" },
    { 0x0101, "Template" },
    { 0x0102, "One-off user" },
    { 0x0200, "Search" },
    { 0, NULL }
};

static const value_string wrapped_type_vals[] = {
    { 0x00000006, "Public folder store" },
    { 0x0000000C, "Mailbox store" },
    { 0, NULL }
};

typedef enum {
    KIND_NONE,
    KIND_FOLDER,
    KIND_MESSAGE,
    KIND_STORE,
    KIND_ONE_OFF,
    KIND_ADDRESS_BOOK,
    KIND_EPHEMERAL
} entry_id_kind_t;

/* Which kind of EntryID the bytes are, by the marks that the kind must have. */
static entry_id_kind_t
entry_id_kind(oxc_read_t *r, int offset, int size, bool expected)
{
    e_guid_t guid;
    oxc_uid_t uid;
    uint16_t type;

    if (size < 4 + GUID_SIZE + 4)
        return KIND_NONE;
    tvb_get_letohguid(r->tvb, offset + 4, &guid);
    uid = oxc_guid_uid(&guid);
    /* MS-OXNSPI 2.2.9.2: the first byte marks ids that live no longer than the session. */
    if (expected && size == EPHEMERAL_ENTRY_ID_SIZE && tvb_get_letohl(r->tvb, offset) == 0x00000087)
        return KIND_EPHEMERAL;
    if (tvb_get_letohl(r->tvb, offset) != 0)
        return KIND_NONE;
    switch (uid) {
    case OXC_UID_ADDRESS_BOOK:
        return KIND_ADDRESS_BOOK;
    case OXC_UID_STORE:
        return KIND_STORE;
    case OXC_UID_ONE_OFF:
        return KIND_ONE_OFF;
    default:
        break;
    }
    if (!expected && uid != OXC_UID_PUBLIC)
        return KIND_NONE;
    type = tvb_get_letohs(r->tvb, offset + 4 + GUID_SIZE);
    if (size == FOLDER_ENTRY_ID_SIZE && (type == 1 || type == 3 || type == 5 || type == 12))
        return KIND_FOLDER;
    if (size == MESSAGE_ENTRY_ID_SIZE && (type == 7 || type == 9 || type == 11))
        return KIND_MESSAGE;
    return KIND_NONE;
}

/* A GUID, a counter, the pad of a long-term id (MS-OXCDATA 2.2.1.3.1). */
static int
read_long_term_id(oxc_read_t *r, proto_tree *tree, int hf_guid, int hf_counter, int offset, oxc_text_t *text)
{
    if (!oxc_fits(r, tree, offset, GID_SIZE + 2))
        return -1;
    oxc_guid_item(r, tree, hf_guid, offset, NULL);
    if (!r->measure) {
        proto_tree_add_item(tree, hf_counter, r->tvb, offset + GUID_SIZE, COUNTER_SIZE, ENC_BIG_ENDIAN);
        proto_tree_add_item(tree, hf_pad, r->tvb, offset + GID_SIZE, 2, ENC_LITTLE_ENDIAN);
    }
    oxc_text_add(text, "0x%" PRIx64, tvb_get_ntoh48(r->tvb, offset + GUID_SIZE));
    return offset + GID_SIZE + 2;
}

static int
read_folder(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t type;

    offset = oxc_number(r, tree, hf_object_type, offset, 2, &type);
    if (offset < 0)
        return -1;
    oxc_text_add(text, "folder ");
    return read_long_term_id(r, tree, hf_database_guid, hf_global_counter, offset, text);
}

static int
read_message(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t type;

    offset = oxc_number(r, tree, hf_object_type, offset, 2, &type);
    if (offset < 0)
        return -1;
    oxc_text_add(text, "folder ");
    offset = read_long_term_id(r, tree, hf_folder_database_guid, hf_folder_global_counter, offset, text);
    if (offset < 0)
        return -1;
    oxc_text_add(text, " message ");
    return read_long_term_id(r, tree, hf_message_database_guid, hf_message_global_counter, offset, text);
}

static int
read_store(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    enum { VERSION_FLAG_DLL = 1 + 1 + 14 };
    uint32_t number, type;

    if (!oxc_fits(r, tree, offset, VERSION_FLAG_DLL))
        return -1;
    if (!r->measure) {
        proto_tree_add_item(tree, hf_store_version, r->tvb, offset, 1, ENC_NA);
        proto_tree_add_item(tree, hf_store_flag, r->tvb, offset + 1, 1, ENC_NA);
        proto_tree_add_item(tree, hf_dll_file_name, r->tvb, offset + 2, 14, ENC_ASCII);
    }
    offset = oxc_number(r, tree, hf_wrapped_flags, offset + VERSION_FLAG_DLL, 4, &number);
    if (offset < 0 || !oxc_fits(r, tree, offset, GUID_SIZE))
        return -1;
    oxc_guid_item(r, tree, hf_wrapped_provider_uid, offset, NULL);
    offset = oxc_number(r, tree, hf_wrapped_type, offset + GUID_SIZE, 4, &type);
    if (offset < 0)
        return -1;
    oxc_text_add(text, "store on ");
    offset = oxc_stringz(r, tree, hf_server_shortname, offset, false, text);
    if (offset < 0 || offset == r->end)     /* public stores have no mailbox */
        return offset;
    oxc_text_add(text, " ");
    return oxc_stringz(r, tree, hf_mailbox_dn, offset, false, text);
}

static int
read_one_off(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t version, flags;
    bool wide;

    offset = oxc_number(r, tree, hf_one_off_version, offset, 2, &version);
    if (offset >= 0)
        offset = oxc_number(r, tree, hf_one_off_flags, offset, 2, &flags);
    if (offset < 0)
        return -1;
    wide = flags & 0x8000;
    offset = oxc_stringz(r, tree, hf_display_name, offset, wide, text);
    if (offset >= 0)
        offset = oxc_stringz(r, tree, hf_address_type, offset, wide, NULL);
    if (offset < 0)
        return -1;
    oxc_text_add(text, " <");
    offset = oxc_stringz(r, tree, hf_email_address, offset, wide, text);
    oxc_text_add(text, ">");
    return offset;
}

static int
read_address_book(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t version, type;

    offset = oxc_number(r, tree, hf_version, offset, 4, &version);
    if (offset >= 0)
        offset = oxc_number(r, tree, hf_type, offset, 4, &type);
    return offset < 0 ? -1 : oxc_stringz(r, tree, hf_x500_dn, offset, false, text);
}

static int
read_ephemeral(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t version, type, mid;

    offset = oxc_number(r, tree, hf_version, offset, 4, &version);
    if (offset >= 0)
        offset = oxc_number(r, tree, hf_type, offset, 4, &type);
    if (offset >= 0)
        offset = oxc_number(r, tree, hf_mid, offset, 4, &mid);
    if (offset >= 0)
        oxc_text_add(text, "%s, minimal id 0x%x", val_to_str_const(type, address_book_type_vals, "unknown type"), mid);
    return offset;
}

/* The whole id, up to r->end. */
static int
read_entry_id(oxc_read_t *r, proto_tree *tree, int offset, entry_id_kind_t kind, oxc_text_t *text)
{
    uint32_t flags;

    offset = oxc_number(r, tree, hf_flags, offset, 4, &flags);
    if (offset < 0 || !oxc_fits(r, tree, offset, GUID_SIZE))
        return -1;
    oxc_guid_item(r, tree, hf_provider_uid, offset, NULL);
    offset += GUID_SIZE;
    switch (kind) {
    case KIND_FOLDER:
        return read_folder(r, tree, offset, text);
    case KIND_MESSAGE:
        return read_message(r, tree, offset, text);
    case KIND_STORE:
        return read_store(r, tree, offset, text);
    case KIND_ONE_OFF:
        return read_one_off(r, tree, offset, text);
    case KIND_ADDRESS_BOOK:
        return read_address_book(r, tree, offset, text);
    case KIND_EPHEMERAL:
        return read_ephemeral(r, tree, offset, text);
    default:
        return -1;
    }
}

bool
oxc_entry_id(oxc_read_t *r, proto_tree *tree, int offset, int size, bool expected, oxc_text_t *text)
{
    entry_id_kind_t kind = entry_id_kind(r, offset, size, expected);
    oxc_read_t inner = *r;
    int end;

    if (kind == KIND_NONE)
        return false;
    /* Anything may be in a binary property: show an EntryID only if all of it can be read as one. */
    inner.end = offset + size;
    inner.measure = true;
    end = read_entry_id(&inner, NULL, offset, kind, NULL);
    if (end < 0)
        return false;
    if (!r->measure) {
        inner.measure = false;
        read_entry_id(&inner, tree, offset, kind, text);
        if (end < inner.end)
            proto_tree_add_item(tree, hf_trailing, r->tvb, end, inner.end - end, ENC_NA);
    }
    return true;
}

int
oxc_type_entry_id(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg _U_)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(r, tree, hf, offset, &item);
    oxc_text_t *text = oxc_text_new(r, sub);
    int size = r->end - offset;

    if (!oxc_fits(r, sub, offset, size))
        return -1;
    if (!r->measure && !oxc_entry_id(r, sub, offset, size, true, text))
        proto_tree_add_item(sub, hf_data, r->tvb, offset, size, ENC_NA);
    oxc_text_show(item, text, false);
    return r->end;
}

/* ---- ServerId ---- */

void
oxc_server_id(oxc_read_t *r, proto_tree *tree, int offset, int size, oxc_text_t *text)
{
    uint8_t ours;

    if (r->measure || size == 0)
        return;
    ours = tvb_get_uint8(r->tvb, offset);
    proto_tree_add_item(tree, hf_ours, r->tvb, offset, 1, ENC_NA);
    if (ours == 1 && size == SERVER_ID_SIZE) {
        oxc_text_add(text, "folder ");
        oxc_id_item(r, tree, hf_server_folder_id, offset + 1, text);
        if (tvb_get_letoh64(r->tvb, offset + 9) != 0)
            oxc_text_add(text, " message ");
        oxc_id_item(r, tree, hf_server_message_id, offset + 9, tvb_get_letoh64(r->tvb, offset + 9) != 0 ? text : NULL);
        proto_tree_add_item(tree, hf_instance, r->tvb, offset + 17, 4, ENC_LITTLE_ENDIAN);
    } else if (size > 1) {
        proto_tree_add_item(tree, hf_client_data, r->tvb, offset + 1, size - 1, ENC_NA);
    }
}

/* ---- XID (MS-OXCFXICS 2.2.2.2): a namespace, and what names something in it ---- */

static void
show_xid(oxc_read_t *r, proto_tree *tree, int offset, int size, oxc_text_t *text)
{
    int rest = size - GUID_SIZE;

    oxc_guid_item(r, tree, hf_namespace_guid, offset, text);
    offset += GUID_SIZE;
    if (rest == COUNTER_SIZE) {
        proto_tree_add_item(tree, hf_xid_counter, r->tvb, offset, rest, ENC_BIG_ENDIAN);
        oxc_text_add(text, "-0x%" PRIx64, tvb_get_ntoh48(r->tvb, offset));
    } else {
        proto_tree_add_item(tree, hf_local_id, r->tvb, offset, rest, ENC_NA);
        if (text)
            oxc_text_add(text, "-%s", tvb_bytes_to_str(r->pinfo->pool, r->tvb, offset, MIN(rest, 32)));
    }
}

/* PredecessorChangeList (MS-OXCFXICS 2.2.2.3): XIDs, each behind its size. */
static bool
show_change_list(oxc_read_t *r, proto_tree *tree, int offset, int size, oxc_text_t *text)
{
    int end = offset + size;
    unsigned count = 0;

    for (int at = offset; at < end; at += 1 + tvb_get_uint8(r->tvb, at)) {
        int xid = tvb_get_uint8(r->tvb, at);

        if (xid <= GUID_SIZE || xid > end - at - 1)
            return false;
        count++;
    }
    oxc_text_add(text, "[%u] ", count);
    while (offset < end) {
        int xid = tvb_get_uint8(r->tvb, offset);

        proto_tree_add_item(tree, hf_xid_size, r->tvb, offset, 1, ENC_NA);
        show_xid(r, tree, offset + 1, xid, text);
        offset += 1 + xid;
        if (offset < end)
            oxc_text_add(text, ", ");
    }
    return count > 0;
}

bool
oxc_binary_structure(oxc_read_t *r, proto_tree *tree, int offset, int size, uint32_t tag, oxc_text_t *text)
{
    const char *name;

    if (r->measure || size == 0)
        return false;
    switch (tag & ~0x3000U) {
    case 0x65E00102:            /* PidTagSourceKey */
    case 0x65E10102:            /* PidTagParentSourceKey */
    case 0x65E20102:            /* PidTagChangeKey */
        /* A client may have given it another form. */
        if (size < GUID_SIZE + 4 || size > GUID_SIZE + 8)
            return false;
        show_xid(r, tree, offset, size, text);
        return true;
    case 0x65E30102:            /* PidTagPredecessorChangeList */
        return show_change_list(r, tree, offset, size, text);
    }
    if (oxc_extended_rule(r, tree, offset, size, tag, text))
        return true;
    name = oxc_property_name(r, tag);
    return oxc_entry_id(r, tree, offset, size, strstr(name, "EntryId") != NULL, text);
}

void
oxc_entry_id_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_flags, { "Flags", "rop.entry_id.flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_provider_uid, { "ProviderUID", "rop.entry_id.provider_uid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_object_type, { "Type", "rop.entry_id.object_type", FT_UINT16, BASE_HEX, VALS(object_type_vals), 0,
            "FolderType or MessageType", HFILL } },
        { &hf_database_guid, { "DatabaseGuid", "rop.entry_id.database_guid", FT_GUID, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_global_counter, { "GlobalCounter", "rop.entry_id.global_counter", FT_UINT48, BASE_HEX, NULL, 0, NULL,
            HFILL } },
        { &hf_folder_database_guid, { "FolderDatabaseGuid", "rop.entry_id.folder_database_guid", FT_GUID, BASE_NONE,
            NULL, 0, NULL, HFILL } },
        { &hf_folder_global_counter, { "FolderGlobalCounter", "rop.entry_id.folder_global_counter", FT_UINT48, BASE_HEX,
            NULL, 0, NULL, HFILL } },
        { &hf_message_database_guid, { "MessageDatabaseGuid", "rop.entry_id.message_database_guid", FT_GUID, BASE_NONE,
            NULL, 0, NULL, HFILL } },
        { &hf_message_global_counter, { "MessageGlobalCounter", "rop.entry_id.message_global_counter", FT_UINT48,
            BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_pad, { "Pad", "rop.entry_id.pad", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_store_version, { "Version", "rop.entry_id.store_version", FT_UINT8, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_store_flag, { "Flag", "rop.entry_id.flag", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_dll_file_name, { "DLLFileName", "rop.entry_id.dll_file_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_wrapped_flags, { "WrappedFlags", "rop.entry_id.wrapped_flags", FT_UINT32, BASE_HEX, NULL, 0, NULL,
            HFILL } },
        { &hf_wrapped_provider_uid, { "WrappedProviderUID", "rop.entry_id.wrapped_provider_uid", FT_GUID, BASE_NONE,
            NULL, 0, NULL, HFILL } },
        { &hf_wrapped_type, { "WrappedType", "rop.entry_id.wrapped_type", FT_UINT32, BASE_HEX, VALS(wrapped_type_vals),
            0, NULL, HFILL } },
        { &hf_server_shortname, { "ServerShortname", "rop.entry_id.server_shortname", FT_STRINGZ, BASE_NONE, NULL, 0,
            NULL, HFILL } },
        { &hf_mailbox_dn, { "MailboxDN", "rop.entry_id.mailbox_dn", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_one_off_version, { "Version", "rop.entry_id.one_off_version", FT_UINT16, BASE_DEC, NULL, 0, NULL,
            HFILL } },
        { &hf_one_off_flags, { "Flags", "rop.entry_id.one_off_flags", FT_UINT16, BASE_HEX, NULL, 0,
            "0x8000 Unicode strings, 0x0001 no rich text", HFILL } },
        { &hf_display_name, { "DisplayName", "rop.entry_id.display_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_address_type, { "AddressType", "rop.entry_id.address_type", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_email_address, { "EmailAddress", "rop.entry_id.email_address", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_version, { "Version", "rop.entry_id.version", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_type, { "Type", "rop.entry_id.type", FT_UINT32, BASE_HEX, VALS(address_book_type_vals), 0, NULL,
            HFILL } },
        { &hf_x500_dn, { "X500DN", "rop.entry_id.x500_dn", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_mid, { "MId", "rop.entry_id.mid", FT_UINT32, BASE_HEX, NULL, 0, "Minimal entry id", HFILL } },
        { &hf_trailing, { "More bytes", "rop.entry_id.trailing", FT_BYTES, BASE_NONE, NULL, 0,
            "Bytes behind the fields that an EntryID of this kind has", HFILL } },
        { &hf_data, { "Data", "rop.entry_id.data", FT_BYTES, BASE_NONE, NULL, 0, "EntryID of no known kind", HFILL } },
        { &hf_ours, { "Ours", "rop.server_id.ours", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_server_folder_id, { "FolderId", "rop.server_id.folder_id", FT_UINT64, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_server_message_id, { "MessageId", "rop.server_id.message_id", FT_UINT64, BASE_HEX, NULL, 0, NULL,
            HFILL } },
        { &hf_instance, { "Instance", "rop.server_id.instance", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_client_data, { "ClientData", "rop.server_id.client_data", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_xid_size, { "XidSize", "rop.xid.xid_size", FT_UINT8, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_namespace_guid, { "NamespaceGuid", "rop.xid.namespace_guid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_local_id, { "LocalId", "rop.xid.local_id", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_xid_counter, { "GlobalCounter", "rop.xid.global_counter", FT_UINT48, BASE_HEX, NULL, 0, NULL, HFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
}
