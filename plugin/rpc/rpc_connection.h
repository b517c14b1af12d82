/* rpc_connection.h
 * What is remembered of a connection with DCE/RPC: what it was bound to, which requests are open
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_CONNECTION_H
#define OXCNOTIF_RPC_CONNECTION_H

#include "rpc/rpc_call.h"
#include "rpc/rpc_encrypted.h"
#include "rpc/rpc_fragments.h"

/* A presentation context: what its id stands for. */
typedef struct {
    uint16_t id;
    uint8_t interface;          /* oxc_rpc_interface_t; OXC_RPC_NEITHER: this is none */
    bool ndr64;
} oxc_rpc_context_t;

/* A request whose answer is still to come. */
typedef struct {
    oxc_rpc_state_t *state;     /* NULL: it was not handed to us */
    dcerpc_call_value *value;   /* set if we dissect the call, for want of DCE/RPC */
    oxc_rpc_encrypted_t *sealed;        /* set if the stub could not be decrypted */
    uint32_t call_id;
    bool is_open;               /* false: this is none */
} oxc_rpc_asked_t;

/* Clients offer an interface in two transfer syntaxes, and have one call open: what is more takes maps. */
#define OXC_RPC_FEW_CONTEXTS 2

/* First pass only, and filled with zeros at first; in wmem_file_scope(). */
typedef struct {
    bool bound;                 /* a bind was captured: DCE/RPC knows the contexts */
    bool ours;                  /* one of them is for one of our interfaces */
    bool sealed;                /* said once that a stub cannot be decrypted */
    oxc_rpc_context_t contexts[OXC_RPC_FEW_CONTEXTS];
    oxc_rpc_asked_t asked;
    wmem_map_t *more_contexts;  /* id -> oxc_rpc_context_t; NULL while there are none */
    wmem_map_t *more_asked;     /* call id -> oxc_rpc_asked_t; the same */
    oxc_rpc_fragments_t fragments;
} oxc_rpc_connection_t;

/* The interface that a context stands for, OXC_RPC_NEITHER if it is not known to be for one of ours; *ndr64 is set if it is. */
oxc_rpc_interface_t oxc_rpc_interface_of(oxc_rpc_connection_t *connection, uint16_t context_id, bool *ndr64);

/* A context is for one of our interfaces, whatever it was before. data: the oxc_rpc_connection_t. */
void oxc_rpc_set_context(void *data, uint16_t id, oxc_rpc_interface_t interface, bool ndr64);

/* The record of a request that asks, from its first fragment on; to be written to until the next one of the connection is asked for. */
oxc_rpc_asked_t *oxc_rpc_asks(oxc_rpc_connection_t *connection, const oxc_rpc_pdu_t *request);

/*
 * What a response or fault answers; zeros, and false, if that is not known. The last fragment of it, and a fault, end the
 * request: it is forgotten.
 */
bool oxc_rpc_answers(oxc_rpc_connection_t *connection, const oxc_rpc_pdu_t *response, oxc_rpc_asked_t *asked);

#endif /* OXCNOTIF_RPC_CONNECTION_H */
