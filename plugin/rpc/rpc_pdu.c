/* rpc_pdu.c
 * DCE/RPC PDUs (C706 12.6)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_pdu.h"

#include <string.h>

#define FLAG_OBJECT 0x80

/* ---- PDUs ---- */

static uint16_t
u16_at(const uint8_t *bytes, unsigned encoding)
{
    return (uint16_t)(encoding == ENC_LITTLE_ENDIAN ? bytes[0] | bytes[1] << 8 : bytes[0] << 8 | bytes[1]);
}

static uint32_t
u32_at(const uint8_t *bytes, unsigned encoding)
{
    unsigned high = encoding == ENC_LITTLE_ENDIAN ? 2 : 0;

    return (uint32_t)u16_at(bytes + high, encoding) << 16 | u16_at(bytes + 2 - high, encoding);
}

bool
oxc_rpc_read_header(tvbuff_t *tvb, int offset, oxc_rpc_pdu_t *pdu)
{
    const uint8_t *header;

    if (!tvb_bytes_exist(tvb, offset, RPC_HEADER_SIZE))
        return false;
    header = tvb_get_ptr(tvb, offset, RPC_HEADER_SIZE);
    if (header[0] != 5 || header[1] > 1 || header[2] > PDU_RTS || header[4] & 0xEE || header[5] > 3)
        return false;
    memset(pdu, 0, sizeof *pdu);
    pdu->ptype = header[2];
    pdu->flags = header[3];
    memcpy(pdu->drep, header + 4, sizeof pdu->drep);
    pdu->encoding = DREP_ENC_INTEGER(pdu->drep);
    pdu->length = u16_at(header + 8, pdu->encoding);
    pdu->call_id = u32_at(header + 12, pdu->encoding);
    return pdu->length >= RPC_HEADER_SIZE;
}

/* The verifier behind the stub, and the padding before it. */
static void
read_verifier(oxc_rpc_pdu_t *pdu, uint16_t auth_length)
{
    int trailer = pdu->length - auth_length - 8;

    if (auth_length == 0 || trailer < pdu->stub)
        return;
    pdu->auth_type = tvb_get_uint8(pdu->tvb, trailer);
    pdu->auth_level = tvb_get_uint8(pdu->tvb, trailer + 1);
    pdu->padding = tvb_get_uint8(pdu->tvb, trailer + 2);
    pdu->stub_end = trailer - pdu->padding;
}

bool
oxc_rpc_read_pdu(tvbuff_t *tvb, int offset, oxc_rpc_pdu_t *pdu)
{
    const uint8_t *body;

    if (!oxc_rpc_read_header(tvb, offset, pdu) || !tvb_bytes_exist(tvb, offset, pdu->length))
        return false;
    /* One alone, as most are, needs no other tvb. */
    pdu->tvb = offset == 0 && tvb_reported_length(tvb) == pdu->length ? tvb
                                                                      : tvb_new_subset_length(tvb, offset, pdu->length);
    if (pdu->length < RPC_BODY_SIZE)
        return true;
    body = tvb_get_ptr(tvb, offset, RPC_BODY_SIZE);
    pdu->context_id = u16_at(body + 20, pdu->encoding);
    pdu->opnum = u16_at(body + 22, pdu->encoding);
    pdu->stub = RPC_BODY_SIZE + (pdu->ptype == PDU_REQ && pdu->flags & FLAG_OBJECT ? 16 : 0);
    pdu->stub_end = pdu->length;
    read_verifier(pdu, u16_at(body + 10, pdu->encoding));
    if (pdu->stub_end < pdu->stub)
        pdu->stub_end = pdu->stub;
    return true;
}

bool
oxc_rpc_is_whole(const oxc_rpc_pdu_t *pdu)
{
    return (pdu->flags & (RPC_FLAG_FIRST | RPC_FLAG_LAST)) == (RPC_FLAG_FIRST | RPC_FLAG_LAST);
}

bool
oxc_rpc_is_sealed(const oxc_rpc_pdu_t *pdu)
{
    return pdu->auth_type != DCE_C_RPC_AUTHN_PROTOCOL_NONE && pdu->auth_level == DCE_C_AUTHN_LEVEL_PKT_PRIVACY;
}

tvbuff_t *
oxc_rpc_stub(const oxc_rpc_pdu_t *pdu)
{
    if (pdu->assembled)
        return pdu->assembled;
    return tvb_new_subset_length(pdu->tvb, pdu->stub, pdu->stub_end - pdu->stub);
}

/* ---- binds ---- */

static oxc_rpc_interface_t
interface_of_uuid(const e_guid_t *uuid)
{
    static const e_guid_t emsmdb = OXC_EMSMDB_UUID;
    static const e_guid_t asyncemsmdb = OXC_ASYNCEMSMDB_UUID;

    if (guid_cmp(uuid, &emsmdb) == 0)
        return OXC_RPC_EMSMDB;
    return guid_cmp(uuid, &asyncemsmdb) == 0 ? OXC_RPC_ASYNCEMSMDB : OXC_RPC_NEITHER;
}

/* Contexts are listed as in C706 12.6.4.3: p_cont_list_t. */
bool
oxc_rpc_read_bind(const oxc_rpc_pdu_t *pdu,
                  void (*found)(void *data, uint16_t id, oxc_rpc_interface_t interface, bool ndr64), void *data)
{
    static const e_guid_t ndr64_uuid = {
        0x71710533, 0xbeba, 0x4937, { 0x83, 0x19, 0xb5, 0xdb, 0xef, 0x9c, 0xcc, 0x36 }
    };
    bool any = false;
    unsigned count;
    int offset = RPC_BODY_SIZE + 4;

    if (pdu->length < offset)
        return false;
    count = tvb_get_uint8(pdu->tvb, RPC_BODY_SIZE);
    for (unsigned i = 0; i < count && offset + 44 <= pdu->length; i++) {
        uint16_t id = tvb_get_uint16(pdu->tvb, offset, pdu->encoding);
        unsigned transfers = tvb_get_uint8(pdu->tvb, offset + 2);
        oxc_rpc_interface_t interface;
        e_guid_t uuid, transfer;

        tvb_get_guid(pdu->tvb, offset + 4, &uuid, pdu->encoding);
        tvb_get_guid(pdu->tvb, offset + 24, &transfer, pdu->encoding);
        interface = interface_of_uuid(&uuid);
        if (interface != OXC_RPC_NEITHER) {
            any = true;
            if (found)
                found(data, id, interface, guid_cmp(&transfer, &ndr64_uuid) == 0);
        }
        offset += 24 + 20 * (int)transfers;
    }
    return any;
}

/* ---- calls that are recognized by their stub ---- */

uint16_t
oxc_rpc_pdu_length(tvbuff_t *tvb, int offset)
{
    oxc_rpc_pdu_t pdu;

    /* More than DCE/RPC asks: the reserved bytes, and a verifier that fits in (C706 12.6.3.1). */
    if (!oxc_rpc_read_header(tvb, offset, &pdu) || pdu.drep[2] || pdu.drep[3]
        || tvb_get_uint16(tvb, offset + 10, pdu.encoding) > pdu.length - RPC_HEADER_SIZE)
        return 0;
    return pdu.length;
}

uint16_t
oxc_rpc_sure_length(tvbuff_t *tvb, int offset)
{
    oxc_rpc_pdu_t pdu;
    uint16_t length = oxc_rpc_pdu_length(tvb, offset);

    if (!length || !oxc_rpc_read_header(tvb, offset, &pdu))
        return 0;
    switch (pdu.ptype) {
    case PDU_RTS:
        return length >= RPC_HEADER_SIZE + 4 && pdu.call_id == 0 && pdu.flags == (RPC_FLAG_FIRST | RPC_FLAG_LAST) &&
               tvb_get_uint16(tvb, offset + 10, pdu.encoding) == 0 ? length : 0;
    case PDU_REQ:
    case PDU_RESP:
    case PDU_FAULT:
    case PDU_BIND:
    case PDU_BIND_ACK:
    case PDU_ALTER:
    case PDU_ALTER_ACK:
        return length >= RPC_BODY_SIZE ? length : 0;
    case PDU_BIND_NAK:
    case PDU_AUTH3:
    case PDU_SHUTDOWN:
    case PDU_CO_CANCEL:
    case PDU_ORPHANED:
        return length;
    }
    return 0;
}
