/* rop_list.c
 * A list of ROPs (MS-OXCROPS 2.2.1) while it is being read
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/rop_list.h"

#include "rop/boundary.h"

#include <string.h>

void
oxc_rop_list_read(oxc_read_t *r, oxc_rop_list_t *l, bool measure)
{
    memset(r, 0, sizeof *r);
    r->pinfo = l->pinfo;
    r->tvb = l->tvb;
    r->bytes = l->bytes;
    r->captured = l->captured;
    r->end = l->end;
    r->pdu = l->pdu;
    r->handles = &l->handles;
    r->list = l;
    r->code_pages = &l->code_pages;
    r->is_boundary = oxc_boundary_at;
    r->measure = measure;
    r->is_response = l->pdu->is_response;
    r->deviations = l->deviations;
}
