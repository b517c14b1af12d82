/* rop_state.c
 * What the first visit found out about the ROPs of a call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/rop_state.h"

#include <string.h>

/*
 * States stay where they are, as others point to them, and most PDUs have one or two, others dozens: a block has room for
 * as many as are in those before it, or half as many if that are few, so that there are few blocks. The last one leads to
 * the first.
 */
#define FEW 8

struct oxc_rop_block {
    oxc_rop_block_t *next;
    unsigned size;
    unsigned used;
    oxc_rop_t rops[];
};

static void
add_block(oxc_pdu_t *pdu)
{
    unsigned size = pdu->rop_count < FEW ? MAX(pdu->rop_count / 2, 1) : pdu->rop_count;
    oxc_rop_block_t *block = (oxc_rop_block_t *)wmem_alloc(wmem_file_scope(), sizeof *block + size * sizeof(oxc_rop_t));

    block->size = size;
    block->used = 0;
    block->next = block;
    if (pdu->last_rops) {
        block->next = pdu->last_rops->next;
        pdu->last_rops->next = block;
    }
    pdu->last_rops = block;
}

static oxc_rop_t *
add_rop(oxc_pdu_t *pdu)
{
    oxc_rop_t *rop;

    if (!pdu->last_rops || pdu->last_rops->used == pdu->last_rops->size)
        add_block(pdu);
    pdu->rop_count++;
    rop = &pdu->last_rops->rops[pdu->last_rops->used++];
    memset(rop, 0, sizeof *rop);
    rop->store = OXC_STORE_UNKNOWN;
    rop->in_index = rop->out_index = OXC_NO_INDEX;
    rop->handle = OXC_NO_HANDLE;
    rop->next_expected = -1;
    return rop;
}

const oxc_rop_more_t oxc_rop_no_more = { NULL, NULL, NULL, 0, OXC_NO_INDEX };

oxc_rop_more_t *
oxc_rop_change_more(oxc_rop_t *rop)
{
    if (!rop->more)
        rop->more = (oxc_rop_more_t *)wmem_memdup(wmem_file_scope(), &oxc_rop_no_more, sizeof oxc_rop_no_more);
    return rop->more;
}

oxc_rop_t *
oxc_pdu_next_rop(packet_info *pinfo, oxc_pdu_t *pdu)
{
    unsigned n = pdu->next_rop++;

    if (n < pdu->rop_count)
        return oxc_pdu_rop(pdu, n);
    return PINFO_FD_VISITED(pinfo) ? NULL : add_rop(pdu);
}

oxc_rop_t *
oxc_pdu_rop(const oxc_pdu_t *pdu, unsigned n)
{
    oxc_rop_block_t *block;

    if (!pdu || n >= pdu->rop_count)
        return NULL;
    for (block = pdu->last_rops->next; n >= block->size; block = block->next)
        n -= block->size;
    return &block->rops[n];
}
