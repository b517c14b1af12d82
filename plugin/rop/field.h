/* field.h
 * Reads and shows single fields
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FIELD_H
#define OXCNOTIF_FIELD_H

#include "rop/tables.h"

/*
 * Each reads the field at offset, shows it in the tree (which may be NULL) and returns the offset behind it, or -1 if
 * its bytes are not all there, which is said in the tree then. value is what expressions see.
 */
int oxc_field_scalar(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, uint64_t *value);
int oxc_field_terminated(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset);
int oxc_field_bytes(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, int length);
int oxc_field_handle(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, uint64_t *value);

/* What expressions see of a scalar field, all of it at bytes. */
static inline uint64_t
oxc_field_value(const ropdef_field_t *f, const uint8_t *bytes)
{
    uint64_t value = 0;

    if (f->type == ROPDEF_GUID)
        return 0;
    if (f->type == ROPDEF_COUNTER)
        return GUINT64_SWAP_LE_BE((uint64_t)oxc_le16(bytes) << 16 | (uint64_t)oxc_le32(bytes + 2) << 32);
    switch (f->size) {
    case 1:
        value = bytes[0];
        break;
    case 2:
        value = oxc_le16(bytes);
        break;
    case 3:
        value = (uint32_t)oxc_le16(bytes) | (uint32_t)bytes[2] << 16;
        break;
    case 4:
        value = oxc_le32(bytes);
        break;
    default:
        value = oxc_le64(bytes);
    }
    if (f->type == ROPDEF_INT && f->size < 8)
        value = (uint64_t)(((int64_t)(value << (64 - 8 * f->size))) >> (64 - 8 * f->size));
    return value;
}

/* Adds to what the Info column, or the line of a structure, says; does nothing where nobody wants it. */
void oxc_info_add(oxc_read_t *r, const char *text);

/* Subtree of arrays. */
int oxc_ett_array(void);

/* Registers what these functions need. */
void oxc_field_register(int proto);

#endif /* OXCNOTIF_FIELD_H */
