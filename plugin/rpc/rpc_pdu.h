/* rpc_pdu.h
 * DCE/RPC PDUs (C706 12.6) and calls that are recognized by their stub
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_PDU_H
#define OXCNOTIF_RPC_PDU_H

#include "rpc/rpc_call.h"

#define RPC_HEADER_SIZE 16      /* of a PDU (C706 12.6.3.1) */
#define RPC_BODY_SIZE 24        /* header and body of a request or response, up to the stub */
#define RPC_FLAG_FIRST 0x01
#define RPC_FLAG_LAST 0x02

typedef struct {
    tvbuff_t *tvb;              /* the whole PDU */
    uint8_t ptype;
    uint8_t flags;
    uint8_t drep[4];
    unsigned encoding;
    uint16_t length;
    uint32_t call_id;
    uint16_t context_id;        /* of requests, responses and faults */
    uint16_t opnum;             /* of requests */
    uint8_t auth_type;          /* DCE_C_RPC_AUTHN_PROTOCOL_NONE: no verifier */
    uint8_t auth_level;
    uint8_t padding;            /* before the verifier, behind the stub */
    int stub;                   /* where it begins and ends */
    int stub_end;
    tvbuff_t *assembled;        /* the stub of all fragments, at the last of them; NULL: see stub */
} oxc_rpc_pdu_t;

/* The header of the PDU at offset: false if it is none, by the test that DCE/RPC makes. */
bool oxc_rpc_read_header(tvbuff_t *tvb, int offset, oxc_rpc_pdu_t *pdu);

/* The whole PDU at offset; false if it is none or not all there. */
bool oxc_rpc_read_pdu(tvbuff_t *tvb, int offset, oxc_rpc_pdu_t *pdu);

/* First and last fragment at once. */
bool oxc_rpc_is_whole(const oxc_rpc_pdu_t *pdu);

/* PKT_PRIVACY: the stub is encrypted. */
bool oxc_rpc_is_sealed(const oxc_rpc_pdu_t *pdu);

/* The stub as far as it is known. */
tvbuff_t *oxc_rpc_stub(const oxc_rpc_pdu_t *pdu);

/* Tells found, if not NULL, of each context of a bind or alter_context for one of our interfaces; are there any? */
bool oxc_rpc_read_bind(const oxc_rpc_pdu_t *pdu,
                       void (*found)(void *data, uint16_t id, oxc_rpc_interface_t interface, bool ndr64), void *data);

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

#endif /* OXCNOTIF_RPC_PDU_H */
