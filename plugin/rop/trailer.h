/* trailer.h
 * Deviations of servers, and trailing ROPs behind a chain that was lost
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TRAILER_H
#define OXCNOTIF_TRAILER_H

#include "rop/rop_list.h"
#include "rop/tables.h"

/*
 * Begins a reading of r->def, at r->rop_start of its list: by the deviations of the server that are known, those of a
 * trailing ROP for the rest of the list. As nearly no ROP has what a deviation changes, they are found out when a condition
 * asks for one.
 */
void oxc_trailer_begin(oxc_read_t *r);

/* Offset of the first of the trailing ROPs that are found by their shape, at offset or behind it; -1: there are none. */
int oxc_trailer_find(oxc_rop_list_t *l, int offset);

#endif /* OXCNOTIF_TRAILER_H */
