/* fasttransfer_size.h
 * How many bytes a property of a FastTransfer stream takes (MS-OXCFXICS 2.2.4.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FASTTRANSFER_SIZE_H
#define OXCNOTIF_FASTTRANSFER_SIZE_H

#include "rop/property.h"

typedef enum {
    OXC_FX_COMPLETE,
    OXC_FX_INCOMPLETE,          /* size is the least it takes */
    OXC_FX_INVALID
} oxc_fx_result_t;

typedef struct {
    int64_t size;               /* all of it */
    int64_t header;             /* up to its first byte of value; 0 when even that is not there */
    uint32_t number;            /* that the header ends with: bytes or elements */
} oxc_fx_size_t;

/* The property at offset, of whose bytes so many are there: at least those of its tag. */
oxc_fx_result_t oxc_fx_property_size(const oxc_read_t *r, int offset, int64_t available, oxc_fx_size_t *info);

/* One of several values of a property whose tag stands further back; the type is that of one value. */
oxc_fx_result_t oxc_fx_element_size(const oxc_read_t *r, int offset, uint16_t type, int64_t available,
                                    oxc_fx_size_t *info);

/* Whether values of the type have their size in front. */
bool oxc_fx_is_variable(uint16_t type);

#endif /* OXCNOTIF_FASTTRANSFER_SIZE_H */
