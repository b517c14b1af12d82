/* value.c
 * Values of properties (MS-OXCDATA 2.11)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/property.h"

#include "rop/fasttransfer_structure.h"
#include "rop/identifier.h"

#include <math.h>

#include <epan/to_str.h>
#include <wsutil/nstime.h>

#include "ropdefs.h"

static int hf_has_value = -1;
static int hf_count = -1;
static int hf_size = -1;
static int hf_integer16 = -1;
static int hf_integer32 = -1;
static int hf_floating32 = -1;
static int hf_floating64 = -1;
static int hf_currency = -1;
static int hf_floating_time = -1;
static int hf_error_code = -1;
static int hf_boolean = -1;
static int hf_object = -1;
static int hf_integer64 = -1;
static int hf_id = -1;
static int hf_string8 = -1;
static int hf_string = -1;
static int hf_time = -1;
static int hf_guid = -1;
static int hf_server_id = -1;
static int hf_restriction = -1;
static int hf_rule_action = -1;
static int hf_binary = -1;

static int ett_value = -1;

/* Readers of structures in values that contain values themselves. */
static const oxc_value_structures_t *structures;

static expert_field ei_object_value = EI_INIT;

/* Of arrays the first elements are enough for a line. */
#define TEXT_ELEMENTS 8

/* ---- values ---- */

int
oxc_property_fixed_size(const oxc_read_t *r, uint16_t type)
{
    switch (type) {
    case PTYP_BOOLEAN:
        return r->counts == OXC_COUNTS_STREAM ? 2 : 1;
    case PTYP_INTEGER16:
        return 2;
    case PTYP_INTEGER32:
    case PTYP_FLOATING32:
    case PTYP_ERROR_CODE:
        return 4;
    case PTYP_FLOATING64:
    case PTYP_CURRENCY:
    case PTYP_FLOATING_TIME:
    case PTYP_INTEGER64:
    case PTYP_TIME:
        return 8;
    case PTYP_GUID:
        return 16;
    default:
        return 0;
    }
}

/* Types of which arrays exist; returns the fewest bytes an element takes, 0 if there is no such array. */
static int
element_size(const oxc_read_t *r, uint16_t type)
{
    switch (type) {
    case PTYP_STRING8:
        return r->counts == OXC_COUNTS_STREAM ? 4 : 1;
    case PTYP_STRING:
        return r->counts == OXC_COUNTS_STREAM ? 4 : r->counts == OXC_COUNTS_ADDRESS_BOOK ? 1 : 2;
    case PTYP_BINARY:
        return r->counts == OXC_COUNTS_ADDRESS_BOOK ? 1 : r->counts == OXC_COUNTS_ROP ? 2 : 4;
    case PTYP_BOOLEAN:
    case PTYP_ERROR_CODE:
        return 0;
    default:
        return oxc_property_fixed_size(r, type);
    }
}

/* Address book values may be absent (MS-OXCMAPIHTTP 2.2.1.1): variable ones and arrays. */
static bool
has_has_value(const oxc_read_t *r, uint16_t type)
{
    return r->counts == OXC_COUNTS_ADDRESS_BOOK
           && (type & PTYP_MULTIPLE || type == PTYP_STRING || type == PTYP_STRING8 || type == PTYP_BINARY);
}

static void
floating_time_value(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    double days = tvb_get_letohieee_double(r->tvb, offset);
    proto_item *item = proto_tree_add_item(tree, hf_floating_time, r->tvb, offset, 8, ENC_LITTLE_ENDIAN);
    /* Days since 1899-12-30; the two calendars are 25569 days apart. */
    double seconds = (days - 25569.0) * 86400.0;

    if (isfinite(seconds) && fabs(seconds) < 1e11) {
        nstime_t when = { (time_t)seconds, 0 };
        const char *shown = abs_time_to_str(r->pinfo->pool, &when, ABSOLUTE_TIME_UTC, true);

        proto_item_append_text(item, " (%s)", shown);
        oxc_text_put(text, shown);
    } else {
        oxc_text_add(text, "%g days", days);
    }
}

static void
integer_value(proto_tree *tree, int hf, tvbuff_t *tvb, int offset, int size, uint32_t tag, oxc_text_t *text)
{
    int32_t value = size == 2 ? (int16_t)tvb_get_letohs(tvb, offset) : (int32_t)tvb_get_letohl(tvb, offset);
    proto_item *item = proto_tree_add_item(tree, hf, tvb, offset, size, ENC_LITTLE_ENDIAN);
    oxc_line_t line;
    size_t before;

    if (!text)
        return;
    before = text->line.length;
    if (!oxc_property_number_text(tag, (uint32_t)value, text)) {
        oxc_text_put_decimal(text, value);
    } else if (!text->full) {
        oxc_line_begin(&line, text->line.scope, "Value: ");
        oxc_line_add(&line, text->line.text + before);
        oxc_line_set(item, &line);
    }
}

static void
error_value(proto_tree *tree, tvbuff_t *tvb, int offset, oxc_text_t *text)
{
    uint32_t error = tvb_get_letohl(tvb, offset);
    const char *name = try_val_to_str_ext(error, &ropdef_error_vals_ext);

    proto_tree_add_item(tree, hf_error_code, tvb, offset, 4, ENC_LITTLE_ENDIAN);
    if (name)
        oxc_text_add(text, "%s (0x%08X)", name, error);
    else
        oxc_text_add(text, "error 0x%08X", error);
}

static void
integer64_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, oxc_text_t *text)
{
    proto_tree_add_item(tree, hf_integer64, r->tvb, offset, 8, ENC_LITTLE_ENDIAN);
    if (oxc_property_is_id(tag))
        oxc_id_item(r, tree, hf_id, offset, text);
    else
        oxc_text_put_decimal(text, (int64_t)tvb_get_letoh64(r->tvb, offset));
}

/* A value of fixed size, all of it there. */
static void
fixed_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, uint16_t type, oxc_text_t *text)
{
    tvbuff_t *tvb = r->tvb;
    int64_t value;

    switch (type) {
    case PTYP_INTEGER16:
        integer_value(tree, hf_integer16, tvb, offset, 2, tag, text);
        break;
    case PTYP_INTEGER32:
        integer_value(tree, hf_integer32, tvb, offset, 4, tag, text);
        break;
    case PTYP_FLOATING32:
        proto_tree_add_item(tree, hf_floating32, tvb, offset, 4, ENC_LITTLE_ENDIAN);
        oxc_text_add(text, "%g", (double)tvb_get_letohieee_float(tvb, offset));
        break;
    case PTYP_FLOATING64:
        proto_tree_add_item(tree, hf_floating64, tvb, offset, 8, ENC_LITTLE_ENDIAN);
        oxc_text_add(text, "%g", tvb_get_letohieee_double(tvb, offset));
        break;
    case PTYP_CURRENCY:
        value = (int64_t)tvb_get_letoh64(tvb, offset);
        proto_tree_add_int64_format_value(tree, hf_currency, tvb, offset, 8, value, "%.4f", (double)value / 10000);
        oxc_text_add(text, "%.4f", (double)value / 10000);
        break;
    case PTYP_FLOATING_TIME:
        floating_time_value(r, tree, offset, text);
        break;
    case PTYP_ERROR_CODE:
        error_value(tree, tvb, offset, text);
        break;
    case PTYP_BOOLEAN:
        proto_tree_add_item(tree, hf_boolean, tvb, offset, oxc_property_fixed_size(r, type), ENC_LITTLE_ENDIAN);
        oxc_text_put(text, tvb_get_uint8(tvb, offset) ? "True" : "False");
        break;
    case PTYP_INTEGER64:
        integer64_value(r, tree, offset, tag, text);
        break;
    case PTYP_TIME:
        oxc_filetime(r, tree, hf_time, offset, text);
        break;
    case PTYP_GUID:
        oxc_guid_item(r, tree, hf_guid, offset, text);
        break;
    }
}

/* Bytes behind their count. */
static int
binary_value(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint32_t tag, oxc_text_t *text)
{
    proto_item *item;
    proto_tree *sub;
    uint32_t size;

    offset = oxc_count(r, tree, hf_size, offset, &size);
    if (offset < 0 || !oxc_fits(r, tree, offset, size))
        return -1;
    if (size == 0) {
        oxc_text_put(text, "(empty)");
    } else if (!r->measure) {
        item = proto_tree_add_item(tree, hf, r->tvb, offset, (int)size, ENC_NA);
        sub = proto_item_add_subtree(item, ett_value);
        if (!oxc_fx_structure(r, sub, offset, (int)size, tag, text)
            && !structures->extended_rule(r, sub, offset, (int)size, tag, text)
            && !oxc_binary_id(r, sub, offset, (int)size, tag, text) && text)
            oxc_text_add(text, "%s%s", tvb_bytes_to_str(r->pinfo->pool, r->tvb, offset, MIN((int)size, 32)),
                         size > 32 ? "..." : "");
    }
    return offset + (int)size;
}

static int
rule_action_value(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(r, tree, hf_rule_action, offset, &item);

    return oxc_subtree_end(item, offset, structures->rule_actions(r, sub, offset, text));
}

/* A string whose size stands in front, NUL included unless it is very long (MS-OXCFXICS 2.2.4.1.3). */
static int
streamed_string(oxc_read_t *r, proto_tree *tree, int hf, int offset, bool wide, uint32_t code_page,
                oxc_text_t *text)
{
    uint32_t size;

    offset = oxc_number(r, tree, hf_size, offset, 4, &size);
    if (offset < 0 || !oxc_fits(r, tree, offset, size))
        return -1;
    if (!r->measure && size > 0)
        oxc_string_item(r, tree, hf, offset, (int)size, wide, code_page, text);
    return offset + (int)size;
}

/* A ServerId, which brings its size: of 16 bits, or in streams of 32. */
static int
server_id_value(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    proto_item *item;
    proto_tree *sub;
    uint32_t size;

    offset = oxc_number(r, tree, hf_size, offset, r->counts == OXC_COUNTS_STREAM ? 4 : 2, &size);
    if (offset < 0 || !oxc_fits(r, tree, offset, size))
        return -1;
    sub = oxc_subtree(r, tree, hf_server_id, offset, &item);
    oxc_server_id(r, sub, offset, (int)size, text);
    return oxc_subtree_end(item, offset, offset + (int)size);
}

static int
unknown_type(oxc_read_t *r, proto_tree *tree, int offset, uint16_t type)
{
    return oxc_malformed(r, tree, offset, r->end - offset,
                         "Property type 0x%04X is not known, nor how long its values are", type);
}

/* One value of a type that is no array. */
static int
single_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, uint16_t type, oxc_text_t *text)
{
    int size = oxc_property_fixed_size(r, type);
    uint32_t has_value;

    if (size > 0) {
        if (!oxc_fits(r, tree, offset, size))
            return -1;
        if (!r->measure)
            fixed_value(r, tree, offset, tag, type, text);
        return offset + size;
    }
    if (has_has_value(r, type)) {
        offset = oxc_number(r, tree, hf_has_value, offset, 1, &has_value);
        if (offset >= 0 && !has_value)
            oxc_text_put(text, "no value");
        if (offset < 0 || !has_value)
            return offset;
    }
    if (r->counts == OXC_COUNTS_STREAM) {
        uint32_t code_page = oxc_code_page_of(r);

        if (type & OXC_PTYP_CODE_PAGE) {
            code_page = type & ~(uint32_t)OXC_PTYP_CODE_PAGE;
            type = code_page == OXC_CODE_PAGE_UNICODE ? PTYP_STRING : PTYP_STRING8;
        }
        if (type == PTYP_STRING)
            return streamed_string(r, tree, hf_string, offset, true, code_page, text);
        if (type == PTYP_STRING8)
            return streamed_string(r, tree, hf_string8, offset, false, code_page, text);
    }
    switch (type) {
    case PTYP_UNSPECIFIED:
    case PTYP_NULL:
        return offset;
    case PTYP_STRING8:
        return oxc_stringz(r, tree, hf_string8, offset, false, text);
    case PTYP_STRING:
        return oxc_stringz(r, tree, hf_string, offset, true, text);
    case PTYP_BINARY:
        return binary_value(r, tree, hf_binary, offset, tag, text);
    case PTYP_OBJECT:
        /* Objects are opened, not read as values; that this is one, and its layout, no specification shows. */
        if (!r->measure)
            proto_tree_add_expert(tree, r->pinfo, &ei_object_value, r->tvb, offset, 0);
        return r->counts == OXC_COUNTS_ADDRESS_BOOK ? offset : binary_value(r, tree, hf_object, offset, tag, text);
    case PTYP_SERVER_ID:
        return server_id_value(r, tree, offset, text);
    case PTYP_RESTRICTION:
        return structures->restriction(r, tree, hf_restriction, offset, text);
    case PTYP_RULE_ACTION:
        return rule_action_value(r, tree, offset, text);
    default:
        return unknown_type(r, tree, offset, type);
    }
}

static int
multiple_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, oxc_text_t *text)
{
    uint16_t type = OXC_TYPE_OF(tag) & 0x0FFF;
    int least = element_size(r, type);
    uint32_t count, has_value;

    if (least == 0)
        return unknown_type(r, tree, offset, OXC_TYPE_OF(tag));
    if (has_has_value(r, OXC_TYPE_OF(tag))) {
        offset = oxc_number(r, tree, hf_has_value, offset, 1, &has_value);
        if (offset >= 0 && !has_value)
            oxc_text_put(text, "no value");
        if (offset < 0 || !has_value)
            return offset;
    }
    offset = oxc_number(r, tree, hf_count, offset, 4, &count);
    if (offset < 0 || !oxc_fits(r, tree, offset, (int64_t)count * least))
        return -1;
    oxc_text_add(text, "[%u] ", count);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && i <= TEXT_ELEMENTS)
            oxc_text_add(text, i < TEXT_ELEMENTS ? ", " : ", ...");
        offset = single_value(r, tree, offset, OXC_WITH_TYPE(tag, type), type, i < TEXT_ELEMENTS ? text : NULL);
        if (offset < 0)
            return -1;
    }
    return offset;
}

int
oxc_property_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, oxc_text_t *text)
{
    int next = tree || text ? -1 : oxc_property_skip(r, offset, tag, 0);

    if (next >= 0)
        return next;
    if (r->counts == OXC_COUNTS_STREAM && OXC_TYPE_OF(tag) & OXC_PTYP_CODE_PAGE)
        return single_value(r, tree, offset, tag, OXC_TYPE_OF(tag), text);
    if (OXC_TYPE_OF(tag) & PTYP_INSTANCE)
        return single_value(r, tree, offset, tag, OXC_TYPE_OF(tag) & 0x0FFF, text);
    if (OXC_TYPE_OF(tag) & PTYP_MULTIPLE)
        return multiple_value(r, tree, offset, tag, text);
    return single_value(r, tree, offset, tag, OXC_TYPE_OF(tag), text);
}

/* Bytes behind their size, which takes width bytes. */
static int
skip_sized(oxc_read_t *r, int offset, int width, unsigned fields)
{
    uint32_t size;

    if (width > MIN(r->end, r->captured) - offset)
        return -1;
    size = width == 2 ? oxc_le16(r->bytes + offset) : oxc_le32(r->bytes + offset);
    return oxc_skip(r, offset, (int64_t)width + size, fields + 2) ? offset + width + (int)size : -1;
}

/* An array of values that all have this size. */
static int
skip_array(oxc_read_t *r, int offset, int size, unsigned fields)
{
    uint32_t count;

    if (size == 0 || 4 > MIN(r->end, r->captured) - offset)
        return -1;
    count = oxc_le32(r->bytes + offset);
    if (count > (uint32_t)r->captured || !oxc_skip(r, offset, 4 + (int64_t)count * size, fields + 2 + count))
        return -1;
    return offset + 4 + (int)count * size;
}

int
oxc_property_skip(oxc_read_t *r, int offset, uint32_t tag, unsigned fields)
{
    uint16_t type = OXC_TYPE_OF(tag);
    int size = oxc_property_fixed_size(r, type);

    if (size > 0)
        return oxc_skip(r, offset, size, fields + 1) ? offset + size : -1;
    if (r->counts == OXC_COUNTS_ADDRESS_BOOK)
        return -1;
    if ((type & 0xF000) == PTYP_MULTIPLE && (type & 0x0FFF) != PTYP_BOOLEAN && (type & 0x0FFF) != PTYP_ERROR_CODE)
        return skip_array(r, offset, oxc_property_fixed_size(r, type & 0x0FFF), fields);
    if (type == PTYP_STRING || type == PTYP_STRING8) {
        if (r->counts == OXC_COUNTS_STREAM)
            return skip_sized(r, offset, 4, fields);
        size = oxc_stringz_skip(r, offset, type == PTYP_STRING);
        return size > 0 && oxc_skip(r, offset, size, fields) ? offset + size : -1;
    }
    if (type == PTYP_BINARY && r->measure)
        return skip_sized(r, offset, r->counts == OXC_COUNTS_ROP ? 2 : 4, fields);
    return -1;
}

void
oxc_value_set_structures(const oxc_value_structures_t *readers)
{
    structures = readers;
}

void
oxc_value_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_has_value, { "HasValue", "rop.property.has_value", FT_BOOLEAN, BASE_NONE, NULL, 0,
            "Whether an address book property has a value", HFILL } },
        { &hf_count, { "Count", "rop.property.value.count", FT_UINT32, BASE_DEC, NULL, 0, "Values of an array",
            HFILL } },
        { &hf_size, { "Size", "rop.property.value.size", FT_UINT32, BASE_DEC, NULL, 0, "Bytes of a value", HFILL } },
        { &hf_integer16, { "Value", "rop.property.value.integer16", FT_INT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_integer32, { "Value", "rop.property.value.integer32", FT_INT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_floating32, { "Value", "rop.property.value.floating32", FT_FLOAT, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_floating64, { "Value", "rop.property.value.floating64", FT_DOUBLE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_currency, { "Value", "rop.property.value.currency", FT_INT64, BASE_DEC, NULL, 0, "Ten-thousandths",
            HFILL } },
        { &hf_floating_time, { "Value", "rop.property.value.floating_time", FT_DOUBLE, BASE_NONE, NULL, 0,
            "Days since 1899-12-30", HFILL } },
        { &hf_error_code, { "Value", "rop.property.value.error_code", FT_UINT32, BASE_HEX | BASE_EXT_STRING,
            VALS_EXT_PTR(&ropdef_error_vals_ext), 0, "Why there is no value", HFILL } },
        { &hf_boolean, { "Value", "rop.property.value.boolean", FT_BOOLEAN, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_object, { "Value", "rop.property.value.object", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_integer64, { "Value", "rop.property.value.integer64", FT_INT64, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_id, { "Id", "rop.property.value.id", FT_UINT64, BASE_HEX, NULL, 0,
            "Folder id, message id or change number", HFILL } },
        { &hf_string8, { "Value", "rop.property.value.string8", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_string, { "Value", "rop.property.value.string", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_time, { "Value", "rop.property.value.time", FT_ABSOLUTE_TIME, ABSOLUTE_TIME_UTC, NULL, 0, NULL, HFILL } },
        { &hf_guid, { "Value", "rop.property.value.guid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_server_id, { "Value", "rop.property.value.server_id", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_restriction, { "Value", "rop.property.value.restriction", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_rule_action, { "Value", "rop.property.value.rule_action", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_binary, { "Value", "rop.property.value.binary", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_value };
    static ei_register_info ei[] = {
        { &ei_object_value, { "rop.property.object_value", PI_PROTOCOL, PI_NOTE,
                              "Property value of type PtypObject", EXPFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
