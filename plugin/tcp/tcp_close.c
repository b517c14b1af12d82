/* tcp_close.c
 * How a TCP connection ended
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/tcp_close.h"

#include <epan/conversation.h>
#include <epan/dissectors/packet-tcp.h>

/* Bits of tcp_analysis.conversation_completeness; packet-tcp.c keeps their names to itself. */
#define TCP_SEEN_FIN    0x10
#define TCP_SEEN_RST    0x20

uint8_t
oxc_tcp_ends_seen(packet_info *pinfo)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    const struct tcp_analysis *tcp;

    if (!conversation)
        return 0;
    tcp = (const struct tcp_analysis *)conversation_get_proto_data(conversation, proto_get_id_by_filter_name("tcp"));
    return tcp ? tcp->conversation_completeness & (TCP_SEEN_FIN | TCP_SEEN_RST) : 0;
}
