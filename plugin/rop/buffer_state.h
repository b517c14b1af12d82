/* buffer_state.h
 * A ROP buffer while it is being read
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_BUFFER_STATE_H
#define OXCNOTIF_BUFFER_STATE_H

#include "rop/tables.h"

/* The handle index of a ROP is one byte (MS-OXCROPS 2.2.1). */
#define OXC_MAX_HANDLES 256

typedef struct oxc_buffer {
    tvbuff_t *tvb;
    packet_info *pinfo;
    oxc_pdu_t *pdu;
    unsigned payload_index;
    int rops_end;               /* end of RopsList */
    int table;                  /* offset of the handle table */
    unsigned handles;           /* entries of the handle table */
    unsigned deviations;        /* of the server, found out for the trailing ROPs of this buffer */
    bool deviations_known;
    const char *out_kind;       /* of the object the ROP being read opens */
    oxc_object_t *opened[OXC_MAX_HANDLES];      /* by this buffer; first pass */
} oxc_buffer_t;

/* Handle in the table at the index, OXC_NO_HANDLE when the table has no such entry. */
uint32_t oxc_buffer_handle_at(const oxc_buffer_t *b, unsigned place);

/* The buffer has opened an object at the index: later ROPs of the buffer may use it. */
void oxc_buffer_remember(oxc_buffer_t *b, unsigned place, oxc_object_t *object);

/*
 * The object that a ROP works on, by its handle index; NULL when its opening was not captured. A request may name it by
 * 0xFFFFFFFF when an earlier ROP of the same buffer opens it: then only the answers tell (MS-OXCROPS 3.1.4.1). First
 * visit only.
 */
oxc_object_t *oxc_buffer_input(const oxc_read_t *r, unsigned place);

#endif /* OXCNOTIF_BUFFER_STATE_H */
