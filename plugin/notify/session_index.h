/* session_index.h
 * Which session the SessionIndex of a RopPending names (MS-OXCNOTIF 2.2.1.3.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SESSION_INDEX_H
#define OXCNOTIF_SESSION_INDEX_H

#include "notify/matcher.h"

/*
 * Exchange 5.5 and 2003 end every answer that has RopNotify with a RopPending of the session's own index, and no client
 * fetches because of it. Other servers send their own index only when the answer was full, and then the client fetches
 * at once. Two things show which it is: the room left in the answer is smaller than a RopNotify, or the server gives
 * this client answers with RopNotify and without RopPending. The latter may show in a later frame.
 *
 * Another index is that of a linked session, which is woken.
 */
typedef enum {
    OXC_INDEX_OWN,       /* the session's own, in an answer with room left, or in one whose room is not known */
    OXC_INDEX_OWN_FULL,  /* the session's own, and the answer was full: a wake-up */
    OXC_INDEX_LINKED,    /* another session's: a wake-up of that */
    OXC_INDEX_UNKNOWN    /* a wake-up of a session that the index does not tell: its Connect was not captured */
} oxc_index_meaning_t;

/*
 * What a RopPending in this response means; linked is set to the session it names in case of OXC_INDEX_LINKED. Without
 * a captured Connect the index is learnt from the session whose answers carry it. First visit only.
 */
oxc_index_meaning_t oxc_index_meaning(packet_info *pinfo, const oxc_pdu_t *response, uint16_t index,
                                      oxc_session_t **linked);

/* The request of a fetch was read: it may be the follow-up of a RopPending that a later frame shows to be a wake-up. */
void oxc_index_request(packet_info *pinfo, const oxc_pdu_t *request);

/* The response of a fetch was read: what the server's habit is learnt from. After the matcher has seen it. */
void oxc_index_answer(packet_info *pinfo, const oxc_pdu_t *response);

/* Registers what lives from file to file. */
void oxc_index_register(void);

#endif /* OXCNOTIF_SESSION_INDEX_H */
