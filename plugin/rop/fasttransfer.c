/* fasttransfer.c
 * FastTransfer streams, cut into buffers as they are (MS-OXCFXICS 2.2.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

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

/* More than this is not carried over: a longer value is shown in parts. */
#define CARRY_MAX 8192

/* Markers nested deeper are shown side by side. */
#define LEVELS_MAX 32

enum {
    NEW_ATTACH = 0x40000003,
    START_EMBED = 0x40010003,
    END_EMBED = 0x40020003,
    START_RECIP = 0x40030003,
    END_TO_RECIP = 0x40040003,
    START_TOP_FLD = 0x40090003,
    START_SUB_FLD = 0x400A0003,
    END_FOLDER = 0x400B0003,
    START_MESSAGE = 0x400C0003,
    END_MESSAGE = 0x400D0003,
    END_ATTACH = 0x400E0003,
    START_FAI_MSG = 0x40100003,
    INCR_SYNC_CHG = 0x40120003,
    INCR_SYNC_DEL = 0x40130003,
    INCR_SYNC_END = 0x40140003,
    INCR_SYNC_MESSAGE = 0x40150003,
    FX_ERROR_INFO = 0x40180003,
    INCR_SYNC_READ = 0x402F0003,
    INCR_SYNC_STATE_BEGIN = 0x403A0003,
    INCR_SYNC_STATE_END = 0x403B0003,
    INCR_SYNC_PROGRESS_MODE = 0x4074000B,
    INCR_SYNC_PROGRESS_PER_MSG = 0x4075000B,
    INCR_SYNC_GROUP_INFO = 0x407B0102,
    INCR_SYNC_CHG_PARTIAL = 0x407D0003
};

static const value_string marker_vals[] = {     /* MS-OXCFXICS 2.2.4.1.4 */
    { NEW_ATTACH, "NewAttach" },
    { START_EMBED, "StartEmbed" },
    { END_EMBED, "EndEmbed" },
    { START_RECIP, "StartRecip" },
    { END_TO_RECIP, "EndToRecip" },
    { START_TOP_FLD, "StartTopFld" },
    { START_SUB_FLD, "StartSubFld" },
    { END_FOLDER, "EndFolder" },
    { START_MESSAGE, "StartMessage" },
    { END_MESSAGE, "EndMessage" },
    { END_ATTACH, "EndAttach" },
    { START_FAI_MSG, "StartFAIMsg" },
    { INCR_SYNC_CHG, "IncrSyncChg" },
    { INCR_SYNC_DEL, "IncrSyncDel" },
    { INCR_SYNC_END, "IncrSyncEnd" },
    { INCR_SYNC_MESSAGE, "IncrSyncMessage" },
    { FX_ERROR_INFO, "FXErrorInfo" },
    { INCR_SYNC_READ, "IncrSyncRead" },
    { INCR_SYNC_STATE_BEGIN, "IncrSyncStateBegin" },
    { INCR_SYNC_STATE_END, "IncrSyncStateEnd" },
    { INCR_SYNC_PROGRESS_MODE, "IncrSyncProgressMode" },
    { INCR_SYNC_PROGRESS_PER_MSG, "IncrSyncProgressPerMsg" },
    { INCR_SYNC_GROUP_INFO, "IncrSyncGroupInfo" },
    { INCR_SYNC_CHG_PARTIAL, "IncrSyncChgPartial" },
    { 0, NULL }
};

static const value_string meta_tag_vals[] = {   /* MS-OXCFXICS 2.2.1.1, 2.2.4.1.5 */
    { 0x4008001E, "MetaTagDnPrefix" },
    { 0x400F0003, "MetaTagEcWarning" },
    { 0x40110102, "MetaTagNewFXFolder" },
    { 0x40160003, "MetaTagFXDelProp" },
    { OXC_META_TAG_IDSET_GIVEN, "MetaTagIdsetGiven" },
    { 0x40210102, "MetaTagIdsetNoLongerInScope" },
    { 0x402D0102, "MetaTagIdsetRead" },
    { 0x402E0102, "MetaTagIdsetUnread" },
    { 0x407A0003, "MetaTagIncrementalSyncMessagePartial" },
    { 0x407C0003, "MetaTagIncrSyncGroupId" },
    { 0x67930102, "MetaTagIdsetExpired" },
    { 0x67960102, "MetaTagCnsetSeen" },
    { 0x67D20102, "MetaTagCnsetRead" },
    { 0x67DA0102, "MetaTagCnsetSeenFAI" },
    { 0x67E50102, "MetaTagIdsetDeleted" },
    { 0, NULL }
};

const char *
oxc_meta_tag_name(uint32_t tag)
{
    return try_val_to_str(tag, meta_tag_vals);
}

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

/* Which marker ends what this one starts; 0 for one that lasts until the next of its kind. */
static uint32_t
end_of(uint32_t marker)
{
    switch (marker) {
    case NEW_ATTACH:
        return END_ATTACH;
    case START_EMBED:
        return END_EMBED;
    case START_RECIP:
        return END_TO_RECIP;
    case START_TOP_FLD:
    case START_SUB_FLD:
        return END_FOLDER;
    case START_MESSAGE:
    case START_FAI_MSG:
        return END_MESSAGE;
    case INCR_SYNC_STATE_BEGIN:
        return INCR_SYNC_STATE_END;
    default:
        return 0;
    }
}

static bool
is_end(uint32_t marker)
{
    return marker == END_ATTACH || marker == END_EMBED || marker == END_TO_RECIP || marker == END_FOLDER
           || marker == END_MESSAGE || marker == INCR_SYNC_STATE_END || marker == INCR_SYNC_END;
}

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
    if (g->state.level && end_of(g->state.level->marker) == 0)
        leave_level(g, offset);
}

static void
read_marker(reading_t *g, int offset, uint32_t marker)
{
    proto_tree *tree;
    proto_item *item = NULL;

    g->markers++;
    if (is_end(marker)) {
        const level_t *start = g->state.level;

        while (start && end_of(start->marker) != marker)
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
    if (end_of(marker) == 0 || marker == INCR_SYNC_STATE_BEGIN)
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
                                             val_to_str_const(levels[depth]->marker, marker_vals, "?"),
                                             levels[depth]->frame);
        g->trees[depth] = tree;
    }
}

/* ---- sizes: is what stands at an offset all there? ---- */

typedef enum {
    SIZE_COMPLETE,
    SIZE_INCOMPLETE,            /* size is the least it takes */
    SIZE_INVALID
} size_result_t;

typedef struct {
    int64_t size;               /* all of it */
    int64_t header;             /* up to its first byte of value; 0 when even that is not there */
    uint32_t number;            /* that the header ends with: bytes or elements */
} size_info_t;

static size_result_t
size_within(int64_t available, size_info_t *info)
{
    return info->size <= available ? SIZE_COMPLETE : SIZE_INCOMPLETE;
}

/* A value of variable size: its size, then so many bytes. */
static size_result_t
sized_bytes(tvbuff_t *tvb, int offset, int64_t at, int64_t available, size_info_t *info)
{
    info->size = at + 4;
    if (at + 4 > available)
        return SIZE_INCOMPLETE;
    info->number = tvb_get_letohl(tvb, offset + (int)at);
    info->header = at + 4;
    info->size = at + 4 + info->number;
    return size_within(available, info);
}

/* What names a named property: moves at behind it. */
static size_result_t
name_size(tvbuff_t *tvb, int offset, int64_t *at, int64_t available, size_info_t *info)
{
    info->size = *at + 17;
    if (*at + 17 > available)
        return SIZE_INCOMPLETE;
    *at += 17;
    switch (tvb_get_uint8(tvb, offset + (int)*at - 1)) {
    case 0:
        *at += 4;
        info->size = *at;
        return size_within(available, info);
    case 1:
        for (; *at + 2 <= available; *at += 2) {
            if (tvb_get_letohs(tvb, offset + (int)*at) == 0) {
                *at += 2;
                return SIZE_COMPLETE;
            }
        }
        info->size = *at + 2;
        return SIZE_INCOMPLETE;
    default:
        return SIZE_INVALID;
    }
}

static bool
is_variable(uint16_t type)
{
    return type & OXC_PTYP_CODE_PAGE || type == PTYP_STRING || type == PTYP_STRING8 || type == PTYP_BINARY
           || type == PTYP_OBJECT || type == PTYP_SERVER_ID;
}

/* An array of values that each have their size in front. */
static size_result_t
sized_elements(tvbuff_t *tvb, int offset, int64_t available, size_info_t *info)
{
    for (uint32_t i = 0; i < info->number; i++) {
        size_info_t element;
        size_result_t result = sized_bytes(tvb, offset, info->size, available, &element);

        info->size = element.size;
        if (result != SIZE_COMPLETE)
            return result;
    }
    return SIZE_COMPLETE;
}

/* The property at offset, of whose bytes so many are there. */
static size_result_t
property_size(const oxc_read_t *r, int offset, int64_t available, size_info_t *info)
{
    uint32_t tag = tvb_get_letohl(r->tvb, offset);
    uint16_t type = tag == OXC_META_TAG_IDSET_GIVEN ? PTYP_BINARY : OXC_TYPE_OF(tag);
    size_result_t result;
    int64_t at = 4;
    int fixed;

    memset(info, 0, sizeof *info);
    if (OXC_ID_OF(tag) >= 0x8000) {
        result = name_size(r->tvb, offset, &at, available, info);
        if (result != SIZE_COMPLETE)
            return result;
    }
    info->size = at;
    if (type == PTYP_NULL || type == PTYP_UNSPECIFIED)
        return SIZE_COMPLETE;
    if (is_variable(type))
        return sized_bytes(r->tvb, offset, at, available, info);
    fixed = oxc_property_fixed_size(r, type & ~PTYP_MULTIPLE);
    if (!(type & PTYP_MULTIPLE)) {
        info->size = at + fixed;
        return fixed == 0 ? SIZE_INVALID : size_within(available, info);
    }
    if (fixed == 0 && !is_variable(type & ~PTYP_MULTIPLE))
        return SIZE_INVALID;
    info->size = at + 4;
    if (at + 4 > available)
        return SIZE_INCOMPLETE;
    info->number = tvb_get_letohl(r->tvb, offset + (int)at);
    info->header = at + 4;
    if (fixed == 0)
        return sized_elements(r->tvb, offset, available, info);
    info->size += (int64_t)info->number * fixed;
    return size_within(available, info);
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
    int fixed = oxc_property_fixed_size(&g->r, OXC_TYPE_OF(tag));
    size_info_t info = { fixed, 0, 0 };
    size_result_t result = fixed ? size_within(available, &info) : sized_bytes(g->r.tvb, offset, 0, available, &info);
    proto_item *item;
    proto_tree *sub;
    oxc_text_t *text;

    if (result == SIZE_INCOMPLETE && info.size <= CARRY_MAX)
        return offset;
    g->state.elements_left--;
    if (result == SIZE_INCOMPLETE) {
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

/* A property; the same way. */
static int
read_property(reading_t *g, int offset)
{
    size_info_t info;
    size_result_t result = property_size(&g->r, offset, g->r.end - offset, &info);
    uint32_t tag = tvb_get_letohl(g->r.tvb, offset);

    if (result == SIZE_INCOMPLETE && info.size <= CARRY_MAX)
        return offset;
    if (result == SIZE_INVALID || (result == SIZE_INCOMPLETE && info.header == 0)) {
        lose(g, offset, "No property can be read here: the stream cannot be followed any further");
        return g->r.end;
    }
    g->properties++;
    if (result == SIZE_COMPLETE) {
        int end = offset + (int)info.size;
        int outer = g->r.end;

        g->r.end = end;
        oxc_property_streamed(&g->r, current_tree(g), offset, false);
        g->r.end = outer;
        return end;
    }
    oxc_property_streamed(&g->r, current_tree(g), offset, true);
    g->state.tag = tag;
    if (OXC_TYPE_OF(tag) & PTYP_MULTIPLE && !is_variable(OXC_TYPE_OF(tag)))
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

            if (try_val_to_str(tag, marker_vals)) {
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
    g->r.tvb = joined(r, piece, offset, length);
    g->r.end = (int)piece->carried + length;
    g->r.counts = OXC_COUNTS_STREAM;
    g->state = piece->state;
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
        { &hf_marker, { "Marker", "rop.fast_transfer.marker", FT_UINT32, BASE_HEX, VALS(marker_vals), 0, NULL,
            HFILL } },
        { &hf_end_marker, { "Marker", "rop.fast_transfer.end_marker", FT_UINT32, BASE_HEX, VALS(marker_vals), 0,
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
            "The stream began before the capture: the call that opened it is missing", EXPFILL } },
        { &ei_lost, { "rop.fast_transfer.lost", PI_UNDECODED, PI_WARN,
            "A stream that cannot be followed any further", EXPFILL } },
    };

    streams = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    pieces = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
