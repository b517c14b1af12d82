/* rule.c
 * Actions of rules, and the structures of extended rules (MS-OXORULE 2.2.4, 2.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/property.h"

#include "rop/budget.h"
#include "rop/entryid.h"
#include "rop/identifier.h"

static int hf_no_of_actions = -1;
static int hf_action = -1;
static int hf_action_length = -1;
static int hf_action_type = -1;
static int hf_action_flavor = -1;
static int hf_action_flags = -1;
static int hf_folder_in_this_store = -1;
static int hf_store_eid_size = -1;
static int hf_store_eid = -1;
static int hf_folder_eid_size = -1;
static int hf_folder_eid = -1;
static int hf_message_eid_size = -1;
static int hf_message_eid = -1;
static int hf_reply_template_fid = -1;
static int hf_reply_template_mid = -1;
static int hf_reply_template_guid = -1;
static int hf_bounce_code = -1;
static int hf_recipient_count = -1;
static int hf_recipient = -1;
static int hf_reserved = -1;
static int hf_no_of_properties = -1;
static int hf_data = -1;
static int hf_no_of_named_props = -1;
static int hf_prop_id = -1;
static int hf_named_properties_size = -1;
static int hf_named_properties = -1;
static int hf_named_property = -1;
static int hf_rule_version = -1;
static int hf_condition = -1;
static int hf_actions = -1;

static int ett_eid = -1;

static wmem_map_t *no_names;    /* always empty */

enum {
    OP_MOVE = 1,
    OP_COPY = 2,
    OP_REPLY = 3,
    OP_OOF_REPLY = 4,
    OP_DEFER_ACTION = 5,
    OP_BOUNCE = 6,
    OP_FORWARD = 7,
    OP_DELEGATE = 8,
    OP_TAG = 9,
    OP_DELETE = 10,
    OP_MARK_AS_READ = 11
};

static const value_string action_type_vals[] = {
    { OP_MOVE, "OP_MOVE" },
    { OP_COPY, "OP_COPY" },
    { OP_REPLY, "OP_REPLY" },
    { OP_OOF_REPLY, "OP_OOF_REPLY" },
    { OP_DEFER_ACTION, "OP_DEFER_ACTION" },
    { OP_BOUNCE, "OP_BOUNCE" },
    { OP_FORWARD, "OP_FORWARD" },
    { OP_DELEGATE, "OP_DELEGATE" },
    { OP_TAG, "OP_TAG" },
    { OP_DELETE, "OP_DELETE" },
    { OP_MARK_AS_READ, "OP_MARK_AS_READ" },
    { 0, NULL }
};

static const value_string bounce_code_vals[] = {
    { 0x0D, "Message too large" },
    { 0x1F, "Form cannot be displayed" },
    { 0x26, "Denied" },
    { 0, NULL }
};

/* Properties of an extended rule (MS-OXORULE 2.2.4.1) */
#define PID_TAG_EXTENDED_RULE_MESSAGE_ACTIONS 0x0E990102
#define PID_TAG_EXTENDED_RULE_MESSAGE_CONDITION 0x0E9A0102

/* What stands in an id of an action. */
typedef enum {
    EID_IGNORED,                /* anything: it means nothing */
    EID_SERVER_ID,
    EID_ENTRY_ID
} eid_t;

/* An id behind its size. */
static int
read_eid(oxc_read_t *r, proto_tree *tree, int hf_eid_size, int hf, int offset, eid_t kind, oxc_text_t *text)
{
    uint32_t size;

    offset = oxc_count(r, tree, hf_eid_size, offset, &size);
    if (offset < 0 || !oxc_fits(r, tree, offset, size))
        return -1;
    if (!r->measure && size > 0) {
        proto_item *item = proto_tree_add_item(tree, hf, r->tvb, offset, (int)size, ENC_NA);
        proto_tree *sub = proto_item_add_subtree(item, ett_eid);

        if (kind == EID_SERVER_ID)
            oxc_server_id(r, sub, offset, (int)size, text);
        else if (kind == EID_ENTRY_ID)
            oxc_entry_id(r, sub, offset, (int)size, true, text);
    }
    return offset + (int)size;
}

static int
read_move(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t in_this_store = 0;

    oxc_text_put(text, " to ");
    if (r->counts == OXC_COUNTS_ROP)
        offset = oxc_number(r, tree, hf_folder_in_this_store, offset, 1, &in_this_store);
    /* With the folder in this store Exchange sends one byte, which means nothing. */
    if (offset >= 0)
        offset = read_eid(r, tree, hf_store_eid_size, hf_store_eid, offset, in_this_store ? EID_IGNORED : EID_ENTRY_ID,
                          NULL);
    if (offset >= 0)
        offset = read_eid(r, tree, hf_folder_eid_size, hf_folder_eid, offset,
                          in_this_store ? EID_SERVER_ID : EID_ENTRY_ID, text);
    return offset;
}

static int
read_reply(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    if (r->counts == OXC_COUNTS_ROP) {
        if (!oxc_fits(r, tree, offset, 16))
            return -1;
        oxc_text_put(text, " with message ");
        oxc_id_item(r, tree, hf_reply_template_fid, offset, NULL);
        oxc_id_item(r, tree, hf_reply_template_mid, offset + 8, text);
        offset += 16;
    } else {
        oxc_text_put(text, " with ");
        offset = read_eid(r, tree, hf_message_eid_size, hf_message_eid, offset, EID_ENTRY_ID, text);
    }
    if (offset < 0 || !oxc_fits(r, tree, offset, 16))
        return -1;
    oxc_guid_item(r, tree, hf_reply_template_guid, offset, NULL);
    return offset + 16;
}

static int
read_forward(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t count, reserved, properties;

    offset = oxc_count(r, tree, hf_recipient_count, offset, &count);
    if (offset >= 0)
        oxc_text_add(text, " to %u recipient%s", count, count == 1 ? "" : "s");
    for (uint32_t i = 0; offset >= 0 && i < count; i++) {
        proto_item *item;
        proto_tree *sub = oxc_subtree(r, tree, hf_recipient, offset, &item);
        int start = offset;

        offset = oxc_number(r, sub, hf_reserved, offset, 1, &reserved);
        if (offset >= 0)
            offset = oxc_count(r, sub, hf_no_of_properties, offset, &properties);
        for (uint32_t j = 0; offset >= 0 && j < properties; j++)
            offset = oxc_property_tagged(r, sub, offset, NULL, NULL);
        oxc_subtree_end(item, start, offset);
    }
    return offset;
}

static int
read_action_data(oxc_read_t *r, proto_tree *tree, int offset, uint32_t type, oxc_text_t *text)
{
    uint32_t code;

    switch (type) {
    case OP_MOVE:
    case OP_COPY:
        return read_move(r, tree, offset, text);
    case OP_REPLY:
    case OP_OOF_REPLY:
        return read_reply(r, tree, offset, text);
    case OP_BOUNCE:
        offset = oxc_number(r, tree, hf_bounce_code, offset, 4, &code);
        if (offset >= 0)
            oxc_text_add(text, ": %s", val_to_str_const(code, bounce_code_vals, "unknown reason"));
        return offset;
    case OP_FORWARD:
    case OP_DELEGATE:
        return read_forward(r, tree, offset, text);
    case OP_TAG:
        oxc_text_put(text, " ");
        return oxc_property_tagged(r, tree, offset, NULL, text);
    case OP_DELETE:
    case OP_MARK_AS_READ:
        return offset;
    case OP_DEFER_ACTION:       /* the client's own */
        if (!r->measure && r->end > offset)
            proto_tree_add_item(tree, hf_data, r->tvb, offset, r->end - offset, ENC_NA);
        return r->end;
    default:
        return oxc_malformed(r, tree, offset, r->end - offset, "%u is no type of action", type);
    }
}

static void
flavor_text(uint32_t type, uint32_t flavor, proto_item *item)
{
    static const char *const forward[] = {
        "PR, preserve sender", "NC, no change", "AT, as attachment", "TM, text message"
    };
    static const char *const reply[] = { "NS, not to the originator", "ST, template of the server" };
    const char *const *names = NULL;
    unsigned count = 0;

    if (type == OP_FORWARD) {
        names = forward;
        count = G_N_ELEMENTS(forward);
    } else if (type == OP_REPLY || type == OP_OOF_REPLY) {
        names = reply;
        count = G_N_ELEMENTS(reply);
    }
    for (unsigned i = 0; i < count; i++) {
        if ((flavor >> i) & 1)
            proto_item_append_text(item, " (%s)", names[i]);
    }
}

/* The inside of an ActionBlock, up to r->end. */
static int
read_block(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t type, flags;

    offset = oxc_number(r, tree, hf_action_type, offset, 1, &type);
    if (offset < 0 || !oxc_fits(r, tree, offset, 4))
        return -1;
    oxc_text_put(text, val_to_str_const(type, action_type_vals, "unknown action"));
    if (!r->measure)
        flavor_text(type, tvb_get_letohl(r->tvb, offset),
                    proto_tree_add_item(tree, hf_action_flavor, r->tvb, offset, 4, ENC_LITTLE_ENDIAN));
    offset = oxc_number(r, tree, hf_action_flags, offset + 4, 4, &flags);
    if (offset >= 0)
        offset = read_action_data(r, tree, offset, type, text);
    if (offset >= 0 && offset < r->end)
        return oxc_malformed(r, tree, offset, r->end - offset, "%d bytes more than this action has", r->end - offset);
    return offset;
}

/* ActionLength tells where a block ends, whatever becomes of its inside. */
static int
read_action(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    proto_item *item;
    proto_tree *sub = oxc_subtree(r, tree, hf_action, offset, &item);
    oxc_text_t *own = oxc_text_new(r, sub);
    int start = offset;
    int end = r->end;
    uint32_t length;

    offset = oxc_count(r, sub, hf_action_length, offset, &length);
    if (offset < 0 || !oxc_fits(r, sub, offset, length))
        return -1;
    r->end = offset + (int)length;
    offset = read_block(r, sub, offset, own);
    if (offset >= 0 || !r->measure)
        offset = r->end;
    r->end = end;
    oxc_text_show(item, own, false);
    if (own)
        oxc_text_put(text, own->line.text);
    return oxc_subtree_end(item, start, offset);
}

int
oxc_rule_actions(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text)
{
    uint32_t count;

    if (!oxc_enter(r, tree, offset))
        return -1;
    offset = oxc_count(r, tree, hf_no_of_actions, offset, &count);
    for (uint32_t i = 0; offset >= 0 && i < count; i++) {
        if (i > 0)
            oxc_text_put(text, ", ");
        offset = read_action(r, tree, offset, text);
    }
    oxc_leave(r);
    return offset;
}

/* What a NamedPropertyInformation has besides its ids: a PropertyName for each of them. */
static int
read_property_names(oxc_read_t *r, proto_tree *tree, int offset, int ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int end = oxc_type_property_name(r, tree, hf_named_property, offset, 0);

        if (end < 0)
            return -1;
        if (!r->measure) {
            const char *name = oxc_property_name_text(r->pinfo->pool, r->pinfo, r->tvb, offset);

            if (name)
                wmem_map_insert(r->named, GUINT_TO_POINTER(tvb_get_letohs(r->tvb, ids + 2 * (int)i)), (void *)name);
        }
        offset = end;
    }
    return offset;
}

/*
 * NamedPropertyInformation (MS-OXORULE 2.2.4.2): nothing behind a count of zero. The ids of named properties in what
 * follows mean what is named here, and nothing of the session.
 */
static int
read_named_properties(oxc_read_t *r, proto_tree *tree, int offset)
{
    proto_tree *sub = NULL;
    uint32_t count, size;
    int ids, end, next;
    int outer = r->end;

    r->named = no_names;
    offset = oxc_number(r, tree, hf_no_of_named_props, offset, 2, &count);
    if (offset < 0 || count == 0)
        return offset;
    if (!r->measure)
        r->named = wmem_map_new(r->pinfo->pool, g_direct_hash, g_direct_equal);
    if (!oxc_fits(r, tree, offset, 2 * (int64_t)count))
        return -1;
    ids = offset;
    for (uint32_t i = 0; i < count && oxc_afford(r, tree, offset, 1); i++, offset += 2) {
        if (!r->measure)
            proto_tree_add_item(tree, hf_prop_id, r->tvb, offset, 2, ENC_LITTLE_ENDIAN);
    }
    offset = oxc_number(r, tree, hf_named_properties_size, ids + 2 * (int)count, 4, &size);
    if (offset < 0 || !oxc_fits(r, tree, offset, size))
        return -1;
    end = offset + (int)size;
    if (!r->measure && size > 0)
        sub = proto_item_add_subtree(proto_tree_add_item(tree, hf_named_properties, r->tvb, offset, (int)size, ENC_NA),
                                     ett_eid);
    r->end = end;
    next = read_property_names(r, sub, offset, ids, count);
    if (next >= 0 && next < end)
        oxc_malformed(r, sub, next, end - next, "%d bytes more than the names of %u properties have", end - next,
                      count);
    r->end = outer;
    return end;
}

static int
read_extended_rule(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, oxc_text_t *text)
{
    proto_item *item;
    proto_tree *sub;
    uint32_t version;
    int start;

    offset = read_named_properties(r, tree, offset);
    if (offset < 0)
        return -1;
    if (tag == PID_TAG_EXTENDED_RULE_MESSAGE_CONDITION)
        return oxc_restriction(r, tree, hf_condition, offset, text);
    offset = oxc_number(r, tree, hf_rule_version, offset, 4, &version);
    if (offset < 0)
        return -1;
    start = offset;
    sub = oxc_subtree(r, tree, hf_actions, offset, &item);
    offset = oxc_rule_actions(r, sub, offset, text);
    return oxc_subtree_end(item, start, offset);
}

bool
oxc_extended_rule(oxc_read_t *r, proto_tree *tree, int offset, int size, uint32_t tag, oxc_text_t *text)
{
    oxc_read_t inner = *r;
    int end;

    if (tag != PID_TAG_EXTENDED_RULE_MESSAGE_ACTIONS && tag != PID_TAG_EXTENDED_RULE_MESSAGE_CONDITION)
        return false;
    /* A rule shows many fields before it has said much. */
    if (r->measure || !oxc_afford(r, tree, offset, OXC_WORK_ROP))
        return true;
    inner.end = offset + size;
    inner.counts = OXC_COUNTS_RULE;
    end = read_extended_rule(&inner, tree, offset, tag, text);
    if (end >= 0 && end < inner.end)
        oxc_malformed(&inner, tree, end, inner.end - end, "%d bytes more than the rule has", inner.end - end);
    return true;
}

void
oxc_rule_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_no_of_actions, { "NoOfActions", "rop.rule_action.no_of_actions", FT_UINT32, BASE_DEC, NULL, 0, NULL,
            HFILL } },
        { &hf_action, { "ActionBlock", "rop.rule_action", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_action_length, { "ActionLength", "rop.rule_action.action_length", FT_UINT32, BASE_DEC, NULL, 0, NULL,
            HFILL } },
        { &hf_action_type, { "ActionType", "rop.rule_action.action_type", FT_UINT8, BASE_HEX, VALS(action_type_vals), 0,
            NULL, HFILL } },
        { &hf_action_flavor, { "ActionFlavor", "rop.rule_action.action_flavor", FT_UINT32, BASE_HEX, NULL, 0, NULL,
            HFILL } },
        { &hf_action_flags, { "ActionFlags", "rop.rule_action.action_flags", FT_UINT32, BASE_HEX, NULL, 0,
            "Private to the client", HFILL } },
        { &hf_folder_in_this_store, { "FolderInThisStore", "rop.rule_action.folder_in_this_store", FT_BOOLEAN,
            BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_store_eid_size, { "StoreEIDSize", "rop.rule_action.store_eid_size", FT_UINT32, BASE_DEC, NULL, 0, NULL,
            HFILL } },
        { &hf_store_eid, { "StoreEID", "rop.rule_action.store_eid", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_folder_eid_size, { "FolderEIDSize", "rop.rule_action.folder_eid_size", FT_UINT32, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_folder_eid, { "FolderEID", "rop.rule_action.folder_eid", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_message_eid_size, { "MessageEIDSize", "rop.rule_action.message_eid_size", FT_UINT32, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_message_eid, { "MessageEID", "rop.rule_action.message_eid", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_reply_template_fid, { "ReplyTemplateFID", "rop.rule_action.reply_template_fid", FT_UINT64, BASE_HEX, NULL,
            0, NULL, HFILL } },
        { &hf_reply_template_mid, { "ReplyTemplateMID", "rop.rule_action.reply_template_mid", FT_UINT64, BASE_HEX, NULL,
            0, NULL, HFILL } },
        { &hf_reply_template_guid, { "ReplyTemplateGUID", "rop.rule_action.reply_template_guid", FT_GUID, BASE_NONE,
            NULL, 0, NULL, HFILL } },
        { &hf_bounce_code, { "BounceCode", "rop.rule_action.bounce_code", FT_UINT32, BASE_HEX, VALS(bounce_code_vals),
            0, NULL, HFILL } },
        { &hf_recipient_count, { "RecipientCount", "rop.rule_action.recipient_count", FT_UINT32, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_recipient, { "RecipientBlock", "rop.rule_action.recipient_block", FT_NONE, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_reserved, { "Reserved", "rop.rule_action.reserved", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_no_of_properties, { "NoOfProperties", "rop.rule_action.no_of_properties", FT_UINT32, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_data, { "ActionData", "rop.rule_action.action_data", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_no_of_named_props, { "NoOfNamedProps", "rop.rule.no_of_named_props", FT_UINT16, BASE_DEC, NULL, 0,
            NULL, HFILL } },
        { &hf_prop_id, { "PropId", "rop.rule.prop_id", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_named_properties_size, { "NamedPropertiesSize", "rop.rule.named_properties_size", FT_UINT32, BASE_DEC,
            NULL, 0, NULL, HFILL } },
        { &hf_named_properties, { "NamedProperties", "rop.rule.named_properties", FT_BYTES, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_named_property, { "PropertyName", "rop.rule.named_property", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_rule_version, { "RuleVersion", "rop.rule.rule_version", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_condition, { "Condition", "rop.rule.condition", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_actions, { "RuleActionsBuffer", "rop.rule.rule_actions_buffer", FT_NONE, BASE_NONE, NULL, 0, NULL,
            HFILL } },
    };
    static int *ett[] = { &ett_eid };

    no_names = wmem_map_new(wmem_epan_scope(), g_direct_hash, g_direct_equal);
    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
}
