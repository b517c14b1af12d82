/* entryid.c
 * EntryIDs (MS-OXCDATA 2.2.4, 2.2.5, MS-OXNSPI 2.2.9, MS-OXOCNTC 2.2.2.2.4.1.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/entryid.h"

#include "rop/property.h"
#include "rop/store_entryid.h"
#include "rop/property.h"

static int hf_flags = -1;
static int hf_provider_uid = -1;
static int hf_folder_type = -1;
static int hf_message_type = -1;
static int hf_database_guid = -1;
static int hf_global_counter = -1;
static int hf_folder_database_guid = -1;
static int hf_folder_global_counter = -1;
static int hf_message_database_guid = -1;
static int hf_message_global_counter = -1;
static int hf_pad = -1;
static int hf_one_off_version = -1;
static int hf_one_off_flags = -1;
static int hf_one_off_mime = -1;
static int hf_one_off_format = -1;
static int hf_one_off_mae = -1;
static int hf_one_off_no_lookup = -1;
static int hf_one_off_unicode = -1;
static int hf_display_name = -1;
static int hf_address_type = -1;
static int hf_email_address = -1;
static int hf_version = -1;
static int hf_type = -1;
static int hf_x500_dn = -1;
static int hf_mid = -1;
static int hf_contact_type = -1;
static int hf_index = -1;
static int hf_entry_id_count = -1;
static int hf_muid_id = -1;
static int hf_wrapped_entry_type = -1;
static int hf_wrapped_kind = -1;
static int hf_wrapped_address = -1;
static int hf_wrapped_set = -1;
static int hf_embedded = -1;
static int hf_provider_data = -1;
static int hf_trailing = -1;
static int hf_data = -1;

static int ett_one_off_flags = -1;
static int ett_wrapped_type = -1;

#define GUID_SIZE 16
#define HEADER_SIZE (4 + GUID_SIZE)
#define COUNTER_SIZE 6
#define LONG_TERM_ID_SIZE (GUID_SIZE + COUNTER_SIZE + 2)
#define FOLDER_SIZE (HEADER_SIZE + 2 + LONG_TERM_ID_SIZE)
#define MESSAGE_SIZE (FOLDER_SIZE + LONG_TERM_ID_SIZE)

#define FLAGS_EPHEMERAL 0x00000087
#define ONE_OFF_UNICODE 0x8000

/* Object types of MS-OXCDATA 2.2.4 */
static const value_string folder_type_vals[] = {
    { 0x0001, "eitLTPrivateFolder" },
    { 0x0003, "eitLTPublicFolder" },
    { 0x0005, "eitLTMappedPublicFolder" },
    { 0x000C, "eitLTPublicFolderByName" },
    { 0, NULL }
};

static const value_string message_type_vals[] = {
    { 0x0007, "eitLTPrivateMessage" },
    { 0x0009, "eitLTPublicMessage" },
    { 0x000B, "eitLTMappedPublicMessage" },
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

/* MS-OXCDATA 2.2.5.3, 2.2.5.4; the containers are MAPI's */
enum {
    CONTACT_ROOT = 1,
    CONTACT_CONTAINER = 3,
    CONTACT_USER = 4,
    CONTACT_DISTLIST = 5
};

static const value_string contact_type_vals[] = {
    { CONTACT_ROOT, "Root" },
    { 2, "Subroot" },
    { CONTACT_CONTAINER, "Container" },
    { CONTACT_USER, "Contact address" },
    { CONTACT_DISTLIST, "Personal distribution list" },
    { 0, NULL }
};

static const value_string contact_index_vals[] = {
    { 0x00000000, "EmailAddress1" },
    { 0x00000001, "EmailAddress2" },
    { 0x00000002, "EmailAddress3" },
    { 0x00000003, "Fax1" },
    { 0x00000004, "Fax2" },
    { 0x00000005, "Fax3" },
    { 0x000000FF, "Personal distribution list" },
    { 0, NULL }
};

/* MS-OXOCNTC 2.2.2.2.4.1.1 */
static const value_string wrapped_kind_vals[] = {
    { 0x0, "One-off" },
    { 0x3, "Contact" },
    { 0x4, "Personal distribution list" },
    { 0x5, "Mail user of the address book" },
    { 0x6, "Distribution list of the address book" },
    { 0, NULL }
};

static const value_string wrapped_address_vals[] = {
    { 0, "Business fax" },
    { 1, "Home fax" },
    { 2, "Primary fax" },
    { 3, "None" },
    { 4, "Email1" },
    { 5, "Email2" },
    { 6, "Email3" },
    { 0, NULL }
};

/* MS-OXCDATA 2.2.5.1, in the bits of a little-endian number */
static const value_string one_off_format_vals[] = {
    { 0x0, "Not given" },
    { 0x3, "TextOnly" },
    { 0x7, "HtmlOnly" },
    { 0xB, "TextAndHtml" },
    { 0, NULL }
};

static const value_string one_off_mae_vals[] = {
    { 0, "BinHex" },
    { 1, "UUENCODE" },
    { 2, "AppleSingle" },
    { 3, "AppleDouble" },
    { 0, NULL }
};

typedef enum {
    KIND_NONE,
    KIND_SHORT,                 /* too short to have a ProviderUID */
    KIND_UNKNOWN,               /* of a provider that is not known */
    KIND_FOLDER,
    KIND_MESSAGE,
    KIND_STORE,
    KIND_ONE_OFF,
    KIND_ADDRESS_BOOK,
    KIND_CONTACT,
    KIND_WRAPPED,
    KIND_EPHEMERAL
} entry_id_kind_t;

static int read_entry_id(oxc_cursor_t *c, proto_tree *tree, int offset, entry_id_kind_t kind, oxc_text_t *text);

/*
 * Folder or message, by the object type. Their ProviderUID is the mailbox's, so ids of unknown providers must be told
 * from cut ones: there the type is a larger number, whose upper half a DatabaseGuid does not begin with.
 */
static entry_id_kind_t
object_kind(oxc_cursor_t *c, int offset, int size, bool is_public)
{
    uint16_t type;
    int full;

    if (size < HEADER_SIZE + 2)
        return KIND_FOLDER;     /* nothing is so short: reading it tells what is missing */
    type = tvb_get_letohs(c->tvb, offset + HEADER_SIZE);
    full = try_val_to_str(type, folder_type_vals) ? FOLDER_SIZE : try_val_to_str(type, message_type_vals) ? MESSAGE_SIZE
                                                                                                        : 0;
    if (full == 0 || (size > full && !is_public))
        return KIND_UNKNOWN;
    if (size < full && size >= HEADER_SIZE + 4 && tvb_get_letohs(c->tvb, offset + HEADER_SIZE + 2) == 0)
        return KIND_UNKNOWN;
    return full == FOLDER_SIZE ? KIND_FOLDER : KIND_MESSAGE;
}

/* Flags, or the bytes of it that are there. */
static uint32_t
entry_id_flags(oxc_cursor_t *c, int offset, int size)
{
    uint32_t flags = 0;

    for (int i = 0; i < MIN(size, 4); i++)
        flags |= (uint32_t)tvb_get_uint8(c->tvb, offset + i) << (8 * i);
    return flags;
}

/* Which kind of EntryID the bytes are, by the marks that the kind must have. */
static entry_id_kind_t
entry_id_kind(oxc_cursor_t *c, int offset, int size, bool expected)
{
    entry_id_kind_t kind = KIND_UNKNOWN;
    uint32_t flags;
    e_guid_t guid;

    flags = entry_id_flags(c, offset, size);
    /* MS-OXNSPI 2.2.9.2: the first byte marks ids that live no longer than the session. */
    if (flags != 0 && flags != FLAGS_EPHEMERAL)
        return KIND_NONE;
    if (size < HEADER_SIZE)
        return expected ? KIND_SHORT : KIND_NONE;
    if (flags == FLAGS_EPHEMERAL)
        return expected ? KIND_EPHEMERAL : KIND_NONE;
    tvb_get_letohguid(c->tvb, offset + 4, &guid);
    switch (oxc_guid_uid(&guid)) {
    case OXC_UID_ADDRESS_BOOK:
        return KIND_ADDRESS_BOOK;
    case OXC_UID_STORE:
        return KIND_STORE;
    case OXC_UID_ONE_OFF:
        return KIND_ONE_OFF;
    case OXC_UID_CONTACT:
        return KIND_CONTACT;
    case OXC_UID_WRAPPED:
        return KIND_WRAPPED;
    case OXC_UID_PUBLIC:
        return object_kind(c, offset, size, true);
    default:
        if (expected)
            kind = object_kind(c, offset, size, false);
        return expected ? kind : KIND_NONE;
    }
}

/* A GUID, a counter, the pad of a long-term id (MS-OXCDATA 2.2.1.3.1). */
static int
read_long_term_id(oxc_cursor_t *c, proto_tree *tree, int hf_guid, int hf_counter, int offset, oxc_text_t *text)
{
    if (!oxc_fits(c, tree, offset, LONG_TERM_ID_SIZE))
        return -1;
    oxc_guid_item(c, tree, hf_guid, offset, NULL);
    proto_tree_add_item(tree, hf_counter, c->tvb, offset + GUID_SIZE, COUNTER_SIZE, ENC_BIG_ENDIAN);
    proto_tree_add_item(tree, hf_pad, c->tvb, offset + GUID_SIZE + COUNTER_SIZE, 2, ENC_LITTLE_ENDIAN);
    oxc_text_add(text, "0x%" PRIx64, tvb_get_ntoh48(c->tvb, offset + GUID_SIZE));
    return offset + LONG_TERM_ID_SIZE;
}

static int
read_folder(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t type;

    offset = oxc_number(c, tree, hf_folder_type, offset, 2, &type);
    if (offset < 0)
        return -1;
    oxc_text_put(text, "folder ");
    return read_long_term_id(c, tree, hf_database_guid, hf_global_counter, offset, text);
}

static int
read_message(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t type;

    offset = oxc_number(c, tree, hf_message_type, offset, 2, &type);
    if (offset < 0)
        return -1;
    oxc_text_put(text, "folder ");
    offset = read_long_term_id(c, tree, hf_folder_database_guid, hf_folder_global_counter, offset, text);
    if (offset < 0)
        return -1;
    oxc_text_put(text, " message ");
    return read_long_term_id(c, tree, hf_message_database_guid, hf_message_global_counter, offset, text);
}

static int
read_one_off(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    static int *const bits[] = {
        &hf_one_off_unicode, &hf_one_off_no_lookup, &hf_one_off_mae, &hf_one_off_format, &hf_one_off_mime, NULL
    };
    uint32_t version;
    bool wide;

    offset = oxc_number(c, tree, hf_one_off_version, offset, 2, &version);
    if (offset < 0 || !oxc_fits(c, tree, offset, 2))
        return -1;
    wide = tvb_get_letohs(c->tvb, offset) & ONE_OFF_UNICODE;
    proto_tree_add_bitmask_with_flags(tree, c->tvb, offset, hf_one_off_flags, ett_one_off_flags, bits,
                                      ENC_LITTLE_ENDIAN, BMT_NO_APPEND);
    offset = oxc_stringz(c, tree, hf_display_name, offset + 2, wide, text);
    if (offset >= 0)
        offset = oxc_stringz(c, tree, hf_address_type, offset, wide, NULL);
    if (offset < 0)
        return -1;
    oxc_text_put(text, " <");
    offset = oxc_stringz(c, tree, hf_email_address, offset, wide, text);
    oxc_text_put(text, ">");
    return offset;
}

static int
read_address_book(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t version, type;

    offset = oxc_number(c, tree, hf_version, offset, 4, &version);
    if (offset >= 0)
        offset = oxc_number(c, tree, hf_type, offset, 4, &type);
    return offset < 0 ? -1 : oxc_stringz(c, tree, hf_x500_dn, offset, false, text);
}

static int
read_ephemeral(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t version, type, mid;

    offset = oxc_number(c, tree, hf_version, offset, 4, &version);
    if (offset >= 0)
        offset = oxc_number(c, tree, hf_type, offset, 4, &type);
    if (offset >= 0)
        offset = oxc_number(c, tree, hf_mid, offset, 4, &mid);
    if (offset >= 0)
        oxc_text_add(text, "%s, minimal id 0x%x", val_to_str_const(type, address_book_type_vals, "unknown type"), mid);
    return offset;
}

/* An EntryID in another one: the next size bytes. */
static int
read_embedded(oxc_cursor_t *c, proto_tree *tree, int offset, uint32_t size, oxc_text_t *text)
{
    oxc_cursor_t inner = *c;
    entry_id_kind_t kind;
    proto_item *item;
    proto_tree *sub;
    int end;

    if (!oxc_fits(c, tree, offset, size))
        return -1;
    if (size == 0)
        return offset;
    if (!oxc_enter(&inner, tree, offset))
        return -1;
    inner.end = offset + (int)size;
    sub = oxc_subtree(&inner, tree, hf_embedded, offset, &item);
    kind = entry_id_kind(c, offset, (int)size, true);
    if (kind == KIND_NONE) {
        proto_tree_add_item(sub, hf_data, c->tvb, offset, (int)size, ENC_NA);
    } else {
        end = read_entry_id(&inner, sub, offset, kind, text);
        if (end >= 0 && end < inner.end)
            proto_tree_add_item(sub, hf_trailing, c->tvb, end, inner.end - end, ENC_NA);
    }
    return inner.end;
}

static void
provider_data(oxc_cursor_t *c, proto_tree *tree, int offset)
{
    if (offset < c->end)
        proto_tree_add_item(tree, hf_provider_data, c->tvb, offset, c->end - offset, ENC_NA);
}

static int
read_contact(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t version, type, index, size;

    offset = oxc_number(c, tree, hf_version, offset, 4, &version);
    if (offset >= 0)
        offset = oxc_number(c, tree, hf_contact_type, offset, 4, &type);
    if (offset < 0)
        return -1;
    oxc_text_add(text, "%s ", val_to_str_const(type, contact_type_vals, "unknown type of contact"));
    if (type == CONTACT_USER || type == CONTACT_DISTLIST) {
        offset = oxc_number(c, tree, hf_index, offset, 4, &index);
        if (offset >= 0)
            offset = oxc_number(c, tree, hf_entry_id_count, offset, 4, &size);
        return offset < 0 ? -1 : read_embedded(c, tree, offset, size, text);
    }
    if (type >= CONTACT_ROOT && type <= CONTACT_CONTAINER) {
        if (!oxc_fits(c, tree, offset, GUID_SIZE))
            return -1;
        oxc_guid_item(c, tree, hf_muid_id, offset, NULL);
        return read_embedded(c, tree, offset + GUID_SIZE, (uint32_t)(c->end - offset - GUID_SIZE), text);
    }
    provider_data(c, tree, offset);
    return c->end;
}

static int
read_wrapped(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    static int *const bits[] = { &hf_wrapped_set, &hf_wrapped_address, &hf_wrapped_kind, NULL };

    if (!oxc_fits(c, tree, offset, 1))
        return -1;
    proto_tree_add_bitmask(tree, c->tvb, offset, hf_wrapped_entry_type, ett_wrapped_type, bits, ENC_NA);
    offset++;
    /* Something must be wrapped. */
    if (!oxc_fits(c, tree, offset, HEADER_SIZE))
        return -1;
    return read_embedded(c, tree, offset, (uint32_t)(c->end - offset), text);
}

/* The whole id, up to c->end. */
static int
read_entry_id(oxc_cursor_t *c, proto_tree *tree, int offset, entry_id_kind_t kind, oxc_text_t *text)
{
    uint32_t flags;

    offset = oxc_number(c, tree, hf_flags, offset, 4, &flags);
    if (offset < 0 || !oxc_fits(c, tree, offset, GUID_SIZE))
        return -1;
    oxc_guid_item(c, tree, hf_provider_uid, offset, NULL);
    offset += GUID_SIZE;
    switch (kind) {
    case KIND_FOLDER:
        return read_folder(c, tree, offset, text);
    case KIND_MESSAGE:
        return read_message(c, tree, offset, text);
    case KIND_STORE:
        return oxc_store_entry_id(c, tree, offset, text);
    case KIND_ONE_OFF:
        return read_one_off(c, tree, offset, text);
    case KIND_ADDRESS_BOOK:
        return read_address_book(c, tree, offset, text);
    case KIND_CONTACT:
        return read_contact(c, tree, offset, text);
    case KIND_WRAPPED:
        return read_wrapped(c, tree, offset, text);
    case KIND_EPHEMERAL:
        return read_ephemeral(c, tree, offset, text);
    default:
        provider_data(c, tree, offset);
        return c->end;
    }
}

bool
oxc_entry_id(oxc_cursor_t *c, proto_tree *tree, int offset, int size, bool expected, oxc_text_t *text)
{
    entry_id_kind_t kind;
    oxc_cursor_t inner = *c;
    int end;

    if (c->measure || size == 0)
        return false;
    kind = entry_id_kind(c, offset, size, expected);
    if (kind == KIND_NONE)
        return false;
    inner.end = offset + size;
    end = read_entry_id(&inner, tree, offset, kind, text);
    if (end >= 0 && end < inner.end)
        proto_tree_add_item(tree, hf_trailing, c->tvb, end, inner.end - end, ENC_NA);
    return true;
}

int
oxc_type_entry_id(oxc_cursor_t *c, proto_tree *tree, int hf, int offset, uint64_t arg _U_)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(c, tree, hf, offset, &item);
    oxc_text_t *text = oxc_text_new(c, sub);
    int size = c->end - offset;

    if (!oxc_fits(c, sub, offset, size))
        return -1;
    if (!c->measure && size > 0 && !oxc_entry_id(c, sub, offset, size, true, text))
        proto_tree_add_item(sub, hf_data, c->tvb, offset, size, ENC_NA);
    oxc_text_show(item, text, false);
    return c->end;
}

/* Contact, personal distribution list, wrapped */
static void
register_nested_fields(int proto)
{
    static hf_register_info hf[] = {
        { &hf_index, { "Index", "rop.entry_id.index", FT_UINT32, BASE_HEX, VALS(contact_index_vals), 0,
            "Which electronic address of the contact", HFILL } },
        { &hf_entry_id_count, { "EntryIdCount", "rop.entry_id.entry_id_count", FT_UINT32, BASE_DEC, NULL, 0,
            "Bytes of EntryIdBytes", HFILL } },
        { &hf_muid_id, { "muidID", "rop.entry_id.muid_id", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_wrapped_entry_type, { "Type", "rop.entry_id.wrapped_entry_type", FT_UINT8, BASE_HEX, NULL, 0,
            "How the wrapped EntryID is interpreted", HFILL } },
        { &hf_wrapped_kind, { "Kind", "rop.entry_id.wrapped_entry_type.kind", FT_UINT8, BASE_HEX,
            VALS(wrapped_kind_vals), 0x0F, NULL, HFILL } },
        { &hf_wrapped_address, { "Address", "rop.entry_id.wrapped_entry_type.address", FT_UINT8, BASE_HEX,
            VALS(wrapped_address_vals), 0x70, "Which electronic address of a contact", HFILL } },
        { &hf_wrapped_set, { "Not one-off", "rop.entry_id.wrapped_entry_type.not_one_off", FT_BOOLEAN, 8, NULL, 0x80,
            NULL, HFILL } },
        { &hf_embedded, { "Embedded EntryID", "rop.entry_id.embedded_entry_id", FT_NONE, BASE_NONE, NULL, 0, NULL,
            HFILL } },
    };
    static int *ett[] = { &ett_wrapped_type };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
}

static void
register_one_off_fields(int proto)
{
    static hf_register_info hf[] = {
        { &hf_one_off_version, { "Version", "rop.entry_id.one_off_version", FT_UINT16, BASE_DEC, NULL, 0, NULL,
            HFILL } },
        { &hf_one_off_flags, { "Flags", "rop.entry_id.one_off_flags", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_one_off_unicode, { "U, Unicode strings", "rop.entry_id.one_off_flags.u", FT_BOOLEAN, 16, NULL,
            ONE_OFF_UNICODE, NULL, HFILL } },
        { &hf_one_off_no_lookup, { "L, do not look up", "rop.entry_id.one_off_flags.l", FT_BOOLEAN, 16, NULL, 0x1000,
            NULL, HFILL } },
        { &hf_one_off_mae, { "MAE, Macintosh attachment encoding", "rop.entry_id.one_off_flags.mae", FT_UINT16,
            BASE_HEX, VALS(one_off_mae_vals), 0x0060, NULL, HFILL } },
        { &hf_one_off_format, { "Format", "rop.entry_id.one_off_flags.format", FT_UINT16, BASE_HEX,
            VALS(one_off_format_vals), 0x001E, NULL, HFILL } },
        { &hf_one_off_mime, { "M, send as MIME without TNEF", "rop.entry_id.one_off_flags.m", FT_BOOLEAN, 16, NULL,
            0x0001, NULL, HFILL } },
        { &hf_display_name, { "DisplayName", "rop.entry_id.display_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_address_type, { "AddressType", "rop.entry_id.address_type", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_email_address, { "EmailAddress", "rop.entry_id.email_address", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
    };
    static int *ett[] = { &ett_one_off_flags };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
}

void
oxc_entry_id_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_flags, { "Flags", "rop.entry_id.flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_provider_uid, { "ProviderUID", "rop.entry_id.provider_uid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_folder_type, { "FolderType", "rop.entry_id.object_type", FT_UINT16, BASE_HEX, VALS(folder_type_vals), 0,
            NULL, HFILL } },
        { &hf_message_type, { "MessageType", "rop.entry_id.object_type", FT_UINT16, BASE_HEX, VALS(message_type_vals),
            0, NULL, HFILL } },
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
        { &hf_version, { "Version", "rop.entry_id.version", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_contact_type, { "Type", "rop.entry_id.type", FT_UINT32, BASE_HEX, VALS(contact_type_vals), 0, NULL,
            HFILL } },
        { &hf_type, { "Type", "rop.entry_id.type", FT_UINT32, BASE_HEX, VALS(address_book_type_vals), 0, NULL,
            HFILL } },
        { &hf_x500_dn, { "X500DN", "rop.entry_id.x500_dn", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_mid, { "MId", "rop.entry_id.mid", FT_UINT32, BASE_HEX, NULL, 0, "Minimal entry id", HFILL } },
        { &hf_provider_data, { "ProviderData", "rop.entry_id.provider_data", FT_BYTES, BASE_NONE, NULL, 0,
            "Data of a provider that is not known", HFILL } },
        { &hf_trailing, { "More bytes", "rop.entry_id.trailing", FT_BYTES, BASE_NONE, NULL, 0,
            "Bytes behind the fields that an EntryID of this kind has", HFILL } },
        { &hf_data, { "Data", "rop.entry_id.data", FT_BYTES, BASE_NONE, NULL, 0, "EntryID of no known kind", HFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    register_one_off_fields(proto);
    register_nested_fields(proto);
    oxc_store_entry_id_register(proto);
}
