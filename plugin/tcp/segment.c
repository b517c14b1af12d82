/* segment.c
 * The connection, the layers and the data of a frame with a TCP segment
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/segment.h"

#include <string.h>

#include <epan/prefs.h>
#include <epan/prefs-int.h>

static int proto_tcp = -1;

/* By the bit number of their oxc_layer_t, the frequent ones first. */
static struct {
    const char *name;
    int proto;
} layers[] = { { "tls", -1 }, { "data", -1 }, { "http", -1 }, { "dcerpc", -1 }, { "http2", -1 } };

/* The conversation that was found last, and for what. */
static struct {
    const packet_info *pinfo;           /* NULL: none */
    uint32_t num;
    port_type ptype;
    uint32_t srcport, destport;
    const void *src, *dst;              /* where the addresses are */
    conversation_t *conversation;
} latest;

/*
 * Connections as they were found last: Wireshark takes a thousand instructions to find one. Each has its place by ports
 * and addresses, and loses it to the next one that comes there.
 */
#define PLACES 256              /* a power of two */
#define IPV4_ADDRESS 4          /* bytes */
#define MAX_ADDRESS 16          /* IPv6 */

typedef struct {
    uint32_t ports;                     /* the lower one first */
    int size;                           /* of an address; 0: nothing is here */
    uint8_t addresses[2][MAX_ADDRESS];  /* in the order of the ports */
    uint32_t streams;                   /* TCP connections that there were in the capture */
    conversation_t *conversation;
    void *note;                         /* oxc_segment_note() */
} place_t;

static place_t places[PLACES];

/* Of the virtual connection whose PDU is dissected; NULL for none. */
static struct {
    const conversation_element_t *elements;
    conversation_t *conversation;
} named;

/* Of the frame that the post-dissectors look at; pinfo is NULL between frames. Each is found when it is asked for. */
static struct {
    const packet_info *pinfo;
    tvbuff_t *frame;
    unsigned layers;
    conversation_t *conversation;       /* NULL until it was found */
    place_t *place;                     /* of it; NULL for none */
    const struct tcp_analysis *tcp;     /* NULL until it was found */
    bool has_first_bytes;               /* they are known */
    int first_bytes;
    bool has_extent;                    /* it is known */
    oxc_tcp_data_t extent;              /* of the data in the frame */
    tvbuff_t *data;                     /* NULL until it was asked for */
} current;

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

/* What a place holds of a connection between two ends. */
static bool
is_at(const place_t *place, uint32_t ports, const address *first, const address *second)
{
    if (place->ports != ports || place->size != first->len)
        return false;
    if (place->size == IPV4_ADDRESS)    /* the compiler knows the size, and calls nobody */
        return memcmp(place->addresses[0], first->data, IPV4_ADDRESS) == 0 &&
               memcmp(place->addresses[1], second->data, IPV4_ADDRESS) == 0;
    return memcmp(place->addresses[0], first->data, MAX_ADDRESS) == 0 &&
           memcmp(place->addresses[1], second->data, MAX_ADDRESS) == 0;
}

static void
put_at(place_t *place, uint32_t ports, const address *first, const address *second)
{
    place->ports = ports;
    place->size = first->len;
    memcpy(place->addresses[0], first->data, (size_t)first->len);
    memcpy(place->addresses[1], second->data, (size_t)first->len);
    place->note = NULL;
}

static bool
has_place(const packet_info *pinfo)
{
    int type = pinfo->src.type, size = pinfo->src.len;

    return pinfo->ptype == PT_TCP && !PINFO_FD_VISITED(pinfo) && !pinfo->use_conv_addr_port_endpoints &&
           ((type == AT_IPv4 && size == IPV4_ADDRESS) || (type == AT_IPv6 && size == MAX_ADDRESS)) && pinfo->dst.type == type &&
           pinfo->dst.len == size && pinfo->srcport != pinfo->destport;
}

/*
 * find_conversation_pinfo(). A connection with the ends of an earlier one is a new stream to the TCP dissector, so as long
 * as there is none of those, ends have the conversation that they had. On later visits it depends on the frame. NULL if the
 * connection has no place, or there is none.
 */
static place_t *
find_place(packet_info *pinfo)
{
    bool down = pinfo->srcport > pinfo->destport;
    const address *first = down ? &pinfo->dst : &pinfo->src, *second = down ? &pinfo->src : &pinfo->dst;
    uint32_t ports = down ? pinfo->destport << 16 | pinfo->srcport : pinfo->srcport << 16 | pinfo->destport;
    uint32_t streams;
    place_t *place;

    if (!has_place(pinfo))
        return NULL;
    streams = get_tcp_stream_count();
    place = &places[(ports ^ ports >> 16 ^ ((const uint8_t *)first->data)[first->len - 1] * 7U ^
                     ((const uint8_t *)second->data)[first->len - 1] * 31U) % PLACES];
    if (is_at(place, ports, first, second) && place->streams == streams)
        return place;
    put_at(place, ports, first, second);
    place->streams = streams;
    place->conversation = find_conversation_pinfo(pinfo, 0);
    if (place->conversation)
        return place;
    place->size = 0;
    return NULL;
}

static conversation_t *
find_conversation_of(packet_info *pinfo)
{
    const place_t *place = find_place(pinfo);

    return place ? place->conversation : find_conversation_pinfo(pinfo, 0);
}

static bool
is_of_latest(const packet_info *pinfo)
{
    return latest.num == pinfo->num && latest.pinfo == pinfo && latest.src == pinfo->src.data &&
           latest.srcport == pinfo->srcport && latest.dst == pinfo->dst.data && latest.destport == pinfo->destport &&
           latest.ptype == pinfo->ptype;
}

static conversation_t *
find_latest(packet_info *pinfo)
{
    if (is_of_latest(pinfo))
        return latest.conversation;
    latest.conversation = find_conversation_of(pinfo);
    latest.pinfo = latest.conversation ? pinfo : NULL;
    latest.num = pinfo->num;
    latest.ptype = pinfo->ptype;
    latest.srcport = pinfo->srcport;
    latest.destport = pinfo->destport;
    latest.src = pinfo->src.data;
    latest.dst = pinfo->dst.data;
    return latest.conversation;
}

/* Nearly always nobody has asked before the post-dissectors. */
static conversation_t *
find_current(packet_info *pinfo)
{
    if (!is_of_latest(pinfo)) {
        current.place = find_place(pinfo);
        if (current.place)
            return current.place->conversation;
    }
    return find_latest(pinfo);
}

conversation_t *
oxc_segment_conversation(packet_info *pinfo)
{
    /* With elements it is another one: rpch_name_conversation(). */
    if (pinfo->conv_elements)
        return named.conversation && named.elements == pinfo->conv_elements ? named.conversation
                                                                            : find_conversation_pinfo(pinfo, 0);
    if (current.pinfo != pinfo)
        return find_latest(pinfo);
    if (!current.conversation)
        current.conversation = find_current(pinfo);
    return current.conversation;
}

void **
oxc_segment_note(packet_info *pinfo)
{
    if (current.pinfo != pinfo || pinfo->conv_elements)
        return NULL;
    if (!current.conversation)
        current.conversation = find_current(pinfo);
    return current.place ? &current.place->note : NULL;
}

bool
oxc_segment_tcp_preference(const char *name)
{
    module_t *tcp = prefs_find_module("tcp");
    pref_t *preference = tcp ? prefs_find_preference(tcp, name) : NULL;

    return preference && prefs_get_bool_value(preference, pref_current);
}

static const struct tcp_analysis *
tcp_of(const conversation_t *conversation)
{
    return conversation ? (const struct tcp_analysis *)conversation_get_proto_data(conversation, proto_tcp) : NULL;
}

const struct tcp_analysis *
oxc_segment_tcp(packet_info *pinfo)
{
    if (current.pinfo != pinfo || pinfo->conv_elements)
        return tcp_of(oxc_segment_conversation(pinfo));
    if (!current.tcp)
        current.tcp = tcp_of(oxc_segment_conversation(pinfo));
    return current.tcp;
}

unsigned
oxc_segment_find_layers(const packet_info *pinfo)
{
    unsigned found = 0;

    for (wmem_list_frame_t *at = wmem_list_tail(pinfo->layers); at; at = wmem_list_frame_prev(at)) {
        int proto = GPOINTER_TO_INT(wmem_list_frame_data(at));
        unsigned i = 0;

        if (proto == proto_tcp)
            break;
        while (i < G_N_ELEMENTS(layers) && proto != layers[i].proto)
            i++;
        found |= 1U << i;       /* behind the last one is OXC_LAYER_OTHER */
    }
    return found == 0 && compat_layer_was_taken_away(pinfo) ? OXC_LAYER_LOST : found;
}

void
oxc_segment_begin(tvbuff_t *frame, packet_info *pinfo, unsigned found_layers)
{
    current.pinfo = pinfo;
    current.frame = frame;
    current.layers = found_layers;
    current.conversation = NULL;
    current.place = NULL;
    current.tcp = NULL;
    current.has_extent = current.has_first_bytes = false;
    current.data = NULL;
}

unsigned
oxc_segment_layers(const packet_info *pinfo)
{
    return current.pinfo == pinfo ? current.layers : oxc_segment_find_layers(pinfo) & ~(unsigned)OXC_LAYER_LOST;
}

int
oxc_segment_first_bytes(tvbuff_t *frame, const packet_info *pinfo)
{
    oxc_tcp_data_t data;

    if (current.pinfo != pinfo)
        return oxc_tcp_first_bytes(frame, pinfo, &data);
    if (!current.has_first_bytes) {
        current.first_bytes = oxc_tcp_first_bytes(frame, pinfo, &current.extent);
        current.has_first_bytes = true;
        current.has_extent = current.first_bytes != OXC_TCP_UNSURE;
    }
    return current.first_bytes;
}

int
oxc_segment_extent(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq, uint32_t *length)
{
    if (current.pinfo != pinfo)
        return oxc_tcp_extent(frame, pinfo, seq, length);
    oxc_segment_first_bytes(frame, pinfo);
    if (!current.has_extent) {
        current.extent.start = oxc_tcp_extent(frame, pinfo, &current.extent.seq, &current.extent.length);
        current.has_extent = true;
    }
    *seq = current.extent.seq;
    *length = current.extent.length;
    return current.extent.start;
}

uint32_t
oxc_segment_length(const packet_info *pinfo, uint32_t *seq)
{
    uint32_t length;

    return current.pinfo == pinfo && oxc_segment_extent(current.frame, pinfo, seq, &length) >= 0 ? length : 0;
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
        current.data = tvb_new_subset_length(frame, current.extent.start, (int)length);
    return current.data;
}

static void
forget(void)
{
    latest.pinfo = NULL;
    latest.conversation = NULL;
    memset(places, 0, sizeof places);
}

void
oxc_segment_ask_for_rest(packet_info *pinfo, const tvbuff_t *data, const struct tcpinfo *tcpinfo)
{
    int32_t rest;

    if (pinfo->desegment_len != DESEGMENT_ONE_MORE_SEGMENT || !tcpinfo->is_reassembled)
        return;
    rest = (int32_t)(tcpinfo->nxtseq - tcpinfo->seq - tvb_reported_length(data));
    if (rest > 0)
        pinfo->desegment_len = (uint32_t)rest;
}

void
oxc_segment_register(void)
{
    register_init_routine(forget);
    proto_tcp = proto_get_id_by_filter_name("tcp");
    for (unsigned i = 0; i < G_N_ELEMENTS(layers); i++)
        layers[i].proto = proto_get_id_by_filter_name(layers[i].name);
}
