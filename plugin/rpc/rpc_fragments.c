/* rpc_fragments.c
 * Stubs that come in several PDUs (C706 12.6.3.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_fragments.h"

#include "session/session.h"

/* The fragments of a request or response so far, and the padding between their stubs. */
typedef struct {
    uint64_t key;               /* oxc_rpc_pdu_key(), where the last one is */
    uint32_t total;             /* bytes of the stub, with padding */
    wmem_array_t *gaps;         /* gap_t; NULL while there are none */
} fragments_t;

typedef struct {
    uint32_t offset;
    uint32_t length;
} gap_t;

static wmem_map_t *padded;      /* oxc_rpc_pdu_key() -> fragments_t with gaps: a frame may have many */

/* The map, made when something is put into it. */
static wmem_map_t *
get_map(wmem_map_t **map)
{
    if (!*map)
        *map = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
    return *map;
}

/*
 * A verifier is aligned, to 4 or 16 bytes, by padding behind the stub (MS-RPCE 2.2.2.11), in every fragment. When
 * Wireshark puts the fragments of a stub together, it leaves the padding of all but the last in: we take it out again.
 */
void
oxc_rpc_fragments_note_padding(packet_info *pinfo, oxc_rpc_fragments_t *of, uint32_t discriminator,
                               const oxc_rpc_pdu_t *pdu)
{
    wmem_map_t *map = get_map(&of->padded[pdu->ptype == PDU_RESP]);
    fragments_t *fragments;

    fragments = (fragments_t *)wmem_map_lookup(map, GUINT_TO_POINTER(pdu->call_id));
    if (!fragments || pdu->flags & RPC_FLAG_FIRST) {
        fragments = wmem_new0(wmem_file_scope(), fragments_t);
        wmem_map_insert(map, GUINT_TO_POINTER(pdu->call_id), fragments);
    }
    fragments->total += (uint32_t)(pdu->stub_end - pdu->stub);
    if (pdu->flags & RPC_FLAG_LAST) {
        fragments->key = oxc_rpc_pdu_key(pinfo, discriminator, pdu->ptype);
        if (fragments->gaps)
            wmem_map_insert(padded, &fragments->key, fragments);
        else
            wmem_free(wmem_file_scope(), fragments);
        wmem_map_remove(map, GUINT_TO_POINTER(pdu->call_id));
        return;
    }
    if (pdu->padding) {
        gap_t gap = { fragments->total, pdu->padding };

        if (!fragments->gaps)
            fragments->gaps = wmem_array_new(wmem_file_scope(), sizeof gap);
        wmem_array_append_one(fragments->gaps, gap);
        fragments->total += pdu->padding;
    }
}

tvbuff_t *
oxc_rpc_without_padding(packet_info *pinfo, tvbuff_t *stub, uint32_t discriminator, uint8_t ptype)
{
    uint64_t key = oxc_rpc_pdu_key(pinfo, discriminator, ptype);
    const fragments_t *fragments = wmem_map_size(padded) > 0 ? (const fragments_t *)wmem_map_lookup(padded, &key) : NULL;
    uint32_t length, from = 0, to = 0;
    uint8_t *bytes;

    if (!fragments)
        return stub;
    /* Only if this is what the fragments were put together to; verification trailer and last padding may be off it. */
    length = tvb_captured_length(stub);
    if (length > fragments->total || length != tvb_reported_length(stub))
        return stub;
    bytes = (uint8_t *)wmem_alloc(pinfo->pool, length);
    for (unsigned i = 0; i <= wmem_array_get_count(fragments->gaps); i++) {
        const gap_t *gap = i < wmem_array_get_count(fragments->gaps)
                               ? (const gap_t *)wmem_array_index(fragments->gaps, i) : NULL;
        uint32_t end = gap ? gap->offset : length;

        if (end > length || (gap && gap->length > length - end))
            return stub;
        tvb_memcpy(stub, bytes + to, (int)from, end - from);
        to += end - from;
        if (gap)
            from = end + gap->length;
    }
    stub = tvb_new_child_real_data(stub, bytes, to, (int)to);
    add_new_data_source(pinfo, stub, "Stub without padding");
    return stub;
}

/* More than any stub of the interface has: 1 MB of ROPs (MS-OXCRPC 3.1.4.2.1.2) and what goes with them. */
#define MAX_GATHERED 0x110000

bool
oxc_rpc_fragments_gather(oxc_rpc_fragments_t *of, oxc_rpc_pdu_t *pdu, bool may_begin)
{
    wmem_map_t **map = &of->gathered[pdu->ptype == PDU_RESP];
    void *key = GUINT_TO_POINTER(pdu->call_id);
    unsigned length = (unsigned)(pdu->stub_end - pdu->stub);
    wmem_array_t *bytes;

    bytes = *map ? (wmem_array_t *)wmem_map_lookup(*map, key) : NULL;
    if (pdu->flags & RPC_FLAG_FIRST) {
        if (!may_begin)
            return false;
        if (bytes)
            wmem_destroy_array(bytes);
        bytes = wmem_array_new(wmem_file_scope(), 1);
        wmem_map_insert(get_map(map), key, bytes);
    }
    if (!bytes)
        return false;
    if (length > MAX_GATHERED - wmem_array_get_count(bytes)) {
        wmem_map_remove(*map, key);
        wmem_destroy_array(bytes);
        return false;
    }
    if (length > 0)
        wmem_array_append(bytes, tvb_get_ptr(pdu->tvb, pdu->stub, (int)length), length);
    if (!(pdu->flags & RPC_FLAG_LAST))
        return false;
    wmem_map_remove(*map, key);
    length = wmem_array_get_count(bytes);
    pdu->assembled = tvb_new_child_real_data(pdu->tvb, (const uint8_t *)wmem_array_get_raw(bytes), length, (int)length);
    return true;
}

void
oxc_rpc_fragments_register(void)
{
    padded = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
}
