/* primitive.c
 * Numbers, ids, strings and times as fields
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/primitive.h"

#include "oxcnotif_item.h"
#include "rop/property.h"

#include <epan/to_str.h>
#include <wsutil/nstime.h>

static int ett_value = -1;

static expert_field ei_not_terminated = EI_INIT;

proto_tree *
oxc_subtree(oxc_read_t *r, proto_tree *tree, int hf, int offset, proto_item **item)
{
    *item = NULL;
    if (r->measure || !tree)
        return NULL;
    *item = proto_tree_add_item(tree, hf, r->tvb, offset,
                                MIN(r->end - offset, tvb_captured_length_remaining(r->tvb, offset)), ENC_NA);
    return proto_item_add_subtree(*item, ett_value);
}

int
oxc_subtree_end(proto_item *item, int start, int end)
{
    if (item && end >= start)
        proto_item_set_len(item, end - start);
    return end;
}

int
oxc_number(oxc_read_t *r, proto_tree *tree, int hf, int offset, int size, uint32_t *value)
{
    if (!oxc_fits(r, tree, offset, size))
        return -1;
    *value = size == 1 ? tvb_get_uint8(r->tvb, offset)
             : size == 2 ? tvb_get_letohs(r->tvb, offset) : tvb_get_letohl(r->tvb, offset);
    if (!r->measure)
        proto_tree_add_item(tree, hf, r->tvb, offset, size, ENC_LITTLE_ENDIAN);
    return offset + size;
}

int
oxc_count(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint32_t *count)
{
    return oxc_number(r, tree, hf, offset, r->counts == OXC_COUNTS_ROP ? 2 : 4, count);
}

void
oxc_id_item(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text)
{
    oxc_text_t *own = oxc_text_new(r, tree);
    uint64_t id;
    proto_item *item;
    oxc_line_t line;

    if (r->measure)
        return;
    id = tvb_get_letoh64(r->tvb, offset);
    item = proto_tree_add_item(tree, hf, r->tvb, offset, 8, ENC_LITTLE_ENDIAN);
    if (own) {
        oxc_id_text(r, id, own);
        oxc_line_begin_field(&line, r->pinfo->pool, item);
        oxc_line_add(&line, own->line.text);
        oxc_line_set(item, &line);
        oxc_text_put(text, own->line.text);
    }
}

void
oxc_guid_item(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text)
{
    proto_item *item;
    e_guid_t guid;
    const char *name;

    if (r->measure)
        return;
    item = proto_tree_add_item(tree, hf, r->tvb, offset, 16, ENC_LITTLE_ENDIAN);
    tvb_get_letohguid(r->tvb, offset, &guid);
    name = oxc_guid_name(&guid);
    if (name) {
        proto_item_append_text(item, " (%s)", name);
        oxc_text_put(text, name);
    } else if (text) {
        oxc_text_put(text, guid_to_str(r->pinfo->pool, &guid));
    }
}

/* Bytes of UTF-16 up to its NUL, that included; 0 if there is none before end. */
static int
wide_size(const uint8_t *bytes, int offset, int end)
{
    const uint64_t ones = UINT64_C(0x0001000100010001);
    int at = offset;

    /* Four characters at a time: a borrow in one that is not 0 itself shows that there is a NUL. */
    for (; at <= end - 8; at += 8) {
        uint64_t four = oxc_le64(bytes + at);

        if ((four - ones) & ~four & ones << 15)
            break;
    }
    for (; at <= end - 2; at += 2) {
        if (oxc_le16(bytes + at) == 0)
            return at + 2 - offset;
    }
    return 0;
}

int
oxc_stringz_skip(const oxc_read_t *r, int offset, bool wide)
{
    int end = MIN(r->end, r->captured);
    const uint8_t *nul;

    if (offset >= end)
        return 0;
    if (wide)
        return wide_size(r->bytes, offset, end);
    nul = (const uint8_t *)memchr(r->bytes + offset, 0, (size_t)(end - offset));
    return nul ? (int)(nul + 1 - (r->bytes + offset)) : 0;
}

int
oxc_stringz_size(oxc_read_t *r, proto_tree *tree, int offset, bool wide, const char *name)
{
    int width = wide ? 2 : 1;
    int size = oxc_stringz_skip(r, offset, wide);
    int end;

    if (size > 0)
        return size;
    end = MIN(r->end, offset + tvb_captured_length_remaining(r->tvb, offset));
    if (!wide && offset < end) {
        int nul = tvb_find_uint8(r->tvb, offset, end - offset, 0);

        if (nul >= 0)
            return nul + 1 - offset;
    } else {
        for (int at = offset; at <= end - width; at += width) {
            if (tvb_get_letohs(r->tvb, at) == 0)
                return at + width - offset;
        }
    }
    /* Is it the capture that ends too early, or the structure? */
    if (end < r->end && !r->measure)
        tvb_ensure_bytes_exist(r->tvb, offset, r->end - offset);
    if (!r->measure)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_not_terminated, r->tvb, offset, r->end - offset,
                                     "%s has no terminating NUL", name);
    return -1;
}

void
oxc_string_item(oxc_read_t *r, proto_tree *tree, int hf, int offset, int size, bool wide, uint32_t code_page,
                oxc_text_t *text)
{
    const char *string;
    int nul;

    if (!text && !proto_field_is_referenced(tree, hf))
        return;
    if (wide)
        nul = size > 1 && tvb_get_letohs(r->tvb, offset + size - 2) == 0 ? 2 : 0;
    else
        nul = size > 0 && tvb_get_uint8(r->tvb, offset + size - 1) == 0 ? 1 : 0;
    string = wide ? oxc_utf16_text(r->pinfo->pool, r->tvb, offset, size - nul)
                  : oxc_code_page_text(r->pinfo->pool, r->tvb, offset, size - nul, code_page);
    proto_tree_add_string(tree, hf, r->tvb, offset, size, string);
    oxc_text_put(text, *string ? string : "(empty)");
}

int
oxc_stringz(oxc_read_t *r, proto_tree *tree, int hf, int offset, bool wide, oxc_text_t *text)
{
    int size = oxc_stringz_size(r, tree, offset, wide, proto_registrar_get_nth(hf)->name);

    if (size < 0)
        return -1;
    if (!r->measure)
        oxc_string_item(r, tree, hf, offset, size, wide, oxc_code_page_of(r), text);
    return offset + size;
}

void
oxc_filetime(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text)
{
    uint64_t filetime = tvb_get_letoh64(r->tvb, offset);
    const char *meaning = NULL;
    nstime_t when;
    proto_item *item;
    oxc_line_t line;

    /* The ends of the calendar stand for "no time" (MS-OXOCAL 2.2.1.44, MS-OXOTASK 2.2.2). */
    if (filetime == 0)
        meaning = "none";
    else if (filetime == UINT64_C(0x0CB34557A3DD4000))
        meaning = "no date";
    else if (filetime >= UINT64_C(0x7FFFFFFFFFFFFFFF))
        meaning = "never";
    if (filetime == 0) {
        when.secs = -INT64_C(11644473600);      /* epan's conversion takes 0 for its own "no time" */
        when.nsecs = 0;
    } else if (!filetime_to_nstime(&when, filetime)) {
        nstime_set_zero(&when);
    }
    item = proto_tree_add_time(tree, hf, r->tvb, offset, 8, &when);
    if (meaning) {
        proto_item_append_text(item, " (%s)", meaning);
        oxc_text_put(text, meaning);
    } else if (oxc_is_seen(tree)) {
        const char *shown = abs_time_to_str(r->pinfo->pool, &when, ABSOLUTE_TIME_UTC, true);

        /* The same would be formatted for the label. */
        oxc_line_begin_field(&line, r->pinfo->pool, item);
        oxc_line_add(&line, shown);
        oxc_line_give(item, &line);
        oxc_text_put(text, shown);
    }
}

void
oxc_primitive_register(int proto)
{
    static int *ett[] = { &ett_value };
    static ei_register_info ei[] = {
        { &ei_not_terminated, { "rop.not_terminated", PI_MALFORMED, PI_ERROR, "String without its NUL", EXPFILL } },
    };

    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
