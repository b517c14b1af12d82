/* rpch_place.h
 * Where the calls for the segments and records of a connection with RPC over HTTP begin, for later visits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPCH_PLACE_H
#define OXCNOTIF_RPCH_PLACE_H

#include "rpch/rpch_head.h"

/* The places of a connection; zeros at first. */
typedef struct {
    struct rpch_place *all;     /* in file scope, in the order of frames and calls */
    uint32_t count;
    uint32_t room;
} rpch_places_t;

/* To be called once, when the protocol is registered. */
void rpch_register_places(void);

/* Remembers the place of the call that has this number in its frame, and so many bytes. First visit only. */
void rpch_note_place(rpch_places_t *places, packet_info *pinfo, uint32_t number, uint32_t length, const rpch_position_t *position);

/* That place again, or one from which the call goes on in the same way; false if there is none. */
bool rpch_recall_place(const rpch_places_t *places, packet_info *pinfo, uint32_t number, rpch_position_t *position);

#endif /* OXCNOTIF_RPCH_PLACE_H */
