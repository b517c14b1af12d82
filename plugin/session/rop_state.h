/* rop_state.h
 * What the first visit found out about the ROPs of a call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_ROP_STATE_H
#define OXCNOTIF_ROP_STATE_H

#include "session/call.h"
#include "session/object.h"

/* The handle index of a ROP is one byte (MS-OXCROPS 2.2.1). */
#define OXC_MAX_HANDLES 256
#define OXC_NO_INDEX 0xFFFF
#define OXC_NO_HANDLE 0xFFFFFFFF        /* never a real handle (MS-OXCROPS 2.2.1) */

/* Bits of NotificationFlags (MS-OXCNOTIF 2.2.1.4.1.2). */
enum {
    OXC_NOTIFIED_NEW_MAIL = 0x0002,
    OXC_NOTIFIED_CREATED = 0x0004,
    OXC_NOTIFIED_DELETED = 0x0008,
    OXC_NOTIFIED_MOVED = 0x0020,
    OXC_NOTIFIED_COPIED = 0x0040,
    OXC_NOTIFIED_BY_SEARCH = 0x4000,
    OXC_NOTIFIED_OF_MESSAGE = 0x8000
};

/* Is the notification about a message, by a folder that is no search folder? */
static inline bool
oxc_notified_of_message(uint16_t notification_flags)
{
    return (notification_flags & (OXC_NOTIFIED_BY_SEARCH | OXC_NOTIFIED_OF_MESSAGE)) == OXC_NOTIFIED_OF_MESSAGE;
}

/* What few ROPs have. */
typedef struct {
    const char *display_name;
    wmem_array_t *names;        /* property names, as text (const char *), that belong to kept ids in order */
    wmem_array_t *ids;          /* property ids (uint16_t) */
    uint32_t deviations;        /* of the server, that explain the response */
    uint16_t dest_index;
} oxc_rop_more_t;

/* What the first pass found out about one ROP of a PDU; in an order without gaps, as there are many. */
struct oxc_rop {
    const oxc_rop_t *peer;      /* the request that a response answers, or the other way round */
    oxc_object_t *object;       /* what it works on; for RopNotify the subscription or table */
    oxc_object_t *created;      /* what it opened */
    const oxc_columns_t *columns;       /* that its rows are read by */
    oxc_rop_more_t *more;       /* NULL for most: see oxc_rop_more() */
    uint64_t folder_id;         /* fields the session remembers; 0 when the ROP has none */
    uint64_t message_id;
    uint32_t logon;             /* see oxc_session_logon() */
    uint32_t handle;            /* input handle from the handle table, OXC_NO_HANDLE when there is none */
    uint16_t in_index;          /* OXC_NO_INDEX: the ROP has none */
    uint16_t out_index;
    uint16_t code_page;         /* of the message that a request opens; 0: of the session */
    uint16_t notification_types;
    uint16_t notification_flags;        /* of a RopNotify, with the table event it may have */
    uint16_t table_event;
    uint16_t session_index;     /* of a RopPending */
    int16_t next_expected;      /* RopId that the next answer should have; -1 when not known */
    uint8_t id;
    uint8_t logon_id;
    int8_t store;               /* oxc_store_t of its logon */
    uint8_t logon_flags;
    uint8_t table_flags;
    bool brings_columns : 1;    /* a request whose columns are tags for later use, too */
    bool answered : 1;          /* a request whose response was seen */
    bool is_notification : 1;   /* a RopNotify */
    bool whole_store : 1;
    bool restricts : 1;         /* brings a restriction */
    bool unchanged : 1;         /* of an answer: nothing, or not all, was done */
    bool copies : 1;            /* the source keeps what it has */
    bool associated : 1;        /* of a message */
};

/* What few ROPs have, never NULL: to be read, and, on the first visit, to be changed. */
extern const oxc_rop_more_t oxc_rop_no_more;

static inline const oxc_rop_more_t *
oxc_rop_more(const oxc_rop_t *rop)
{
    return rop->more ? rop->more : &oxc_rop_no_more;
}

oxc_rop_more_t *oxc_rop_change_more(oxc_rop_t *rop);

/* The tags that the ROP brought for later use; NULL for none. */
static inline const oxc_columns_t *
oxc_rop_brought_columns(const oxc_rop_t *rop)
{
    return rop->brings_columns ? rop->columns : NULL;
}

/*
 * State of the next ROP of the PDU: made on the first visit, found again on later ones; NULL only on a later visit that
 * reads more ROPs than the first did.
 */
oxc_rop_t *oxc_pdu_next_rop(packet_info *pinfo, oxc_pdu_t *pdu);

/* Number of RopNotify in a PDU; 0 if pdu is NULL. */
static inline unsigned
oxc_pdu_notifications(const oxc_pdu_t *pdu)
{
    return pdu ? pdu->notifications : 0;
}

/* The n-th ROP of a PDU; NULL when there are not so many, or pdu is NULL. */
oxc_rop_t *oxc_pdu_rop(const oxc_pdu_t *pdu, unsigned n);

#endif /* OXCNOTIF_ROP_STATE_H */
