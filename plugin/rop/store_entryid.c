/* store_entryid.c
 * Store Object EntryIDs (MS-OXCDATA 2.2.4.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/store_entryid.h"

#include "rop/property.h"

static int hf_version = -1;
static int hf_flag = -1;
static int hf_dll_file_name = -1;
static int hf_provider_data = -1;
static int hf_wrapped_flags = -1;
static int hf_wrapped_provider_uid = -1;
static int hf_wrapped_type = -1;
static int hf_server_shortname = -1;
static int hf_mailbox_dn = -1;
static int hf_tail = -1;
static int hf_magic = -1;
static int hf_size = -1;
static int hf_tail_version = -1;
static int hf_offset_dn = -1;
static int hf_offset_fqdn = -1;
static int hf_offset_smtp_address = -1;
static int hf_server_dn = -1;
static int hf_server_fqdn = -1;
static int hf_smtp_address = -1;
static int hf_reserved = -1;

static expert_field ei_offset;

#define DLL_FILE_NAME_SIZE 14
#define EXCHANGE_DLL "emsmdb.dll"
#define GUID_SIZE 16
#define RESERVED_SIZE 2

/* Exchange 2010 and later add the server, Exchange 2013 and later the mailbox by its address. */
#define MAGIC_V2 UINT32_C(0xF32135D8)
#define MAGIC_V3 UINT32_C(0xF43246E9)

static const value_string magic_vals[] = {
    { MAGIC_V2, "V2" },
    { MAGIC_V3, "V3" },
    { 0, NULL }
};

static const value_string wrapped_type_vals[] = {
    { 0x00000006, "Public folder store" },
    { 0x0000000C, "Mailbox store" },
    { 0, NULL }
};

/* Does a tail begin at offset? Its magic number may be cut off. */
static bool
is_tail(oxc_cursor_t *c, int offset)
{
    int size = MIN(c->end - offset, 4);
    uint8_t bytes[4] = { 0 };
    uint32_t mask = size == 4 ? UINT32_MAX : (UINT32_C(1) << (8 * size)) - 1;
    uint32_t magic;

    if (size <= 0)
        return false;
    tvb_memcpy(c->tvb, bytes, offset, (size_t)size);
    magic = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return magic == (MAGIC_V2 & mask) || magic == (MAGIC_V3 & mask);
}

/* A string of a tail, which its offset from the start of the tail promises. */
static int
read_tail_string(oxc_cursor_t *c, proto_tree *tree, int hf, int start, int offset, uint32_t promised, bool wide,
                 oxc_text_t *text)
{
    if (promised == 0)
        return offset;
    if (promised != (uint32_t)(offset - start))
        proto_tree_add_expert_format(tree, c->pinfo, &ei_offset, c->tvb, offset, 0,
                                     "The string begins %d bytes behind the start of the tail, its offset is %u",
                                     offset - start, promised);
    return oxc_stringz(c, tree, hf, offset, wide, text);
}

/* The strings of a tail stand one behind the other, in the order of their offsets. */
static int
read_tail_strings(oxc_cursor_t *c, proto_tree *tree, int start, int offset, uint32_t dn, uint32_t fqdn,
                  oxc_text_t *text)
{
    bool fqdn_first = fqdn != 0 && fqdn < dn;

    if (fqdn_first)
        offset = read_tail_string(c, tree, hf_server_fqdn, start, offset, fqdn, true, text);
    if (offset >= 0)
        offset = read_tail_string(c, tree, hf_server_dn, start, offset, dn, false, NULL);
    if (offset >= 0 && !fqdn_first)
        offset = read_tail_string(c, tree, hf_server_fqdn, start, offset, fqdn, true, text);
    return offset;
}

static int
read_tail(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(c, tree, hf_tail, offset, &item);
    uint32_t magic, number, first, second;
    int start = offset;

    offset = oxc_number(c, sub, hf_magic, offset, 4, &magic);
    if (offset >= 0)
        offset = oxc_number(c, sub, hf_size, offset, 4, &number);
    if (offset >= 0)
        offset = oxc_number(c, sub, hf_tail_version, offset, 4, &number);
    oxc_text_put(text, " ");
    if (offset >= 0 && magic == MAGIC_V3) {
        offset = oxc_number(c, sub, hf_offset_smtp_address, offset, 4, &first);
        if (offset >= 0)
            offset = read_tail_string(c, sub, hf_smtp_address, start, offset, first, true, text);
    } else if (offset >= 0) {
        offset = oxc_number(c, sub, hf_offset_dn, offset, 4, &first);
        if (offset >= 0)
            offset = oxc_number(c, sub, hf_offset_fqdn, offset, 4, &second);
        if (offset >= 0)
            offset = read_tail_strings(c, sub, start, offset, first, second, text);
    }
    if (offset < 0 || !oxc_fits(c, sub, offset, RESERVED_SIZE))
        return -1;
    proto_tree_add_item(sub, hf_reserved, c->tvb, offset, RESERVED_SIZE, ENC_NA);
    return oxc_subtree_end(item, start, offset + RESERVED_SIZE);
}

/* What the provider of Exchange has behind DLLFileName. */
static int
read_exchange(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t number;

    offset = oxc_number(c, tree, hf_wrapped_flags, offset, 4, &number);
    if (offset < 0 || !oxc_fits(c, tree, offset, GUID_SIZE))
        return -1;
    oxc_guid_item(c, tree, hf_wrapped_provider_uid, offset, NULL);
    offset = oxc_number(c, tree, hf_wrapped_type, offset + GUID_SIZE, 4, &number);
    if (offset < 0)
        return -1;
    oxc_text_put(text, "store on ");
    offset = oxc_stringz(c, tree, hf_server_shortname, offset, false, text);
    /* Public stores have no mailbox. */
    if (offset >= 0 && offset < c->end && !is_tail(c, offset)) {
        oxc_text_put(text, " ");
        offset = oxc_stringz(c, tree, hf_mailbox_dn, offset, false, text);
    }
    if (offset >= 0 && is_tail(c, offset))
        offset = read_tail(c, tree, offset, text);
    return offset;
}

int
oxc_store_entry_id(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    const char *dll;
    uint32_t number;

    offset = oxc_number(c, tree, hf_version, offset, 1, &number);
    if (offset >= 0)
        offset = oxc_number(c, tree, hf_flag, offset, 1, &number);
    if (offset < 0 || !oxc_fits(c, tree, offset, DLL_FILE_NAME_SIZE))
        return -1;
    dll = (const char *)tvb_get_string_enc(c->pinfo->pool, c->tvb, offset, DLL_FILE_NAME_SIZE, ENC_ASCII);
    proto_tree_add_item(tree, hf_dll_file_name, c->tvb, offset, DLL_FILE_NAME_SIZE, ENC_ASCII);
    offset += DLL_FILE_NAME_SIZE;
    if (g_ascii_strcasecmp(dll, EXCHANGE_DLL) == 0)
        return read_exchange(c, tree, offset, text);
    oxc_text_add(text, "store of %s", dll);
    if (offset < c->end)
        proto_tree_add_item(tree, hf_provider_data, c->tvb, offset, c->end - offset, ENC_NA);
    return c->end;
}

void
oxc_store_entry_id_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_version, { "Version", "rop.entry_id.store_version", FT_UINT8, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_flag, { "Flag", "rop.entry_id.flag", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_dll_file_name, { "DLLFileName", "rop.entry_id.dll_file_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_provider_data, { "Provider data", "rop.entry_id.store_provider_data", FT_BYTES, BASE_NONE, NULL, 0,
            "Data of a provider that is not Exchange's", HFILL } },
        { &hf_wrapped_flags, { "WrappedFlags", "rop.entry_id.wrapped_flags", FT_UINT32, BASE_HEX, NULL, 0, NULL,
            HFILL } },
        { &hf_wrapped_provider_uid, { "WrappedProviderUID", "rop.entry_id.wrapped_provider_uid", FT_GUID, BASE_NONE,
            NULL, 0, NULL, HFILL } },
        { &hf_wrapped_type, { "WrappedType", "rop.entry_id.wrapped_type", FT_UINT32, BASE_HEX, VALS(wrapped_type_vals),
            0, NULL, HFILL } },
        { &hf_server_shortname, { "ServerShortname", "rop.entry_id.server_shortname", FT_STRINGZ, BASE_NONE, NULL, 0,
            NULL, HFILL } },
        { &hf_mailbox_dn, { "MailboxDN", "rop.entry_id.mailbox_dn", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_tail, { "Tail", "rop.entry_id.tail", FT_NONE, BASE_NONE, NULL, 0, "What newer servers add", HFILL } },
        { &hf_magic, { "Magic", "rop.entry_id.magic", FT_UINT32, BASE_HEX, VALS(magic_vals), 0, NULL, HFILL } },
        { &hf_size, { "Size", "rop.entry_id.size", FT_UINT32, BASE_HEX_DEC, NULL, 0, NULL, HFILL } },
        { &hf_tail_version, { "Version", "rop.entry_id.tail_version", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_offset_dn, { "OffsetDN", "rop.entry_id.offset_dn", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_offset_fqdn, { "OffsetFQDN", "rop.entry_id.offset_fqdn", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_offset_smtp_address, { "OffsetSmtpAddress", "rop.entry_id.offset_smtp_address", FT_UINT32, BASE_HEX,
            NULL, 0, NULL, HFILL } },
        { &hf_server_dn, { "DN", "rop.entry_id.dn", FT_STRINGZ, BASE_NONE, NULL, 0, "DN of the server", HFILL } },
        { &hf_server_fqdn, { "FQDN", "rop.entry_id.fqdn", FT_STRINGZ, BASE_NONE, NULL, 0, "FQDN of the server",
            HFILL } },
        { &hf_smtp_address, { "SmtpAddress", "rop.entry_id.smtp_address", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_reserved, { "Reserved", "rop.entry_id.reserved", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_offset, { "rop.entry_id.offset", PI_PROTOCOL, PI_NOTE,
                        "Offset differs from the position of the string", EXPFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
