/* auxblocks.h
 * Auxiliary blocks (MS-OXCRPC 2.2.2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_AUXBLOCKS_H
#define OXCNOTIF_AUXBLOCKS_H

#include "compat.h"

/*
 * The blocks of one unwrapped auxiliary payload, one behind the other; uses up the whole tvb. Blocks whose Size cannot
 * be right end the list with an expert item, unknown ones are shown as bytes.
 */
void oxc_dissect_aux_blocks(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);

/* Registers the fields under the protocol rop. */
void oxc_register_aux(int proto);

#endif /* OXCNOTIF_AUXBLOCKS_H */
