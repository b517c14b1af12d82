/* emsmdb_push.h
 * Registrations for push datagrams (MS-OXCRPC 3.1.4.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EMSMDB_PUSH_H
#define OXCNOTIF_EMSMDB_PUSH_H

#include "rpc/rpc_call.h"

/* EcRRegisterPushNotification (MS-OXCRPC 3.1.4.5) and its legacy counterpart. */
void oxc_emsmdb_register_push(int proto);
void oxc_emsmdb_register_push_request(oxc_rpc_t *rpc);
void oxc_emsmdb_register_push_response(oxc_rpc_t *rpc);
void oxc_emsmdb_unregister_push_request(oxc_rpc_t *rpc);
void oxc_emsmdb_unregister_push_response(oxc_rpc_t *rpc);

#endif /* OXCNOTIF_EMSMDB_PUSH_H */
