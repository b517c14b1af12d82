/* oxcnotif_item.c
 * The item of protocol oxcnotif that a PDU has if it is part of a notification's way
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "oxcnotif_item.h"

#include <epan/proto_data.h>
#include <epan/tap.h>

#define EXPLANATION_KEY 0x80000000U     /* of proto data: with the id of the expert item's field */

static int proto_oxcnotif = -1;
static int hf_summary = -1;
static int hf_explanation = -1;
static int ett_oxcnotif = -1;
static int ett_explained = -1;

/* The part of a tree that stands directly below its root; NULL for the root, and for a tree that is not built. */
static proto_node *
top_level_of(proto_tree *tree)
{
    proto_node *node = tree;

    while (node && node->parent && node->parent->parent)
        node = node->parent;
    return node && node->parent ? node : NULL;
}

static bool
is_ours(const proto_node *node)
{
    return node && PNODE_FINFO(node) && PNODE_FINFO(node)->hfinfo->id == proto_oxcnotif;
}

proto_tree *
oxc_item_tree(tvbuff_t *tvb, packet_info *pinfo _U_, proto_tree *tree, const char *text)
{
    proto_node *transport = top_level_of(tree);
    proto_tree *root;
    proto_item *item;

    if (!proto_is_protocol_enabled(find_protocol_by_id(proto_oxcnotif)))
        return NULL;
    if (!tree || is_ours(transport))
        return tree;
    root = proto_tree_get_root(tree);
    if (transport && is_ours(transport->next)) {
        item = transport->next;
        proto_item_append_text(item, "; %s", text);
    } else {
        item = proto_tree_add_item(root, proto_oxcnotif, tvb, 0, 0, ENC_NA);
        proto_item_append_text(item, ", %s", text);
        proto_item_set_generated(item);
        if (transport && item->parent == root && transport->next != item)
            proto_tree_move_item(root, transport, item);
    }
    tree = proto_item_add_subtree(item, ett_oxcnotif);
    proto_item_set_generated(proto_tree_add_string(tree, hf_summary, tvb, 0, 0, text));
    return tree;
}

bool
oxc_item_text_is_wanted(const proto_tree *tree)
{
    return proto_field_is_referenced((proto_tree *)tree, hf_summary);
}

bool
oxc_is_looked_at(proto_tree *tree, int proto)
{
    static int proto_expert_info = -1;

    if (proto_expert_info < 0)
        proto_expert_info = proto_get_id_by_filter_name("_ws.expert");
    return proto_field_is_referenced(tree, proto) || proto_field_is_referenced(tree, proto_oxcnotif)
           || proto_field_is_referenced(tree, proto_expert_info);
}

/* The explanation is made for who shows it: the tree, or a listener of expert items. */
static void
explain(tvbuff_t *tvb, packet_info *pinfo, proto_item *item, const expert_field *ei, const char *format, va_list args)
{
    bool shown = item && proto_field_is_referenced(item, hf_explanation);
    bool heard = have_tap_listener(find_tap_id("expert"));
    char *text;

    if (!shown && !heard)
        return;
    text = wmem_strdup_vprintf(pinfo->pool, format, args);
    if (heard)
        p_add_proto_data(pinfo->pool, pinfo, proto_oxcnotif, EXPLANATION_KEY | (uint32_t)ei->hf, text);
    if (shown)
        proto_item_set_generated(proto_tree_add_string(proto_item_add_subtree(item, ett_explained), hf_explanation, tvb,
                                                       0, 0, text));
}

void
oxc_explain(tvbuff_t *tvb, packet_info *pinfo, proto_item *item, expert_field *ei, const char *format, ...)
{
    va_list args;

    expert_add_info(pinfo, item, ei);
    va_start(args, format);
    explain(tvb, pinfo, item, ei, format, args);
    va_end(args);
}

void
oxc_explain_in(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, expert_field *ei, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    explain(tvb, pinfo, proto_tree_add_expert(tree, pinfo, ei, tvb, 0, 0), ei, format, args);
    va_end(args);
}

const char *
oxc_explanation(packet_info *pinfo, int hf)
{
    return (const char *)p_get_proto_data(pinfo->pool, pinfo, proto_oxcnotif, EXPLANATION_KEY | (uint32_t)hf);
}

void
oxc_item_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_summary,
          { "Summary", "oxcnotif.summary", FT_STRING, BASE_NONE, NULL, 0, "What happened, in one line", HFILL } },
        { &hf_explanation,
          { "Explanation", "oxcnotif.explanation", FT_STRING, BASE_NONE, NULL, 0, "What the expert item means here",
            HFILL } },
    };
    static int *ett[] = { &ett_oxcnotif, &ett_explained };

    proto_oxcnotif = proto;
    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
}
