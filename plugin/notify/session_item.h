/* session_item.h
 * The session of a PDU in the tree
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SESSION_ITEM_H
#define OXCNOTIF_SESSION_ITEM_H

/* The fields and expert items of oxc_notify_session(), and the conversation filter by session. */
void oxc_session_item_register(int proto);
void oxc_session_item_handoff(void);

#endif /* OXCNOTIF_SESSION_ITEM_H */
