/* tap.h
 * What statistics are told: the tap "oxcnotif"
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TAP_H
#define OXCNOTIF_TAP_H

#include "notify/matcher.h"
#include "session/event.h"

typedef enum {
    OXC_TAP_SUBSCRIPTION,       /* object */
    OXC_TAP_TABLE,              /* object: a table that is notified of without a subscription was opened */
    OXC_TAP_NOTIFICATION,       /* rop, object (NULL when not captured), folder */
    OXC_TAP_WAKEUP,             /* wakeup */
    OXC_TAP_ABANDONED,          /* wakeup, of a wait; change: 1, or -1 if it turns out not to be */
    OXC_TAP_FETCH_REQUEST,      /* pdu; wakeup if it follows one up */
    OXC_TAP_FETCH_RESPONSE,     /* pdu; wakeup if it follows one up; notifications */
    OXC_TAP_CALL,               /* pdu: connect, disconnect, request of a wait, ... */
    OXC_TAP_TLS,                /* tls: a connection that may be Exchange's and is not decrypted; no session */
    OXC_TAP_OTHER_LEG           /* pdu: a message that was seen on the other side of a proxy before; delay */
} oxc_tap_kind_t;

/* One event; lives as long as the packet. What it points to, but for the texts, lives as long as the file is open. */
typedef struct {
    oxc_tap_kind_t kind;
    const oxc_session_t *session;       /* NULL when not known */
    const oxc_pdu_t *pdu;               /* NULL for wake-ups without one */
    const oxc_wakeup_t *wakeup;
    const oxc_object_t *object;
    const oxc_rop_t *rop;
    const char *folder;
    unsigned notifications;
    const oxc_tls_note_t *tls;
    nstime_t delay;             /* that a proxy added */
    int change;
} oxc_tap_t;

/* Tells the listeners, if there are any. */
void oxc_tap_tell(packet_info *pinfo, const oxc_tap_t *event);

bool oxc_tap_has_listeners(void);

void oxc_tap_register(void);

#endif /* OXCNOTIF_TAP_H */
