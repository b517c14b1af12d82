/* identifier.h
 * ServerIds, XIDs, and which identifiers binary properties hold (MS-OXCDATA 2.2, 2.11.1.4, MS-OXCFXICS 2.2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_IDENTIFIER_H
#define OXCNOTIF_IDENTIFIER_H

#include "rop/property.h"

/* The inside of a ServerId of size bytes, all there, added to tree itself. */
void oxc_server_id(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_text_t *text);

/*
 * Bytes of which the tag says that they hold identifiers, or which show it (EntryIDs, XIDs, IDSETs): adds them to tree
 * and returns true; false, with nothing added, when they do not. All size bytes must be there.
 */
bool oxc_binary_id(oxc_cursor_t *c, proto_tree *tree, int offset, int size, uint32_t tag, oxc_text_t *text);

void oxc_identifier_register(int proto);

#endif /* OXCNOTIF_IDENTIFIER_H */
