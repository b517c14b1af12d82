/* segment.c
 * The connection and the layers of a frame with a TCP segment
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/segment.h"

static int proto_tcp = -1;

/* Of the frame that the post-dissectors look at; pinfo is NULL between frames. */
static struct {
    const packet_info *pinfo;
    conversation_t *conversation;   /* NULL until it was found */
} current;

void
oxc_segment_begin(packet_info *pinfo)
{
    current.pinfo = pinfo;
    current.conversation = NULL;
}

void
oxc_segment_end(void)
{
    current.pinfo = NULL;
    current.conversation = NULL;
}

conversation_t *
oxc_segment_conversation(packet_info *pinfo)
{
    /* With elements it is another one: rpch_name_conversation(). */
    if (current.pinfo != pinfo || pinfo->conv_elements)
        return find_conversation_pinfo(pinfo, 0);
    if (!current.conversation)
        current.conversation = find_conversation_pinfo(pinfo, 0);
    return current.conversation;
}

const struct tcp_analysis *
oxc_segment_tcp(packet_info *pinfo)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);

    return conversation ? (const struct tcp_analysis *)conversation_get_proto_data(conversation, proto_tcp) : NULL;
}

bool
oxc_segment_has_layer(const packet_info *pinfo, int proto)
{
    for (wmem_list_frame_t *layer = wmem_list_head(pinfo->layers); layer; layer = wmem_list_frame_next(layer))
        if (GPOINTER_TO_INT(wmem_list_frame_data(layer)) == proto)
            return true;
    return false;
}

void
oxc_segment_register(void)
{
    proto_tcp = proto_get_id_by_filter_name("tcp");
}
