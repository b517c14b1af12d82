/* entryid_list.h
 * FlatEntryLists: EntryIDs in one binary property (MS-OXCDATA 2.3.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_ENTRYID_LIST_H
#define OXCNOTIF_ENTRYID_LIST_H

#include "rop/property.h"

/*
 * FlatEntryList of size bytes, all there, added to tree itself; false, with nothing added, when its
 * count and sizes do not agree with size.
 */
bool oxc_flat_entry_list(oxc_cursor_t *c, proto_tree *tree, int offset, int size, oxc_text_t *text);

void oxc_flat_entry_list_register(int proto);

#endif /* OXCNOTIF_ENTRYID_LIST_H */
