/* property.c
 * Properties with their values, and rows of them (MS-OXCDATA 2.8, 2.11)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/property.h"

#include "oxcnotif_item.h"
#include "ropdefs.h"
#include "session/folder.h"

static int hf_property = -1;
static int hf_tag = -1;
static int hf_type = -1;
static int hf_id = -1;
static int hf_flag = -1;
static int hf_row_flag = -1;
static int hf_property_set = -1;
static int hf_kind = -1;
static int hf_dispid = -1;
static int hf_name = -1;
static int hf_announced = -1;

static int ett_tag = -1;

static expert_field ei_columns_unknown = EI_INIT;

#define GUID_SIZE 16

/* What a property line has on the wire besides its value. */
enum {
    PART_TAG = 1,               /* PropertyTag */
    PART_TYPE = 2,              /* PropertyType */
    PART_FLAG = 4,              /* Flag of a FlaggedPropertyValue */
    PART_NAME = 8,              /* what names a named property, in streams */
    PART_HEADER = 16            /* no value, but the number in front of it */
};

/* Flag of FlaggedPropertyValue (MS-OXCDATA 2.11.5) */
enum {
    FLAG_VALUE = 0x00,
    FLAG_ABSENT = 0x01,
    FLAG_ERROR = 0x0A
};

static const value_string flag_vals[] = {
    { FLAG_VALUE, "Value follows" },
    { FLAG_ABSENT, "No value" },
    { FLAG_ERROR, "Error code follows" },
    { 0, NULL }
};

/* PropertyRow (MS-OXCDATA 2.8.1) */
enum {
    ROW_STANDARD = 0x00,
    ROW_FLAGGED = 0x01
};

static const value_string row_flag_vals[] = {
    { ROW_STANDARD, "StandardPropertyRow" },
    { ROW_FLAGGED, "FlaggedPropertyRow" },
    { 0, NULL }
};

/* propertyName of a stream (MS-OXCFXICS 2.2.4.1.1) */
enum {
    KIND_DISPID = 0x00,
    KIND_NAME = 0x01
};

static const value_string kind_vals[] = {
    { KIND_DISPID, "Dispid" },
    { KIND_NAME, "Name" },
    { 0, NULL }
};

/* Columns without a byte of value could fill a tree from nothing, so only a few of a row get a line. */
#define EMPTY_COLUMNS_SHOWN 4
#define EMPTY_COLUMNS_MAX 1024

void
oxc_property_tag_item(oxc_read_t *r, proto_tree *tree, int hf, int offset, int length, uint32_t tag)
{
    proto_item *item = proto_tree_add_uint(tree, hf, r->tvb, offset, length, tag);
    proto_tree *sub;
    oxc_line_t line;

    if (oxc_is_seen(tree)) {
        oxc_property_tag_line(r, &line, hf, tag);
        oxc_line_set(item, &line);
    }
    if (length == 0) {
        proto_item_set_generated(item);
        return;
    }
    /* Wherever a tag stands, a filter for tags finds it. */
    if (hf != hf_tag)
        proto_item_set_hidden(proto_tree_add_uint(tree, hf_tag, r->tvb, offset, length, tag));
    sub = proto_item_add_subtree(item, ett_tag);
    proto_tree_add_item(sub, hf_type, r->tvb, offset, 2, ENC_LITTLE_ENDIAN);
    proto_tree_add_item(sub, hf_id, r->tvb, offset + 2, 2, ENC_LITTLE_ENDIAN);
}

/* ---- lines: a property with its value ---- */

/* The value as the flag in front says (MS-OXCDATA 2.11.5). */
static int
flagged_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, oxc_text_t *text)
{
    uint32_t flag;
    int start = offset;

    offset = oxc_number(r, tree, hf_flag, offset, 1, &flag);
    if (offset < 0)
        return -1;
    switch (flag) {
    case FLAG_VALUE:
        return oxc_property_value(r, tree, offset, tag, text);
    case FLAG_ABSENT:
        oxc_text_put(text, "no value");
        return offset;
    case FLAG_ERROR:
        return oxc_property_value(r, tree, offset, OXC_WITH_TYPE(tag, PTYP_ERROR_CODE), text);
    default:
        return oxc_malformed(r, tree, start, r->end - start, "0x%02X is no flag of a property value", flag);
    }
}

/*
 * What a stream says of every named property: its set, and its dispid or string, which become its name from here on.
 * All of it is there: the stream is only read so far.
 */
static void
keep_name(oxc_read_t *r, int offset, uint32_t tag)
{
    const char *name;
    e_guid_t set;

    if (!r->named)
        return;
    tvb_get_letohguid(r->tvb, offset, &set);
    offset += GUID_SIZE + 1;
    if (tvb_get_uint8(r->tvb, offset - 1) == KIND_NAME)
        name = oxc_string_name_text(r->pinfo->pool, &set,
                                    (const char *)tvb_get_stringz_enc(r->pinfo->pool, r->tvb, offset, NULL,
                                                                      ENC_UTF_16 | ENC_LITTLE_ENDIAN));
    else
        name = oxc_lid_text(r->pinfo->pool, &set, tvb_get_letohl(r->tvb, offset));
    wmem_map_insert(r->named, GUINT_TO_POINTER(OXC_ID_OF(tag)), (void *)name);
}

/* The same as fields. */
static int
read_name(oxc_read_t *r, proto_tree *tree, int offset)
{
    uint32_t kind, dispid;
    const char *name;
    e_guid_t set;

    if (!oxc_fits(r, tree, offset, GUID_SIZE + 1))
        return -1;
    tvb_get_letohguid(r->tvb, offset, &set);
    oxc_guid_item(r, tree, hf_property_set, offset, NULL);
    offset = oxc_number(r, tree, hf_kind, offset + GUID_SIZE, 1, &kind);
    if (kind == KIND_NAME)
        return oxc_stringz(r, tree, hf_name, offset, true, NULL);
    if (kind != KIND_DISPID)
        return oxc_malformed(r, tree, offset - 1, r->end - offset + 1, "0x%02X is no kind of property name", kind);
    if (!oxc_fits(r, tree, offset, 4))
        return -1;
    dispid = tvb_get_letohl(r->tvb, offset);
    name = oxc_lid_name(&set, dispid);
    if (!r->measure) {
        proto_item *item = proto_tree_add_uint(tree, hf_dispid, r->tvb, offset, 4, dispid);

        if (name)
            proto_item_append_text(item, " (%s)", name);
    }
    return offset + 4;
}

static bool
is_array(uint32_t tag)
{
    return !(OXC_TYPE_OF(tag) & OXC_PTYP_CODE_PAGE) && OXC_TYPE_OF(tag) & PTYP_MULTIPLE;
}

/*
 * One line "name: value". parts tells what is on the wire in front of the value; the tag is as the columns have it
 * unless it is on the wire. It is returned in tag, and the whole line added to summary.
 */
static int
property_line(oxc_read_t *r, proto_tree *tree, int hf, int offset, unsigned parts, uint32_t *tag, oxc_text_t *summary)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(r, tree, hf, offset, &item);
    oxc_text_t *text = oxc_text_new(r, sub);
    oxc_text_t *value = oxc_text_new(r, sub);
    int start = offset;
    uint32_t type;

    if (parts & PART_TAG) {
        if (!oxc_fits(r, sub, offset, 4))
            return -1;
        *tag = tvb_get_letohl(r->tvb, offset);
        if (parts & PART_NAME && OXC_ID_OF(*tag) >= 0x8000)
            keep_name(r, offset + 4, *tag);
        if (sub)
            oxc_property_tag_item(r, sub, hf_tag, offset, 4, *tag);
        offset += 4;
    } else if (sub) {
        oxc_property_tag_item(r, sub, hf_tag, offset, 0, *tag);
    }
    if (text)
        oxc_text_put(text, oxc_property_name(r, *tag));
    oxc_text_show(item, text, true);
    if (parts & PART_NAME && OXC_ID_OF(*tag) >= 0x8000) {
        offset = read_name(r, sub, offset);
        if (offset < 0)
            return -1;
    }
    if (parts & PART_TYPE) {
        offset = oxc_number(r, sub, hf_type, offset, 2, &type);
        if (offset < 0)
            return -1;
        *tag = OXC_WITH_TYPE(*tag, type);
    }
    if (parts & PART_HEADER) {
        offset = oxc_number(r, sub, hf_announced, offset, 4, &type);
        oxc_text_add(value, "%u %s, continued", type, is_array(*tag) ? "values" : "bytes");
    } else if (parts & PART_FLAG) {
        offset = flagged_value(r, sub, offset, *tag, value);
    } else {
        bool is_binary = r->counts == OXC_COUNTS_STREAM && *tag == OXC_META_TAG_IDSET_GIVEN;

        offset = oxc_property_value(r, sub, offset, is_binary ? OXC_WITH_TYPE(*tag, PTYP_BINARY) : *tag, value);
    }
    if (value) {
        if (value->line.length > 0) {
            oxc_text_put(text, ": ");
            oxc_text_put(text, value->line.text);
        }
        oxc_text_show(item, text, true);
        oxc_text_put(summary, text->line.text);
    }
    return oxc_subtree_end(item, start, offset);
}

/*
 * What property_line() does where there is no line to show, for most columns. Returns the offset behind the value, or
 * -1 if it has to be read.
 */
static int
skip_column(oxc_read_t *r, int offset, unsigned parts, uint32_t tag)
{
    if (parts == 0)
        return oxc_property_skip(r, offset, tag, 0);
    if (parts != PART_FLAG || offset >= MIN(r->end, r->captured))
        return -1;
    switch (r->bytes[offset]) {
    case FLAG_VALUE:
        return oxc_property_skip(r, offset + 1, tag, 1);
    case FLAG_ABSENT:
        return oxc_skip(r, offset, 1, 1) ? offset + 1 : -1;
    case FLAG_ERROR:
        return oxc_property_skip(r, offset + 1, OXC_WITH_TYPE(tag, PTYP_ERROR_CODE), 1);
    default:
        return -1;
    }
}

int
oxc_property_tagged(oxc_read_t *r, proto_tree *tree, int offset, uint32_t *tag, oxc_text_t *text)
{
    uint32_t read_tag = 0;

    offset = property_line(r, tree, hf_property, offset, PART_TAG, &read_tag, text);
    if (tag)
        *tag = read_tag;
    return offset;
}

int
oxc_property_streamed(oxc_read_t *r, proto_tree *tree, int offset, bool header_only)
{
    unsigned parts = PART_TAG | PART_NAME | (header_only ? PART_HEADER : 0);
    uint32_t tag = 0;

    return property_line(r, tree, hf_property, offset, parts, &tag, NULL);
}

proto_tree *
oxc_property_continued(oxc_read_t *r, proto_tree *tree, int offset, int length, uint32_t tag, proto_item **item)
{
    proto_tree *sub = oxc_subtree(r, tree, hf_property, offset, item);

    if (sub) {
        oxc_subtree_end(*item, offset, offset + length);
        proto_item_set_text(*item, "%s", oxc_property_name(r, tag));
        oxc_property_tag_item(r, sub, hf_tag, offset, 0, tag);
    }
    return sub;
}

int
oxc_type_tagged_value(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg _U_)
{
    uint32_t tag = 0;

    return property_line(r, tree, hf, offset, PART_TAG, &tag, NULL);
}

/* ---- rows ---- */

/* Whether a value of this type has no bytes at all. */
static bool
is_empty_type(const oxc_read_t *r, uint16_t type)
{
    return type == PTYP_NULL || (type == PTYP_OBJECT && r->counts == OXC_COUNTS_ADDRESS_BOOK);
}

#define TAG_FOLDER_ID 0x67480014

/* What a row of a hierarchy table, or a row of properties, says of its folder: offsets of values, 0 for one that the row lacks. */
typedef struct {
    int folder_id;
    int name;
    int name_end;
    bool is_unicode;
} folder_row_t;

/* A value that is no error code, from offset to next. */
static void
note_folder_value(folder_row_t *row, uint32_t tag, int offset, int next)
{
    bool is_unicode = tag == OXC_TAG_DISPLAY_NAME;

    if (tag == TAG_FOLDER_ID && next == offset + 8) {
        row->folder_id = offset;
    } else if ((is_unicode || tag == OXC_TAG_DISPLAY_NAME_8) && next >= offset + 1 + is_unicode) {
        row->name = offset;
        row->name_end = next - 1 - is_unicode;
        row->is_unicode = is_unicode;
    }
}

static const char *
folder_row_name(wmem_allocator_t *scope, const oxc_read_t *r, const folder_row_t *row)
{
    int size = row->name_end - row->name;

    if (!row->name)
        return NULL;
    return row->is_unicode ? oxc_utf16_text(scope, r->tvb, row->name, size)
                           : oxc_code_page_text(scope, r->tvb, row->name, size, oxc_code_page_of(r));
}

/* Rows of a hierarchy table name folders, and are below the folder of the table; what RopGetPropertiesSpecific got is its own. */
static void
keep_folder(oxc_read_t *r, const folder_row_t *row)
{
    const oxc_object_t *object = r->rop ? r->rop->object : NULL;
    const char *name;
    uint64_t folder_id;

    if (r->measure || PINFO_FD_VISITED(r->pinfo) || !r->pdu || !object)
        return;
    if (object->is_folder && r->is_response && (name = folder_row_name(wmem_file_scope(), r, row)) != NULL)
        oxc_rop_change_more(r->rop)->display_name = name;
    if (!object->lists_folders || !row->folder_id)
        return;
    folder_id = tvb_get_letoh64(r->tvb, row->folder_id);
    oxc_session_name_folder(r->pinfo, r->pdu->call->session, r->rop->logon, folder_id,
                            folder_row_name(r->pinfo->pool, r, row));
    oxc_folder_listed(r->pinfo, r->pdu->call->session, r->rop->logon, folder_id, object);
}

int
oxc_property_row(oxc_read_t *r, proto_tree *tree, int offset, const uint32_t *tags, unsigned count, oxc_text_t *text)
{
    unsigned empty = 0;
    uint32_t flag;
    int start = offset;
    folder_row_t row = { 0, 0, 0, false };

    offset = oxc_number(r, tree, hf_row_flag, offset, 1, &flag);
    if (offset < 0)
        return -1;
    if (flag > ROW_FLAGGED)
        return oxc_malformed(r, tree, start, r->end - start, "0x%02X is no flag of a property row", flag);
    for (unsigned i = 0; i < count; i++) {
        unsigned parts = flag == ROW_FLAGGED ? PART_FLAG : 0;
        uint32_t tag = tags[i];
        int value = offset + (flag == ROW_FLAGGED ? 1 : 0);
        int next;

        if (OXC_TYPE_OF(tag) == PTYP_UNSPECIFIED)
            parts |= PART_TYPE;
        if (parts == 0 && is_empty_type(r, OXC_TYPE_OF(tag)) && ++empty > EMPTY_COLUMNS_SHOWN) {
            if (empty > EMPTY_COLUMNS_MAX)
                return oxc_malformed(r, tree, offset, r->end - offset, "More than %d columns without a value",
                                     EMPTY_COLUMNS_MAX);
            continue;
        }
        if (i > 0)
            oxc_text_put(text, ", ");
        next = tree || text ? -1 : skip_column(r, offset, parts, tag);
        offset = next >= 0 ? next : property_line(r, tree, hf_property, offset, parts, &tag, text);
        if (offset < 0)
            return -1;
        /* An error code in place of a value is none. */
        if (flag == ROW_FLAGGED && tvb_get_uint8(r->tvb, value - 1) != FLAG_VALUE)
            continue;
        if (tag == tags[i])
            note_folder_value(&row, tag, value, offset);
    }
    keep_folder(r, &row);
    return offset;
}

void
oxc_property_columns_unknown(oxc_read_t *r, proto_item *item)
{
    if (!r->measure)
        expert_add_info(r->pinfo, item, &ei_columns_unknown);
}

int
oxc_type_row(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg _U_)
{
    const oxc_columns_t *columns = r->rop ? r->rop->columns : r->row_columns;
    proto_item *item;
    proto_tree *sub = oxc_subtree(r, tree, hf, offset, &item);
    oxc_text_t *text = oxc_text_new(r, sub);
    int end;

    if (!columns) {
        /* Only the size and the flag can tell then whether this may be a row. */
        if (r->measure && r->sized && oxc_fits(r, tree, offset, 1) && tvb_get_uint8(r->tvb, offset) <= ROW_FLAGGED)
            return r->end;
        oxc_property_columns_unknown(r, item);
        return -1;
    }
    end = oxc_property_row(r, sub, offset, columns->tags, columns->count, text);
    oxc_text_show(item, text, false);
    return oxc_subtree_end(item, offset, end);
}

void
oxc_property_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_property, { "Property", "rop.property", FT_NONE, BASE_NONE, NULL, 0, "A property and its value",
            HFILL } },
        { &hf_tag, { "PropertyTag", "rop.property.tag", FT_UINT32, BASE_HEX | BASE_EXT_STRING,
            VALS_EXT_PTR(&ropdef_property_tag_vals_ext), 0, "Tag of a property, on the wire or known from the columns",
            HFILL } },
        { &hf_id, { "PropertyId", "rop.property.id", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_type, { "PropertyType", "rop.property.type", FT_UINT16, BASE_HEX | BASE_EXT_STRING,
            VALS_EXT_PTR(&oxc_property_type_vals_ext), 0, NULL, HFILL } },
        { &hf_flag, { "Flag", "rop.property.flag", FT_UINT8, BASE_HEX, VALS(flag_vals), 0,
            "What follows for a property", HFILL } },
        { &hf_property_set, { "PropertySet", "rop.property.property_set", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_kind, { "Kind", "rop.property.kind", FT_UINT8, BASE_HEX, VALS(kind_vals), 0,
            "What names a named property", HFILL } },
        { &hf_dispid, { "Dispid", "rop.property.dispid", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_name, { "Name", "rop.property.name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_announced, { "Length", "rop.property.length", FT_UINT32, BASE_DEC, NULL, 0,
            "Bytes of a value, or values of an array, that continues in later buffers", HFILL } },
        { &hf_row_flag, { "Flag", "rop.property_row.flag", FT_UINT8, BASE_HEX, VALS(row_flag_vals), 0,
            "Kind of a row", HFILL } },
    };
    static int *ett[] = { &ett_tag };
    static ei_register_info ei[] = {
        { &ei_columns_unknown, { "rop.columns_unknown", PI_UNDECODED, PI_NOTE,
                                 "Columns unknown: RopSetColumns not captured", EXPFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
