/* fasttransfer.c
 * FastTransfer streams, cut into buffers as they are (MS-OXCFXICS 2.2.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/fasttransfer_marker.h"
#include "rop/fasttransfer_size.h"
#include "rop/idset.h"
#include "rop/property.h"

/*
 * One server object carries one stream, and each RopFastTransferSourceGetBuffer or -DestinationPutBuffer brings the
 * next piece of it. On the first visit of a piece, where the stream stood before it is kept with its ROP; each visit
 * reads the piece from there. An atom or a small value that ends in a later piece is carried over to be shown where
 * it ends; of a large value each piece shows its part.
 */

static int hf_marker = -1;
static int hf_end_marker = -1;
static int hf_value_part = -1;
static int hf_value_offset = -1;
static int hf_value_size = -1;
static int hf_incomplete = -1;
static int hf_raw = -1;

static int ett_level = -1;

static expert_field ei_start_unknown = EI_INIT;
static expert_field ei_lost = EI_INIT;

/* More than this is not carried over: a longer value is shown in parts. Sets are shown only as a whole. */
#define CARRY_MAX 8192
#define CARRY_MAX_IDSET 65536

/* Markers nested deeper are shown side by side. */
#define LEVELS_MAX 32

/* An open marker; the chain of them is never changed, only left. */
typedef struct level {
    uint32_t marker;
    uint32_t frame;
    unsigned depth;
    bool kept;                  /* lives as long as the file */
    const struct level *up;
} level_t;

/* Where a stream stands between two pieces. */
typedef struct {
    const level_t *level;
    uint32_t tag;               /* of the value or array that is being shown in parts */
    const char *name;           /* of that property; NULL unless the stream named it */
    uint32_t elements_left;     /* of the array */
    uint32_t value_size;        /* of the value */
    uint32_t value_left;
    uint32_t lost_in;           /* frame that could not be followed; 0 while all is well */
} state_t;

/*
 * The beginning of what is to be shown as a whole; grows with the pieces, each of which needs only what it found
 * there.
 */
typedef struct {
    uint8_t *data;
    uint32_t length;
    uint32_t size;
} carry_t;

typedef struct {
    state_t state;
    carry_t *carry;             /* NULL when nothing is carried over */
} stream_t;

typedef struct {
    state_t state;
    const carry_t *carry;
    uint32_t carried;           /* bytes of it that came before this piece */
} piece_t;

static wmem_map_t *streams;     /* oxc_object_t -> stream_t */
static wmem_map_t *pieces;      /* oxc_rop_t -> piece_t */

/* One reading of one piece. */
typedef struct {
    oxc_read_t r;               /* over what was carried over and the piece, as one */
    state_t state;
    proto_tree *trees[LEVELS_MAX + 1];
    proto_item *items[LEVELS_MAX + 1];
    int starts[LEVELS_MAX + 1];
    unsigned markers;
    unsigned properties;
} reading_t;

/* ---- markers ---- */

static proto_tree *
current_tree(const reading_t *g)
{
    return g->trees[g->state.level ? g->state.level->depth : 0];
}

static void
leave_level(reading_t *g, int offset)
{
    unsigned depth = g->state.level->depth;

    if (g->items[depth])
        proto_item_set_len(g->items[depth], offset - g->starts[depth]);
    g->state.level = g->state.level->up;
}

static void
enter_level(reading_t *g, uint32_t marker, proto_item *item, int offset)
{
    unsigned depth = g->state.level ? g->state.level->depth + 1 : 1;
    level_t *level;

    if (depth > LEVELS_MAX)
        return;
    level = wmem_new0(g->r.pinfo->pool, level_t);
    level->marker = marker;
    level->frame = g->r.pinfo->num;
    level->depth = depth;
    level->up = g->state.level;
    g->state.level = level;
    g->items[depth] = item;
    g->starts[depth] = offset;
    g->trees[depth] = item ? proto_item_add_subtree(item, ett_level) : NULL;
}

/* A section ends where another one begins, and with what it stands in. */
static void
leave_section(reading_t *g, int offset)
{
    if (g->state.level && oxc_fx_end_of(g->state.level->marker) == 0)
        leave_level(g, offset);
}

static void
read_marker(reading_t *g, int offset, uint32_t marker)
{
    proto_tree *tree;
    proto_item *item = NULL;

    g->markers++;
    if (oxc_fx_is_end(marker)) {
        const level_t *start = g->state.level;

        while (start && oxc_fx_end_of(start->marker) != marker)
            start = start->up;
        if (!start)
            leave_section(g, offset);
        tree = current_tree(g);
        if (start) {
            while (g->state.level != start)
                leave_level(g, offset);
            tree = current_tree(g);
            leave_level(g, offset + 4);
        }
        if (tree)
            proto_tree_add_item(tree, hf_end_marker, g->r.tvb, offset, 4, ENC_LITTLE_ENDIAN);
        return;
    }
    if (oxc_fx_end_of(marker) == 0 || marker == OXC_FX_INCR_SYNC_STATE_BEGIN)
        leave_section(g, offset);
    tree = current_tree(g);
    if (tree)
        item = proto_tree_add_item(tree, hf_marker, g->r.tvb, offset, 4, ENC_LITTLE_ENDIAN);
    enter_level(g, marker, item, offset);
}

/* What was opened in earlier pieces stands around this one. */
static void
show_open_levels(reading_t *g, proto_tree *tree)
{
    const level_t *levels[LEVELS_MAX + 1] = { NULL };

    g->trees[0] = tree;
    for (const level_t *level = g->state.level; level; level = level->up)
        levels[level->depth] = level;
    for (unsigned depth = 1; depth <= LEVELS_MAX && levels[depth] && tree; depth++) {
        tree = proto_tree_add_subtree_format(tree, g->r.tvb, 0, g->r.end, ett_level, &g->items[depth],
                                             "[%s, begun in frame %u]",
                                             val_to_str_const(levels[depth]->marker, oxc_fx_marker_vals, "?"),
                                             levels[depth]->frame);
        g->trees[depth] = tree;
    }
}

/* ---- reading a piece ---- */

static void
lose(reading_t *g, int offset, const char *why)
{
    proto_tree *tree = current_tree(g);

    g->state.lost_in = g->r.pinfo->num;
    proto_tree_add_expert_format(tree, g->r.pinfo, &ei_lost, g->r.tvb, offset, g->r.end - offset, "%s", why);
    if (tree)
        proto_tree_add_item(tree, hf_raw, g->r.tvb, offset, g->r.end - offset, ENC_NA);
}

/* Some more of a value that is shown in parts. */
static int
read_part(reading_t *g, int offset)
{
    uint32_t here = MIN(g->state.value_left, (uint32_t)(g->r.end - offset));
    uint32_t done = g->state.value_size - g->state.value_left;
    proto_item *item;
    proto_tree *sub = oxc_property_continued(&g->r, current_tree(g), offset, (int)here, g->state.tag, &item);

    if (sub) {
        proto_item_append_text(item, ": bytes %u to %u of %u", done + 1, done + here, g->state.value_size);
        proto_item_set_generated(proto_tree_add_uint(sub, hf_value_offset, g->r.tvb, offset, 0, done));
        proto_item_set_generated(proto_tree_add_uint(sub, hf_value_size, g->r.tvb, offset, 0, g->state.value_size));
        proto_tree_add_item(sub, hf_value_part, g->r.tvb, offset, (int)here, ENC_NA);
    }
    g->state.value_left -= here;
    return offset + (int)here;
}

/* From here on the value, of which only some is there, is shown in parts. */
static void
begin_parts(reading_t *g, uint32_t size)
{
    g->state.value_size = size;
    g->state.value_left = size;
}

/* The next of an array that is shown one by one; returns the offset behind it, or offset when it is not all there. */
static int
read_element(reading_t *g, int offset)
{
    uint32_t tag = OXC_WITH_TYPE(g->state.tag, OXC_TYPE_OF(g->state.tag) & ~PTYP_MULTIPLE);
    int64_t available = g->r.end - offset;
    oxc_fx_size_t info;
    oxc_fx_result_t result = oxc_fx_element_size(&g->r, offset, OXC_TYPE_OF(tag), available, &info);
    proto_item *item;
    proto_tree *sub;
    oxc_text_t *text;

    if (result == OXC_FX_INCOMPLETE && info.size <= CARRY_MAX)
        return offset;
    g->state.elements_left--;
    if (result == OXC_FX_INCOMPLETE) {
        begin_parts(g, info.number);
        if (current_tree(g))
            proto_tree_add_item(current_tree(g), hf_value_size, g->r.tvb, offset, 4, ENC_LITTLE_ENDIAN);
        return offset + 4;
    }
    sub = oxc_property_continued(&g->r, current_tree(g), offset, (int)info.size, g->state.tag, &item);
    text = oxc_text_new(&g->r, sub);
    oxc_property_value(&g->r, sub, offset, tag, text);
    oxc_text_show(item, text, false);
    return offset + (int)info.size;
}

/* The name that the stream gave the property just now, for the pieces behind this one. */
static const char *
kept_name(const reading_t *g, uint32_t tag)
{
    const char *name = (const char *)wmem_map_lookup(g->r.named, GUINT_TO_POINTER(OXC_ID_OF(tag)));

    if (OXC_ID_OF(tag) < 0x8000 || !name)
        return NULL;
    return PINFO_FD_VISITED(g->r.pinfo) ? name : wmem_strdup(wmem_file_scope(), name);
}

/* A property; the same way. */
static int
read_property(reading_t *g, int offset)
{
    oxc_fx_size_t info;
    oxc_fx_result_t result = oxc_fx_property_size(&g->r, offset, g->r.end - offset, &info);
    uint32_t tag = tvb_get_letohl(g->r.tvb, offset);
    oxc_idset_form_t form;

    if (result == OXC_FX_INCOMPLETE && info.size <= (oxc_idset_form(tag, &form) ? CARRY_MAX_IDSET : CARRY_MAX))
        return offset;
    if (result == OXC_FX_INVALID || (result == OXC_FX_INCOMPLETE && info.header == 0)) {
        lose(g, offset, "No property can be read here: the stream cannot be followed any further");
        return g->r.end;
    }
    g->properties++;
    if (result == OXC_FX_COMPLETE) {
        int end = offset + (int)info.size;
        int outer = g->r.end;

        g->r.end = end;
        g->r.section = g->state.level ? g->state.level->marker : 0;
        oxc_property_streamed(&g->r, current_tree(g), offset, false);
        g->r.end = outer;
        return end;
    }
    oxc_property_streamed(&g->r, current_tree(g), offset, true);
    g->state.tag = tag;
    g->state.name = kept_name(g, tag);
    if (OXC_TYPE_OF(tag) & PTYP_MULTIPLE && !oxc_fx_is_variable(OXC_TYPE_OF(tag)))
        g->state.elements_left = info.number;
    else
        begin_parts(g, info.number);
    return offset + (int)info.header;
}

/* Reads what can be read; returns the offset of what a later piece must complete. */
static int
read_piece(reading_t *g)
{
    int offset = 0;

    while (offset < g->r.end && !g->state.lost_in) {
        int next = offset;

        if (g->state.value_left > 0)
            next = read_part(g, offset);
        else if (g->state.elements_left > 0)
            next = read_element(g, offset);
        else if (g->r.end - offset >= 4) {
            uint32_t tag = tvb_get_letohl(g->r.tvb, offset);

            if (try_val_to_str(tag, oxc_fx_marker_vals)) {
                read_marker(g, offset, tag);
                next = offset + 4;
            } else {
                next = read_property(g, offset);
            }
        }
        if (next == offset)
            break;
        offset = next;
    }
    for (const level_t *level = g->state.level; level; level = level->up) {
        if (g->items[level->depth])
            proto_item_set_len(g->items[level->depth], g->r.end - g->starts[level->depth]);
    }
    return offset;
}

/* ---- what is kept ---- */

static carry_t *
carry_on(carry_t *carry, const uint8_t *data, uint32_t length)
{
    if (!carry)
        carry = wmem_new0(wmem_file_scope(), carry_t);
    if (carry->length + length > carry->size) {
        carry->size = MAX(2 * carry->size, carry->length + length);
        carry->data = (uint8_t *)wmem_realloc(wmem_file_scope(), carry->data, carry->size);
    }
    memcpy(carry->data + carry->length, data, length);
    carry->length += length;
    return carry;
}

/* The piece that a ROP brings: made on the first visit, from where the stream of its object stands. */
static const piece_t *
find_piece(oxc_read_t *r, stream_t **stream)
{
    const oxc_object_t *object;
    piece_t *piece;

    *stream = NULL;
    if (!r->rop)
        return NULL;
    piece = (piece_t *)wmem_map_lookup(pieces, r->rop);
    object = r->rop->object;
    if (piece || PINFO_FD_VISITED(r->pinfo) || !object)
        return piece;

    *stream = (stream_t *)wmem_map_lookup(streams, object);
    if (!*stream) {
        *stream = wmem_new0(wmem_file_scope(), stream_t);
        wmem_map_insert(streams, object, *stream);
    }
    piece = wmem_new(wmem_file_scope(), piece_t);
    piece->state = (*stream)->state;
    piece->carry = (*stream)->carry;
    piece->carried = piece->carry ? piece->carry->length : 0;
    wmem_map_insert(pieces, r->rop, piece);
    return piece;
}

/* What was carried over and the piece as one buffer. */
static tvbuff_t *
joined(oxc_read_t *r, const piece_t *piece, int offset, int length)
{
    uint8_t *data;
    tvbuff_t *tvb;

    if (piece->carried == 0)
        return tvb_new_subset_length(r->tvb, offset, length);
    data = (uint8_t *)wmem_alloc(r->pinfo->pool, piece->carried + length);
    memcpy(data, piece->carry->data, piece->carried);
    tvb_memcpy(r->tvb, data + piece->carried, offset, length);
    tvb = tvb_new_child_real_data(r->tvb, data, piece->carried + length, (int)piece->carried + length);
    add_new_data_source(r->pinfo, tvb, "FastTransfer stream");
    return tvb;
}

/* The markers that are open when a piece is over; most are closed before. */
static const level_t *
keep_levels(const level_t *level)
{
    const level_t *levels[LEVELS_MAX + 1] = { NULL };
    const level_t *kept = NULL;

    for (; level; level = level->up)
        levels[level->depth] = level;
    for (unsigned depth = 1; depth <= LEVELS_MAX && levels[depth]; depth++) {
        if (levels[depth]->kept) {
            kept = levels[depth];
        } else {
            level_t *copy = (level_t *)wmem_memdup(wmem_file_scope(), levels[depth], sizeof *copy);

            copy->up = kept;
            copy->kept = true;
            kept = copy;
        }
    }
    return kept;
}

/* Where the stream stands now is where the next piece begins. */
static void
keep(stream_t *stream, const reading_t *g, const piece_t *piece, int rest)
{
    int left = g->r.end - rest;

    stream->state = g->state;
    stream->state.level = keep_levels(g->state.level);
    if (left == 0 || g->state.lost_in) {
        stream->carry = NULL;
    } else if (rest == 0 && stream->carry) {
        int before = (int)piece->carried;

        carry_on(stream->carry, tvb_get_ptr(g->r.tvb, before, left - before), (uint32_t)(left - before));
    } else {
        stream->carry = carry_on(NULL, tvb_get_ptr(g->r.tvb, rest, left), (uint32_t)left);
    }
}

static void
show_raw(oxc_read_t *r, proto_tree *tree, proto_item *item, int offset, int length, uint32_t lost_in)
{
    if (lost_in)
        expert_add_info_format(r->pinfo, item, &ei_lost, "The stream could not be followed beyond frame %u", lost_in);
    else
        expert_add_info(r->pinfo, item, &ei_start_unknown);
    if (tree)
        proto_tree_add_item(tree, hf_raw, r->tvb, offset, length, ENC_NA);
}

static void
read_stream(oxc_read_t *r, proto_tree *tree, proto_item *item, int offset, int length, bool cut)
{
    stream_t *stream;
    const piece_t *piece = find_piece(r, &stream);
    reading_t *g;
    int rest;

    if (!piece || piece->state.lost_in) {
        show_raw(r, tree, item, offset, length, piece ? piece->state.lost_in : 0);
        return;
    }
    g = wmem_new0(r->pinfo->pool, reading_t);
    g->r = *r;
    oxc_read_over(&g->r, joined(r, piece, offset, length));
    g->r.end = (int)piece->carried + length;
    g->r.counts = OXC_COUNTS_STREAM;
    g->r.named = wmem_map_new(r->pinfo->pool, g_direct_hash, g_direct_equal);
    g->state = piece->state;
    if (g->state.name)
        wmem_map_insert(g->r.named, GUINT_TO_POINTER(OXC_ID_OF(g->state.tag)), (void *)g->state.name);
    show_open_levels(g, tree);
    rest = read_piece(g);
    if (rest < g->r.end && tree)
        proto_tree_add_item(tree, hf_incomplete, g->r.tvb, rest, g->r.end - rest, ENC_NA);
    if (cut)
        g->state.lost_in = r->pinfo->num;
    proto_item_append_text(item, ": %u marker%s, %u propert%s", g->markers, g->markers == 1 ? "" : "s", g->properties,
                           g->properties == 1 ? "y" : "ies");
    if (stream)
        keep(stream, g, piece, rest);
}

int
oxc_type_fast_transfer(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg _U_)
{
    int length = r->end - offset;
    int captured = MIN(length, tvb_captured_length_remaining(r->tvb, offset));
    proto_item *item;
    proto_tree *sub;

    if (!oxc_fits(r, tree, offset, length))
        return -1;
    if (r->measure || length == 0)
        return r->end;
    sub = oxc_subtree(r, tree, hf, offset, &item);
    read_stream(r, sub, item, offset, captured, captured < length);
    if (captured < length)
        tvb_ensure_bytes_exist(r->tvb, offset, length);
    return r->end;
}

void
oxc_fast_transfer_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_marker, { "Marker", "rop.fast_transfer.marker", FT_UINT32, BASE_HEX, VALS(oxc_fx_marker_vals), 0, NULL,
            HFILL } },
        { &hf_end_marker, { "Marker", "rop.fast_transfer.end_marker", FT_UINT32, BASE_HEX, VALS(oxc_fx_marker_vals), 0,
            "Ends what an earlier marker started", HFILL } },
        { &hf_value_part, { "Part of the value", "rop.fast_transfer.value_part", FT_BYTES, BASE_NONE, NULL, 0,
            "Bytes of a large value, which lies in several buffers", HFILL } },
        { &hf_value_offset, { "Offset in the value", "rop.fast_transfer.value_offset", FT_UINT32, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_value_size, { "Size of the value", "rop.fast_transfer.value_size", FT_UINT32, BASE_DEC, NULL, 0, NULL,
            HFILL } },
        { &hf_incomplete, { "Continued in the next buffer", "rop.fast_transfer.incomplete", FT_BYTES, BASE_NONE, NULL,
            0, "Beginning of what the next buffer of the stream completes", HFILL } },
        { &hf_raw, { "Data", "rop.fast_transfer.data", FT_BYTES, BASE_NONE, NULL, 0, "Bytes that were not decoded",
            HFILL } },
    };
    static int *ett[] = { &ett_level };
    static ei_register_info ei[] = {
        { &ei_start_unknown, { "rop.fast_transfer.start_unknown", PI_UNDECODED, PI_NOTE,
                               "Start of the FastTransfer stream not captured", EXPFILL } },
        { &ei_lost, { "rop.fast_transfer.lost", PI_UNDECODED, PI_WARN,
                      "FastTransfer stream not dissected from here", EXPFILL } },
    };

    streams = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    pieces = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
