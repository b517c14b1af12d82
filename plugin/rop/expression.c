/* expression.c
 * What conditions, counts and sizes of definitions ask for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/expression.h"

uint64_t
oxc_next(const oxc_read_t *r, int offset, int size)
{
    if (size > r->end - offset || !tvb_bytes_exist(r->tvb, offset, size))
        return UINT32_MAX;
    return size == 2 ? tvb_get_letohs(r->tvb, offset) : tvb_get_letohl(r->tvb, offset);
}

bool
oxc_boundary(oxc_read_t *r, int offset, uint64_t n)
{
    return r->is_boundary ? r->is_boundary(r, offset, n) : n == (uint64_t)(r->end - offset);
}

bool
oxc_left_out(oxc_read_t *r, oxc_form_state_t *s, int offset, uint64_t n)
{
    s->asked_left_out = true;
    return !s->regular && r->return_value != 0 && oxc_boundary(r, offset, 0) &&
           !oxc_boundary(r, offset, n);
}

bool
oxc_store_is(const oxc_read_t *r, oxc_form_state_t *s, oxc_store_t store)
{
    oxc_store_t known = r->rop ? (oxc_store_t)r->rop->store : OXC_STORE_UNKNOWN;

    s->asked_store |= known == OXC_STORE_UNKNOWN;
    return (s->supposed ? *s->supposed : known) == store;
}
