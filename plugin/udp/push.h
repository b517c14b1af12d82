/* push.h
 * Wake-ups by UDP datagram and the registrations they answer (MS-OXCRPC 3.1.4.5, MS-OXCNOTIF 3.1.5.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_PUSH_H
#define OXCNOTIF_PUSH_H

#include "compat.h"
#include "session/session.h"

#define OXC_MAX_PUSH_CONTEXT 16 /* bytes of rgbContext (MS-OXCRPC 3.1.4.5) */

typedef struct oxc_push oxc_push_t;

/*
 * EcRRegisterPushNotification was asked for: datagrams to callback and port with this context belong to the session,
 * even if the answer is not captured. An earlier registration of the session is replaced. context is copied. NULL on
 * later visits, and if the callback has no address.
 */
oxc_push_t *oxc_push_ask(packet_info *pinfo, oxc_session_t *session, const address *callback, uint16_t port,
                         const uint8_t *context, size_t len);

/* The answer: a refused registration claims nothing. push may be NULL. First visit only. */
void oxc_push_answer(packet_info *pinfo, oxc_push_t *push, bool accepted);

/*
 * Did no datagram come to an accepted registration? True only once the capture was read, on later visits. push may be
 * NULL.
 */
bool oxc_push_is_silent(const packet_info *pinfo, const oxc_push_t *push);

/* The session gave its registration up. First visit only. */
void oxc_push_withdraw(packet_info *pinfo, const oxc_session_t *session);

#endif /* OXCNOTIF_PUSH_H */
