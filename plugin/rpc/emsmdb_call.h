/* emsmdb_call.h
 * What the calls of EMSMDB have in common (MS-OXCRPC 3.1.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EMSMDB_CALL_H
#define OXCNOTIF_EMSMDB_CALL_H

#include "rpc/rpc_call.h"

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

uint32_t oxc_emsmdb_return_value(oxc_rpc_t *rpc);

/* Registers what they show; proto is EMSMDB. */
void oxc_emsmdb_call_register(int proto);

#endif /* OXCNOTIF_EMSMDB_CALL_H */
