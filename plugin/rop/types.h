/* types.h
 * Types that definitions name and C reads: all of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TYPES_H
#define OXCNOTIF_TYPES_H

#include "compat.h"

/* Registers the fields of all types with the protocol of ROPs. */
void oxc_types_register(int proto);

#endif /* OXCNOTIF_TYPES_H */
