/* boundary.h
 * Where a ROP can begin, or the list of ROPs ends
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_BOUNDARY_H
#define OXCNOTIF_BOUNDARY_H

#include "rop/reading.h"

/* For oxc_read_t.is_boundary: does a ROP, or the list, end n bytes behind offset, as far as what follows shows? */
bool oxc_boundary_at(oxc_read_t *r, int offset, uint64_t n);

#endif /* OXCNOTIF_BOUNDARY_H */
