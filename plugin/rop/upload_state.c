/* upload_state.c
 * ICS state that a client uploads (MS-OXCFXICS 2.2.3.2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/idset.h"
#include "rop/property.h"

/*
 * RopSynchronizationUploadStateStreamBegin names a property and the size of its value, which is always an IDSET with
 * REPLGUIDs; each -Continue brings some bytes of it. What was there before is kept with each ROP on its first visit,
 * and the set is shown where the last of it arrives.
 */

static int ett_state = -1;

/* The value as far as it has come; grows with the pieces, each of which needs only what it found there. */
typedef struct {
    uint8_t *data;
    uint32_t length;
    uint32_t size;
} value_t;

/* What an object is uploading. */
typedef struct {
    uint32_t number;            /* of the -Begin */
    value_t *value;
} upload_t;

typedef struct {
    uint32_t property;          /* 0: the -Begin was not captured */
    uint32_t size;              /* of the whole value */
    const value_t *value;
    uint32_t before;            /* bytes of it that came before this piece */
} piece_t;

static wmem_map_t *uploads;     /* oxc_object_t -> upload_t */
static wmem_map_t *pieces;      /* oxc_rop_t -> piece_t */

static void
append(value_t *value, tvbuff_t *tvb, int offset, uint32_t length)
{
    if (length > value->size - value->length) {
        value->size = MAX(2 * value->size, value->length + length);
        value->data = (uint8_t *)wmem_realloc(wmem_file_scope(), value->data, value->size);
    }
    tvb_memcpy(tvb, value->data + value->length, offset, length);
    value->length += length;
}

/* The piece that a ROP brings, all there: made on the first visit. NULL if the object is not known. */
static const piece_t *
find_piece(oxc_cursor_t *c, int offset, uint32_t length)
{
    const oxc_object_t *object;
    upload_t *upload;
    piece_t *piece;

    if (!c->rop)
        return NULL;
    piece = (piece_t *)wmem_map_lookup(pieces, c->rop);
    object = c->rop->object;
    if (piece || PINFO_FD_VISITED(c->pinfo) || !object)
        return piece;

    upload = (upload_t *)wmem_map_lookup(uploads, object);
    if (!upload) {
        upload = wmem_new0(wmem_file_scope(), upload_t);
        wmem_map_insert(uploads, object, upload);
    }
    if (!upload->value || upload->number != object->states) {
        upload->number = object->states;
        upload->value = wmem_new0(wmem_file_scope(), value_t);
    }
    piece = wmem_new(wmem_file_scope(), piece_t);
    piece->property = object->state_property;
    piece->size = object->state_size;
    piece->value = upload->value;
    piece->before = upload->value->length;
    wmem_map_insert(pieces, c->rop, piece);
    append(upload->value, c->tvb, offset, length);
    return piece;
}

/* The whole value, its last length bytes at offset. */
static void
show_value(oxc_cursor_t *c, proto_tree *tree, const piece_t *piece, int offset, uint32_t length, oxc_text_t *text)
{
    oxc_cursor_t inner = *c;
    oxc_idset_form_t form;
    uint8_t *data;

    if (!oxc_idset_form(piece->property, &form))
        return;
    inner.counts = OXC_COUNTS_STREAM;
    oxc_text_add(text, "%s: ", oxc_property_name(&inner, piece->property));
    if (piece->before == 0) {
        oxc_idset(&inner, tree, offset, (int)length, form, text);
        return;
    }
    data = (uint8_t *)wmem_alloc(c->pinfo->pool, piece->size);
    memcpy(data, piece->value->data, piece->before);
    tvb_memcpy(c->tvb, data + piece->before, offset, length);
    oxc_read_over(&inner, tvb_new_child_real_data(c->tvb, data, piece->size, (int)piece->size));
    add_new_data_source(c->pinfo, inner.tvb, "Uploaded state");
    oxc_idset(&inner, tree, 0, (int)piece->size, form, text);
}

/* One piece of length bytes. */
static void
show_piece(oxc_cursor_t *c, proto_tree *tree, const piece_t *piece, int offset, uint32_t length, oxc_text_t *text)
{
    uint32_t missing = piece->size > piece->before ? piece->size - piece->before : 0;

    if (length < missing)
        oxc_text_add(text, "bytes %u to %u of %u", piece->before + 1, piece->before + length, piece->size);
    else if (missing > 0)
        show_value(c, tree, piece, offset, missing, text);
    if (length > missing)
        oxc_malformed(c, tree, offset + (int)missing, (int)(length - missing), "%u bytes more than the state has (%u)",
                      length - missing, piece->size);
}

int
oxc_type_upload_state(oxc_cursor_t *c, proto_tree *tree, int hf, int offset, uint64_t arg _U_)
{
    int size = c->end - offset;
    const piece_t *piece;
    proto_item *item;
    proto_tree *sub;
    oxc_text_t *text;

    if (!oxc_fits(c, tree, offset, size))
        return -1;
    if (c->measure || size == 0)
        return c->end;
    item = proto_tree_add_item(tree, hf, c->tvb, offset, size, ENC_NA);
    sub = proto_item_add_subtree(item, ett_state);
    text = oxc_text_new(c, sub);
    tvb_ensure_bytes_exist(c->tvb, offset, size);
    piece = find_piece(c, offset, (uint32_t)size);
    if (piece && piece->property != 0)
        show_piece(c, sub, piece, offset, (uint32_t)size, text);
    else if (oxc_idset_is_whole(c, offset, size, OXC_IDSET_REPLGUID))
        oxc_idset(c, sub, offset, size, OXC_IDSET_REPLGUID, text);
    if (text && text->line.length > 0)
        proto_item_append_text(item, " (%s)", text->line.text);
    return c->end;
}

void
oxc_upload_state_register(void)
{
    static int *ett[] = { &ett_state };

    uploads = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    pieces = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
}
