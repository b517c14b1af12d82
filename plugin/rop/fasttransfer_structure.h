/* fasttransfer_structure.h
 * Structures in values of FastTransfer streams (MS-OXCFXICS 2.2.2.7 to 2.2.2.9)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FASTTRANSFER_STRUCTURE_H
#define OXCNOTIF_FASTTRANSFER_STRUCTURE_H

#include "rop/property.h"

/*
 * A structure in a binary value of size bytes, all there, by its tag and the marker in front (c->section): added to
 * tree itself; false, with nothing added, if the value is none. Not for measuring.
 */
bool oxc_fx_structure(oxc_cursor_t *c, proto_tree *tree, int offset, int size, uint32_t tag, oxc_text_t *text);

/*
 * The structures are defined in ropdefs/, and what reads definitions stands above this file: it registers itself here.
 * A reader gets the number of the structure, and adds what the definition shows of it in one line to text.
 */
typedef int (*oxc_structure_fn)(oxc_cursor_t *c, proto_tree *tree, int offset, unsigned form, oxc_text_t *text);
void oxc_fx_set_reader(oxc_structure_fn read);

#endif /* OXCNOTIF_FASTTRANSFER_STRUCTURE_H */
