/* rpch_place.h
 * Where the calls for the segments and records of a connection with RPC over HTTP begin, for later visits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPCH_PLACE_H
#define OXCNOTIF_RPCH_PLACE_H

#include "rpch/rpch_head.h"

/* Remembers the place of the call that has this number in its frame. places is NULL at first. In file scope; first visit only. */
void rpch_note_place(wmem_array_t **places, uint32_t frame, unsigned number, const rpch_position_t *position);

/* That place again; false if there is none. places may be NULL. */
bool rpch_recall_place(wmem_array_t *places, uint32_t frame, unsigned number, rpch_position_t *position);

#endif /* OXCNOTIF_RPCH_PLACE_H */
