/* object.h
 * Server objects: what a handle names, and the columns that its rows have (MS-OXCROPS 1.3.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_OBJECT_H
#define OXCNOTIF_OBJECT_H

#include "session/session.h"

/* A list of property tags that rows are read by: immutable once made. */
typedef struct oxc_columns {
    uint32_t frame;             /* where it was set */
    unsigned count;
    const uint32_t *tags;
} oxc_columns_t;

/* A copy of count tags (little-endian) at offset, allocated in scope; NULL if the bytes are not all there. */
const oxc_columns_t *oxc_columns_read(wmem_allocator_t *scope, const packet_info *pinfo, tvbuff_t *tvb, int offset,
                                      unsigned count);

/*
 * The same for as long as the capture is open. Clients ask for the same again and again: the tags of the latest columns of
 * the session (which may be NULL) are not copied once more. First visit only.
 */
const oxc_columns_t *oxc_columns_keep(const packet_info *pinfo, oxc_session_t *session, tvbuff_t *tvb, int offset,
                                      unsigned count);

/* What comes and goes in a table so that the server tells of it. */
typedef enum {
    OXC_ROWS_OTHER,             /* something else, or the client wants to hear nothing of it */
    OXC_ROWS_MESSAGES,          /* messages of the folder */
    OXC_ROWS_SUBFOLDERS,        /* folders in the folder */
    OXC_ROWS_ALL_BELOW,         /* and in those, and so on */
    OXC_ROWS_COUNT
} oxc_listed_t;

/* What a handle names (MS-OXCROPS 1.3.1); fields that are not of the first pass never change once the object exists. */
struct oxc_object {
    oxc_object_t *other_logon;  /* the newest one of another LogonId that this handle names, too, if it was opened before */
    oxc_object_t *parent;       /* the object it was opened from; NULL when not captured */
    const char *kind;           /* as the definition names it: "Folder", "Contents table", "Subscription", ... */
    uint64_t folder_id;         /* 0 when unknown */
    uint64_t message_id;
    const oxc_columns_t *columns;               /* of the latest RopSetColumns; first pass only */
    const oxc_columns_t *recipient_columns;     /* first pass only */
    uint32_t handle;
    uint32_t logon;             /* see oxc_session_logon() */
    uint32_t opened_in;         /* frame of the request that opened it, else of the response */
    uint32_t released_in;       /* 0 while open; first pass */
    uint32_t generation;
    uint16_t notification_types;                /* of a subscription */
    uint16_t code_page;         /* of 8-bit text in it; 0: of the session */
    uint8_t logon_id;
    uint8_t rows;               /* oxc_listed_t, of a table */
    bool is_logon : 1;
    bool is_folder : 1;
    bool is_table : 1;          /* its rows are notified of without a subscription (MS-OXCNOTIF 3.1.4.3) */
    bool lists_folders : 1;     /* its rows are folders: a hierarchy table */
    bool viewed : 1;            /* a table whose rows the client has looked at since it was opened or reset; first pass */
    bool restricted : 1;        /* its rows need not show what changes in the folder; first pass */
    bool is_new_message : 1;    /* not saved so far, and no associated one; first pass */
    bool is_subscription : 1;   /* opened by RopRegisterNotification; a table is subscribed implicitly */
    bool whole_store : 1;
    uint32_t notifications;     /* RopNotify seen for it; first pass */
    uint32_t waits_from;        /* see session/folder.c */
    uint32_t missed_in;         /* frame of the first change that a table should have been told of; 0 for none; first pass */
    uint32_t state_property;    /* tag of the ICS state that it uploads now; 0 before it does; first pass */
    uint32_t state_size;        /* bytes of its value; first pass */
    uint32_t states;            /* uploads begun; first pass */
};

/* The object that a handle names now; NULL when its opening was not captured. First visit only. */
oxc_object_t *oxc_object_find(const oxc_session_t *session, uint8_t logon_id, uint32_t handle);

/* What the handle named last in the session, open or released since; NULL if nothing. First visit only. */
oxc_object_t *oxc_object_latest(const oxc_session_t *session, uint8_t logon_id, uint32_t handle);

/* The same, whatever LogonId the handle belongs to: servers count handles up over all logons of a session. */
oxc_object_t *oxc_object_any_logon(const oxc_session_t *session, uint32_t handle);

/* A new object under the handle, replacing what the handle named before. First visit only. */
oxc_object_t *oxc_object_open(packet_info *pinfo, oxc_session_t *session, uint8_t logon_id, uint32_t handle,
                              const char *kind, oxc_object_t *parent);

/* RopRelease: the handle names nothing any more; a logon takes everything opened from it along (MS-OXCROPS 3.2.5.3). */
void oxc_object_release(packet_info *pinfo, oxc_session_t *session, oxc_object_t *object);

/* Frame in which an object was released, by itself or with its logon; 0 while it is open. */
uint32_t oxc_object_released_in(const oxc_session_t *session, const oxc_object_t *object);

/* Everything of a logon ends: released, or replaced by a RopLogon with the same LogonId (MS-OXCROPS 3.1.4.2). */
void oxc_logon_release(packet_info *pinfo, oxc_session_t *session, uint8_t logon_id);

#endif /* OXCNOTIF_OBJECT_H */
