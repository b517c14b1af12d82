/* connection.c
 * A TCP connection with something of ours: who is its client, what of it was not captured, and how it ended
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/connection.h"

#include "tcp/record.h"
#include "tcp/segment.h"
#include "tcp/tcp_payload.h"

/* Bits of tcp_analysis.conversation_completeness; packet-tcp.c keeps their names to itself. */
#define TCP_SEEN_FIN    0x10
#define TCP_SEEN_RST    0x20

/* Bits of tcp_acked.flags; the same. */
#define TCP_A_LOST_PACKET       0x0002
#define TCP_A_ACK_LOST_PACKET   0x0004

enum { CLIENT, SERVER };

/* Bytes of one side that were not captured: the latest of them. */
typedef struct {
    uint32_t bytes;             /* 0 for none */
    uint32_t end;               /* the first byte behind it */
    uint32_t before;            /* gap_in before it */
    nstime_t from, to;          /* they were sent in that time */
} gap_t;

/* Bytes that one side sent. */
typedef struct {
    bool known;                 /* a frame of this side was captured */
    bool acknowledged;          /* a frame of the other side was, before any of this one */
    uint32_t upto;              /* the first one of which nothing is known: neither captured nor acknowledged */
    uint32_t missing;           /* bytes that the frame looked at last shows to be missing */
    uint32_t gap_in;            /* frame that showed the latest gap which may hold a message and was not filled since; 0 for none */
    nstime_t reached;           /* time of the latest frame of this side: later ones were not sent before */
    gap_t *gap;                 /* NULL: there was none */
} sent_t;

/* So many ways of one side's packets are told apart: a mirror port may show each before and behind a router. */
#define WAYS 2

typedef struct connection {
    struct connection *counts;  /* the record of both, in a tunnel; else this one; NULL: nothing is known yet */
    uint32_t client_port;       /* of the latest request; 0: none yet */
    uint8_t hops[2][WAYS];      /* left to the first packets from the higher port, and the others; 0: none yet */
    sent_t sent[2];             /* by the client, by the server */
    bool misses_call;           /* as the frame looked at last shows */
    bool misses_bytes;          /* that may hold messages; the listener knows */
    uint8_t ends;               /* bits that were seen up to frame looked_in */
    uint8_t news;               /* of these, which came with it */
    uint32_t looked_in;
} connection_t;

static unsigned own_part;       /* connection_t of the record of a connection */
static unsigned gaps;           /* on all of them, that may hold messages */

/* Bits for FIN and RST, 0 while it is open. */
static uint8_t
ends_seen(packet_info *pinfo)
{
    const struct tcp_analysis *tcp = oxc_segment_tcp(pinfo);

    return tcp ? tcp->conversation_completeness & (TCP_SEEN_FIN | TCP_SEEN_RST) : 0;
}

/* A request in a tunnel, which has another conversation than TCP: the record is that of both. */
static struct {
    uint32_t frame;             /* 0: none */
    connection_t *connection;
} carried;

/* The record of the frame's connection, made if it is new; NULL for no connection. */
static connection_t *
get(packet_info *pinfo)
{
    const conversation_t *conversation = pinfo->ptype == PT_TCP ? oxc_segment_conversation(pinfo) : NULL;
    connection_t *connection = (connection_t *)oxc_record_part(conversation, own_part, true);

    if (!connection)
        return NULL;
    if (!connection->counts)
        connection->counts = carried.frame == pinfo->num ? carried.connection : connection;
    return connection->counts;
}

const uint32_t *
oxc_connection_request(packet_info *pinfo)
{
    connection_t *connection = PINFO_FD_VISITED(pinfo) || pinfo->conv_elements ? NULL : get(pinfo);

    if (!connection)
        return NULL;
    connection->client_port = pinfo->srcport;
    if (!oxc_segment_tcp(pinfo)) {
        carried.frame = pinfo->num;
        carried.connection = connection;
    }
    return &connection->sent[SERVER].gap_in;
}

oxc_closed_by_t
oxc_connection_sender(packet_info *pinfo)
{
    const connection_t *connection = get(pinfo);

    if (!connection || connection->client_port == 0)
        return OXC_CLOSED_BY_UNKNOWN;
    return pinfo->srcport == connection->client_port ? OXC_CLOSED_BY_CLIENT : OXC_CLOSED_BY_SERVER;
}

static uint8_t *
hops_of_sender(connection_t *connection, const packet_info *pinfo)
{
    return connection->hops[pinfo->srcport <= pinfo->destport];
}

/* What an RST is compared with. */
static void
note_hops(connection_t *connection, const packet_info *pinfo)
{
    uint8_t *hops = hops_of_sender(connection, pinfo);

    for (unsigned i = 0; i < WAYS; i++) {
        if (hops[i] == 0) {
            hops[i] = oxc_tcp_hops_left(pinfo);
            return;
        }
    }
}

/* An RST that came another way than the other packets of its sender. */
static bool
is_foreign_reset(packet_info *pinfo)
{
    connection_t *connection = get(pinfo);
    const uint8_t *hops;
    uint8_t left;

    if (!connection || (connection->news & TCP_SEEN_RST) == 0)
        return false;
    hops = hops_of_sender(connection, pinfo);
    left = oxc_tcp_hops_left(pinfo);
    if (left == 0 || hops[0] == 0)
        return false;
    for (unsigned i = 0; i < WAYS; i++)
        if (hops[i] == left)
            return false;
    return true;
}

oxc_closed_by_t
oxc_connection_closer(packet_info *pinfo)
{
    return is_foreign_reset(pinfo) ? OXC_CLOSED_BY_DEVICE : oxc_connection_sender(pinfo);
}

const conversation_t *
oxc_connection_before(packet_info *pinfo)
{
    const conversation_t *conversation = pinfo->ptype == PT_TCP ? oxc_segment_conversation(pinfo) : NULL;
    const conversation_t *before;

    if (!conversation || conversation->setup_frame != pinfo->num || pinfo->num < 2)
        return NULL;
    before = find_conversation(pinfo->num - 1, &pinfo->src, &pinfo->dst, conversation_pt_to_conversation_type(pinfo->ptype),
                               pinfo->srcport, pinfo->destport, 0);
    return before == conversation ? NULL : before;
}

/* The frame shows that all bytes before that one were sent, and not captured. */
static void
note_gap(sent_t *sent, const packet_info *pinfo, uint32_t upto)
{
    if (!GT_SEQ(upto, sent->upto))
        return;
    if (!sent->gap)
        sent->gap = wmem_new0(wmem_file_scope(), gap_t);
    sent->missing = sent->gap->bytes = upto - sent->upto;
    sent->gap->from = sent->reached;
    sent->gap->to = pinfo->abs_ts;
    sent->gap->end = sent->upto = upto;
    if (sent->gap->bytes >= OXC_LEAST_MESSAGE) {
        gaps += sent->gap_in == 0;
        sent->gap->before = sent->gap_in;
        sent->gap_in = pinfo->num;
    }
}

/* Of a side that was not captured at all, as where only one direction is, the other one tells by what it acknowledges. */
static void
note_unseen(sent_t *sent, const packet_info *pinfo, uint32_t acknowledged)
{
    if (sent->acknowledged) {
        note_gap(sent, pinfo, acknowledged);
        return;
    }
    sent->acknowledged = true;
    sent->upto = acknowledged;
    sent->reached = pinfo->abs_ts;
}

/* Segments out of order; captures of several points, or of several queues, have them behind their acknowledgements. */
static void
note_late_segment(sent_t *sent, const packet_info *pinfo)
{
    uint32_t seq, length = oxc_segment_length(pinfo, &seq);

    if (length > 0 && LT_SEQ(seq, sent->gap->end) && GE_SEQ(seq + length, sent->gap->end)) {
        sent->gap->bytes = 0;
        sent->gap_in = sent->gap->before;
        sent->gap->before = 0;
        gaps -= sent->gap_in == 0;
    }
}

/* The client has sent nothing more since the gap in its bytes, so that the gap in the server's is in the answer to them. */
static bool
may_be_call(const sent_t *request, const sent_t *answer)
{
    return (request->missing > 0 || answer->missing > 0) && request->gap && request->gap->bytes >= OXC_LEAST_MESSAGE &&
           answer->gap && answer->gap->bytes >= OXC_LEAST_MESSAGE && request->upto == request->gap->end &&
           nstime_cmp(&request->gap->from, &answer->gap->to) < 0;
}

static void
tell_missing_bytes(connection_t *connection, const packet_info *pinfo, bool from_client)
{
    bool missing = connection->sent[CLIENT].gap_in || connection->sent[SERVER].gap_in;

    if (missing == connection->misses_bytes)
        return;
    connection->misses_bytes = missing;
    oxc_listener->bytes_missing(from_client ? &pinfo->src : &pinfo->dst, from_client ? &pinfo->dst : &pinfo->src, missing);
}

/* What the frame, and whom it acknowledges, show to be missing. */
static void
look_for_gaps(connection_t *connection, packet_info *pinfo)
{
    const struct tcp_analysis *tcp = oxc_segment_tcp(pinfo);
    const tcp_analyze_seq_flow_info_t *flow = tcp && tcp->fwd ? tcp->fwd->tcp_analyze_seq_info : NULL;
    unsigned flags = tcp && tcp->ta ? tcp->ta->flags : 0;
    uint32_t seq;
    bool from_client = pinfo->srcport == connection->client_port;
    sent_t *sent = &connection->sent[from_client ? CLIENT : SERVER];
    sent_t *acknowledged = &connection->sent[from_client ? SERVER : CLIENT];

    connection->sent[CLIENT].missing = connection->sent[SERVER].missing = 0;
    connection->misses_call = false;
    if (!flow || connection->client_port == 0)
        return;
    if (sent->known && flags & TCP_A_LOST_PACKET)
        note_gap(sent, pinfo, flow->nextseq - oxc_segment_length(pinfo, &seq));
    else if (sent->gap_in && sent->gap->bytes >= OXC_LEAST_MESSAGE)
        note_late_segment(sent, pinfo);
    if (!acknowledged->known)
        note_unseen(acknowledged, pinfo, flow->lastack);
    else if (flags & TCP_A_ACK_LOST_PACKET)
        note_gap(acknowledged, pinfo, flow->lastack);
    tell_missing_bytes(connection, pinfo, from_client);
    connection->misses_call = may_be_call(&connection->sent[CLIENT], &connection->sent[SERVER]);
    if (!sent->known || GT_SEQ(flow->nextseq, sent->upto))
        sent->upto = flow->nextseq;
    sent->known = true;
    sent->reached = pinfo->abs_ts;
}

/* The record of the frame's connection, with what the frame says of it; NULL for none. */
static connection_t *
look_at(packet_info *pinfo)
{
    connection_t *connection = PINFO_FD_VISITED(pinfo) ? NULL : get(pinfo);
    uint8_t ends;

    if (connection && connection->looked_in != pinfo->num) {
        ends = ends_seen(pinfo);
        connection->news = ends & (uint8_t)~connection->ends;
        connection->ends = ends;
        connection->looked_in = pinfo->num;
        if (connection->news == 0)
            note_hops(connection, pinfo);
        look_for_gaps(connection, pinfo);
    }
    return connection;
}

bool
oxc_connection_ends_now(packet_info *pinfo)
{
    const connection_t *connection = look_at(pinfo);

    return connection && connection->news != 0;
}

void
oxc_connection_tell_missing_call(packet_info *pinfo)
{
    connection_t *connection = look_at(pinfo);
    bool from_client = connection && pinfo->srcport == connection->client_port;

    if (!connection || !connection->misses_call)
        return;
    connection->misses_call = false;
    oxc_listener->call_missing(pinfo, from_client ? &pinfo->src : &pinfo->dst, from_client ? &pinfo->dst : &pinfo->src,
                               &connection->sent[CLIENT].gap->from);
    connection->sent[CLIENT].gap->bytes = 0;
}

bool
oxc_connection_bytes_missing(void)
{
    return gaps > 0;
}

bool
oxc_connection_has_ended(packet_info *pinfo)
{
    return ends_seen(pinfo) != 0;
}

static void
forget(void)
{
    gaps = 0;
    carried.frame = 0;
}

void
oxc_connection_register(void)
{
    register_init_routine(forget);
    oxc_record_register();
    own_part = oxc_record_reserve(sizeof(connection_t));
}
