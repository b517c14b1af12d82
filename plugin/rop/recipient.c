/* recipient.c
 * Recipients (MS-OXCDATA 2.8.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/property.h"

#include "rop/entryid.h"

static int hf_flags = -1;
static int hf_flag_type = -1;
static int hf_flag_e = -1;
static int hf_flag_d = -1;
static int hf_flag_t = -1;
static int hf_flag_s = -1;
static int hf_flag_r = -1;
static int hf_flag_n = -1;
static int hf_flag_u = -1;
static int hf_flag_i = -1;
static int hf_flag_reserved = -1;
static int hf_flag_o = -1;
static int hf_address_prefix_used = -1;
static int hf_display_type = -1;
static int hf_x500_dn = -1;
static int hf_entry_id_size = -1;
static int hf_entry_id = -1;
static int hf_search_key_size = -1;
static int hf_search_key = -1;
static int hf_address_type = -1;
static int hf_email_address = -1;
static int hf_display_name = -1;
static int hf_simple_display_name = -1;
static int hf_transmittable_display_name = -1;
static int hf_column_count = -1;
static int hf_properties = -1;

static int ett_flags = -1;
static int ett_entry_id = -1;

/* RecipientFlags (MS-OXCDATA 2.8.3.1) */
enum {
    TYPE_MASK = 0x0007,
    FLAG_EMAIL_ADDRESS = 0x0008,
    FLAG_DISPLAY_NAME = 0x0010,
    FLAG_TRANSMITTABLE = 0x0020,
    FLAG_SAME = 0x0040,
    FLAG_RESPONSIBLE = 0x0080,
    FLAG_NON_RICH = 0x0100,
    FLAG_UNICODE = 0x0200,
    FLAG_SIMPLE = 0x0400,
    FLAG_RESERVED = 0x7800,
    FLAG_ADDRESS_TYPE = 0x8000
};

enum {
    TYPE_NONE = 0,
    TYPE_X500DN = 1,
    TYPE_LIST1 = 6,
    TYPE_LIST2 = 7
};

static const value_string type_vals[] = {
    { TYPE_NONE, "NoType" },
    { TYPE_X500DN, "X500DN" },
    { 2, "MsMail" },
    { 3, "SMTP" },
    { 4, "Fax" },
    { 5, "ProfessionalOfficeSystem" },
    { TYPE_LIST1, "PersonalDistributionList1" },
    { TYPE_LIST2, "PersonalDistributionList2" },
    { 0, NULL }
};

static const value_string display_type_vals[] = {
    { 0, "User" },
    { 1, "Distribution list" },
    { 2, "Bulletin board or public folder" },
    { 3, "Automatic mailbox" },
    { 4, "Organizational mailbox" },
    { 5, "Private distribution list" },
    { 6, "Remote user" },
    { 0, NULL }
};

static int
read_sized(oxc_read_t *r, proto_tree *tree, int hf_size, int hf, int offset)
{
    uint32_t size;

    offset = oxc_number(r, tree, hf_size, offset, 2, &size);
    if (offset < 0 || !oxc_fits(r, tree, offset, size))
        return -1;
    if (!r->measure && size > 0) {
        proto_item *item = proto_tree_add_item(tree, hf, r->tvb, offset, (int)size, ENC_NA);

        if (hf == hf_entry_id)
            oxc_entry_id(r, proto_item_add_subtree(item, ett_entry_id), offset, (int)size, true, NULL);
    }
    return offset + (int)size;
}

/* What the type of the recipient brings. */
static int
read_address(oxc_read_t *r, proto_tree *tree, int offset, uint32_t flags, oxc_text_t *recipient_address)
{
    uint32_t number;

    switch (flags & TYPE_MASK) {
    case TYPE_X500DN:
        offset = oxc_number(r, tree, hf_address_prefix_used, offset, 1, &number);
        if (offset >= 0)
            offset = oxc_number(r, tree, hf_display_type, offset, 1, &number);
        return offset < 0 ? -1 : oxc_stringz(r, tree, hf_x500_dn, offset, false, recipient_address);
    case TYPE_LIST1:
    case TYPE_LIST2:
        offset = read_sized(r, tree, hf_entry_id_size, hf_entry_id, offset);
        return offset < 0 ? -1 : read_sized(r, tree, hf_search_key_size, hf_search_key, offset);
    case TYPE_NONE:
        if (flags & FLAG_ADDRESS_TYPE)
            return oxc_stringz(r, tree, hf_address_type, offset, false, NULL);
        return offset;
    default:
        return offset;
    }
}

/* The properties are the first of the recipient columns that a call on the message set. */
static int
read_properties(oxc_read_t *r, proto_tree *tree, int offset)
{
    const oxc_columns_t *columns = r->rop ? r->rop->columns : NULL;
    proto_item *item;
    proto_tree *sub;
    uint32_t count;
    int start;

    offset = oxc_number(r, tree, hf_column_count, offset, 2, &count);
    if (offset < 0)
        return -1;
    start = offset;
    sub = oxc_subtree(r, tree, hf_properties, offset, &item);
    if (!columns && count > 0) {
        /* With the size that stands in front of a row this is no reason to stop. */
        oxc_property_columns_unknown(r, item);
        return r->sized ? r->end : -1;
    }
    if (columns && count > columns->count)
        return oxc_malformed(r, sub, offset, r->end - offset, "%u columns, but the recipients have only %u", count,
                             columns->count);
    offset = oxc_property_row(r, sub, offset, columns ? columns->tags : NULL, count, NULL);
    return oxc_subtree_end(item, start, offset);
}

static int
read_recipient(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *name, oxc_text_t *recipient_address)
{
    static int *const flag_fields[] = {
        &hf_flag_type, &hf_flag_e, &hf_flag_d, &hf_flag_t, &hf_flag_s, &hf_flag_r, &hf_flag_n, &hf_flag_u, &hf_flag_i,
        &hf_flag_reserved, &hf_flag_o, NULL
    };
    uint16_t flags;
    bool wide;

    if (!oxc_fits(r, tree, offset, 2))
        return -1;
    flags = tvb_get_letohs(r->tvb, offset);
    wide = flags & FLAG_UNICODE;
    if (tree)
        proto_tree_add_bitmask(tree, r->tvb, offset, hf_flags, ett_flags, flag_fields, ENC_LITTLE_ENDIAN);
    offset = read_address(r, tree, offset + 2, flags, recipient_address);
    if (offset >= 0 && flags & FLAG_EMAIL_ADDRESS)
        offset = oxc_stringz(r, tree, hf_email_address, offset, wide, recipient_address);
    if (offset >= 0 && flags & FLAG_DISPLAY_NAME)
        offset = oxc_stringz(r, tree, hf_display_name, offset, wide, name);
    if (offset >= 0 && flags & FLAG_SIMPLE)
        offset = oxc_stringz(r, tree, hf_simple_display_name, offset, wide, NULL);
    if (offset >= 0 && flags & FLAG_TRANSMITTABLE && !(flags & FLAG_SAME))
        offset = oxc_stringz(r, tree, hf_transmittable_display_name, offset, wide, NULL);
    return offset < 0 ? -1 : read_properties(r, tree, offset);
}

int
oxc_type_recipient_row(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg _U_)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(r, tree, hf, offset, &item);
    oxc_text_t *name = oxc_text_new(r, sub);
    oxc_text_t *recipient_address = oxc_text_new(r, sub);
    int end = read_recipient(r, sub, offset, name, recipient_address);

    oxc_text_show(item, name, false);
    if (recipient_address && recipient_address->line.length > 0)
        proto_item_append_text(item, " <%s>", recipient_address->line.text);
    return oxc_subtree_end(item, offset, end);
}

void
oxc_recipient_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_flags, { "RecipientFlags", "rop.recipient.recipient_flags", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_flag_type, { "Type", "rop.recipient.recipient_flags.type", FT_UINT16, BASE_DEC, VALS(type_vals),
            TYPE_MASK, NULL, HFILL } },
        { &hf_flag_e, { "E, EmailAddress present", "rop.recipient.recipient_flags.e", FT_BOOLEAN, 16, NULL,
            FLAG_EMAIL_ADDRESS, NULL, HFILL } },
        { &hf_flag_d, { "D, DisplayName present", "rop.recipient.recipient_flags.d", FT_BOOLEAN, 16, NULL,
            FLAG_DISPLAY_NAME, NULL, HFILL } },
        { &hf_flag_t, { "T, TransmittableDisplayName present", "rop.recipient.recipient_flags.t", FT_BOOLEAN, 16, NULL,
            FLAG_TRANSMITTABLE, NULL, HFILL } },
        { &hf_flag_s, { "S, TransmittableDisplayName same as DisplayName", "rop.recipient.recipient_flags.s",
            FT_BOOLEAN, 16, NULL, FLAG_SAME, NULL, HFILL } },
        { &hf_flag_r, { "R, another transport is responsible", "rop.recipient.recipient_flags.r", FT_BOOLEAN, 16, NULL,
            FLAG_RESPONSIBLE, NULL, HFILL } },
        { &hf_flag_n, { "N, no rich text", "rop.recipient.recipient_flags.n", FT_BOOLEAN, 16, NULL, FLAG_NON_RICH,
            NULL, HFILL } },
        { &hf_flag_u, { "U, Unicode strings", "rop.recipient.recipient_flags.u", FT_BOOLEAN, 16, NULL, FLAG_UNICODE,
            NULL, HFILL } },
        { &hf_flag_i, { "I, SimpleDisplayName present", "rop.recipient.recipient_flags.i", FT_BOOLEAN, 16, NULL,
            FLAG_SIMPLE, NULL, HFILL } },
        { &hf_flag_reserved, { "Reserved", "rop.recipient.recipient_flags.reserved", FT_UINT16, BASE_HEX, NULL,
            FLAG_RESERVED, NULL, HFILL } },
        { &hf_flag_o, { "O, AddressType present", "rop.recipient.recipient_flags.o", FT_BOOLEAN, 16, NULL,
            FLAG_ADDRESS_TYPE, NULL, HFILL } },
        { &hf_address_prefix_used, { "AddressPrefixUsed", "rop.recipient.address_prefix_used", FT_UINT8, BASE_DEC, NULL,
            0, "Characters of the server's DN prefix to put in front of X500DN", HFILL } },
        { &hf_display_type, { "DisplayType", "rop.recipient.display_type", FT_UINT8, BASE_HEX, VALS(display_type_vals),
            0, NULL, HFILL } },
        { &hf_x500_dn, { "X500DN", "rop.recipient.x500_dn", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_entry_id_size, { "EntryIdSize", "rop.recipient.entry_id_size", FT_UINT16, BASE_DEC, NULL, 0, NULL,
            HFILL } },
        { &hf_entry_id, { "EntryID", "rop.recipient.entry_id", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_search_key_size, { "SearchKeySize", "rop.recipient.search_key_size", FT_UINT16, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_search_key, { "SearchKey", "rop.recipient.search_key", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_address_type, { "AddressType", "rop.recipient.address_type", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_email_address, { "EmailAddress", "rop.recipient.email_address", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_display_name, { "DisplayName", "rop.recipient.display_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_simple_display_name, { "SimpleDisplayName", "rop.recipient.simple_display_name", FT_STRINGZ, BASE_NONE,
            NULL, 0, NULL, HFILL } },
        { &hf_transmittable_display_name, { "TransmittableDisplayName", "rop.recipient.transmittable_display_name",
            FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_column_count, { "RecipientColumnCount", "rop.recipient.recipient_column_count", FT_UINT16, BASE_DEC, NULL,
            0, NULL, HFILL } },
        { &hf_properties, { "RecipientProperties", "rop.recipient.recipient_properties", FT_NONE, BASE_NONE, NULL, 0,
            NULL, HFILL } },
    };
    static int *ett[] = { &ett_flags, &ett_entry_id };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
}
