/* auxblocks.c
 * Auxiliary blocks (MS-OXCRPC 2.2.2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "payload/auxblocks.h"

#include "rop/engine.h"
#include "ropdefs.h"

#include <string.h>

#define AUX_HEADER_SIZE 4

static int hf_aux_block = -1;
static int hf_aux_size = -1;
static int hf_aux_version = -1;
static int hf_aux_type = -1;
static int hf_aux_data = -1;
static int hf_aux_padding = -1;

static int ett_aux_block = -1;

static expert_field ei_aux_header_truncated = EI_INIT;
static expert_field ei_aux_size = EI_INIT;
static expert_field ei_aux_block_truncated = EI_INIT;
static expert_field ei_aux_unknown = EI_INIT;

static int
find_form(uint8_t type, uint8_t version)
{
    const ropdef_block_t *block = ropdef_blocks;

    while (block->form >= 0 && (block->type != type || block->version != version))
        block++;
    return block->form;
}

/* What stands behind the AUX_HEADER of one block, which is the whole tvb: offsets in it count from there. */
static void
dissect_fields(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, proto_item *block_item, unsigned form)
{
    oxc_read_t r;
    int next;

    memset(&r, 0, sizeof r);
    r.pinfo = pinfo;
    r.tvb = tvb;
    r.end = (int)tvb_reported_length(tvb);
    next = oxc_engine_form(&r, tree, AUX_HEADER_SIZE, form);
    if (next < 0) {
        expert_add_info(pinfo, block_item, &ei_aux_block_truncated);
        return;
    }
    next = MAX(next, r.reach);
    if (next < r.end)
        proto_tree_add_item(tree, next > AUX_HEADER_SIZE ? hf_aux_padding : hf_aux_data, tvb, next, r.end - next,
                            ENC_NA);
}

void
oxc_dissect_aux_blocks(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    int offset = 0;

    while (tvb_reported_length_remaining(tvb, offset) > 0) {
        int left = tvb_reported_length_remaining(tvb, offset);
        uint16_t size;
        uint8_t version, type;
        int form;
        proto_item *item, *size_item;
        proto_tree *block_tree;

        if (left < AUX_HEADER_SIZE) {
            item = proto_tree_add_item(tree, hf_aux_data, tvb, offset, left, ENC_NA);
            expert_add_info(pinfo, item, &ei_aux_header_truncated);
            return;
        }
        size = tvb_get_letohs(tvb, offset);
        version = tvb_get_uint8(tvb, offset + 2);
        type = tvb_get_uint8(tvb, offset + 3);
        item = proto_tree_add_item(tree, hf_aux_block, tvb, offset, CLAMP(size, AUX_HEADER_SIZE, left), ENC_NA);
        proto_item_set_text(item, "Auxiliary block: %s", val_to_str_const(type, ropdef_block_vals, "unknown"));
        if (version != 1)
            proto_item_append_text(item, ", version %u", version);
        block_tree = proto_item_add_subtree(item, ett_aux_block);
        size_item = proto_tree_add_item(block_tree, hf_aux_size, tvb, offset, 2, ENC_LITTLE_ENDIAN);
        proto_tree_add_item(block_tree, hf_aux_version, tvb, offset + 2, 1, ENC_LITTLE_ENDIAN);
        proto_tree_add_item(block_tree, hf_aux_type, tvb, offset + 3, 1, ENC_LITTLE_ENDIAN);
        if (size < AUX_HEADER_SIZE || size > left) {
            /* Nothing tells where the next block begins. */
            expert_add_info(pinfo, size_item, &ei_aux_size);
            if (left > AUX_HEADER_SIZE)
                proto_tree_add_item(block_tree, hf_aux_data, tvb, offset + AUX_HEADER_SIZE, left - AUX_HEADER_SIZE,
                                    ENC_NA);
            return;
        }
        form = find_form(type, version);
        if (form >= 0) {
            dissect_fields(tvb_new_subset_length(tvb, offset, size), pinfo, block_tree, item, (unsigned)form);
        } else {
            expert_add_info(pinfo, item, &ei_aux_unknown);
            if (size > AUX_HEADER_SIZE)
                proto_tree_add_item(block_tree, hf_aux_data, tvb, offset + AUX_HEADER_SIZE, size - AUX_HEADER_SIZE,
                                    ENC_NA);
        }
        offset += size;
    }
}

/* ---- registration ---- */

void
oxc_register_aux(int proto)
{
    static hf_register_info hf[] = {
        { &hf_aux_block, { "Auxiliary block", "rop.aux.block", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_aux_size,
          { "Size", "rop.aux.size", FT_UINT16, BASE_DEC, NULL, 0, "Of the block with its AUX_HEADER", HFILL } },
        { &hf_aux_version, { "Version", "rop.aux.version", FT_UINT8, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_aux_type, { "Type", "rop.aux.type", FT_UINT8, BASE_HEX, VALS(ropdef_block_vals), 0, NULL, HFILL } },
        { &hf_aux_data, { "Data", "rop.aux.data", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_aux_padding, { "Padding", "rop.aux.padding", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_aux_block };
    static ei_register_info ei[] = {
        { &ei_aux_header_truncated,
          { "rop.aux.header_truncated", PI_PROTOCOL, PI_ERROR, "Truncated AUX_HEADER", EXPFILL } },
        { &ei_aux_size,
          { "rop.aux.size_wrong", PI_PROTOCOL, PI_ERROR, "Invalid size of the auxiliary block", EXPFILL } },
        { &ei_aux_block_truncated,
          { "rop.aux.block_truncated", PI_PROTOCOL, PI_WARN, "Auxiliary block shorter than its fields", EXPFILL } },
        { &ei_aux_unknown,
          { "rop.aux.unknown", PI_UNDECODED, PI_NOTE, "Unknown type or version of auxiliary block", EXPFILL } },
    };

    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
