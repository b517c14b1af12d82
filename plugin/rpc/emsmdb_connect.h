/* emsmdb_connect.h
 * EcDoConnectEx and its legacy counterpart (MS-OXCRPC 3.1.4.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EMSMDB_CONNECT_H
#define OXCNOTIF_EMSMDB_CONNECT_H

#include "rpc/rpc_call.h"

/* The parameters of the calls, from their beginning; what the session is known by is remembered. */
void oxc_emsmdb_connect_ex_request(oxc_rpc_t *rpc);
void oxc_emsmdb_connect_ex_response(oxc_rpc_t *rpc);
void oxc_emsmdb_legacy_connect_request(oxc_rpc_t *rpc);
void oxc_emsmdb_legacy_connect_response(oxc_rpc_t *rpc);

/* Registers what they show; proto is EMSMDB. */
void oxc_emsmdb_connect_register(int proto);

#endif /* OXCNOTIF_EMSMDB_CONNECT_H */
