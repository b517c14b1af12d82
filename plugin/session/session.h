/* session.h
 * What is remembered of a capture: session contexts, calls, server objects, columns
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SESSION_H
#define OXCNOTIF_SESSION_H

#include "compat.h"

#include <epan/wmem_scopes.h>

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
    return wmem_strong_hash((const uint8_t *)key, sizeof(uint64_t));
}

/* ---- session contexts ---- */

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

struct oxc_session {
    uint32_t number;            /* 1, 2, ... in the order of appearance */
    uint32_t first_frame;
    /* First frame in which the server answered ROPs of a session whose Connect was not captured. */
    uint32_t answered_in;
    uint32_t ended_in;          /* frame of Disconnect or loss; 0 while alive */
    uint8_t end;                /* oxc_end_t; 0 while alive */
    unsigned lost_subscriptions;        /* open when the session ended */
    unsigned lost_tables;       /* the same: other objects that notifications can be about */
    oxc_session_t *replaces;    /* the session that ended because this one began; NULL for none */
    uint32_t pending_period;    /* X-PendingPeriod in ms; 0 while not known; first pass */
    nstime_t latest_call;       /* when a call of the session was seen last */
    uint32_t polls_max;         /* PollsMax in ms; 0 while not known; first pass */
    bool index_known;           /* a Connect showed its piCxr */
    uint32_t code_page;         /* of 8-bit text, as the Connect call said; 0 when not captured */
    const char *user;           /* DN or display name of the Connect call; NULL when not captured */
    wmem_map_t *objects;        /* (LogonId, handle) -> newest oxc_object_t */
    int8_t store[256];          /* oxc_store_t of each LogonId; first pass */
    wmem_map_t *changed_folders;        /* logon, folder id -> see oxc_session_folder_changed() */
    wmem_map_t *ended_logons;   /* LogonId and generation -> frame in which that logon ended; first pass */
    uint32_t generation[256];   /* of each LogonId: objects of an earlier logon are gone; first pass */
    uint32_t logons[256];       /* RopLogons that succeeded with each LogonId; first pass */
    wmem_map_t *by_handle;      /* handle -> newest oxc_object_t, whatever its LogonId */
    wmem_map_t *folder_names;   /* logon, folder id -> list of names, each with the frame that showed it */
    wmem_map_t *named_props;    /* logon, property id -> list of names, each with the frame that showed it */
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

/*
 * Key of OXC_KEY_INDEX: piCxr (MS-OXCRPC 3.1.4.1), then the server's address; the length is returned (2 to 18 bytes).
 */
#define OXC_INDEX_KEY_SIZE 18
size_t oxc_session_index_key(uint16_t session_index, const address *server, uint8_t key[OXC_INDEX_KEY_SIZE]);

/* ---- calls ---- */

typedef enum {
    OXC_CALL_OTHER,
    OXC_CALL_CONNECT,           /* makes the session context */
    OXC_CALL_FETCH,             /* carries ROP buffers: EcDoRpcExt2, Execute, the legacy calls */
    OXC_CALL_WAIT,              /* EcDoAsyncWaitEx, NotificationWait */
    OXC_CALL_DISCONNECT,
    OXC_CALL_REGISTER_PUSH,     /* EcRRegisterPushNotification */
    OXC_CALL_ASYNC_CONNECT      /* EcDoAsyncConnectEx */
} oxc_call_kind_t;

/* Why an attempt at a call was not the call: the client repeats it (MS-OXCMAPIHTTP 3.1.7). */
typedef enum {
    OXC_FAILURE_NONE,
    OXC_FAILURE_AUTHENTICATION, /* HTTP status 401 or 407: one leg of NTLM or Negotiate, or wrong credentials */
    OXC_FAILURE_REFUSED,        /* another HTTP status than 200, no body, a fault, an RPC status */
    OXC_FAILURE_CUT_OFF         /* the connection ended before the answer */
} oxc_failure_t;

/* One direction of a call, as one frame completed it. */
struct oxc_pdu {
    uint64_t key;
    uint32_t frame;
    nstime_t time;
    bool is_response;
    oxc_call_t *call;           /* never NULL */
    wmem_array_t *rops;         /* oxc_rop_t * in wire order, over all payloads of the PDU; NULL when there is none */
    uint32_t max_out;           /* of a request: bytes that the client lets the server answer; 0 when not known */
    uint32_t rop_bytes;         /* of its last ROP buffer, with the handle table; first visit */
    uint32_t rop_bytes_before;  /* of the ROP buffers before that */
    uint32_t largest_notification;      /* bytes of the largest RopNotify so far; first visit */
    wmem_map_t *recovered; /* payload -> offset behind a lost chain where reading went on; NULL when there is none */
    unsigned next_rop;          /* ordinal of the next ROP of this visit; see oxc_pdu_next_rop() */
    unsigned work_left;         /* of this visit; see oxc_pdu_spend() */
    bool exhausted;             /* it was not enough, which was said */
};

/* oxcnotif.wakeup.closed_by: which side ended a connection. */
typedef enum {
    OXC_CLOSED_BY_UNKNOWN = 0,
    OXC_CLOSED_BY_CLIENT = 1,
    OXC_CLOSED_BY_SERVER = 2,
    OXC_CLOSED_BY_DEVICE = 3    /* between them: always inferred */
} oxc_closed_by_t;

struct oxc_call {
    oxc_call_kind_t kind;
    const char *name;           /* as the specification has it; NULL when the transport does not tell */
    oxc_session_t *session;     /* NULL while not known */
    oxc_bound_t bound;          /* how the session was found; meaningless without one */
    oxc_channel_t *channel;     /* of a wait whose session is not known: what is known instead; else NULL */
    oxc_pdu_t *request;         /* NULL when not captured */
    oxc_pdu_t *response;        /* NULL when not (yet) captured */
    uint8_t failure;            /* oxc_failure_t; first pass */
    uint8_t outcome;            /* of a wait: oxc_wakeup_outcome_t, 0 while it is open */
    const oxc_call_t *next_wait;        /* of a wait: the next one of its session; NULL for none */
    nstime_t heard;             /* of a wait: when the server was heard of last; zero if the transport does not tell */
    unsigned last_answered;     /* first pass: number of the request ROP that was answered last, from 1 */
    unsigned next_answer;       /* first pass: request ROP that the next response ROP may answer */
};

/*
 * The PDU which the transport is showing now. The discriminator tells several PDUs of one frame apart (a DCE/RPC call
 * id, an ordinal) and must be the same on every visit. The first visit creates the PDU and its call.
 */
oxc_pdu_t *oxc_pdu_request(packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind);

/* The same for a response; call is what the transport matched it to, NULL when the request was not captured. */
oxc_pdu_t *oxc_pdu_response(packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, oxc_call_t *call);

/*
 * What a PDU may make of itself. A few bytes can decompress to megabytes, and bytes can be ROPs that cost a thousand
 * times their size, so a visit shows so many fields of ROPs and not more: OXC_WORK_BASE, and one for every 8 bytes on
 * the wire.
 */
#define OXC_WORK_BASE 32768
#define OXC_WORK_ROP 8          /* a ROP costs as much as so many fields */
void oxc_pdu_allow(oxc_pdu_t *pdu, unsigned bytes);

/* Takes that many fields from what is left; false when there are not so many. */
bool oxc_pdu_spend(oxc_pdu_t *pdu, unsigned fields);

/* A number that tells the PDUs of one frame apart. */
static inline uint32_t
oxc_pdu_which(const oxc_pdu_t *pdu)
{
    return (uint32_t)pdu->key;
}

/* Binds a call to its session, unless that is known; first visit only. */
void oxc_call_bind(packet_info *pinfo, oxc_call_t *call, oxc_session_t *session, oxc_bound_t how);

/* ---- columns ---- */

/* A list of property tags that rows are read by: immutable once made. */
typedef struct {
    uint32_t frame;             /* where it was set */
    unsigned count;
    const uint32_t *tags;
} oxc_columns_t;

/* A copy of count tags (little-endian) at offset, allocated in scope; NULL if the bytes are not all there. */
const oxc_columns_t *oxc_columns_read(wmem_allocator_t *scope, const packet_info *pinfo, tvbuff_t *tvb, int offset,
                                      unsigned count);

/* ---- logons and server objects ---- */

typedef enum {
    OXC_STORE_UNKNOWN = -1,
    OXC_STORE_PUBLIC = 0,
    OXC_STORE_PRIVATE = 1
} oxc_store_t;

/* What a handle names (MS-OXCROPS 1.3.1); fields but columns never change once the object exists. */
struct oxc_object {
    uint64_t key;
    uint32_t handle;
    uint8_t logon_id;
    uint32_t logon;             /* see oxc_session_logon() */
    bool is_logon;
    bool is_table;              /* its rows are notified of without a subscription (MS-OXCNOTIF 3.1.4.3) */
    bool lists_folders;         /* its rows are folders: a hierarchy table */
    bool shows_messages;        /* a table that each new, moved or deleted message of the folder changes */
    bool is_subscription;       /* opened by RopRegisterNotification; a table is subscribed implicitly */
    const char *kind;           /* as the definition names it: "Folder", "Contents table", "Subscription", ... */
    uint32_t opened_in;         /* frame of the request that opened it, else of the response */
    uint32_t released_in;       /* 0 while open; first pass */
    uint32_t generation;
    oxc_object_t *parent;       /* the object it was opened from; NULL when not captured */
    uint64_t folder_id;         /* 0 when unknown */
    uint64_t message_id;
    const oxc_columns_t *columns;               /* of the latest RopSetColumns; first pass only */
    const oxc_columns_t *recipient_columns;     /* first pass only */
    uint16_t notification_types;                /* of a subscription */
    bool whole_store;
    uint32_t notifications;     /* RopNotify seen for it; first pass */
    uint32_t state_property;    /* tag of the ICS state that it uploads now; 0 before it does; first pass */
    uint32_t state_size;        /* bytes of its value; first pass */
    uint32_t states;            /* uploads begun; first pass */
};

#define OXC_NO_INDEX 0xFFFF
#define OXC_NO_HANDLE 0xFFFFFFFF        /* never a real handle (MS-OXCROPS 2.2.1) */

/* What the first pass found out about one ROP of a PDU. */
struct oxc_rop {
    uint8_t id;
    uint8_t logon_id;
    uint32_t logon;             /* see oxc_session_logon() */
    bool answered;              /* a request whose response was seen */
    bool is_notification;       /* a RopNotify */
    int8_t store;               /* oxc_store_t of its logon */
    uint16_t in_index;          /* OXC_NO_INDEX: the ROP has none */
    uint16_t out_index;
    const oxc_rop_t *peer;      /* the request that a response answers, or the other way round */
    oxc_object_t *object;       /* what it works on; for RopNotify the subscription or table */
    oxc_object_t *created;      /* what it opened */
    const oxc_columns_t *columns;       /* that its rows are read by */
    uint32_t handle;            /* input handle from the handle table, OXC_NO_HANDLE when there is none */
    const oxc_columns_t *kept_columns;  /* tags a request brought for later use */
    uint64_t folder_id;         /* fields the session remembers; 0 when the ROP has none */
    uint64_t message_id;
    uint16_t notification_types;
    uint16_t notification_flags;        /* of a RopNotify, with the table event it may have */
    uint16_t table_event;
    uint16_t session_index;             /* of a RopPending */
    bool whole_store;
    uint8_t logon_flags;
    uint8_t table_flags;
    const char *display_name;
    wmem_array_t *names;        /* property names, as text (const char *), that belong to kept ids in order */
    wmem_array_t *ids;          /* property ids (uint16_t) */
    int16_t next_expected;      /* RopId that the next answer should have; -1 when not known */
    uint32_t return_value;      /* of a response */
    uint32_t deviations;        /* of the server, that explain the response */
};

/*
 * State of the next ROP of the PDU: made on the first visit, found again on later ones; NULL only on a later visit that
 * reads more ROPs than the first did.
 */
oxc_rop_t *oxc_pdu_next_rop(packet_info *pinfo, oxc_pdu_t *pdu);

/* The n-th ROP of a PDU; NULL when there are not so many, or pdu is NULL. */
oxc_rop_t *oxc_pdu_rop(const oxc_pdu_t *pdu, unsigned n);

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

/*
 * Which logon a LogonId names now: a mailbox of its own, as long as no other RopLogon takes the LogonId. First visit
 * only.
 */
static inline uint32_t
oxc_session_logon(const oxc_session_t *session, uint8_t logon_id)
{
    return session->logons[logon_id] << 8 | logon_id;
}

/*
 * Names that a logon showed for folder ids: other mailboxes of the session may have the same ids. A lookup gives what
 * was known before the frame, whatever came later; NULL when there was none. Names are copied.
 */
void oxc_session_name_folder(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                             const char *name);
const char *oxc_session_folder_name(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon,
                                    uint64_t folder_id);

/* A message of the folder came or went: the frame that says so is kept. */
void oxc_session_folder_changed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id);

/* The latest such frame; 0 if there was none so far. */
uint32_t oxc_session_folder_changed_in(const oxc_session_t *session, uint32_t logon, uint64_t folder_id);

/* The same for property ids of named properties (RopGetPropertyIdsFromNames). */
void oxc_session_name_property(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint16_t property_id,
                               const char *name);
const char *oxc_session_property_name(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon,
                                      uint16_t property_id);

#endif /* OXCNOTIF_SESSION_H */
