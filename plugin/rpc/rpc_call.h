/* rpc_call.h
 * What EMSMDB and AsyncEMSMDB share: calls, sessions, connections (MS-OXCRPC)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_CALL_H
#define OXCNOTIF_RPC_CALL_H

#include "compat.h"
#include "session/call.h"
#include "rpc/ndr.h"
#include "rpc/rpc_pdu.h"

/* The well-known endpoints of Exchange's RPC services (MS-OXCRPC 2.1): mailbox, directory, referral. */
#define OXC_RPC_FIRST_PORT 6001
#define OXC_RPC_LAST_PORT 6004

/* What only calls leave behind that connect, or register for datagrams; filled with zeros if nothing is known. */
typedef struct {
    const char *user;           /* szUserDN of a connect call */
    const oxc_session_t *linked;        /* session that ulIcxrLink names */
    struct oxc_push *push;      /* registration of a callback address */
    uint32_t code_page;         /* ulCpid of a connect call: of 8-bit text; 0 when not known */
} oxc_rpc_setup_t;

/* What a request leaves behind for its answer; lives in wmem_file_scope(). */
typedef struct {
    oxc_call_t *call;
    oxc_rpc_setup_t *setup;     /* see oxc_rpc_setup(); NULL for most */
    uint16_t opnum;
    uint8_t interface;          /* oxc_rpc_interface_t */
    bool has_place;             /* for the answer, see rpc_call.c */
} oxc_rpc_state_t;

/* One direction of a call while it is being dissected. */
typedef struct {
    oxc_ndr_t ndr;              /* its tree is NULL if nobody looks at parameters */
    packet_info *pinfo;
    proto_tree *tree;           /* for who hears of what is read */
    bool is_response;
    oxc_rpc_state_t *state;     /* never NULL */
    oxc_pdu_t *pdu;
    const conversation_t *conversation;
    struct oxc_rpc_calls *calls;        /* of that, see rpc_call.c; first visit */
    uint32_t discriminator;     /* tells the PDUs of a frame apart */
    bool began_before;          /* of a response: its request was sent before the capture began; first visit */
} oxc_rpc_t;

/* Registers what is shared; parent is the protocol that it is listed under. */
void oxc_rpc_register(int parent);

/* Once all protocols are registered. */
void oxc_rpc_handoff(void);

/* Begins a request or a response with the parameters that DCE/RPC hands to an interface. */
oxc_rpc_t oxc_rpc_begin(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, dcerpc_info *di,
                        const uint8_t *drep, oxc_rpc_interface_t interface, oxc_call_kind_t kind);

/* What the call leaves behind, to be read, never NULL; and to be changed, on the first visit. */
const oxc_rpc_setup_t *oxc_rpc_setup(const oxc_rpc_t *rpc);
oxc_rpc_setup_t *oxc_rpc_change_setup(oxc_rpc_t *rpc);

/* Where the stub that oxc_rpc_begin() was given was read to; its end if a parameter did not fit. */
int oxc_rpc_end(const oxc_rpc_t *rpc, tvbuff_t *tvb);

/* Between whom the PDU goes; the addresses are those of the frame. */
const address *oxc_rpc_client(const oxc_rpc_t *rpc);
const address *oxc_rpc_server(const oxc_rpc_t *rpc);

/* The same number for the same call of the same connection on every visit, another for others in the frame. */
uint32_t oxc_rpc_discriminator(const conversation_t *conversation, uint32_t call_id);

/*
 * The session of a context handle, made if it is new; binds the call to it. NULL for a null handle, and for an
 * asynchronous one that nothing ties to a session: the call then has a channel.
 */
oxc_session_t *oxc_rpc_session(oxc_rpc_t *rpc, oxc_key_kind_t kind, const oxc_ndr_handle_t *handle);

/*
 * The session that a connect call made: a new one whatever its context handle meant before, unless that session lives
 * on the same connection. NULL for a null handle.
 */
oxc_session_t *oxc_rpc_new_session(oxc_rpc_t *rpc, const oxc_ndr_handle_t *handle);

/* The answer of EcDoAsyncConnectEx: from now on acxh names the session too. */
void oxc_rpc_bind_acxh(oxc_rpc_t *rpc, const oxc_ndr_handle_t *acxh);

/* The return value at the end of every response; also says what went wrong in the Info column. */
uint32_t oxc_rpc_return_value(oxc_rpc_t *rpc, int hf);

/* Shows which session a call belongs to. */
void oxc_rpc_show_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_call_t *call);

/* Was an RPC server of Exchange seen at this address and port? First visit only. */
bool oxc_rpc_is_server(const packet_info *pinfo, const address *server, uint32_t port);

/* Are we to show the interface? Protocols can be disabled, and EMSMDB given back to Wireshark's own dissector. */
bool oxc_emsmdb_is_ours(void);
bool oxc_asyncemsmdb_is_ours(void);

/* Name of an EMSMDB call; a text for every opnum. */
const char *oxc_emsmdb_call_name(uint16_t opnum);

/* Kind of an EMSMDB call. */
oxc_call_kind_t oxc_emsmdb_call_kind(uint16_t opnum);

/* Dissects a stub with the routine of its call; false if the call has none. */
bool oxc_emsmdb_dissect_stub(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, dcerpc_info *di, uint8_t *drep);
bool oxc_asyncemsmdb_dissect_stub(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, dcerpc_info *di, uint8_t *drep);

/* A call that ended in a fault (C706 12.6.4.7) instead of an answer. */
void oxc_emsmdb_fault(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t discriminator,
                      const oxc_rpc_state_t *state, uint32_t status);
void oxc_asyncemsmdb_fault(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t discriminator,
                           const oxc_rpc_state_t *state);

/*
 * Whoever has to know which stubs DCE/RPC hands out: fn is called for each of them by oxc_rpc_begin(). To be called once,
 * at registration.
 */
void oxc_rpc_watch_stubs(void (*fn)(uint32_t call_id, oxc_rpc_state_t *state));

#endif /* OXCNOTIF_RPC_CALL_H */
