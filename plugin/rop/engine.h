/* engine.h
 * Reads the fields of a form as its definition says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_ENGINE_H
#define OXCNOTIF_ENGINE_H

#include "rop/tables.h"

/*
 * Reads the structure, request or response with this index in the definition tables at offset, at most to r->end.
 * Returns the offset behind it, or -1 when the bytes cannot be followed, which is shown in the tree unless measuring.
 */
int oxc_engine_form(oxc_read_t *r, proto_tree *tree, int offset, unsigned form);

/* Shows that the bytes at offset are readable, but not what the specification has (rop.deviation with the reason). */
void oxc_deviation(oxc_read_t *r, proto_tree *tree, int offset, const char *reason);

/* Registers the expert items of the engine with the protocol of ROPs. */
void oxc_engine_register(int proto);

#endif /* OXCNOTIF_ENGINE_H */
