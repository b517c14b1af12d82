/* extended_buffer.h
 * Extended buffers and auxiliary blocks (MS-OXCRPC 2.2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EXTENDED_BUFFER_H
#define OXCNOTIF_EXTENDED_BUFFER_H

#include "compat.h"
#include "session/session.h"

/*
 * A whole rgbIn, rgbOut or RopBuffer: a chain of RPC_HEADER_EXT and payload (MS-OXCRPC 2.2.2.1), each unwrapped (XOR,
 * LZ77) and shown as a ROP buffer of the PDU. Uses up the whole tvb; bad chains are shown as expert items.
 */
void oxc_dissect_rop_chain(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu);

/* A ROP buffer of the legacy calls: no RPC_HEADER_EXT, every byte XORed with 0xA5 if obfuscated is set. */
void oxc_dissect_rop_plain(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, bool obfuscated);

/* A whole rgbAuxIn, rgbAuxOut or AuxiliaryBuffer (MS-OXCRPC 2.2.2.2); an empty tvb shows nothing. */
void oxc_dissect_aux(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);

#endif /* OXCNOTIF_EXTENDED_BUFFER_H */
