/* session.h
 * Session contexts: what names them, how they end, the names that were learnt in them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SESSION_H
#define OXCNOTIF_SESSION_H

#include "compat.h"

#include <epan/packet.h>
#include <epan/wmem_scopes.h>

#include "session/hash.h"

/*
 * Everything here lives in wmem_file_scope() and is written only while a frame is seen for the first time. What a
 * frame's display depends on is kept with the frame itself (oxc_pdu_t, oxc_rop_t), so that later visits in any order
 * give the same answer. Nothing here draws.
 */

typedef struct oxc_session oxc_session_t;
typedef struct oxc_call oxc_call_t;
typedef struct oxc_pdu oxc_pdu_t;
typedef struct oxc_object oxc_object_t;
typedef struct oxc_rop oxc_rop_t;
typedef struct oxc_channel oxc_channel_t;

/*
 * Hash of a uint64_t key. Not g_int64_hash(), which looks at the low half only: that is the same for most keys here
 * (frame and ordinal, identifiers with their counter in the high half), and a map becomes a list.
 */
static inline unsigned
oxc_uint64_hash(const void *key)
{
    return oxc_hash(key, sizeof(uint64_t));
}

/* The key of what a frame may have several of: a call, a PDU, a message. */
static inline uint64_t
oxc_frame_key(uint32_t frame, uint32_t which)
{
    return (uint64_t)frame << 32 | which;
}

/* What names a session context on the wire (MS-OXCRPC 3.1.1, MS-OXCMAPIHTTP 3.1.5). */
typedef enum {
    OXC_KEY_CXH,                /* 20 bytes of the EMSMDB context handle */
    OXC_KEY_ACXH,               /* 20 bytes of the asynchronous context handle */
    OXC_KEY_COOKIE,             /* session context cookie, "name=value" */
    OXC_KEY_REQUEST_ID,         /* GUID part of X-RequestId, as text */
    OXC_KEY_ASSOCIATION,        /* association group of DCE/RPC connections with their addresses */
    OXC_KEY_INDEX               /* session index (piCxr) with the server's address: see oxc_session_index_key() */
} oxc_key_kind_t;

/* How sure a session is, for links: by its own key, or by circumstance. */
typedef enum {
    OXC_BOUND_BY_KEY = 1,
    OXC_BOUND_BY_CONTEXT = 2,
    OXC_BOUND_BY_ORDER = 3
} oxc_bound_t;

/* How a session context ended (MS-OXCRPC 3.1.4.3, MS-OXCMAPIHTTP 3.1.5.7 and 3.2.5.1). */
typedef enum {
    OXC_END_DISCONNECTED = 1,   /* the client gave it up */
    OXC_END_LOST,               /* the server does not know it any more */
    OXC_END_REPLACED            /* the client connected again with its cookies */
} oxc_end_t;

typedef enum {
    OXC_STORE_UNKNOWN = -1,
    OXC_STORE_PUBLIC = 0,
    OXC_STORE_PRIVATE = 1
} oxc_store_t;

/* What is known of a LogonId; first pass. */
typedef struct {
    uint32_t generation;        /* objects of an earlier logon are gone */
    uint32_t logons;            /* RopLogons that succeeded */
    int8_t store;               /* oxc_store_t */
} oxc_logon_id_t;

/* So many of them are allocated together: clients use few, and the lowest ones. */
#define OXC_LOGON_IDS 8

struct oxc_session {
    uint32_t number;            /* 1, 2, ... in the order of appearance */
    uint32_t first_frame;
    nstime_t first_time;        /* of that frame */
    /* First frame in which the server answered ROPs of a session whose Connect was not captured. */
    uint32_t answered_in;
    uint32_t ended_in;          /* frame of Disconnect or loss; 0 while alive */
    uint8_t end;                /* oxc_end_t; 0 while alive */
    uint32_t left_in;           /* frame of the latest call if that is a request to Disconnect, else 0; first pass */
    unsigned lost_subscriptions;        /* open when the session ended */
    unsigned lost_tables;       /* the same: other objects that notifications can be about */
    oxc_session_t *replaces;    /* the session that ended because this one began; NULL for none */
    uint32_t pending_period;    /* X-PendingPeriod in ms; 0 while not known; first pass */
    nstime_t latest_call;       /* when a call of the session was seen last */
    uint32_t latest_frame;      /* in which it was met last; set by notify/channel.c; 0 for none */
    uint32_t polls_max;         /* PollsMax in ms; 0 while not known; first pass */
    bool index_known;           /* a Connect showed its piCxr */
    uint32_t code_page;         /* of 8-bit text, as the Connect call said; 0 when not captured */
    const char *user;           /* DN or display name of the Connect call; NULL when not captured */
    /* Maps are NULL while nothing is in them. */
    const struct oxc_columns *columns;  /* the latest that a ROP brought; see oxc_columns_keep(); first pass */
    wmem_map_t *objects;        /* handle -> newest oxc_object_t, which leads to the newest ones of other LogonIds */
    wmem_map_t *ended_logons;   /* LogonId and generation -> frame in which that logon ended; first pass */
    oxc_logon_id_t *logon_ids;  /* the lowest ones, see oxc_session_logon_id(); NULL while none is in use */
    wmem_map_t *high_logon_ids; /* LogonId -> oxc_logon_id_t */
    wmem_map_t *folders;        /* logon, folder id -> names; logon, 0 -> folders that its RopLogon named */
    wmem_map_t *named_props;    /* logon, property id -> names */
    wmem_map_t *changes;        /* logon, folder id -> tables of it; owned by session/folder.c */
    wmem_list_t *due;           /* tables that are due an event; the same */
    unsigned deep_tables;       /* that wait for changes anywhere below their folder; the same */
    bool sealed;                /* known by its association only: the stubs of its calls are encrypted */
    unsigned sharers;           /* session contexts in a sealed association, as far as is known; first pass */
    struct oxc_notify_state *notify;    /* owned by the matcher */
    struct oxc_inference *inference;      /* owned by notify/session_inference.c */
};

/*
 * The session a key belongs to. With create, a session is made for a key not met before; without, NULL is returned.
 * Changes nothing on later visits.
 */
oxc_session_t *oxc_session_find(packet_info *pinfo, oxc_key_kind_t kind, const uint8_t *key, size_t len, bool create);

/* One more key for a known session, replacing what the key meant before (a server may reuse an index). */
void oxc_session_add_key(packet_info *pinfo, oxc_session_t *session, oxc_key_kind_t kind, const uint8_t *key,
                         size_t len);

/* The user a session belongs to, once a Connect call has told it; the text is copied. */
void oxc_session_set_user(packet_info *pinfo, oxc_session_t *session, const char *user);

/* The code page that the client asked for. */
void oxc_session_set_code_page(packet_info *pinfo, oxc_session_t *session, uint32_t code_page);

/* Disconnect, a zero context handle, a lost context or a new connect ends the session with this frame. */
void oxc_session_end(packet_info *pinfo, oxc_session_t *session, oxc_end_t how);

/* The client gave the session up, or has asked to: it waits for nothing any more. First visit only. */
static inline bool
oxc_session_is_left(const oxc_session_t *session)
{
    return session->end == OXC_END_DISCONNECTED || session->left_in != 0;
}

/*
 * Key of OXC_KEY_INDEX: piCxr (MS-OXCRPC 3.1.4.1), then the server's address; the length is returned (2 to 18 bytes).
 */
#define OXC_INDEX_KEY_SIZE 18
size_t oxc_session_index_key(uint16_t session_index, const address *server, uint8_t key[OXC_INDEX_KEY_SIZE]);

extern const oxc_logon_id_t oxc_unused_logon_id;

/* What is known of a LogonId; never NULL. First visit only. */
static inline const oxc_logon_id_t *
oxc_session_logon_id(const oxc_session_t *session, uint8_t logon_id)
{
    const oxc_logon_id_t *high;

    if (logon_id < OXC_LOGON_IDS)
        return session->logon_ids ? &session->logon_ids[logon_id] : &oxc_unused_logon_id;
    if (!session->high_logon_ids)
        return &oxc_unused_logon_id;
    high = (const oxc_logon_id_t *)wmem_map_lookup(session->high_logon_ids, GUINT_TO_POINTER(logon_id));
    return high ? high : &oxc_unused_logon_id;
}

/* The same to be changed. */
oxc_logon_id_t *oxc_session_change_logon_id(oxc_session_t *session, uint8_t logon_id);

/*
 * Which logon a LogonId names now: a mailbox of its own, as long as no other RopLogon takes the LogonId. First visit
 * only.
 */
static inline uint32_t
oxc_logon_id_now(const oxc_logon_id_t *known, uint8_t logon_id)
{
    return known->logons << 8 | logon_id;
}

static inline uint32_t
oxc_session_logon(const oxc_session_t *session, uint8_t logon_id)
{
    return oxc_logon_id_now(oxc_session_logon_id(session, logon_id), logon_id);
}

/*
 * Names that a logon showed for folder ids: other mailboxes of the session may have the same ids. A lookup gives what
 * was known before the frame, whatever came later; NULL when there was none. Names are copied.
 */
void oxc_session_name_folder(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                             const char *name);
const char *oxc_session_folder_name(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon,
                                    uint64_t folder_id);

/*
 * A folder that the answer of RopLogon names by its place in a list (MS-OXCROPS 2.2.3.1.2); names are constant. The same as
 * above, but with little memory for each logon.
 */
void oxc_session_name_logon_folder(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                                   unsigned place, const value_string *names);

/* The same for property ids of named properties (RopGetPropertyIdsFromNames). */
void oxc_session_name_property(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint16_t property_id,
                               const char *name);
const char *oxc_session_property_name(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon,
                                      uint16_t property_id);

#endif /* OXCNOTIF_SESSION_H */
