/* property.h
 * Property values, rows, restrictions and the like (MS-OXCDATA, MS-OXORULE)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_PROPERTY_H
#define OXCNOTIF_PROPERTY_H

#include "rop/engine.h"

/*
 * All of these read at offset, never past r->end, add to tree (NULL while measuring), and return the offset behind what
 * they read, or -1 when the bytes cannot be followed; then the reason stands in the tree unless r->measure is set.
 */

/* A value of the tag's type (MS-OXCDATA 2.11.2); a multivalue instance (0x2000) is one value of the base type. */
int oxc_property_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag);

/* PropertyRow (MS-OXCDATA 2.8.1) over the columns. */
int oxc_property_row(oxc_read_t *r, proto_tree *tree, int offset, const oxc_columns_t *columns);

/* Name of a tag for display, e.g. "PidTagSubject (PtypString)"; named properties by what the session showed. */
const char *oxc_property_tag_name(oxc_read_t *r, uint32_t tag);

/* The types that definitions name; their meaning stands beside each in ropdefs/README.md. */
int oxc_type_tagged_value(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);
int oxc_type_row(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);
int oxc_type_restriction(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);
int oxc_type_rule_actions(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);
int oxc_type_recipient_row(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);
int oxc_type_server_id(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);
int oxc_type_entry_id(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

void oxc_property_register(int proto);

#endif /* OXCNOTIF_PROPERTY_H */
