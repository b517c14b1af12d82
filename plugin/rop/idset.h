/* idset.h
 * Sets of ids and change numbers (MS-OXCFXICS 2.2.2.4, 2.2.2.6)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_IDSET_H
#define OXCNOTIF_IDSET_H

#include "rop/property.h"

typedef enum {
    OXC_IDSET_REPLID,           /* MS-OXCFXICS 2.2.2.4.1 */
    OXC_IDSET_REPLGUID          /* MS-OXCFXICS 2.2.2.4.2 */
} oxc_idset_form_t;

/*
 * A serialized IDSET or CNSET of size bytes, all there, added to tree itself as ranges of GLOBCNT. What cannot be
 * followed is reported in the tree. Not for measuring.
 */
void oxc_idset(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_idset_form_t form, oxc_text_t *text);

/* Whether the property holds an IDSET, and in which form. */
bool oxc_idset_form(uint32_t tag, oxc_idset_form_t *form);

/* Whether the size bytes are a whole IDSET of this form, without showing it. */
bool oxc_idset_is_whole(oxc_cursor_t *c, int offset, int size, oxc_idset_form_t form);

void oxc_idset_register(int proto);

#endif /* OXCNOTIF_IDSET_H */
