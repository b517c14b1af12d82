/* rpc_fallback.h
 * Connections that carry EMSMDB and AsyncEMSMDB: what DCE/RPC does not tell an interface
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_FALLBACK_H
#define OXCNOTIF_RPC_FALLBACK_H

#include "compat.h"

/* Is the frame's TCP connection known to carry one of our interfaces? */
bool oxc_rpc_is_connection(packet_info *pinfo);

/*
 * Dissects the whole PDUs in the tvb as if its connection had brought them here: for streams that are no TCP connections,
 * too, with the conversation that pinfo then names.
 */
void oxc_rpc_dissect_pdus(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);

/*
 * The dissector that connections of Exchange RPC are given to, in the name of DCE/RPC; NULL if Wireshark has none, or
 * before the handoff.
 */
dissector_handle_t oxc_rpc_connection_handle(void);

#endif /* OXCNOTIF_RPC_FALLBACK_H */
