/* segment.c
 * The connection, the layers and the data of a frame with a TCP segment
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/segment.h"

#include "tcp/tcp_payload.h"

static int proto_tcp = -1;

/* By the bit number of their oxc_layer_t. */
static struct {
    const char *name;
    int proto;
} layers[] = { { "tls", -1 }, { "http", -1 }, { "http2", -1 }, { "dcerpc", -1 } };

/* The conversation that was found last, and for what. */
static struct {
    const packet_info *pinfo;           /* NULL: none */
    uint32_t num;
    port_type ptype;
    uint32_t srcport, destport;
    const void *src, *dst;              /* where the addresses are */
    conversation_t *conversation;
    const struct tcp_analysis *tcp;     /* NULL until it was found */
} latest;

/* Of the virtual connection whose PDU is dissected; NULL for none. */
static struct {
    const conversation_element_t *elements;
    conversation_t *conversation;
} named;

/* Of the frame that the post-dissectors look at; pinfo is NULL between frames. Each is found when it is asked for. */
static struct {
    const packet_info *pinfo;
    unsigned layers;
    bool has_layers;                    /* they were looked at */
    bool has_extent;                    /* what follows is known */
    int start;                          /* of the data in the frame */
    uint32_t length;                    /* 0: none */
    uint32_t seq;
    tvbuff_t *data;                     /* NULL until it was asked for */
} current;

void
oxc_segment_begin(packet_info *pinfo)
{
    current.pinfo = pinfo;
    current.has_layers = false;
    current.has_extent = false;
    current.data = NULL;
}

void
oxc_segment_end(void)
{
    current.pinfo = NULL;
}

void
oxc_segment_name(const conversation_element_t *elements, conversation_t *conversation)
{
    named.elements = elements;
    named.conversation = conversation;
}

conversation_t *
oxc_segment_conversation(packet_info *pinfo)
{
    /* With elements it is another one: rpch_name_conversation(). */
    if (pinfo->conv_elements)
        return named.conversation && named.elements == pinfo->conv_elements ? named.conversation
                                                                            : find_conversation_pinfo(pinfo, 0);
    if (latest.pinfo == pinfo && latest.num == pinfo->num && latest.ptype == pinfo->ptype &&
        latest.srcport == pinfo->srcport && latest.destport == pinfo->destport && latest.src == pinfo->src.data &&
        latest.dst == pinfo->dst.data)
        return latest.conversation;
    latest.conversation = find_conversation_pinfo(pinfo, 0);
    latest.pinfo = latest.conversation ? pinfo : NULL;
    latest.num = pinfo->num;
    latest.ptype = pinfo->ptype;
    latest.srcport = pinfo->srcport;
    latest.destport = pinfo->destport;
    latest.src = pinfo->src.data;
    latest.dst = pinfo->dst.data;
    latest.tcp = NULL;
    return latest.conversation;
}

const struct tcp_analysis *
oxc_segment_tcp(packet_info *pinfo)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    bool is_latest = conversation && conversation == latest.conversation;
    const struct tcp_analysis *tcp = is_latest ? latest.tcp : NULL;

    if (!tcp && conversation)
        tcp = (const struct tcp_analysis *)conversation_get_proto_data(conversation, proto_tcp);
    if (is_latest)
        latest.tcp = tcp;
    return tcp;
}

/* Of the layers from the last one back to TCP. */
static unsigned
look_at_layers(wmem_list_frame_t *last)
{
    unsigned found = 0;

    for (wmem_list_frame_t *at = last; at; at = wmem_list_frame_prev(at)) {
        int proto = GPOINTER_TO_INT(wmem_list_frame_data(at));

        if (proto == proto_tcp)
            break;
        found |= OXC_LAYER_ANY;
        for (unsigned i = 0; i < G_N_ELEMENTS(layers); i++)
            found |= (unsigned)(proto == layers[i].proto) << i;
    }
    return found;
}

/* The last layer is the post-dissector's own. */
unsigned
oxc_segment_layers(const packet_info *pinfo)
{
    wmem_list_frame_t *last;

    if (current.pinfo != pinfo)
        return look_at_layers(wmem_list_tail(pinfo->layers));
    if (!current.has_layers) {
        last = wmem_list_tail(pinfo->layers);
        current.layers = last ? look_at_layers(wmem_list_frame_prev(last)) : 0;
        current.has_layers = true;
    }
    return current.layers;
}

int
oxc_segment_extent(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq, uint32_t *length)
{
    if (current.pinfo != pinfo)
        return oxc_tcp_extent(frame, pinfo, seq, length);
    if (!current.has_extent) {
        current.start = oxc_tcp_extent(frame, pinfo, &current.seq, &current.length);
        current.has_extent = true;
    }
    *seq = current.seq;
    *length = current.length;
    return current.start;
}

tvbuff_t *
oxc_segment_payload(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq)
{
    uint32_t length;

    if (current.pinfo != pinfo)
        return oxc_tcp_payload(frame, pinfo, seq);
    if (oxc_segment_extent(frame, pinfo, seq, &length) < 0)
        return NULL;
    if (!current.data)
        current.data = tvb_new_subset_length(frame, current.start, (int)length);
    return current.data;
}

static void
forget(void)
{
    latest.pinfo = NULL;
    latest.conversation = NULL;
}

void
oxc_segment_register(void)
{
    register_init_routine(forget);
    proto_tcp = proto_get_id_by_filter_name("tcp");
    for (unsigned i = 0; i < G_N_ELEMENTS(layers); i++)
        layers[i].proto = proto_get_id_by_filter_name(layers[i].name);
}
