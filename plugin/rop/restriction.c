/* restriction.c
 * Restrictions (MS-OXCDATA 2.12)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/property.h"

static int hf_restriction = -1;
static int hf_type = -1;
static int hf_restrict_count = -1;
static int hf_fuzzy_low = -1;
static int hf_fuzzy_high = -1;
static int hf_rel_op = -1;
static int hf_bitmap_rel_op = -1;
static int hf_prop_tag = -1;
static int hf_prop_tag1 = -1;
static int hf_prop_tag2 = -1;
static int hf_mask = -1;
static int hf_size = -1;
static int hf_subobject = -1;
static int hf_values_count = -1;
static int hf_present = -1;
static int hf_limit = -1;
static int hf_has_value = -1;

enum {
    RES_AND = 0x00,
    RES_OR = 0x01,
    RES_NOT = 0x02,
    RES_CONTENT = 0x03,
    RES_PROPERTY = 0x04,
    RES_COMPARE = 0x05,
    RES_BITMASK = 0x06,
    RES_SIZE = 0x07,
    RES_EXIST = 0x08,
    RES_SUBOBJECT = 0x09,
    RES_COMMENT = 0x0A,
    RES_COUNT = 0x0B,
    RES_ANNOTATION = 0x0C,
    RES_NULL = 0xFF
};

static const value_string type_vals[] = {
    { RES_AND, "AndRestriction" },
    { RES_OR, "OrRestriction" },
    { RES_NOT, "NotRestriction" },
    { RES_CONTENT, "ContentRestriction" },
    { RES_PROPERTY, "PropertyRestriction" },
    { RES_COMPARE, "ComparePropertiesRestriction" },
    { RES_BITMASK, "BitMaskRestriction" },
    { RES_SIZE, "SizeRestriction" },
    { RES_EXIST, "ExistRestriction" },
    { RES_SUBOBJECT, "SubObjectRestriction" },
    { RES_COMMENT, "CommentRestriction" },
    { RES_COUNT, "CountRestriction" },
    { RES_ANNOTATION, "AnnotationRestriction" },
    { RES_NULL, "NullRestriction" },
    { 0, NULL }
};

/* MS-OXCDATA 2.12.5.1 and, for expressions, MAPI */
static const value_string rel_op_vals[] = {
    { 0x00, "<" }, { 0x01, "<=" }, { 0x02, ">" }, { 0x03, ">=" }, { 0x04, "==" }, { 0x05, "!=" },
    { 0x06, "matches" }, { 0x64, "member of" }, { 0, NULL }
};

static const value_string bitmap_rel_op_vals[] = {
    { 0, "BMR_EQZ" }, { 1, "BMR_NEZ" }, { 0, NULL }
};

static const value_string fuzzy_low_vals[] = {
    { 0, "FL_FULLSTRING" }, { 1, "FL_SUBSTRING" }, { 2, "FL_PREFIX" }, { 0, NULL }
};

/* For texts: how a property stands to the string sought. */
static const value_string fuzzy_words[] = {
    { 0, "is" }, { 1, "contains" }, { 2, "begins with" }, { 0, NULL }
};

#define FL_IGNORECASE 0x0001
#define FL_LOOSE 0x0004

/* A property tag, named in the text. */
static int
read_tag(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint32_t *tag, oxc_text_t *text)
{
    if (!oxc_fits(r, tree, offset, 4))
        return -1;
    *tag = tvb_get_letohl(r->tvb, offset);
    if (tree)
        oxc_property_tag_item(r, tree, hf, offset, 4, *tag);
    if (text)
        oxc_text_put(text, oxc_property_name(r, *tag));
    return offset + 4;
}

/*
 * Address book filters of some clients have a HasValue byte in front of the value, others none: it is there if what
 * looks like one stands right before the tag that has to be repeated there.
 */
static int
skip_has_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag)
{
    uint8_t has_value;
    uint32_t inner;

    if (r->counts != OXC_COUNTS_ADDRESS_BOOK || r->end - offset < 5 || !tvb_bytes_exist(r->tvb, offset, 5))
        return offset;
    has_value = tvb_get_uint8(r->tvb, offset);
    inner = tvb_get_letohl(r->tvb, offset + 1);
    if ((has_value != 0xFF && has_value != 0x00) || (inner != tag && inner != (tag & ~0x3000U)))
        return offset;
    if (!r->measure)
        proto_tree_add_item(tree, hf_has_value, r->tvb, offset, 1, ENC_NA);
    return offset + 1;
}

/*
 * The value that a property is compared with. It brings a tag of its own, and that is the one which tells its type
 * (MS-OXCDATA 2.11.4); only when it differs is it worth mentioning in the text.
 */
static int
compared_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, oxc_text_t *text)
{
    oxc_text_t *line = text ? oxc_text_new(r, tree) : NULL;
    uint32_t inner = 0;
    const char *shown, *value;

    offset = skip_has_value(r, tree, offset, tag);
    offset = oxc_property_tagged(r, tree, offset, &inner, line);
    if (!line || offset < 0)
        return offset;
    shown = line->line.text;
    value = OXC_ID_OF(inner) == OXC_ID_OF(tag) ? strstr(shown, ": ") : NULL;
    oxc_text_add(text, " %s", value ? value + 2 : shown);
    return offset;
}

static int
read_several(oxc_read_t *r, proto_tree *tree, int offset, const char *word, oxc_text_t *text)
{
    uint32_t count;

    offset = oxc_count(r, tree, hf_restrict_count, offset, &count);
    oxc_text_put(text, "(");
    for (uint32_t i = 0; offset >= 0 && i < count; i++) {
        if (i > 0)
            oxc_text_add(text, " %s ", word);
        offset = oxc_restriction(r, tree, hf_restriction, offset, text);
    }
    oxc_text_put(text, ")");
    return offset;
}

static int
read_content(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t low, high, tag;

    offset = oxc_number(r, tree, hf_fuzzy_low, offset, 2, &low);
    if (offset >= 0)
        offset = oxc_number(r, tree, hf_fuzzy_high, offset, 2, &high);
    if (offset >= 0)
        offset = read_tag(r, tree, hf_prop_tag, offset, &tag, text);
    if (offset < 0)
        return -1;
    oxc_text_add(text, " %s", val_to_str_const(low, fuzzy_words, "is like"));
    offset = compared_value(r, tree, offset, tag, text);
    if (high & (FL_IGNORECASE | FL_LOOSE))
        oxc_text_put(text, " (ignoring case)");
    return offset;
}

static int
read_property(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t op, tag;

    offset = oxc_number(r, tree, hf_rel_op, offset, 1, &op);
    if (offset >= 0)
        offset = read_tag(r, tree, hf_prop_tag, offset, &tag, text);
    if (offset < 0)
        return -1;
    oxc_text_add(text, " %s", val_to_str_const(op, rel_op_vals, "?"));
    return compared_value(r, tree, offset, tag, text);
}

static int
read_compare(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t op, tag;

    offset = oxc_number(r, tree, hf_rel_op, offset, 1, &op);
    if (offset >= 0)
        offset = read_tag(r, tree, hf_prop_tag1, offset, &tag, text);
    if (offset < 0)
        return -1;
    oxc_text_add(text, " %s ", val_to_str_const(op, rel_op_vals, "?"));
    return read_tag(r, tree, hf_prop_tag2, offset, &tag, text);
}

static int
read_bitmask(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t op, tag, mask;
    const char *relation;

    offset = oxc_number(r, tree, hf_bitmap_rel_op, offset, 1, &op);
    if (offset >= 0)
        offset = read_tag(r, tree, hf_prop_tag, offset, &tag, text);
    if (offset >= 0)
        offset = oxc_number(r, tree, hf_mask, offset, 4, &mask);
    if (offset < 0)
        return -1;
    relation = op == 0 ? "== 0" : op == 1 ? "!= 0" : "?";
    oxc_text_put(text, " & ");
    if (text && !oxc_property_number_text(tag, mask, text))
        oxc_text_add(text, "0x%X", mask);
    oxc_text_add(text, " %s", relation);
    return offset;
}

static int
read_size(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t op, tag, size;

    oxc_text_put(text, "size of ");
    offset = oxc_number(r, tree, hf_rel_op, offset, 1, &op);
    if (offset >= 0)
        offset = read_tag(r, tree, hf_prop_tag, offset, &tag, text);
    if (offset >= 0)
        offset = oxc_number(r, tree, hf_size, offset, 4, &size);
    if (offset >= 0)
        oxc_text_add(text, " %s %u", val_to_str_const(op, rel_op_vals, "?"), size);
    return offset;
}

static int
read_comment(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t count, present;

    offset = oxc_number(r, tree, hf_values_count, offset, 1, &count);
    for (uint32_t i = 0; offset >= 0 && i < count; i++)
        offset = oxc_property_tagged(r, tree, offset, NULL, NULL);
    if (offset >= 0)
        offset = oxc_number(r, tree, hf_present, offset, 1, &present);
    if (offset >= 0 && present)
        offset = oxc_restriction(r, tree, hf_restriction, offset, text);
    return offset;
}

/* What follows the type. */
static int
read_body(oxc_read_t *r, proto_tree *tree, int offset, uint32_t type, oxc_text_t *text)
{
    uint32_t number;

    switch (type) {
    case RES_AND:
        return read_several(r, tree, offset, "and", text);
    case RES_OR:
        return read_several(r, tree, offset, "or", text);
    case RES_NOT:
        oxc_text_put(text, "not ");
        return oxc_restriction(r, tree, hf_restriction, offset, text);
    case RES_CONTENT:
        return read_content(r, tree, offset, text);
    case RES_PROPERTY:
        return read_property(r, tree, offset, text);
    case RES_COMPARE:
        return read_compare(r, tree, offset, text);
    case RES_BITMASK:
        return read_bitmask(r, tree, offset, text);
    case RES_SIZE:
        return read_size(r, tree, offset, text);
    case RES_EXIST:
        offset = read_tag(r, tree, hf_prop_tag, offset, &number, text);
        oxc_text_put(text, " exists");
        return offset;
    case RES_SUBOBJECT:
        offset = read_tag(r, tree, hf_subobject, offset, &number, text);
        oxc_text_put(text, " with ");
        return offset < 0 ? -1 : oxc_restriction(r, tree, hf_restriction, offset, text);
    case RES_COMMENT:
    case RES_ANNOTATION:
        return read_comment(r, tree, offset, text);
    case RES_COUNT:
        offset = oxc_number(r, tree, hf_limit, offset, 4, &number);
        if (offset < 0)
            return -1;
        oxc_text_add(text, "first %u with ", number);
        return oxc_restriction(r, tree, hf_restriction, offset, text);
    case RES_NULL:
        oxc_text_put(text, "null");
        return offset;
    default:
        return oxc_malformed(r, tree, offset - 1, r->end - offset + 1, "0x%02X is no type of restriction", type);
    }
}

int
oxc_restriction(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text)
{
    proto_item *item;
    proto_tree *sub;
    oxc_text_t *own;
    int start = offset;
    uint32_t type;

    if (!oxc_enter(r, tree, offset))
        return -1;
    sub = oxc_subtree(r, tree, hf, offset, &item);
    own = oxc_text_new(r, sub);
    offset = oxc_number(r, sub, hf_type, offset, 1, &type);
    if (offset >= 0)
        offset = read_body(r, sub, offset, type, own);
    oxc_leave(r);
    oxc_text_show(item, own, false);
    if (own)
        oxc_text_put(text, own->line.text);
    return oxc_subtree_end(item, start, offset);
}

int
oxc_type_restriction(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg _U_)
{
    return oxc_restriction(r, tree, hf, offset, NULL);
}

void
oxc_restriction_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_restriction, { "Restriction", "rop.restriction", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_type, { "RestrictType", "rop.restriction.restrict_type", FT_UINT8, BASE_HEX, VALS(type_vals), 0, NULL,
            HFILL } },
        { &hf_restrict_count, { "RestrictCount", "rop.restriction.restrict_count", FT_UINT32, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_fuzzy_low, { "FuzzyLevelLow", "rop.restriction.fuzzy_level_low", FT_UINT16, BASE_HEX,
            VALS(fuzzy_low_vals), 0, NULL, HFILL } },
        { &hf_fuzzy_high, { "FuzzyLevelHigh", "rop.restriction.fuzzy_level_high", FT_UINT16, BASE_HEX, NULL, 0,
            "1 ignore case, 2 ignore non-spacing characters, 4 loose", HFILL } },
        { &hf_rel_op, { "RelOp", "rop.restriction.rel_op", FT_UINT8, BASE_HEX, VALS(rel_op_vals), 0, NULL, HFILL } },
        { &hf_bitmap_rel_op, { "BitmapRelOp", "rop.restriction.bitmap_rel_op", FT_UINT8, BASE_HEX,
            VALS(bitmap_rel_op_vals), 0, NULL, HFILL } },
        { &hf_prop_tag, { "PropTag", "rop.restriction.prop_tag", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_prop_tag1, { "PropTag1", "rop.restriction.prop_tag1", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_prop_tag2, { "PropTag2", "rop.restriction.prop_tag2", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_mask, { "Mask", "rop.restriction.mask", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_size, { "Size", "rop.restriction.size", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_subobject, { "Subobject", "rop.restriction.subobject", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_values_count, { "TaggedValuesCount", "rop.restriction.tagged_values_count", FT_UINT8, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_present, { "RestrictionPresent", "rop.restriction.restriction_present", FT_BOOLEAN, BASE_NONE, NULL, 0,
            NULL, HFILL } },
        { &hf_limit, { "Count", "rop.restriction.count", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_has_value, { "HasValue", "rop.restriction.has_value", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
}
