/* tcp_close.c
 * How a TCP connection ended
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/tcp_close.h"

#include "tcp/segment.h"

/* Bits of tcp_analysis.conversation_completeness; packet-tcp.c keeps their names to itself. */
#define TCP_SEEN_FIN    0x10
#define TCP_SEEN_RST    0x20

uint8_t
oxc_tcp_ends_seen(packet_info *pinfo)
{
    const struct tcp_analysis *tcp = oxc_segment_tcp(pinfo);

    return tcp ? tcp->conversation_completeness & (TCP_SEEN_FIN | TCP_SEEN_RST) : 0;
}
