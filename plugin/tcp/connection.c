/* connection.c
 * A TCP connection with something of ours: who is its client, and how it ended
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/connection.h"

#include "tcp/segment.h"

/* Bits of tcp_analysis.conversation_completeness; packet-tcp.c keeps their names to itself. */
#define TCP_SEEN_FIN    0x10
#define TCP_SEEN_RST    0x20

typedef struct {
    uint32_t client_port;       /* of the latest request; 0: none yet */
    uint8_t ends;               /* bits that were seen up to frame looked_in */
    uint8_t news;               /* of these, which came with it */
    uint32_t looked_in;
} connection_t;

static wmem_map_t *connections; /* conversation_t -> connection_t */

/* Bits for FIN and RST, 0 while it is open. */
static uint8_t
ends_seen(packet_info *pinfo)
{
    const struct tcp_analysis *tcp = oxc_segment_tcp(pinfo);

    return tcp ? tcp->conversation_completeness & (TCP_SEEN_FIN | TCP_SEEN_RST) : 0;
}

/* The record of the frame's connection, made if it is new; NULL for no connection. */
static connection_t *
get(packet_info *pinfo)
{
    conversation_t *conversation = pinfo->ptype == PT_TCP ? oxc_segment_conversation(pinfo) : NULL;
    connection_t *connection = conversation ? (connection_t *)wmem_map_lookup(connections, conversation) : NULL;

    if (!connection && conversation) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        wmem_map_insert(connections, conversation, connection);
    }
    return connection;
}

void
oxc_connection_request(packet_info *pinfo)
{
    connection_t *connection = PINFO_FD_VISITED(pinfo) || pinfo->conv_elements ? NULL : get(pinfo);

    if (connection)
        connection->client_port = pinfo->srcport;
}

oxc_closed_by_t
oxc_connection_sender(packet_info *pinfo)
{
    const connection_t *connection = get(pinfo);

    if (!connection || connection->client_port == 0)
        return OXC_CLOSED_BY_UNKNOWN;
    return pinfo->srcport == connection->client_port ? OXC_CLOSED_BY_CLIENT : OXC_CLOSED_BY_SERVER;
}

bool
oxc_connection_ends_now(packet_info *pinfo)
{
    connection_t *connection = PINFO_FD_VISITED(pinfo) ? NULL : get(pinfo);
    uint8_t ends;

    if (!connection)
        return false;
    if (connection->looked_in != pinfo->num) {
        ends = ends_seen(pinfo);
        connection->news = ends & (uint8_t)~connection->ends;
        connection->ends = ends;
        connection->looked_in = pinfo->num;
    }
    return connection->news != 0;
}

bool
oxc_connection_has_ended(packet_info *pinfo)
{
    return ends_seen(pinfo) != 0;
}

void
oxc_connection_register(void)
{
    connections = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
