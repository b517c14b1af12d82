/* rop_list.h
 * A list of ROPs (MS-OXCROPS 2.2.1) while it is being read
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_ROP_LIST_H
#define OXCNOTIF_ROP_LIST_H

#include "rop/handle_table.h"

typedef struct oxc_rop_list {
    tvbuff_t *tvb;
    const uint8_t *bytes;       /* the captured ones */
    int captured;
    packet_info *pinfo;
    oxc_pdu_t *pdu;
    unsigned payload;           /* its number in the PDU, from 0 */
    int end;                    /* of RopsList */
    oxc_handle_table_t handles;
    uint16_t *code_pages;       /* see oxc_read_t */
    unsigned deviations;        /* of the server, found out for the trailing ROPs of this list */
    bool deviations_known;
    bool has_notifications;
    proto_tree *events;         /* where nothing of the ROPs is shown: the tree around them; NULL if there is none */
    wmem_strbuf_t *info;        /* see oxc_read_t, of each ROP in turn; NULL if nobody sees the Info column or lines of ROPs */
} oxc_rop_list_t;

/* Begins a reading of something in the list. */
void oxc_rop_list_read(oxc_read_t *r, oxc_rop_list_t *l, bool measure);

#endif /* OXCNOTIF_ROP_LIST_H */
