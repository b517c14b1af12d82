/* rpc_fragments.h
 * Stubs that come in several PDUs (C706 12.6.3.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_FRAGMENTS_H
#define OXCNOTIF_RPC_FRAGMENTS_H

#include "rpc/rpc_pdu.h"

/* The fragments of a connection's stubs so far, of requests and of responses; NULL while there are none. First pass only. */
typedef struct {
    wmem_map_t *padded[2];      /* call id -> fragments_t */
    wmem_map_t *gathered[2];    /* call id -> wmem_array_t of the stub's bytes so far */
} oxc_rpc_fragments_t;

/* A fragment was seen: where its padding is, for oxc_rpc_without_padding(). First visit only. */
void oxc_rpc_fragments_note_padding(packet_info *pinfo, oxc_rpc_fragments_t *of, uint32_t discriminator,
                                    const oxc_rpc_pdu_t *pdu);

/* The stub of a fragmented PDU without the padding that was between the fragments' stubs; mostly stub itself. */
tvbuff_t *oxc_rpc_without_padding(packet_info *pinfo, tvbuff_t *stub, uint32_t discriminator, uint8_t ptype);

/*
 * Puts the fragments of a stub together that DCE/RPC leaves alone, because bind or request was not captured. True if
 * the stub is whole now: pdu->assembled, in file scope. may_begin: the first fragment may be one of ours.
 */
bool oxc_rpc_fragments_gather(oxc_rpc_fragments_t *of, oxc_rpc_pdu_t *pdu, bool may_begin);

/* To be called once; proto is the key of what is remembered with a frame. */
void oxc_rpc_fragments_register(void);

#endif /* OXCNOTIF_RPC_FRAGMENTS_H */
