/* store_entryid.h
 * Store Object EntryIDs (MS-OXCDATA 2.2.4.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_STORE_ENTRYID_H
#define OXCNOTIF_STORE_ENTRYID_H

#include "rop/property.h"

/*
 * What a Store Object EntryID has behind its ProviderUID, up to c->end, added to tree; the offset behind it or -1. Only
 * what belongs to the provider of Exchange (DLLFileName) is defined; the data of others is shown as bytes. Not for
 * measuring.
 */
int oxc_store_entry_id(oxc_cursor_t *c, proto_tree *tree, int offset, oxc_text_t *text);

void oxc_store_entry_id_register(int proto);

#endif /* OXCNOTIF_STORE_ENTRYID_H */
