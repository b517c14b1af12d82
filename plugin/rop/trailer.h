/* trailer.h
 * Deviations of servers, and trailing ROPs behind a chain that was lost
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TRAILER_H
#define OXCNOTIF_TRAILER_H

#include "rop/rop_list.h"
#include "rop/tables.h"

/* Settles by which deviation of the server, if any, the trailing ROPs from offset on are read. */
void oxc_trailer_find_deviations(oxc_rop_list_t *l, int offset);

/* Settles rop->deviations of the ROP at offset, on the first pass. */
void oxc_trailer_find_rop_deviation(oxc_rop_list_t *l, oxc_rop_t *rop, const ropdef_rop_t *def, int offset);

/* Offset of the first of the trailing ROPs that are found by their shape, at offset or behind it; -1: there are none. */
int oxc_trailer_find(oxc_rop_list_t *l, int offset);

#endif /* OXCNOTIF_TRAILER_H */
