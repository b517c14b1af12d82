/* rpc-swallowed.h
 * PDUs of Exchange RPC that TCP took for the rest of an earlier one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_SWALLOWED_H
#define OXCNOTIF_RPC_SWALLOWED_H

/* Shows, behind all dissectors, what swallowed.h describes on connections of EMSMDB and AsyncEMSMDB. */
void oxc_rpc_swallowed_register(void);
void oxc_rpc_swallowed_handoff(void);

#endif /* OXCNOTIF_RPC_SWALLOWED_H */
