/* out_of_order.h
 * Segments that Wireshark's defaults leave out of order
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_OUT_OF_ORDER_H
#define OXCNOTIF_OUT_OF_ORDER_H

#include "compat.h"

#include <epan/expert.h>

/*
 * Were segments in front of the frame's not captured before it, on a connection for which is_ours? Unless
 * tcp.reassemble_out_of_order is set, a message whose segments come out of order is left unread. Behind the TCP dissector.
 */
bool oxc_out_of_order_note(tvbuff_t *frame, packet_info *pinfo, int proto, bool (*is_ours)(packet_info *));

/* Shows it; from the second visit on only if what is missing came later. */
void oxc_out_of_order_show(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, int proto, expert_field *ei);

#endif /* OXCNOTIF_OUT_OF_ORDER_H */
