/* rpc_pdu.h
 * DCE/RPC PDUs (C706 12.6)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_PDU_H
#define OXCNOTIF_RPC_PDU_H

#include "rpc/ndr.h"
#include "session/session.h"

#define OXC_EMSMDB_UUID { 0xa4f1db00, 0xca47, 0x1067, { 0xb3, 0x1f, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda } }
#define OXC_ASYNCEMSMDB_UUID { 0x5261574a, 0x4572, 0x206e, { 0xb2, 0x68, 0x6b, 0x19, 0x92, 0x13, 0xb4, 0xe4 } }

typedef enum {
    OXC_RPC_NEITHER,
    OXC_RPC_EMSMDB,
    OXC_RPC_ASYNCEMSMDB
} oxc_rpc_interface_t;

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

/* The key of what is remembered of a PDU, by its call in the frame, see oxc_rpc_discriminator(). */
static inline uint64_t
oxc_rpc_pdu_key(const packet_info *pinfo, uint32_t discriminator, uint8_t ptype)
{
    return oxc_frame_key(pinfo->num, discriminator + ptype * UINT32_C(0x01000193));
}

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

/*
 * The length of the PDU at offset, if nothing but the bytes tells that there is one: 0 if it is none that a connection
 * can carry. An RTS PDU, the surest sign, has call_id 0, no verifier and both fragment flags ([MS-RPCH] 2.2.3.6); the
 * others are those of connections, long enough for their type (C706 12.6.4).
 */
uint16_t oxc_rpc_sure_length(tvbuff_t *tvb, int offset);

/* The length of the PDU that begins at offset, or 0 if none does or its header is not whole (C706 12.6.3.1). */
uint16_t oxc_rpc_pdu_length(tvbuff_t *tvb, int offset);

#endif /* OXCNOTIF_RPC_PDU_H */
