/* rpc_inference.c
 * Calls that are recognized by their stub: bind or request was not captured
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_inference.h"

static int
align4(int offset)
{
    return (offset + 3) / 4 * 4;
}

static uint64_t
get_count(tvbuff_t *stub, int offset, unsigned encoding, bool ndr64)
{
    return ndr64 ? tvb_get_uint64(stub, offset, encoding) : tvb_get_uint32(stub, offset, encoding);
}

/* A context handle that a server may have given out: small attributes, a UUID that is not null. */
static bool
is_handle(tvbuff_t *stub, unsigned encoding)
{
    return tvb_get_uint32(stub, 0, encoding) < 16 &&
           (tvb_get_uint64(stub, 4, encoding) || tvb_get_uint64(stub, 12, encoding));
}

/* RPC_HEADER_EXT (MS-OXCRPC 2.2.2.1), always little-endian, that fits into room bytes. */
static bool
is_header_ext(tvbuff_t *stub, int offset, uint64_t room)
{
    return room >= 8 && tvb_get_letohs(stub, offset) == 0 && tvb_get_letohs(stub, offset + 2) <= 7 &&
           tvb_get_letohs(stub, offset + 4) + UINT64_C(8) <= room;
}

/*
 * Is this the stub of an EcDoRpcExt2 request? Handle, flags, an array whose count comes back as cbIn behind it, and in
 * it an extended header: no other call has all that by chance.
 */
static bool
is_rpc_ext2_request(tvbuff_t *stub, unsigned encoding, bool ndr64)
{
    int length = (int)tvb_reported_length(stub);
    int data = 24 + (ndr64 ? 8 : 4);
    uint64_t count;
    int after;

    if (length < data + 8 || !is_handle(stub, encoding) || tvb_get_uint32(stub, 20, encoding) > 7)
        return false;
    count = get_count(stub, 24, encoding, ndr64);
    if (count > (uint64_t)(length - data) || !is_header_ext(stub, data, count))
        return false;
    after = align4(data + (int)count);
    return after + 4 <= length && tvb_get_uint32(stub, after, encoding) == count;
}

/* An array of an EcDoRpcExt2 response with its length behind it: where that ends, 0 if it is none. */
static int
skip_array(tvbuff_t *stub, int offset, unsigned encoding, bool ndr64, uint64_t *count)
{
    int length = (int)tvb_reported_length(stub);
    int word = ndr64 ? 8 : 4;

    offset = (offset + word - 1) / word * word;
    if (offset + 3 * word + 4 > length || get_count(stub, offset + word, encoding, ndr64) != 0)
        return 0;
    *count = get_count(stub, offset + 2 * word, encoding, ndr64);
    if (*count > (uint64_t)(length - offset - 3 * word - 4) || *count > get_count(stub, offset, encoding, ndr64))
        return 0;
    offset = align4(offset + 3 * word + (int)*count);
    if (offset + 4 > length || tvb_get_uint32(stub, offset, encoding) != *count)
        return 0;
    return offset + 4;
}

/* Is this the stub of an EcDoRpcExt2 response? As above, and it ends where the parameters end. */
static bool
is_rpc_ext2_response(tvbuff_t *stub, unsigned encoding, bool ndr64)
{
    int length = (int)tvb_reported_length(stub);
    int data = 24 + 3 * (ndr64 ? 8 : 4);
    uint64_t rops, aux;
    int offset;

    if (length < data + 8 || !is_handle(stub, encoding) || tvb_get_uint32(stub, 20, encoding) > 7)
        return false;
    offset = skip_array(stub, 24, encoding, ndr64, &rops);
    if (offset == 0 || !is_header_ext(stub, data, rops))
        return false;
    offset = skip_array(stub, offset, encoding, ndr64, &aux);
    return offset != 0 && offset + 8 <= length && length < offset + 8 + 16;
}

/*
 * Where the array of ROPs of EcDoRpc ends, if one can begin at the front of this stub: a handle, then a conformant and
 * varying array of at least a RopSize; 0 if none can. max_count: of the array.
 */
static int64_t
rpc_array_end(tvbuff_t *stub, unsigned encoding, uint32_t *max_count)
{
    int data = OXC_NDR_HANDLE_SIZE + 12;
    uint32_t count;

    if ((int)tvb_reported_length(stub) < data + 2 || !is_handle(stub, encoding) ||
        tvb_get_uint32(stub, OXC_NDR_HANDLE_SIZE + 4, encoding) != 0)
        return 0;
    *max_count = tvb_get_uint32(stub, OXC_NDR_HANDLE_SIZE, encoding);
    count = tvb_get_uint32(stub, OXC_NDR_HANDLE_SIZE + 8, encoding);
    return count >= 2 && count <= *max_count && *max_count <= UINT16_MAX ? (int64_t)data + count : 0;
}

/*
 * Is this the stub of EcDoRpc? Behind the array stands its length, then in a request its largest length and the end, in
 * a response the return value and the end; and the array, XORed with 0xA5, begins with a RopSize that leaves whole
 * handles behind the ROPs (MS-OXCROPS 2.2.1). No other call has all that by chance.
 */
static bool
is_rpc(tvbuff_t *stub, unsigned encoding, bool is_response)
{
    int data = OXC_NDR_HANDLE_SIZE + 12;
    int length = (int)tvb_reported_length(stub);
    uint32_t max_count;
    int64_t array_end = rpc_array_end(stub, encoding, &max_count);
    int after = (int)(array_end + 1) / 2 * 2;
    uint16_t rop_size;

    if (array_end == 0 || array_end > length || length - after < 4)
        return false;
    if (tvb_get_uint16(stub, after, encoding) != (uint16_t)(array_end - data))
        return false;
    after += 2;
    if (is_response ? length - align4(after) != 4 : length - after != 2 || tvb_get_uint16(stub, after, encoding) != max_count)
        return false;
    rop_size = tvb_get_letohs(stub, data) ^ 0xA5A5;
    return rop_size >= 2 && rop_size <= array_end - data && (array_end - data - rop_size) % 4 == 0;
}

bool
oxc_rpc_may_carry_rops(const oxc_rpc_pdu_t *pdu)
{
    tvbuff_t *stub = oxc_rpc_stub(pdu);
    uint32_t max_count;

    if ((pdu->ptype != PDU_REQ || pdu->opnum == 11) && tvb_reported_length(stub) >= OXC_NDR_HANDLE_SIZE + 4 &&
        is_handle(stub, pdu->encoding) && tvb_get_uint32(stub, OXC_NDR_HANDLE_SIZE, pdu->encoding) <= 7)
        return true;
    return (pdu->ptype != PDU_REQ || pdu->opnum == 2) && rpc_array_end(stub, pdu->encoding, &max_count) != 0;
}

static bool
is_known_handle(packet_info *pinfo, tvbuff_t *stub, const oxc_rpc_pdu_t *pdu, oxc_key_kind_t kind)
{
    oxc_ndr_handle_t handle;

    return oxc_ndr_read_handle(stub, 0, pdu->encoding, &handle) && !handle.is_null &&
           oxc_session_find(pinfo, kind, handle.bytes, sizeof handle.bytes, false) != NULL;
}

oxc_rpc_interface_t
oxc_rpc_infer_request(packet_info *pinfo, const oxc_rpc_pdu_t *pdu, bool *ndr64)
{
    tvbuff_t *stub = oxc_rpc_stub(pdu);
    int length = (int)tvb_reported_length(stub);

    *ndr64 = false;
    if (pdu->opnum == 11) {
        if (is_rpc_ext2_request(stub, pdu->encoding, false))
            return OXC_RPC_EMSMDB;
        *ndr64 = is_rpc_ext2_request(stub, pdu->encoding, true);
        return *ndr64 ? OXC_RPC_EMSMDB : OXC_RPC_NEITHER;
    }
    if (pdu->opnum == 2)
        return is_rpc(stub, pdu->encoding, false) ? OXC_RPC_EMSMDB : OXC_RPC_NEITHER;
    if (((pdu->opnum == 1 || pdu->opnum == 14) && length == OXC_NDR_HANDLE_SIZE) || (pdu->opnum == 4 && length > 40))
        return is_known_handle(pinfo, stub, pdu, OXC_KEY_CXH) ? OXC_RPC_EMSMDB : OXC_RPC_NEITHER;
    if (pdu->opnum == 0 && length == OXC_NDR_HANDLE_SIZE + 4 && is_handle(stub, pdu->encoding) &&
        tvb_get_uint32(stub, OXC_NDR_HANDLE_SIZE, pdu->encoding) == 0 &&
        (is_known_handle(pinfo, stub, pdu, OXC_KEY_ACXH) || oxc_rpc_is_server(pinfo, &pinfo->dst, pinfo->destport)))
        return OXC_RPC_ASYNCEMSMDB;
    return OXC_RPC_NEITHER;
}

/* EcDoAsyncWaitEx's answer is only two numbers: it takes a server known for Exchange's RPC to believe in it. */
static bool
is_wait_response(packet_info *pinfo, tvbuff_t *stub, const oxc_rpc_pdu_t *pdu, bool known_interface)
{
    uint32_t result;

    if (tvb_reported_length(stub) != 8 || tvb_get_uint32(stub, 0, pdu->encoding) > 1)
        return false;
    result = tvb_get_uint32(stub, 4, pdu->encoding);
    return known_interface || ((result == 0 || result == 0x7EE || result == OXC_EXITING) &&
                               oxc_rpc_is_server(pinfo, &pinfo->src, pinfo->srcport));
}

int
oxc_rpc_infer_response(packet_info *pinfo, const oxc_rpc_pdu_t *pdu, oxc_rpc_interface_t *interface, bool *ndr64)
{
    tvbuff_t *stub = oxc_rpc_stub(pdu);
    bool known = *interface != OXC_RPC_NEITHER;
    int length = (int)tvb_reported_length(stub);

    if (*interface != OXC_RPC_EMSMDB && is_wait_response(pinfo, stub, pdu, known)) {
        *interface = OXC_RPC_ASYNCEMSMDB;
        return 0;
    }
    if (*interface == OXC_RPC_ASYNCEMSMDB)
        return OXC_RPC_NO_OPNUM;
    for (int wide = 0; wide <= 1; wide++) {
        if ((!known || *ndr64 == (wide == 1)) && is_rpc_ext2_response(stub, pdu->encoding, wide == 1)) {
            *interface = OXC_RPC_EMSMDB;
            *ndr64 = wide == 1;
            return 11;
        }
    }
    if (is_rpc(stub, pdu->encoding, true)) {
        *interface = OXC_RPC_EMSMDB;
        *ndr64 = false;
        return 2;
    }
    if (!known)
        return OXC_RPC_NO_OPNUM;
    /* The short answers have lengths of their own, but for one that the handle tells. */
    if (length == 4)
        return 6;
    if (length == OXC_NDR_HANDLE_SIZE + 4)
        return is_handle(stub, pdu->encoding) ? 14 : 1;
    return length == OXC_NDR_HANDLE_SIZE + 8 ? 4 : OXC_RPC_NO_OPNUM;
}

