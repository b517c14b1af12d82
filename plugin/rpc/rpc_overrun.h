/* rpc_overrun.h
 * PDUs of Exchange RPC that TCP took for the rest of an earlier one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPC_OVERRUN_H
#define OXCNOTIF_RPC_OVERRUN_H

#include "compat.h"

/* Frames of which fn says that another transport looks after their PDUs are left to that. To be called at handoff. */
void oxc_rpc_overrun_leave(bool (*fn)(packet_info *pinfo));

#endif /* OXCNOTIF_RPC_OVERRUN_H */
