/* extended_buffer.c
 * Extended buffers (MS-OXCRPC 2.2.2.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "payload/extended_buffer.h"

#include "oxcnotif_item.h"
#include "registration.h"
#include "rop/budget.h"
#include "rop/buffer.h"
#include "payload/auxblocks.h"
#include "session/call.h"

#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/show_exception.h>

#define HEADER_SIZE     8
#define XOR_MASK        0xA5            /* MS-OXCRPC 3.1.4.1.1.3 */

#define FLAG_COMPRESSED 0x0001
#define FLAG_XOR_MAGIC  0x0002
#define FLAG_LAST       0x0004
#define FLAGS_KNOWN     (FLAG_COMPRESSED | FLAG_XOR_MAGIC | FLAG_LAST)

/*
 * A server packs no more payloads into one buffer (MS-OXCRPC 3.1.4.2.1.2); it also bounds what one packet can make of
 * itself.
 */
#define MAX_PAYLOADS    96
/* SizeActual has 16 bits: a stream that yields more is wrong whatever SizeActual says. */
#define MAX_INFLATED    0x10000

static int proto_rop = -1;

static int hf_ext = -1;
static int hf_ext_version = -1;
static int hf_ext_flags = -1;
static int hf_ext_flags_compressed = -1;
static int hf_ext_flags_xor_magic = -1;
static int hf_ext_flags_last = -1;
static int hf_ext_size = -1;
static int hf_ext_size_actual = -1;
static int hf_ext_payload = -1;

static int ett_ext = -1;
static int ett_ext_flags = -1;
static int ett_aux = -1;

static expert_field ei_ext_header_truncated = EI_INIT;
static expert_field ei_ext_version = EI_INIT;
static expert_field ei_ext_flags = EI_INIT;
static expert_field ei_ext_size = EI_INIT;
static expert_field ei_ext_empty = EI_INIT;
static expert_field ei_ext_size_actual = EI_INIT;
static expert_field ei_ext_decompression = EI_INIT;
static expert_field ei_ext_inflated = EI_INIT;
static expert_field ei_ext_no_last = EI_INIT;
static expert_field ei_ext_after_last = EI_INIT;
static expert_field ei_ext_too_many = EI_INIT;

/* One RPC_HEADER_EXT with its payload. */
typedef struct {
    uint16_t version;
    uint16_t flags;
    uint16_t size;              /* of the payload as it is there, never more than the buffer holds */
    uint16_t size_actual;
    proto_item *size_actual_item;
    proto_item *item;
    proto_tree *tree;           /* NULL if nobody looks at it */
} ext_header_t;

/* A copy of the bytes with every one of them XORed; as much of it as was captured. */
static tvbuff_t *
xor_payload(tvbuff_t *tvb, packet_info *pinfo)
{
    unsigned captured = tvb_captured_length(tvb);
    uint8_t *bytes = (uint8_t *)tvb_memdup(pinfo->pool, tvb, 0, captured);
    tvbuff_t *plain;

    for (unsigned i = 0; i < captured; i++)
        bytes[i] ^= XOR_MASK;
    plain = tvb_new_child_real_data(tvb, bytes, captured, (int)tvb_reported_length(tvb));
    add_new_data_source(pinfo, plain, "Payload without XOR");
    return plain;
}

/*
 * Whether an LZ77 stream (MS-OXCRPC 3.1.4.1.1.2) yields no more than limit bytes. A match of six bytes can stand for 64
 * KB, and the decompressor takes any amount: this keeps what a packet costs in proportion. Nothing else is judged here.
 */
static bool
lz77_stays_within(const uint8_t *in, unsigned size, unsigned limit)
{
    unsigned at = 0, bits = 0, nibble_at = 0;
    uint64_t yield = 0;
    uint32_t mask = 0;

    while (yield <= limit) {
        unsigned length;

        if (bits == 0) {
            if (at + 4 > size)
                return true;
            mask = in[at] | (uint32_t)in[at + 1] << 8 | (uint32_t)in[at + 2] << 16 | (uint32_t)in[at + 3] << 24;
            at += 4;
            bits = 32;
        }
        bits--;
        if ((mask >> bits & 1) == 0) {
            if (at++ >= size)
                return true;
            yield++;
            continue;
        }
        if (at + 2 > size)
            return true;
        length = in[at] & 7;
        at += 2;
        if (length == 7) {
            if (nibble_at) {
                length = in[nibble_at] >> 4;
                nibble_at = 0;
            } else {
                if (at >= size)
                    return true;
                nibble_at = at++;
                length = in[nibble_at] & 15;
            }
            if (length == 15) {
                if (at >= size)
                    return true;
                length = in[at++];
                if (length == 255) {
                    if (at + 2 > size)
                        return true;
                    length = in[at] | (unsigned)in[at + 1] << 8;
                    at += 2;
                    /* 0 announces 32 bits more (MS-XCA): far above every limit here. */
                    if (length == 0)
                        return false;
                    length = length < 22 ? 0 : length - 22;
                }
                length += 15;
            }
            length += 7;
        }
        yield += length + 3;
    }
    return false;
}

/* What the payload is before compression; NULL, with the reason shown, when it cannot be had. */
static tvbuff_t *
inflate_payload(tvbuff_t *tvb, packet_info *pinfo, const ext_header_t *header)
{
    tvbuff_t *plain = NULL;
    unsigned captured = tvb_captured_length(tvb);

    if (captured < header->size) {
        expert_add_info_format(pinfo, header->item, &ei_ext_decompression,
                               "The compressed payload was not captured whole: %u of %u bytes", captured, header->size);
        return NULL;
    }
    if (!lz77_stays_within(tvb_get_ptr(tvb, 0, header->size), header->size, MAX_INFLATED)) {
        expert_add_info_format(pinfo, header->item, &ei_ext_inflated,
                               "Decompression would yield more than %u bytes, SizeActual is %u", MAX_INFLATED,
                               header->size_actual);
        return NULL;
    }
    plain = tvb_child_uncompress_lz77(tvb, tvb, 0, header->size);
    if (!plain) {
        expert_add_info(pinfo, header->item, &ei_ext_decompression);
        return NULL;
    }
    add_new_data_source(pinfo, plain, "Decompressed payload");
    if (tvb_reported_length(plain) != header->size_actual)
        expert_add_info_format(pinfo, header->size_actual_item, &ei_ext_inflated,
                               "Decompression yields %u bytes, SizeActual is %u", tvb_reported_length(plain),
                               header->size_actual);
    return plain;
}

/* Shows the RPC_HEADER_EXT at offset; its tree and items are left in *header. left: bytes behind it. */
static void
show_header(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, int offset, int left, ext_header_t *header)
{
    static int *const flag_fields[] = {
        &hf_ext_flags_compressed, &hf_ext_flags_xor_magic, &hf_ext_flags_last, NULL
    };
    uint16_t size = tvb_get_letohs(tvb, offset + 4);
    proto_item *item;

    header->item = proto_tree_add_item(tree, hf_ext, tvb, offset, HEADER_SIZE + header->size, ENC_NA);
    proto_item_append_text(header->item, ": %u bytes", header->size);
    if (header->flags & FLAG_COMPRESSED)
        proto_item_append_text(header->item, ", compressed");
    if (header->flags & FLAG_XOR_MAGIC)
        proto_item_append_text(header->item, ", obfuscated");
    header->tree = proto_item_add_subtree(header->item, ett_ext);
    item = proto_tree_add_item(header->tree, hf_ext_version, tvb, offset, 2, ENC_LITTLE_ENDIAN);
    if (header->version != 0)
        expert_add_info(pinfo, item, &ei_ext_version);
    item = proto_tree_add_bitmask(header->tree, tvb, offset + 2, hf_ext_flags, ett_ext_flags, flag_fields,
                                  ENC_LITTLE_ENDIAN);
    if (header->flags & ~FLAGS_KNOWN)
        expert_add_info(pinfo, item, &ei_ext_flags);
    item = proto_tree_add_item(header->tree, hf_ext_size, tvb, offset + 4, 2, ENC_LITTLE_ENDIAN);
    if (size > left)
        expert_add_info_format(pinfo, item, &ei_ext_size, "Size is %u, but only %d bytes are left", size, left);
    header->size_actual_item =
        proto_tree_add_item(header->tree, hf_ext_size_actual, tvb, offset + 6, 2, ENC_LITTLE_ENDIAN);
    if (!(header->flags & FLAG_COMPRESSED) && header->size_actual != size)
        expert_add_info_format(pinfo, header->size_actual_item, &ei_ext_size_actual,
                               "SizeActual is %u, but Size of a payload that is not compressed is %u",
                               header->size_actual, size);
    if (header->size == 0)
        expert_add_info(pinfo, header->item, &ei_ext_empty);
}

/* Is there nothing to say of the header? */
static bool
is_in_order(const ext_header_t *header, uint16_t size)
{
    return header->version == 0 && !(header->flags & ~FLAGS_KNOWN) && header->size == size && size > 0 &&
           (header->flags & FLAG_COMPRESSED || header->size_actual == size);
}

/*
 * Shows the RPC_HEADER_EXT at offset, if there is a tree or something is wrong with it, and unwraps its payload. The tree
 * and flags are left in *header. NULL when there is nothing to dissect; that is shown then.
 */
static tvbuff_t *
unwrap(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, int offset, ext_header_t *header)
{
    int left = tvb_reported_length_remaining(tvb, offset) - HEADER_SIZE;
    uint16_t size = tvb_get_letohs(tvb, offset + 4);
    tvbuff_t *payload, *raw;

    header->version = tvb_get_letohs(tvb, offset);
    header->flags = tvb_get_letohs(tvb, offset + 2);
    header->size_actual = tvb_get_letohs(tvb, offset + 6);
    header->size = (uint16_t)MIN(size, left);
    if (tree || !is_in_order(header, size))
        show_header(tvb, pinfo, tree, offset, left, header);
    if (header->size == 0)
        return NULL;

    raw = tvb_new_subset_length(tvb, offset + HEADER_SIZE, header->size);
    payload = raw;
    if (header->flags & FLAG_XOR_MAGIC)
        payload = xor_payload(payload, pinfo);
    if (header->flags & FLAG_COMPRESSED) {
        payload = inflate_payload(payload, pinfo, header);
        if (!payload)
            proto_tree_add_item(header->tree, hf_ext_payload, raw, 0, header->size, ENC_NA);
    }
    return payload;
}

/* An exception inside one payload (a capture with short frames) must not cost what comes behind the buffer. */
static void
dissect_rops_safely(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, unsigned number)
{
    TRY {
        oxc_dissect_rop_buffer(tvb, pinfo, tree, pdu, number);
    }
    CATCH_NONFATAL_ERRORS {
        show_exception(tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
    }
    ENDTRY;
}

/* Bytes at the end of a buffer that are no RPC_HEADER_EXT. */
static void
show_rest(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, int offset, expert_field *ei)
{
    proto_item *item = proto_tree_add_item(tree, hf_ext_payload, tvb, offset, -1, ENC_NA);

    expert_add_info(pinfo, item, ei);
}

void
oxc_dissect_rop_chain(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu)
{
    proto_tree *shown = oxc_is_looked_at(tree, proto_rop) ? tree : NULL;
    ext_header_t header = { 0 };
    unsigned number;
    int offset = 0;

    oxc_budget_allow(pinfo, pdu, tvb_reported_length(tvb));
    for (number = 0; number < MAX_PAYLOADS; number++) {
        tvbuff_t *payload;
        int left = tvb_reported_length_remaining(tvb, offset);

        if (left <= 0) {
            if (number > 0)
                expert_add_info(pinfo, header.item, &ei_ext_no_last);
            return;
        }
        if (left < HEADER_SIZE) {
            show_rest(tvb, pinfo, shown, offset, &ei_ext_header_truncated);
            return;
        }
        payload = unwrap(tvb, pinfo, shown, offset, &header);
        if (payload)
            dissect_rops_safely(payload, pinfo, shown ? header.tree : tree, pdu, number);
        offset += HEADER_SIZE + header.size;
        if (header.flags & FLAG_LAST) {
            if (tvb_reported_length_remaining(tvb, offset) > 0)
                show_rest(tvb, pinfo, shown, offset, &ei_ext_after_last);
            return;
        }
    }
    if (tvb_reported_length_remaining(tvb, offset) > 0)
        show_rest(tvb, pinfo, shown, offset, &ei_ext_too_many);
    else
        expert_add_info(pinfo, header.item, &ei_ext_no_last);
}

void
oxc_dissect_rop_plain(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, bool obfuscated)
{
    if (tvb_reported_length(tvb) == 0)
        return;
    oxc_budget_allow(pinfo, pdu, tvb_reported_length(tvb));
    if (obfuscated)
        tvb = xor_payload(tvb, pinfo);
    dissect_rops_safely(tvb, pinfo, tree, pdu, 0);
}

void
oxc_dissect_aux(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    ext_header_t header = { 0 };
    tvbuff_t *payload;
    proto_tree *aux_tree;
    int size = (int)tvb_reported_length(tvb);

    if (size == 0)
        return;
    aux_tree = proto_tree_add_subtree(tree, tvb, 0, size, ett_aux, NULL, "Auxiliary buffer");
    if (size < HEADER_SIZE) {
        show_rest(tvb, pinfo, aux_tree, 0, &ei_ext_header_truncated);
        return;
    }
    payload = unwrap(tvb, pinfo, aux_tree, 0, &header);
    if (payload) {
        TRY {
            oxc_dissect_aux_blocks(payload, pinfo, header.tree);
        }
        CATCH_NONFATAL_ERRORS {
            show_exception(payload, pinfo, header.tree, EXCEPT_CODE, GET_MESSAGE);
        }
        ENDTRY;
    }
    /* There is exactly one (MS-OXCRPC 3.1.4.1.2.1). */
    if (!(header.flags & FLAG_LAST))
        expert_add_info(pinfo, header.item, &ei_ext_no_last);
    if (HEADER_SIZE + header.size < size)
        show_rest(tvb, pinfo, aux_tree, HEADER_SIZE + header.size, &ei_ext_after_last);
}

void
proto_register_oxc_payload(void)
{
    static hf_register_info hf[] = {
        { &hf_ext, { "RPC_HEADER_EXT", "rop.ext", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_ext_version, { "Version", "rop.ext.version", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_ext_flags, { "Flags", "rop.ext.flags", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_ext_flags_compressed,
          { "Compressed", "rop.ext.flags.compressed", FT_BOOLEAN, 16, NULL, FLAG_COMPRESSED, NULL, HFILL } },
        { &hf_ext_flags_xor_magic,
          { "XorMagic", "rop.ext.flags.xor_magic", FT_BOOLEAN, 16, NULL, FLAG_XOR_MAGIC, NULL, HFILL } },
        { &hf_ext_flags_last, { "Last", "rop.ext.flags.last", FT_BOOLEAN, 16, NULL, FLAG_LAST, NULL, HFILL } },
        { &hf_ext_size,
          { "Size", "rop.ext.size", FT_UINT16, BASE_DEC, NULL, 0, "of the payload, without this header", HFILL } },
        { &hf_ext_size_actual,
          { "SizeActual", "rop.ext.size_actual", FT_UINT16, BASE_DEC, NULL, 0, "of the payload before compression",
            HFILL } },
        { &hf_ext_payload, { "Payload", "rop.ext.payload", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_ext, &ett_ext_flags, &ett_aux };
    static ei_register_info ei[] = {
        { &ei_ext_header_truncated,
          { "rop.ext.header_truncated", PI_PROTOCOL, PI_ERROR, "Truncated RPC_HEADER_EXT", EXPFILL } },
        { &ei_ext_version,
          { "rop.ext.version_wrong", PI_PROTOCOL, PI_WARN, "Version of RPC_HEADER_EXT is not 0", EXPFILL } },
        { &ei_ext_flags,
          { "rop.ext.flags_unknown", PI_PROTOCOL, PI_WARN, "Reserved flags of RPC_HEADER_EXT set", EXPFILL } },
        { &ei_ext_size,
          { "rop.ext.size_wrong", PI_PROTOCOL, PI_ERROR, "Size exceeds the buffer", EXPFILL } },
        { &ei_ext_empty, { "rop.ext.empty", PI_PROTOCOL, PI_WARN, "Empty payload", EXPFILL } },
        { &ei_ext_size_actual,
          { "rop.ext.size_actual_wrong", PI_PROTOCOL, PI_WARN,
            "Size and SizeActual differ without compression", EXPFILL } },
        { &ei_ext_decompression,
          { "rop.ext.decompression_failed", PI_PROTOCOL, PI_ERROR, "Payload cannot be decompressed", EXPFILL } },
        { &ei_ext_inflated,
          { "rop.ext.decompressed_size", PI_PROTOCOL, PI_ERROR,
            "Decompressed size differs from SizeActual", EXPFILL } },
        { &ei_ext_no_last,
          { "rop.ext.no_last", PI_PROTOCOL, PI_ERROR, "No RPC_HEADER_EXT with the Last flag", EXPFILL } },
        { &ei_ext_after_last,
          { "rop.ext.after_last", PI_PROTOCOL, PI_WARN, "Data after the payload marked Last", EXPFILL } },
        { &ei_ext_too_many,
          { "rop.ext.too_many", PI_PROTOCOL, PI_ERROR, "Too many payloads in one buffer", EXPFILL } },
    };

    proto_rop = proto_get_id_by_filter_name("rop");
    proto_register_field_array(proto_rop, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto_rop), ei, array_length(ei));
    oxc_register_aux(proto_rop);
}
