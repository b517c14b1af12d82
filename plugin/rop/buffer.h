/* buffer.h
 * ROP input and output buffers (MS-OXCROPS 2.2.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_BUFFER_H
#define OXCNOTIF_BUFFER_H

#include "rop/tables.h"

/*
 * One unwrapped payload: RopSize, ROPs, server object handle table. payload_index counts the payloads of the PDU from
 * 0. Uses up the whole tvb; what cannot be followed is said in the tree.
 */
void oxc_dissect_rop_buffer(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu,
                            unsigned payload_index);

/* rop.request_in or rop.response_in: to be shown once for every PDU of a call, by the transport. */
void oxc_show_call_links(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_pdu_t *pdu);

/* For the engine: the field holding a handle index was read. */
void oxc_buffer_handle(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, unsigned place);

/* For expressions: does a ROP, or the list, end n bytes behind offset, as far as can be told from what follows? */
bool oxc_buffer_is_boundary(const oxc_read_t *r, int offset, uint64_t n);

#endif /* OXCNOTIF_BUFFER_H */
