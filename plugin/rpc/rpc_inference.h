/* rpc_inference.h
 * Calls that are recognized by their stub: bind or request was not captured
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_INFERENCE_H
#define OXCNOTIF_RPC_INFERENCE_H

#include "rpc/rpc_call.h"
#include "rpc/rpc_pdu.h"

/* Could the first fragment of a stub be that of EcDoRpcExt2 or EcDoRpc, the calls that are long enough for fragments? */
bool oxc_rpc_may_carry_rops(const oxc_rpc_pdu_t *pdu);

/* The interface of a request on a connection whose bind was not captured. First visit only. */
oxc_rpc_interface_t oxc_rpc_infer_request(packet_info *pinfo, const oxc_rpc_pdu_t *pdu, bool *ndr64);

/*
 * The call of a response whose request was not captured; interface and ndr64 are what is known and become what was
 * found. OXC_RPC_NO_OPNUM if it cannot be told. First visit only.
 */
#define OXC_RPC_NO_OPNUM (-1)
int oxc_rpc_infer_response(packet_info *pinfo, const oxc_rpc_pdu_t *pdu, oxc_rpc_interface_t *interface, bool *ndr64);

#endif /* OXCNOTIF_RPC_INFERENCE_H */
