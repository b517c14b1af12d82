/* rpc_encrypted.h
 * Calls whose stubs are encrypted: what can be told without them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_ENCRYPTED_H
#define OXCNOTIF_RPC_ENCRYPTED_H

#include "rpc/rpc_call.h"

/*
 * The header of a request says which call it is, and binds which interface; the context handle is inside the stub. So
 * the session is the association (C706 12.6.3.1: the group that a client's connections to a server are in), which the
 * sessions of one client process share, and whether a wait ended with an event is told by its duration.
 */

/* One direction of such a call; lives in wmem_file_scope(). */
typedef struct oxc_rpc_encrypted oxc_rpc_encrypted_t;

/* An answer to a bind or alter_context told the association group of the frame's connection. First visit only. */
void oxc_rpc_encrypted_bound(packet_info *pinfo, conversation_t *conversation, const oxc_rpc_pdu_t *pdu);

/* The last fragment of a request, or of a response to one (NULL if that was not captured). First visit only. */
oxc_rpc_encrypted_t *oxc_rpc_encrypted_request(packet_info *pinfo, conversation_t *conversation,
                                         oxc_rpc_interface_t interface, const oxc_rpc_pdu_t *pdu);
oxc_rpc_encrypted_t *oxc_rpc_encrypted_response(packet_info *pinfo, const oxc_rpc_encrypted_t *request);

/* On every visit. */
void oxc_rpc_encrypted_show(packet_info *pinfo, proto_tree *tree, const oxc_rpc_pdu_t *pdu,
                         const oxc_rpc_encrypted_t *sealed);

void oxc_rpc_encrypted_register(void);

#endif /* OXCNOTIF_RPC_ENCRYPTED_H */
