/* tls_connection.c
 * TLS connections that may be Exchange's and are not decrypted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "compat.h"

#include "registration.h"
#include "session/event.h"
#include "tcp/postdissector.h"
#include "tcp/segment.h"
#include "tcp/tls_undecrypted.h"
#include "tls/tls_handshake.h"
#include "tls/tls_name.h"
#include "tls/tls_waits.h"

#include <epan/proto_data.h>
#include <epan/to_str.h>

#define HTTPS 443
#define MAX_HANDSHAKE_FRAMES 20     /* of a connection in which the handshake is looked for */
#define FRAME_NOTE 0x544C           /* key in the frame: what is shown there */

/* The connections of one client with one address and port of a server. Clients are apart from each other. */
typedef struct {
    const char *name;               /* by which a connection to it was recognized; NULL for none */
    unsigned connections;
} server_t;

typedef struct {
    server_t *server;               /* NULL until it is known which end that is */
    bool client_is_lower;           /* by port, or by address if both ports are equal */
    const char *client;             /* address */
    const char *server_name;        /* SNI; NULL for none, or when the ClientHello was not captured */
    unsigned handshake_frames;      /* looked at */
    const struct tcp_analysis *tcp; /* NULL until it was asked for */
    uint32_t next_seq[2];           /* by direction: client, server */
    bool handshake_over;
    bool has_records;               /* one of application data was seen */
    bool decided;                   /* nothing is looked for any more */
    bool is_https;                  /* port 443 */
    bool has_segments[2];
    oxc_tls_evidence_t evidence;    /* 0 for none yet */
    const char *evidence_name;
    oxc_tls_waits_t waits;
} connection_t;

static int proto_oxcnotif = -1;
static unsigned notes;              /* in the file */
static wmem_map_t *connections;     /* conversation_t -> connection_t */
static wmem_map_t *servers;         /* client, server and port as text -> server_t */
static wmem_map_t *domains;         /* client and domain of which it asked Autodiscover, or that a certificate named */

static connection_t *
find_connection(packet_info *pinfo)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    connection_t *connection;

    if (!conversation)
        return NULL;
    connection = (connection_t *)wmem_map_lookup(connections, conversation);
    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        wmem_map_insert(connections, conversation, connection);
    }
    return connection;
}

static connection_t *
connection_of(packet_info *pinfo)
{
    void **note = oxc_segment_note(pinfo);

    if (!note)
        return find_connection(pinfo);
    if (!*note)
        *note = find_connection(pinfo);
    return (connection_t *)*note;
}

static bool
is_from_lower(const packet_info *pinfo)
{
    return pinfo->srcport != pinfo->destport ? pinfo->srcport < pinfo->destport : cmp_address(&pinfo->src, &pinfo->dst) < 0;
}

static bool
is_from_client(const connection_t *connection, const packet_info *pinfo)
{
    return connection->client_is_lower == is_from_lower(pinfo);
}

static void
set_ends(connection_t *connection, packet_info *pinfo, bool from_client)
{
    const address *client = from_client ? &pinfo->src : &pinfo->dst;
    const address *server = from_client ? &pinfo->dst : &pinfo->src;
    char *key;

    connection->client_is_lower = is_from_lower(pinfo) == from_client;
    connection->is_https = (from_client ? pinfo->destport : pinfo->srcport) == HTTPS;
    connection->client = address_to_str(wmem_file_scope(), client);
    key = wmem_strdup_printf(wmem_file_scope(), "%s %s %u", connection->client, address_to_str(pinfo->pool, server),
                             from_client ? pinfo->destport : pinfo->srcport);
    connection->server = (server_t *)wmem_map_lookup(servers, key);
    if (!connection->server) {
        connection->server = wmem_new0(wmem_file_scope(), server_t);
        wmem_map_insert(servers, key, connection->server);
    }
    connection->server->connections++;
}

/* ---- names ---- */

static void
recognize(connection_t *connection, oxc_tls_evidence_t evidence, const char *name)
{
    if (connection->evidence)
        return;
    connection->evidence = evidence;
    connection->evidence_name = name;
    if (connection->server && name && !connection->server->name)
        connection->server->name = name;
}

static char *
domain_key(wmem_allocator_t *scope, const connection_t *connection, const char *domain)
{
    return wmem_strdup_printf(scope, "%s %s", connection->client ? connection->client : "", domain);
}

static void
remember_domain(const connection_t *connection, const char *name)
{
    const char *domain = oxc_tls_name_autodiscover_domain(name);
    char *key = domain ? domain_key(wmem_file_scope(), connection, domain) : NULL;

    if (key)
        wmem_map_insert(domains, key, key);
}

static bool
is_known_domain(const connection_t *connection, const char *domain)
{
    char *key = domain ? domain_key(NULL, connection, domain) : NULL;
    bool known = key && wmem_map_lookup(domains, key);

    wmem_free(NULL, key);
    return known;
}

/* The name that the client asked for, if it is Exchange's by itself, or since Autodiscover is in the same domain. */
static void
judge_server_name(connection_t *connection, oxc_tls_evidence_t evidence)
{
    const char *name = connection->server_name;
    const char *domain = name ? oxc_tls_name_mail_domain(name) : NULL;

    if (name && (oxc_tls_name_is_exchange(name) || is_known_domain(connection, domain)))
        recognize(connection, evidence, name);
}

static void
judge_certificate(connection_t *connection, const oxc_tls_handshake_t *handshake)
{
    if (oxc_tls_names_of_hosting(handshake))
        return;
    for (unsigned i = 0; i < handshake->name_count; i++) {
        const char *name = handshake->names[i];

        if (!oxc_tls_name_is_exchange(name))
            continue;
        name = wmem_strdup(wmem_file_scope(), name);
        remember_domain(connection, name);
        if (!connection->server_name)
            recognize(connection, OXC_TLS_CERTIFICATE, name);
    }
    judge_server_name(connection, OXC_TLS_CERTIFICATE);
}

static void
judge_handshake(connection_t *connection, packet_info *pinfo, const oxc_tls_handshake_t *handshake)
{
    if (handshake->client_hello) {
        if (!connection->server)
            set_ends(connection, pinfo, true);
        if (handshake->other_protocol)
            connection->decided = true;
        if (handshake->server_name && !connection->server_name) {
            connection->server_name = wmem_strdup(wmem_file_scope(), handshake->server_name);
            remember_domain(connection, connection->server_name);
            judge_server_name(connection, OXC_TLS_SERVER_NAME);
        }
    }
    if (handshake->certificate && !connection->server)
        set_ends(connection, pinfo, false);
    if (handshake->certificate)
        judge_certificate(connection, handshake);
}

/* Handshake messages of the frame: in its segment, and in what was put together from several of them. */
static void
look_at_handshake(tvbuff_t *frame, packet_info *pinfo, connection_t *connection)
{
    oxc_tls_handshake_t handshake = { 0 };
    uint32_t seq;
    tvbuff_t *payload = oxc_segment_payload(frame, pinfo, &seq);
    bool application_data = false;

    if (payload) {
        oxc_tls_read_handshake(pinfo->pool, payload, &handshake);
        application_data = oxc_tls_is_application_data(payload);
    }
    for (GSList *at = pinfo->data_src; at; at = at->next) {
        tvbuff_t *source = get_data_source_tvb((const struct data_source *)at->data);

        if (at == pinfo->data_src)
            continue;
        oxc_tls_read_handshake(pinfo->pool, source, &handshake);
        application_data |= oxc_tls_is_application_data(source);
    }
    judge_handshake(connection, pinfo, &handshake);
    connection->has_records |= application_data;
    if (++connection->handshake_frames == MAX_HANDSHAKE_FRAMES || (application_data && !handshake.certificate))
        connection->handshake_over = true;
    if (!connection->server && connection->handshake_over && (pinfo->srcport == HTTPS) != (pinfo->destport == HTTPS))
        set_ends(connection, pinfo, pinfo->destport == HTTPS);
}

/* ---- behaviour ---- */

/*
 * Bytes of the frame's segment that the sender had not sent before; 0 if Wireshark does not analyze sequence numbers.
 */
static uint32_t
new_bytes(connection_t *connection, packet_info *pinfo, tvbuff_t *frame, bool from_client)
{
    const struct tcp_analysis *tcp = connection->tcp;
    unsigned way = from_client ? 0 : 1;
    uint32_t next, bytes, seq;
    tvbuff_t *payload;

    if (!tcp)
        tcp = connection->tcp = oxc_segment_tcp(pinfo);
    if (!tcp || !tcp->fwd || !tcp->fwd->tcp_analyze_seq_info)
        return 0;
    next = tcp->fwd->tcp_analyze_seq_info->nextseq;
    if (connection->has_segments[way]) {
        bytes = next - connection->next_seq[way];
    } else {
        payload = oxc_segment_payload(frame, pinfo, &seq);
        bytes = payload ? tvb_reported_length(payload) : 0;
    }
    connection->has_segments[way] = true;
    connection->next_seq[way] = next;
    return bytes < 0x80000000U ? bytes : 0;
}

/*
 * A wait by itself says nothing. Where the name is not known, one is enough to a server that another connection showed
 * to be Exchange's; else it takes a row of them, and more than one connection.
 */
static void
watch_waits(packet_info *pinfo, tvbuff_t *frame, connection_t *connection)
{
    bool from_client = is_from_client(connection, pinfo);

    if (!oxc_tls_waits_add(&connection->waits, from_client, new_bytes(connection, pinfo, frame, from_client),
                           &pinfo->abs_ts))
        return;
    judge_server_name(connection, OXC_TLS_SERVER_NAME);
    if (!connection->server_name && connection->server->name)
        recognize(connection, OXC_TLS_SERVER_ADDRESS, connection->server->name);
    else if (connection->waits.waits == OXC_TLS_WAITS && connection->server->connections > 1)
        recognize(connection, OXC_TLS_LONG_POLLS, NULL);
}

/* ---- the post-dissector ---- */

/* What is to be shown in this frame, on the first visit; NULL for nothing. */
static oxc_tls_note_t *
find_note(tvbuff_t *frame, packet_info *pinfo, unsigned layers)
{
    connection_t *connection = connection_of(pinfo);
    oxc_tls_note_t *note;

    if (!connection)
        return NULL;
    if (connection->has_records && layers == OXC_LAYER_TLS)
        oxc_postdissector_explained();
    if (connection->decided)
        return NULL;
    if (!connection->handshake_over)
        look_at_handshake(frame, pinfo, connection);
    else if (!connection->server)
        connection->decided = true;     /* neither a ClientHello nor port 443 */
    if (connection->server && !connection->evidence && connection->is_https)
        watch_waits(pinfo, frame, connection);
    if (!connection->evidence || connection->decided || !connection->handshake_over)
        return NULL;
    connection->decided = oxc_tls_is_decrypted(pinfo);
    if (connection->decided || !oxc_tls_has_undecrypted(frame, pinfo))
        return NULL;
    connection->decided = true;
    note = wmem_new0(wmem_file_scope(), oxc_tls_note_t);
    notes++;
    note->evidence = connection->evidence;
    note->name = connection->evidence_name;
    note->from_client = is_from_client(connection, pinfo);
    return note;
}

static oxc_tls_note_t *
recall_note(packet_info *pinfo)
{
    return (oxc_tls_note_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, FRAME_NOTE);
}

/* Whatever there is to find is read in bytes that are there, so nothing is thrown. */
static bool
wants(tvbuff_t *tvb, packet_info *pinfo, unsigned layers)
{
    oxc_tls_note_t *note;

    if (PINFO_FD_VISITED(pinfo))
        return notes > 0 && recall_note(pinfo) != NULL;
    note = find_note(tvb, pinfo, layers);
    if (note)
        p_add_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, FRAME_NOTE, note);
    return note != NULL;
}

static void
look(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    oxc_listener->tls_undecrypted(tvb, pinfo, tree, recall_note(pinfo));
}

static void
forget(void)
{
    notes = 0;
}

void
proto_register_oxc_tls_connection(void)
{
    proto_oxcnotif = proto_get_id_by_filter_name("oxcnotif");
    register_init_routine(forget);
    connections = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    servers = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), wmem_str_hash, g_str_equal);
    domains = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), wmem_str_hash, g_str_equal);
}

void
proto_reg_handoff_oxc_tls_connection(void)
{
    static const oxc_watcher_t watcher = { PT_TCP, OXC_LAYER_TLS, wants, NULL, look };

    oxc_postdissector_add(&watcher, proto_oxcnotif);
}
