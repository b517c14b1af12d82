/* idset.c
 * Sets of ids and change numbers (MS-OXCFXICS 2.2.2.4, 2.2.2.6)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/idset.h"

#include "rop/property.h"

/*
 * A set is a sequence of replicas, each with a GLOBSET: commands for a decoder with a stack of common bytes
 * (MS-OXCFXICS 3.1.5.4.3.2). The stack holds at most the six bytes of a GLOBCNT. No range is expanded into its
 * members.
 */

static int hf_replica = -1;
static int hf_replid = -1;
static int hf_replguid = -1;
static int hf_command = -1;
static int hf_common_bytes = -1;
static int hf_starting_value = -1;
static int hf_bitmask = -1;
static int hf_low_value = -1;
static int hf_high_value = -1;

static int ett_command = -1;

#define GLOBCNT_SIZE 6
#define GUID_SIZE 16
#define REPLID_SIZE 2

enum {
    COMMAND_END = 0x00,
    COMMAND_PUSH = 0x01,        /* and up to 0x06, the number of bytes pushed */
    COMMAND_BITMASK = 0x42,
    COMMAND_POP = 0x50,
    COMMAND_RANGE = 0x52
};

static const value_string command_vals[] = {
    { COMMAND_END, "End" },
    { 0x01, "Push" },
    { 0x02, "Push" },
    { 0x03, "Push" },
    { 0x04, "Push" },
    { 0x05, "Push" },
    { 0x06, "Push" },
    { COMMAND_BITMASK, "Bitmask" },
    { COMMAND_POP, "Pop" },
    { COMMAND_RANGE, "Range" },
    { 0, NULL }
};

/* The decoder of one GLOBSET. */
typedef struct {
    uint8_t common[GLOBCNT_SIZE];
    unsigned count;             /* of common bytes */
    unsigned pushed[GLOBCNT_SIZE];      /* by each Push that was not popped */
    unsigned pushes;
    unsigned ranges;
    oxc_text_t *text;
} decoder_t;

/* What a command adds to the set, and shows of itself. */
typedef struct {
    proto_tree *tree;
    oxc_text_t *label;
    unsigned ranges;
} command_t;

static uint64_t
globcnt(const uint8_t bytes[GLOBCNT_SIZE])
{
    uint64_t value = 0;

    for (unsigned i = 0; i < GLOBCNT_SIZE; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The common bytes, and the bytes at offset that make them a GLOBCNT. */
static uint64_t
completed(const decoder_t *d, tvbuff_t *tvb, int offset)
{
    uint8_t bytes[GLOBCNT_SIZE];

    memcpy(bytes, d->common, d->count);
    tvb_memcpy(tvb, bytes + d->count, offset, GLOBCNT_SIZE - d->count);
    return globcnt(bytes);
}

static void
range_text(oxc_text_t *text, const char *between, uint64_t low, uint64_t high)
{
    if (low == high)
        oxc_text_add(text, "%s0x%012" PRIx64, between, low);
    else
        oxc_text_add(text, "%s0x%012" PRIx64 " to 0x%012" PRIx64, between, low, high);
}

/* One range of the set; low_size and high_size are the bytes of its ends on the wire, the rest is known before. */
static void
add_range(oxc_cursor_t *c, decoder_t *d, command_t *command, int offset, int low_size, int high_size, uint64_t low,
          uint64_t high)
{
    proto_item *low_item, *high_item;

    range_text(command->label, command->ranges++ ? ", " : "", low, high);
    range_text(d->text, d->ranges++ ? ", " : "", low, high);
    low_item = proto_tree_add_uint64(command->tree, hf_low_value, c->tvb, offset, low_size, low);
    high_item = proto_tree_add_uint64(command->tree, hf_high_value, c->tvb, offset + low_size, high_size, high);
    if (low_size == 0)
        proto_item_set_generated(low_item);
    if (high_size == 0)
        proto_item_set_generated(high_item);
}

static int
read_push(oxc_cursor_t *c, decoder_t *d, command_t *command, int offset, unsigned size)
{
    if (d->count + size > GLOBCNT_SIZE)
        return oxc_malformed(c, command->tree, offset, (int)size,
                             "%u common bytes are on the stack, so that %u more are too many", d->count, size);
    if (!oxc_fits(c, command->tree, offset, size))
        return -1;
    proto_tree_add_item(command->tree, hf_common_bytes, c->tvb, offset, (int)size, ENC_NA);
    tvb_memcpy(c->tvb, d->common + d->count, offset, size);
    if (d->count + size == GLOBCNT_SIZE) {
        /* A whole GLOBCNT: it is in the set, and what was pushed for it leaves the stack at once. */
        uint64_t value = globcnt(d->common);

        add_range(c, d, command, offset, 0, 0, value, value);
    } else {
        d->count += size;
        d->pushed[d->pushes++] = size;
    }
    return offset + (int)size;
}

static int
read_pop(oxc_cursor_t *c, decoder_t *d, command_t *command, int offset)
{
    if (d->pushes == 0)
        return oxc_malformed(c, command->tree, offset - 1, 1, "No common bytes are on the stack to be removed");
    d->count -= d->pushed[--d->pushes];
    return offset;
}

static int
read_bitmask(oxc_cursor_t *c, decoder_t *d, command_t *command, int offset)
{
    uint32_t start, mask;
    uint64_t low;

    if (d->count != GLOBCNT_SIZE - 1)
        return oxc_malformed(c, command->tree, offset - 1, 1,
                             "A bitmask needs %d common bytes on the stack, and there are %u", GLOBCNT_SIZE - 1,
                             d->count);
    if (!oxc_fits(c, command->tree, offset, 2))
        return -1;
    low = completed(d, c->tvb, offset);
    offset = oxc_number(c, command->tree, hf_starting_value, offset, 1, &start);
    offset = oxc_number(c, command->tree, hf_bitmask, offset, 1, &mask);
    /* The first value is always in the set; bit n is for the value n + 1 behind it. */
    mask = mask << 1 | 1;
    for (unsigned first = 0; first < 9;) {
        unsigned last = first;

        if (!((mask >> first) & 1)) {
            first++;
            continue;
        }
        while ((mask >> (last + 1)) & 1)
            last++;
        add_range(c, d, command, offset, 0, 0, low + first, low + last);
        first = last + 1;
    }
    return offset;
}

static int
read_range(oxc_cursor_t *c, decoder_t *d, command_t *command, int offset)
{
    int size = GLOBCNT_SIZE - (int)d->count;
    uint64_t low, high;

    if (!oxc_fits(c, command->tree, offset, 2 * size))
        return -1;
    low = completed(d, c->tvb, offset);
    high = completed(d, c->tvb, offset + size);
    add_range(c, d, command, offset, size, size, low, high);
    if (low > high)
        oxc_malformed(c, command->tree, offset, 2 * size, "The low end of the range is above the high end");
    return offset + 2 * size;
}

static int
read_command(oxc_cursor_t *c, decoder_t *d, command_t *command, int offset, uint8_t code)
{
    switch (code) {
    case COMMAND_END:
        return offset;
    case COMMAND_POP:
        return read_pop(c, d, command, offset);
    case COMMAND_BITMASK:
        return read_bitmask(c, d, command, offset);
    case COMMAND_RANGE:
        return read_range(c, d, command, offset);
    default:
        if (code >= COMMAND_PUSH && code <= GLOBCNT_SIZE)
            return read_push(c, d, command, offset, code);
        return oxc_malformed(c, command->tree, offset - 1, c->end - offset + 1, "0x%02X is no command of a GLOBSET",
                             code);
    }
}

/* A command with what it has, on a line of its own. */
static int
read_line(oxc_cursor_t *c, decoder_t *d, proto_tree *tree, int offset, uint8_t code)
{
    command_t command = { NULL, NULL, 0 };
    int start = offset;
    proto_item *item;

    command.tree = proto_tree_add_subtree(tree, c->tvb, offset, 1, ett_command, &item,
                                          val_to_str_const(code, command_vals, "Unknown command"));
    command.label = oxc_text_new(c, command.tree);
    proto_tree_add_item(command.tree, hf_command, c->tvb, offset, 1, ENC_NA);
    offset = read_command(c, d, &command, offset + 1, code);
    if (command.ranges > 0)
        oxc_text_show(item, command.label, false);
    return oxc_subtree_end(item, start, offset);
}

/* A GLOBSET, up to its End command. */
static int
read_globset(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text)
{
    decoder_t decoder = { .text = text };
    uint8_t code;

    do {
        if (!oxc_afford(c, tree, offset, 2) || !oxc_fits(c, tree, offset, 1))
            return -1;
        code = tvb_get_uint8(c->tvb, offset);
        offset = read_line(c, &decoder, tree, offset, code);
    } while (offset >= 0 && code != COMMAND_END);
    return offset;
}

static int
read_replica(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_idset_form_t form, oxc_text_t *text)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(c, tree, hf_replica, offset, &item);
    oxc_text_t *own = oxc_text_new(c, sub);
    int start = offset;
    uint32_t replid;

    if (form == OXC_IDSET_REPLID) {
        offset = oxc_number(c, sub, hf_replid, offset, REPLID_SIZE, &replid);
        if (offset >= 0)
            oxc_text_add(own, "%u", replid);
    } else if (oxc_fits(c, sub, offset, GUID_SIZE)) {
        oxc_guid_item(c, sub, hf_replguid, offset, own);
        offset += GUID_SIZE;
    } else {
        return -1;
    }
    oxc_text_put(own, ", ");
    if (offset >= 0)
        offset = read_globset(c, sub, offset, own);
    oxc_text_show(item, own, false);
    if (own)
        oxc_text_put(text, own->line.text);
    return oxc_subtree_end(item, start, offset);
}

/* All replicas up to c->end; -1 if they cannot be followed so far. */
static int
read_idset(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_idset_form_t form, oxc_text_t *text)
{
    for (bool first = true; offset >= 0 && offset < c->end; first = false) {
        if (!first)
            oxc_text_put(text, "; ");
        offset = read_replica(c, tree, offset, form, text);
    }
    return offset;
}

void
oxc_idset(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_idset_form_t form, oxc_text_t *text)
{
    oxc_cursor_t inner = *c;

    inner.end = offset + size;
    read_idset(&inner, tree, offset, form, text);
}

bool
oxc_idset_is_whole(oxc_cursor_t *c, int offset, int size, oxc_idset_form_t form)
{
    oxc_cursor_t inner = *c;

    inner.end = offset + size;
    inner.measure = true;
    return read_idset(&inner, NULL, offset, form, NULL) == inner.end;
}

/* ---- which properties hold a set (MS-OXCFXICS 2.2.1.1, 2.2.1.3) ---- */

bool
oxc_idset_form(uint32_t tag, oxc_idset_form_t *form)
{
    switch (OXC_ID_OF(tag)) {
    case 0x4017:                /* MetaTagIdsetGiven, a PtypInteger32 by its tag */
        if (OXC_TYPE_OF(tag) == PTYP_INTEGER32)
            tag = OXC_WITH_TYPE(tag, PTYP_BINARY);
        /* FALL THROUGH */
    case 0x6796:                /* MetaTagCnsetSeen */
    case 0x67D2:                /* MetaTagCnsetRead */
    case 0x67DA:                /* MetaTagCnsetSeenFAI */
        *form = OXC_IDSET_REPLGUID;
        break;
    case 0x4021:                /* MetaTagIdsetNoLongerInScope */
    case 0x402D:                /* MetaTagIdsetRead */
    case 0x402E:                /* MetaTagIdsetUnread */
    case 0x6793:                /* MetaTagIdsetExpired */
    case 0x67E5:                /* MetaTagIdsetDeleted */
        *form = OXC_IDSET_REPLID;
        break;
    default:
        return false;
    }
    return OXC_TYPE_OF(tag) == PTYP_BINARY;
}

void
oxc_idset_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_replica, { "Replica", "rop.idset", FT_NONE, BASE_NONE, NULL, 0, "Ids or change numbers of one replica",
            HFILL } },
        { &hf_replid, { "REPLID", "rop.idset.replid", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_replguid, { "REPLGUID", "rop.idset.replguid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_command, { "Command", "rop.globset.command", FT_UINT8, BASE_HEX, VALS(command_vals), 0, NULL, HFILL } },
        { &hf_common_bytes, { "CommonBytes", "rop.globset.common_bytes", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_starting_value, { "StartingValue", "rop.globset.starting_value", FT_UINT8, BASE_HEX, NULL, 0, NULL,
            HFILL } },
        { &hf_bitmask, { "Bitmask", "rop.globset.bitmask", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_low_value, { "LowValue", "rop.globset.low_value", FT_UINT48, BASE_HEX, NULL, 0,
            "First GLOBCNT of a range", HFILL } },
        { &hf_high_value, { "HighValue", "rop.globset.high_value", FT_UINT48, BASE_HEX, NULL, 0,
            "Last GLOBCNT of a range", HFILL } },
    };
    static int *ett[] = { &ett_command };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
}
