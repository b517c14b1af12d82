/* emsmdb_call.h
 * What the calls of EMSMDB have in common (MS-OXCRPC 3.1.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EMSMDB_CALL_H
#define OXCNOTIF_EMSMDB_CALL_H

#include <epan/packet.h>
#include <epan/unit_strings.h>

#include "rpc/rpc_call.h"

/* Epan's units_milliseconds is in another DLL on Windows, where its address is no constant. */
extern const unit_name_string oxc_emsmdb_milliseconds;

/* pcxh, shown and nothing else; false if it does not fit. */
bool oxc_emsmdb_read_cxh(oxc_rpc_t *rpc, oxc_ndr_handle_t *cxh);

/* pcxh of a request: names the session of the call. */
void oxc_emsmdb_request_cxh(oxc_rpc_t *rpc);

/* The same in a response; true if the server took the session away: a null handle (MS-OXCRPC 3.1.4.2). */
bool oxc_emsmdb_response_cxh(oxc_rpc_t *rpc);

/* To be called at the end of a response, with what oxc_emsmdb_response_cxh() said. */
void oxc_emsmdb_check_lost(oxc_rpc_t *rpc, bool lost);

/* The u16 length of an array that was read. */
void oxc_emsmdb_length16(oxc_rpc_t *rpc, int hf, const tvbuff_t *array);

/* The u32 length of an array that was read. */
void oxc_emsmdb_length(oxc_rpc_t *rpc, int hf, const tvbuff_t *array);

/* How much the client lets the server answer; more than most is marked. */
uint32_t oxc_emsmdb_limit(oxc_rpc_t *rpc, int hf, uint32_t most);

/*
 * The auxiliary buffer of a request, its length and the limit for that of the response; of a response, and its length.
 * NULL if it does not fit. It is shown when all parameters were: what is wrong in it must not hide those.
 */
tvbuff_t *oxc_emsmdb_aux_request(oxc_rpc_t *rpc);
tvbuff_t *oxc_emsmdb_aux_response(oxc_rpc_t *rpc);
void oxc_emsmdb_show_aux(oxc_rpc_t *rpc, tvbuff_t *aux);

uint32_t oxc_emsmdb_return_value(oxc_rpc_t *rpc);

/* Registers what they show; proto is EMSMDB. */
void oxc_emsmdb_call_register(int proto);

#endif /* OXCNOTIF_EMSMDB_CALL_H */
