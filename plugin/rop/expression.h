/* expression.h
 * What conditions, counts and sizes of definitions ask for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EXPRESSION_H
#define OXCNOTIF_EXPRESSION_H

#include "rop/tables.h"

/* A form while it is being read. */
typedef struct oxc_form_state {
    const ropdef_form_t *form;
    proto_tree *tree;
    uint64_t slots[ROPDEF_SLOTS];       /* values of the fields that expressions name */
    const oxc_store_t *supposed;        /* answer for this kind of store */
    bool regular;                       /* answer for a server that leaves nothing out */
    bool asked_left_out;                /* set when an expression asks for it */
    bool asked_store;
    unsigned shown;                     /* deviations shown already */
} oxc_form_state_t;

/* The number of size bytes (2 or 4) at offset; one that fits nowhere if it is not there. */
uint64_t oxc_next(const oxc_read_t *r, int offset, int size);

/* Does a ROP, or the list, end n bytes behind offset? Outside of ROP buffers only the structure itself ends. */
bool oxc_boundary(oxc_read_t *r, int offset, uint64_t n);

/* Did the ROP fail, and does it end at offset, and not n bytes behind it? */
bool oxc_left_out(oxc_read_t *r, oxc_form_state_t *s, int offset, uint64_t n);

/* Is the logon of the ROP to this kind of store? */
bool oxc_store_is(const oxc_read_t *r, oxc_form_state_t *s, oxc_store_t store);

/* Is this deviation of a server in force? */
static inline uint64_t
oxc_deviates(oxc_read_t *r, unsigned deviation)
{
    if (r->settle && !r->measure)
        r->settle(r);
    r->asked_deviations |= 1U << deviation;
    return (r->deviations >> deviation) & 1;
}

#endif /* OXCNOTIF_EXPRESSION_H */
