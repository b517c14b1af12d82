/* async_wait.h
 * EcDoAsyncWaitEx calls that lose their connection before they are answered
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_ASYNC_WAIT_H
#define OXCNOTIF_ASYNC_WAIT_H

#include "compat.h"
#include "session/call.h"

/*
 * A wait begins on the frame's TCP connection, and ends (with an answer or a fault). While it is open, the end of the
 * connection is shown as the end of the wait. First visit only; a wait that was not begun may end.
 */
void oxc_async_wait_begins(packet_info *pinfo, oxc_call_t *wait);
void oxc_async_wait_ends(packet_info *pinfo, oxc_call_t *wait);

/* The request of a call that carries ROPs: it is cut off like a wait. First visit only. */
void oxc_async_other_call_begins(packet_info *pinfo, oxc_call_t *call);

/*
 * The connection that pinfo names is no TCP connection (RPC over HTTP) and has ended: shows its open waits as cut off. On
 * later visits of the frame they are shown anyway. First visit only.
 */
void oxc_async_waits_lost(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_closed_by_t closed_by);

/* Registers what looks at the end of every connection; parent is the protocol that it is shown under. */
void oxc_async_waits_register(int parent);
void oxc_async_waits_handoff(void);

#endif /* OXCNOTIF_ASYNC_WAIT_H */
