/* buffer.h
 * ROP input and output buffers (MS-OXCROPS 2.2.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_BUFFER_H
#define OXCNOTIF_BUFFER_H

#include "compat.h"
#include "session/session.h"

/*
 * One unwrapped payload: RopSize, ROPs, server object handle table. payload_index counts the payloads of the PDU from
 * 0. Uses up the whole tvb; what cannot be followed is said in the tree.
 */
void oxc_dissect_rop_buffer(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu,
                            unsigned payload_index);

/* rop.request_in or rop.response_in: to be shown once for every PDU of a call, by the transport. */
void oxc_show_call_links(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_pdu_t *pdu);

#endif /* OXCNOTIF_BUFFER_H */
