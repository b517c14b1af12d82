/* entryid.h
 * EntryIDs (MS-OXCDATA 2.2.4, 2.2.5, MS-OXNSPI 2.2.9, MS-OXOCNTC 2.2.2.2.4.1.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_ENTRYID_H
#define OXCNOTIF_ENTRYID_H

#include "rop/property.h"

/*
 * EntryID of size bytes, all there, added to tree itself; false, with nothing added, when nothing tells that it is one.
 * Many kinds have a ProviderUID of their own; those of private folders and messages, and the ids of providers that are
 * not known, are recognised only where an EntryID is expected. Bytes that an EntryID lacks are reported in the tree.
 */
bool oxc_entry_id(oxc_cursor_t *c, proto_tree *tree, int offset, int size, bool expected, oxc_text_t *text);

void oxc_entry_id_register(int proto);

#endif /* OXCNOTIF_ENTRYID_H */
