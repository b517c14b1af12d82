/* call.h
 * Calls of a session: requests, responses, what became of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_CALL_H
#define OXCNOTIF_CALL_H

#include "session/session.h"

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

typedef struct oxc_rop_block oxc_rop_block_t;   /* see rop_state.c */

/* One direction of a call, as one frame completed it. */
struct oxc_pdu {
    nstime_t time;
    oxc_call_t *call;           /* never NULL */
    oxc_rop_block_t *last_rops; /* see rop_state.c; NULL when there is no ROP */
    wmem_map_t *recovered; /* payload -> offset behind a lost chain where reading went on; NULL when there is none */
    struct oxc_budget *budget;  /* of this visit; owned by rop/budget.c */
    uint32_t frame;
    uint32_t which;             /* discriminator: with the frame it is the key of the PDU, see oxc_pdu_key() */
    unsigned rop_count;         /* over all payloads of the PDU */
    unsigned next_rop;          /* ordinal of the next ROP of this visit; see oxc_pdu_next_rop() */
    union {
        uint32_t max_out;       /* of a request: bytes that the client lets the server answer; 0 when not known */
        uint32_t largest_notification;  /* of a response: bytes of the largest RopNotify so far; first visit */
    };
    uint32_t rop_bytes;         /* of its last ROP buffer, with the handle table; first visit */
    uint32_t rop_bytes_before;  /* of the ROP buffers before that */
    uint32_t notifications : 30;        /* ROPs that are RopNotify: thousands fit into a PDU, and are asked for with each */
    uint32_t is_response : 1;
    uint32_t is_across : 1;     /* of a response: it came on the other side of a proxy than the request */
};

/* oxcnotif.wakeup.closed_by: which side ended a connection. */
typedef enum {
    OXC_CLOSED_BY_UNKNOWN = 0,
    OXC_CLOSED_BY_CLIENT = 1,
    OXC_CLOSED_BY_SERVER = 2,
    OXC_CLOSED_BY_DEVICE = 3    /* between them: always inferred */
} oxc_closed_by_t;

/* oxcnotif.wakeup.method: how a client is told that notifications are waiting. */
typedef enum {
    OXC_WAKEUP_PUSH = 1,        /* UDP datagram (MS-OXCNOTIF 2.2.1.3.3) */
    OXC_WAKEUP_ASYNC_WAIT = 2,  /* EcDoAsyncWaitEx completed (MS-OXCRPC 3.3.4.1) */
    OXC_WAKEUP_HTTP_WAIT = 3,   /* NotificationWait completed (MS-OXCMAPIHTTP 2.2.4.4) */
    OXC_WAKEUP_ROP_PENDING = 4  /* RopPending (MS-OXCROPS 2.2.14.3) */
} oxc_wakeup_method_t;

/* oxcnotif.wakeup.outcome */
typedef enum {
    OXC_OUTCOME_PENDING = 1,    /* there is something to fetch */
    OXC_OUTCOME_TIMEOUT = 2,    /* the wait ended without an event: healthy */
    OXC_OUTCOME_REJECTED = 3,   /* an error or rejection */
    OXC_OUTCOME_CUT_OFF = 4,    /* the connection ended before the answer */
    OXC_OUTCOME_ABANDONED = 5   /* nothing ended it, and the client went on without it */
} oxc_wakeup_outcome_t;

/* What is known of waits only. */
typedef struct {
    oxc_channel_t *channel;     /* of one whose session is not known: what is known instead; else NULL */
    const oxc_call_t *next;     /* of its session; NULL for none */
    nstime_t heard;             /* when the server was heard of last; zero if the transport does not tell */
} oxc_wait_t;

struct oxc_call {
    const char *name;           /* as the specification has it; NULL when the transport does not tell */
    oxc_session_t *session;     /* NULL while not known */
    oxc_pdu_t *request;         /* NULL when not captured */
    oxc_pdu_t *response;        /* NULL when not (yet) captured */
    const uint32_t *gap;        /* oxc_connection_request(); NULL if nobody looks for gaps */
    oxc_wait_t *wait;           /* see oxc_call_wait(); NULL for most */
    struct oxc_attempt *attempt;        /* to follow up a wake-up; owned by notify/followup.c; NULL for none */
    unsigned last_answered;     /* first pass: number of the request ROP that was answered last, from 1 */
    unsigned next_answer;       /* first pass: request ROP that the next response ROP may answer */
    uint8_t kind;               /* oxc_call_kind_t */
    uint8_t bound;              /* oxc_bound_t: how the session was found; meaningless without one */
    uint8_t failure;            /* oxc_failure_t; first pass */
    uint8_t method;             /* of a wait: oxc_wakeup_method_t */
    uint8_t outcome;            /* of a wait: oxc_wakeup_outcome_t, 0 while it is open */
    bool given_up : 1;          /* a wait that ended since the client had asked to end the session */
    bool forgotten : 1;         /* another connection has the ports of its own, and nothing had come */
};

/* What is known of a wait, never NULL: to be read, and, on the first visit, to be changed. */
extern const oxc_wait_t oxc_no_wait;

static inline const oxc_wait_t *
oxc_call_wait(const oxc_call_t *call)
{
    return call->wait ? call->wait : &oxc_no_wait;
}

oxc_wait_t *oxc_call_change_wait(oxc_call_t *call);

/*
 * Fewer bytes are no request and no answer: the answer to EcDoAsyncWaitEx has a PDU header and two words (C706 12.6.4.10,
 * MS-OXCRPC 3.3.4.1), but a PENDING of a NotificationWait is shorter.
 */
#define OXC_LEAST_MESSAGE 32

/*
 * A PDU and, unless it is the answer of one, its call, for a transport that keeps them itself and says so when it shows
 * them once more. The discriminator tells several PDUs of one frame apart. First visit only; in file scope.
 */
oxc_pdu_t *oxc_pdu_new_request(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind);
oxc_pdu_t *oxc_pdu_new_response(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, oxc_call_t *call);

/* The same for a transport that has a place for them, filled with zeros, in file scope. */
void oxc_pdu_begin_request(oxc_pdu_t *pdu, oxc_call_t *call, const packet_info *pinfo, uint32_t discriminator,
                           oxc_call_kind_t kind);
void oxc_pdu_begin_response(oxc_pdu_t *pdu, const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind,
                            oxc_call_t *call);

/* Another visit of the PDU begins: with its first ROP. */
void oxc_pdu_visit(oxc_pdu_t *pdu);

/*
 * The PDU which the transport is showing now. The discriminator tells several PDUs of one frame apart (a DCE/RPC call
 * id, an ordinal) and must be the same on every visit, for which the transport keeps the call. The first visit creates the
 * PDU and, if call is NULL or has another request, its call.
 */
oxc_pdu_t *oxc_pdu_request(packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, const oxc_call_t *call);

/* The same for a response; call is what the transport matched it to, NULL when neither was captured before. */
oxc_pdu_t *oxc_pdu_response(packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, oxc_call_t *call);

/* A number that tells the PDUs of one frame apart. */
static inline uint32_t
oxc_pdu_which(const oxc_pdu_t *pdu)
{
    return pdu->which;
}

/* A number that no other PDU has. */
static inline uint64_t
oxc_pdu_key(const oxc_pdu_t *pdu)
{
    return oxc_frame_key(pdu->frame, pdu->which);
}

/* May bytes that were not captured be its answer? As far as the file was read. */
static inline bool
oxc_call_misses_answer(const oxc_call_t *call)
{
    return call->gap && call->request && *call->gap > call->request->frame;
}

/* The return value of a wait that ends since the session does (MS-OXCRPC 3.3.4.1). */
#define OXC_EXITING 0x3ED

/* Is a result of the call no failure, since the client gives the session up? On every visit; the first one decides. */
static inline bool
oxc_call_is_given_up(const packet_info *pinfo, oxc_call_t *call, uint32_t result)
{
    if (!PINFO_FD_VISITED(pinfo) && result == OXC_EXITING && call->kind == OXC_CALL_WAIT)
        call->given_up = call->session && oxc_session_is_left(call->session);
    return call->given_up;
}

/* Binds a call to its session, unless that is known; first visit only. */
void oxc_call_bind(packet_info *pinfo, oxc_call_t *call, oxc_session_t *session, oxc_bound_t how);

#endif /* OXCNOTIF_CALL_H */
