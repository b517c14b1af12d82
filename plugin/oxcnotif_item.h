/* oxcnotif_item.h
 * The item of protocol oxcnotif that a PDU has if it is part of a notification's way
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_ITEM_H
#define OXCNOTIF_ITEM_H

#include "compat.h"

#include <epan/expert.h>
#include <epan/packet.h>

/*
 * The tree of the protocol's item behind the transport that tree is part of, made if it is not there, so that the filter
 * "oxcnotif" finds the frame, "-J oxcnotif" has it, and it does not stand below headers. text tells it in one line, for
 * the item and oxcnotif.summary. In the tree of such an item that is tree itself, and text is not used.
 */
proto_tree *oxc_item_tree(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *text);

/* Is the text of such an item wanted, by who sees the tree or by a filter or column? If not, any will do. */
bool oxc_item_text_is_wanted(const proto_tree *tree);

/*
 * Expert items have one summary each, by which they are grouped: what differs from frame to frame is a field below the
 * item. The second makes the item, too.
 */
void oxc_explain(tvbuff_t *tvb, packet_info *pinfo, proto_item *item, expert_field *ei, const char *format, ...)
    G_GNUC_PRINTF(5, 6);
void oxc_explain_in(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, expert_field *ei, const char *format, ...)
    G_GNUC_PRINTF(5, 6);

/* The explanation of an expert item of this frame, by its field; NULL if it has none. For listeners of expert items. */
const char *oxc_explanation(packet_info *pinfo, int hf);

/* Does anybody see what items of the tree say? If not, nothing needs to be formatted for them. */
static inline bool
oxc_is_seen(const proto_tree *tree)
{
    return tree && PTREE_DATA(tree)->visible;
}

/*
 * Does anybody look at fields of the protocol or of oxcnotif, or at expert items: a tree that is shown, or in one that is not
 * a filter, column or tap? A field makes its protocol referenced, too. If not, they need not be added.
 */
bool oxc_is_looked_at(proto_tree *tree, int proto);

/* Registers the fields with the protocol oxcnotif. */
void oxc_item_register(int proto);

#endif /* OXCNOTIF_ITEM_H */
