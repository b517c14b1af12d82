/* rop_state.c
 * What the first visit found out about the ROPs of a call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/rop_state.h"

oxc_rop_t *
oxc_pdu_next_rop(packet_info *pinfo, oxc_pdu_t *pdu)
{
    unsigned n = pdu->next_rop++;
    oxc_rop_t *rop;

    if (pdu->rops && n < wmem_array_get_count(pdu->rops))
        return *(oxc_rop_t **)wmem_array_index(pdu->rops, n);
    if (PINFO_FD_VISITED(pinfo))
        return NULL;

    if (!pdu->rops)
        pdu->rops = wmem_array_sized_new(wmem_file_scope(), sizeof(oxc_rop_t *), 4);
    rop = wmem_new0(wmem_file_scope(), oxc_rop_t);
    rop->store = OXC_STORE_UNKNOWN;
    rop->in_index = rop->out_index = rop->dest_index = OXC_NO_INDEX;
    rop->handle = OXC_NO_HANDLE;
    rop->next_expected = -1;
    wmem_array_append_one(pdu->rops, rop);
    return rop;
}

oxc_rop_t *
oxc_pdu_rop(const oxc_pdu_t *pdu, unsigned n)
{
    if (!pdu || !pdu->rops || n >= wmem_array_get_count(pdu->rops))
        return NULL;
    return *(oxc_rop_t **)wmem_array_index(pdu->rops, n);
}

unsigned
oxc_pdu_notifications(const oxc_pdu_t *pdu)
{
    unsigned count = 0;
    const oxc_rop_t *rop;

    for (unsigned n = 0; (rop = oxc_pdu_rop(pdu, n)) != NULL; n++)
        count += rop->is_notification;
    return count;
}
