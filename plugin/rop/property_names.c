/* property_names.c
 * Names of properties, of their types, and of the numbers in them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/property.h"

#include "rop/fasttransfer_marker.h"

#include "ropdefs.h"

#include <epan/to_str.h>

/* MS-OXCDATA 2.11.1; the multivalue instances 0x3xxx are named from these. */
static const value_string property_type_vals[] = {
    { 0x0000, "PtypUnspecified" },
    { 0x0001, "PtypNull" },
    { 0x0002, "PtypInteger16" },
    { 0x0003, "PtypInteger32" },
    { 0x0004, "PtypFloating32" },
    { 0x0005, "PtypFloating64" },
    { 0x0006, "PtypCurrency" },
    { 0x0007, "PtypFloatingTime" },
    { 0x000A, "PtypErrorCode" },
    { 0x000B, "PtypBoolean" },
    { 0x000D, "PtypObject" },
    { 0x0014, "PtypInteger64" },
    { 0x001E, "PtypString8" },
    { 0x001F, "PtypString" },
    { 0x0040, "PtypTime" },
    { 0x0048, "PtypGuid" },
    { 0x00FB, "PtypServerId" },
    { 0x00FD, "PtypRestriction" },
    { 0x00FE, "PtypRuleAction" },
    { 0x0102, "PtypBinary" },
    { 0x1002, "PtypMultipleInteger16" },
    { 0x1003, "PtypMultipleInteger32" },
    { 0x1004, "PtypMultipleFloating32" },
    { 0x1005, "PtypMultipleFloating64" },
    { 0x1006, "PtypMultipleCurrency" },
    { 0x1007, "PtypMultipleFloatingTime" },
    { 0x1014, "PtypMultipleInteger64" },
    { 0x101E, "PtypMultipleString8" },
    { 0x101F, "PtypMultipleString" },
    { 0x1040, "PtypMultipleTime" },
    { 0x1048, "PtypMultipleGuid" },
    { 0x1102, "PtypMultipleBinary" },
    { 0x3002, "PtypMultipleInteger16 instance" },
    { 0x3003, "PtypMultipleInteger32 instance" },
    { 0x3004, "PtypMultipleFloating32 instance" },
    { 0x3005, "PtypMultipleFloating64 instance" },
    { 0x3006, "PtypMultipleCurrency instance" },
    { 0x3007, "PtypMultipleFloatingTime instance" },
    { 0x3014, "PtypMultipleInteger64 instance" },
    { 0x301E, "PtypMultipleString8 instance" },
    { 0x301F, "PtypMultipleString instance" },
    { 0x3040, "PtypMultipleTime instance" },
    { 0x3048, "PtypMultipleGuid instance" },
    { 0x3102, "PtypMultipleBinary instance" },
    { 0, NULL }
};
value_string_ext oxc_property_type_vals_ext = VALUE_STRING_EXT_INIT(property_type_vals);

/* Name of a property type, also of arrays (0x1000) and instances (0x2000) of one; NULL for no known type. */
static const char *
property_type_name(uint16_t type)
{
    return try_val_to_str_ext(type, &oxc_property_type_vals_ext);
}

const char *
oxc_property_name(oxc_read_t *r, uint32_t tag)
{
    const char *name = NULL;

    /* The same id may mean something else in an address book (0x8000 and up), where no mapping is used. */
    if (OXC_ID_OF(tag) >= 0x8000 && r->counts != OXC_COUNTS_ADDRESS_BOOK) {
        if (r->named)
            name = (const char *)wmem_map_lookup(r->named, GUINT_TO_POINTER(OXC_ID_OF(tag)));
        else if (r->pdu && r->pdu->call->session)
            name = oxc_session_property_name(r->pinfo, r->pdu->call->session, oxc_logon_of(r), OXC_ID_OF(tag));
        return name ? name : wmem_strdup_printf(r->pinfo->pool, "Named property 0x%04X", OXC_ID_OF(tag));
    }
    if (r->counts == OXC_COUNTS_STREAM)
        name = oxc_fx_meta_tag_name(tag, r->section);
    if (!name)
        name = try_val_to_str_ext(tag, &ropdef_property_tag_vals_ext);
    if (!name)
        name = try_val_to_str_ext(tag & ~0x3000U, &ropdef_property_tag_vals_ext);
    if (!name)
        name = try_val_to_str_ext(OXC_ID_OF(tag), &ropdef_property_id_vals_ext);
    return name ? name : wmem_strdup_printf(r->pinfo->pool, "Property 0x%04X", OXC_ID_OF(tag));
}

static void
add_tag_name(oxc_read_t *r, oxc_line_t *line, uint32_t tag)
{
    const char *type = property_type_name(OXC_TYPE_OF(tag));

    oxc_line_add(line, oxc_property_name(r, tag));
    OXC_LINE_ADD(line, " (");
    if (r->counts == OXC_COUNTS_STREAM && OXC_TYPE_OF(tag) & OXC_PTYP_CODE_PAGE) {
        OXC_LINE_ADD(line, "string of code page ");
        oxc_line_add_decimal(line, OXC_TYPE_OF(tag) & ~OXC_PTYP_CODE_PAGE);
    } else if (type) {
        oxc_line_add(line, type);
    } else {
        oxc_line_add(line, wmem_strdup_printf(r->pinfo->pool, "type 0x%04X", OXC_TYPE_OF(tag)));
    }
    OXC_LINE_ADD(line, ")");
}

const char *
oxc_property_tag_name(oxc_read_t *r, uint32_t tag)
{
    oxc_line_t line;

    oxc_line_begin_part(&line, r->pinfo->pool);
    add_tag_name(r, &line, tag);
    return line.text;
}

void
oxc_property_tag_line(oxc_read_t *r, oxc_line_t *line, int hf, uint32_t tag)
{
    oxc_line_begin(line, r->pinfo->pool, proto_registrar_get_nth(hf)->name);
    OXC_LINE_ADD(line, ": ");
    oxc_line_add_hex(line, tag, 8);
    OXC_LINE_ADD(line, " (");
    add_tag_name(r, line, tag);
    OXC_LINE_ADD(line, ")");
}

/* GUIDs of the family {xxxxxxxx-0000-0000-C000-000000000046} */
#define GUID_0046(data1) { data1, 0x0000, 0x0000, { 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46 } }

static const struct {
    e_guid_t guid;
    oxc_uid_t uid;
    const char *name;
} known_guids[] = {
    /* Property sets (MS-OXPROPS 1.3.2) */
    { GUID_0046(0x00020328), OXC_UID_OTHER, "PS_MAPI" },
    { GUID_0046(0x00020329), OXC_UID_OTHER, "PS_PUBLIC_STRINGS" },
    { GUID_0046(0x00020386), OXC_UID_OTHER, "PS_INTERNET_HEADERS" },
    { GUID_0046(0x00062002), OXC_UID_OTHER, "PSETID_Appointment" },
    { GUID_0046(0x00062003), OXC_UID_OTHER, "PSETID_Task" },
    { GUID_0046(0x00062004), OXC_UID_OTHER, "PSETID_Address" },
    { GUID_0046(0x00062008), OXC_UID_OTHER, "PSETID_Common" },
    { GUID_0046(0x0006200A), OXC_UID_OTHER, "PSETID_Log" },
    { GUID_0046(0x0006200E), OXC_UID_OTHER, "PSETID_Note" },
    { GUID_0046(0x00062013), OXC_UID_OTHER, "PSETID_Report" },
    { GUID_0046(0x00062014), OXC_UID_OTHER, "PSETID_Remote" },
    { GUID_0046(0x00062040), OXC_UID_OTHER, "PSETID_Sharing" },
    { GUID_0046(0x00062041), OXC_UID_OTHER, "PSETID_PostRss" },
    { { 0x6ED8DA90, 0x450B, 0x101B, { 0x98, 0xDA, 0x00, 0xAA, 0x00, 0x3F, 0x13, 0x05 } }, OXC_UID_OTHER,
      "PSETID_Meeting" },
    { { 0x41F28F13, 0x83F4, 0x4114, { 0xA5, 0x84, 0xEE, 0xDB, 0x5A, 0x6B, 0x0B, 0xFF } }, OXC_UID_OTHER,
      "PSETID_Messaging" },
    { { 0x4442858E, 0xA9E3, 0x4E80, { 0xB9, 0x00, 0x31, 0x7A, 0x21, 0x0C, 0xC1, 0x5B } }, OXC_UID_OTHER,
      "PSETID_UnifiedMessaging" },
    { { 0x71035549, 0x0739, 0x4DCB, { 0x91, 0x63, 0x00, 0xF0, 0x58, 0x0D, 0xBB, 0xDF } }, OXC_UID_OTHER,
      "PSETID_AirSync" },
    { { 0x96357F7F, 0x59E1, 0x47D0, { 0x99, 0xA7, 0x46, 0x51, 0x5C, 0x18, 0x3B, 0x54 } }, OXC_UID_OTHER,
      "PSETID_Attachment" },
    { { 0x11000E07, 0xB51B, 0x40D6, { 0xAF, 0x21, 0xCA, 0xA8, 0x5E, 0xDA, 0xB1, 0xD0 } }, OXC_UID_OTHER,
      "PSETID_CalendarAssistant" },
    { { 0x23239608, 0x685D, 0x4732, { 0x9C, 0x55, 0x4C, 0x95, 0xCB, 0x4E, 0x8E, 0x33 } }, OXC_UID_OTHER,
      "PSETID_XmlExtractedEntities" },
    /* Provider UIDs (MS-OXCDATA 2.2.4, 2.2.5), whose bytes the specifications list in the order of the wire */
    { { 0xC840A7DC, 0x42C0, 0x1A10, { 0xB4, 0xB9, 0x08, 0x00, 0x2B, 0x2F, 0xE1, 0x82 } }, OXC_UID_ADDRESS_BOOK,
      "MUIDEMSAB" },
    { { 0x10BBA138, 0xE505, 0x1A10, { 0xA1, 0xBB, 0x08, 0x00, 0x2B, 0x2A, 0x56, 0xC2 } }, OXC_UID_STORE,
      "MUIDSTOREWRAP" },
    { { 0xA41F2B81, 0xA3BE, 0x1910, { 0x9D, 0x6E, 0x00, 0xDD, 0x01, 0x0F, 0x54, 0x02 } }, OXC_UID_ONE_OFF,
      "MUIDOOP" },
    { { 0x0AAA42FE, 0xC718, 0x101A, { 0xE8, 0x85, 0x0B, 0x65, 0x1C, 0x24, 0x00, 0x00 } }, OXC_UID_CONTACT,
      "contact addresses" },
    { { 0xD3AD91C0, 0x9D51, 0x11CF, { 0xA4, 0xA9, 0x00, 0xAA, 0x00, 0x47, 0xFA, 0xA4 } }, OXC_UID_WRAPPED,
      "wrapped EntryID" },
    { { 0x9073441A, 0x66AA, 0xCD11, { 0x9B, 0xC8, 0x00, 0xAA, 0x00, 0x2F, 0xC4, 0x5A } }, OXC_UID_PUBLIC,
      "public folders" },
    { { 0x20FA551B, 0x66AA, 0xCD11, { 0x9B, 0xC8, 0x00, 0xAA, 0x00, 0x2F, 0xC4, 0x5A } }, OXC_UID_OTHER,
      "mailbox store" },
    { { 0x1002831C, 0x66AA, 0xCD11, { 0x9B, 0xC8, 0x00, 0xAA, 0x00, 0x2F, 0xC4, 0x5A } }, OXC_UID_OTHER,
      "public folder store" },
};

static int
find_guid(const e_guid_t *guid)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(known_guids); i++) {
        const e_guid_t *known = &known_guids[i].guid;

        if (known->data1 == guid->data1 && known->data2 == guid->data2 && known->data3 == guid->data3
            && memcmp(known->data4, guid->data4, sizeof known->data4) == 0)
            return (int)i;
    }
    return -1;
}

const char *
oxc_guid_name(const e_guid_t *guid)
{
    int i = find_guid(guid);

    return i < 0 ? NULL : known_guids[i].name;
}

oxc_uid_t
oxc_guid_uid(const e_guid_t *guid)
{
    int i = find_guid(guid);

    return i < 0 ? OXC_UID_OTHER : known_guids[i].uid;
}

const char *
oxc_lid_name(const e_guid_t *set, uint32_t lid)
{
    const char *name = oxc_guid_name(set);

    for (const ropdef_property_set_t *known = ropdef_property_sets; name && known->name; known++) {
        if (strcmp(known->name, name) == 0)
            return try_val_to_str_ext(lid, known->names);
    }
    return NULL;
}

/* A property set by its name, or its GUID. */
static const char *
set_text(wmem_allocator_t *scope, const e_guid_t *set)
{
    const char *name = oxc_guid_name(set);

    return name ? name : guid_to_str(scope, set);
}

const char *
oxc_lid_text(wmem_allocator_t *scope, const e_guid_t *set, uint32_t lid)
{
    const char *name = oxc_lid_name(set, lid);

    if (name)
        return wmem_strdup_printf(scope, "%s (%s 0x%04x)", name, set_text(scope, set), lid);
    return wmem_strdup_printf(scope, "%s 0x%04x", set_text(scope, set), lid);
}

const char *
oxc_string_name_text(wmem_allocator_t *scope, const e_guid_t *set, const char *name)
{
    return wmem_strdup_printf(scope, "%s %s", set_text(scope, set), oxc_shown_text(scope, name));
}

/* ---- numbers with names ---- */

static void
flags_text(uint32_t number, const value_string *names, oxc_text_t *text)
{
    uint32_t rest = number;
    const char *between = "";

    for (const value_string *name = names; name->strptr; name++) {
        if (number & name->value) {
            oxc_text_add(text, "%s%s", between, name->strptr);
            rest &= ~name->value;
            between = " | ";
        }
    }
    if (rest)
        oxc_text_add(text, "%s0x%X", between, rest);
    else if (!number)
        oxc_text_put(text, "none");
    oxc_text_add(text, " (0x%08X)", number);
}

bool
oxc_property_number_text(uint32_t tag, uint32_t number, oxc_text_t *text)
{
    for (const ropdef_property_t *property = ropdef_properties; property->names; property++) {
        const char *name;

        if (property->id != OXC_ID_OF(tag))
            continue;
        if (property->is_flags) {
            flags_text(number, property->names, text);
            return true;
        }
        name = try_val_to_str(number, property->names);
        if (name)
            oxc_text_add(text, "%s (%d)", name, (int32_t)number);
        return name != NULL;
    }
    return false;
}

bool
oxc_property_is_id(uint32_t tag)
{
    switch (tag & ~0x3000U) {
    case 0x67480014:            /* PidTagFolderId */
    case 0x67490014:            /* PidTagParentFolderId */
    case 0x674A0014:            /* PidTagMid */
    case 0x674D0014:            /* PidTagInstID */
    case 0x67A40014:            /* PidTagChangeNumber */
        return true;
    default:
        return false;
    }
}

void
oxc_id_line(oxc_read_t *r, oxc_line_t *line, uint64_t id, const char *name)
{
    oxc_line_add_hex(line, id, 16);
    oxc_line_own(line);
    if (name) {
        OXC_LINE_ADD(line, " (");
        oxc_line_add(line, oxc_shown_text(r->pinfo->pool, name));
        OXC_LINE_ADD(line, ")");
    }
    if (id != 0) {
        OXC_LINE_ADD(line, " [ReplicaId ");
        oxc_line_add_decimal(line, id & 0xFFFF);
        /* The first byte of the counter is its highest (MS-OXCDATA 2.2.1.1). */
        OXC_LINE_ADD(line, ", GlobalCounter ");
        oxc_line_add_hex(line, GUINT64_SWAP_LE_BE(id) & UINT64_C(0xFFFFFFFFFFFF), 1);
        OXC_LINE_ADD(line, "]");
    }
}

void
oxc_id_text(oxc_read_t *r, uint64_t id, oxc_text_t *text)
{
    const char *folder = NULL;
    oxc_line_t line;

    if (!text)
        return;
    if (id && r->pdu && r->pdu->call->session)
        folder = oxc_session_folder_name(r->pinfo, r->pdu->call->session, oxc_logon_of(r), id);
    oxc_line_begin_part(&line, r->pinfo->pool);
    oxc_id_line(r, &line, id, folder);
    oxc_text_put(text, line.text);
}

const char *
oxc_folder_text(const oxc_read_t *r, uint32_t logon, uint64_t folder_id)
{
    const char *name = NULL;

    if (r->pdu)
        name = oxc_session_folder_name(r->pinfo, r->pdu->call->session, logon, folder_id);
    if (name)
        return oxc_shown_text(r->pinfo->pool, name);
    return wmem_strdup_printf(r->pinfo->pool, "0x%016" PRIx64, folder_id);
}
