/* state_update.h
 * What the session remembers of ROPs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_STATE_UPDATE_H
#define OXCNOTIF_STATE_UPDATE_H

#include "rop/tables.h"

/*
 * All of these act only while a frame is seen for the first time, and never while measuring.
 */

/* The two that every ROP, or every answer, begins with. */
void oxc_update_logon_id(oxc_read_t *r, uint8_t logon_id);
void oxc_update_return_value(oxc_read_t *r, uint32_t value);

/* A field was read from offset to next: kept as its definition says. */
void oxc_update_field(oxc_read_t *r, const ropdef_field_t *f, uint64_t value, int offset, int next);

/* The same for one element of an array; r->element is its number. */
void oxc_update_element(oxc_read_t *r, const ropdef_field_t *f, int offset, uint64_t value);

/* A whole request was read: what it does whatever the answer is. */
void oxc_update_request(oxc_read_t *r, const ropdef_rop_t *def);

/* A whole response was read: its objects, columns, names. out_kind is the kind of object it opened, or NULL. */
void oxc_update_response(oxc_read_t *r, const ropdef_rop_t *def, const char *out_kind);

/* Columns that the rows of a response are read by, as its definition says; def may be NULL. */
void oxc_update_rows(oxc_read_t *r, const ropdef_rop_t *def);

static inline void
oxc_update_find_columns(oxc_read_t *r, const ropdef_rop_t *def)
{
    if (def && def->rows != ROPDEF_ROWS_NONE)
        oxc_update_rows(r, def);
}

#endif /* OXCNOTIF_STATE_UPDATE_H */
