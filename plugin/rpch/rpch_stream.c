/* rpch_stream.c
 * One direction of a connection with RPC over HTTP: messages to HTTP, PDUs to DCE/RPC [MS-RPCH]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpch/rpch_stream.h"

#include <epan/dissectors/packet-tcp.h>
#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/proto_data.h>
#include <epan/show_exception.h>

#include "rpc/rpc_pdu.h"

/* [MS-RPCH] 2.2.3.6 */
#define RTS_FLAG_PING 0x0001
#define RTS_FLAG_ECHO 0x0040

#define MIN_CHANNEL_LENGTH 131072       /* Content-Length of a channel ([MS-RPCH] 2.1.2.1) */

/* One call: a segment or record, with what was left over before it. */
typedef struct {
    tvbuff_t *tvb;
    packet_info *pinfo;
    proto_tree *tree;
    void *data;
    rpch_connection_t *connection;
    dissector_handle_t http;
    rpch_position_t position;
    bool learn;                     /* seen for the first time: what it tells is remembered */
    int offset;
    uint32_t need;                  /* as pinfo->desegment_len; 0: none */
    bool has_item;                  /* the channel's, made when it is needed */
    proto_item *item;
    proto_tree *item_tree;
    int item_start;
    bool seen;                      /* a dissector wrote its columns */
} rpch_call_t;

static int proto_rpch = -1;
static int proto_http = -1;

static int hf_rpch_channel = -1;
static int hf_rpch_chunk_size = -1;
static int hf_rpch_cookie = -1;
static int hf_rpch_data = -1;
static int hf_rpch_virtual_connection = -1;

static int ett_rpch = -1;

static expert_field ei_rpch_begun_late = EI_INIT;
static expert_field ei_rpch_chunk = EI_INIT;
static expert_field ei_rpch_lost = EI_INIT;
static expert_field ei_rpch_not_pdu = EI_INIT;

/* DCE/RPC by its heuristics, which can be called with a PDU: ours for Exchange, its own for TCP and for lone PDUs */
static heur_dtbl_entry_t *exchange_entry;
static heur_dtbl_entry_t *dcerpc_entry;
static heur_dtbl_entry_t *lone_entry;
static heur_dtbl_entry_t *body_entry;           /* ours, by which HTTP asks about a body */
static bool takes_body;
static int http_follow_tap;
static dissector_handle_t upgrade_handle;

static const value_string rpch_channels[] = {
    { RPCH_CHANNEL_UNKNOWN, "unknown" },
    { RPCH_CHANNEL_IN, "IN" },
    { RPCH_CHANNEL_OUT, "OUT" },
    { 0, NULL }
};

/* --- what is shown --- */

/* The item of the channel, made where the first byte of a body is shown: there, of all places, a byte must be. */
static proto_tree *
channel_item(rpch_call_t *call, int offset)
{
    if (!call->has_item) {
        call->has_item = true;
        call->item = proto_tree_add_item(call->tree, proto_rpch, call->tvb, offset, -1, ENC_NA);
        call->item_tree = proto_item_add_subtree(call->item, ett_rpch);
        call->item_start = offset;
    }
    return call->item_tree;
}

/* At the end of a call, when its RTS PDUs have told what the connection is used for. */
static void
finish_item(rpch_call_t *call)
{
    const rpch_use_t *use = rpch_current_use(call->connection, call->pinfo->num);
    proto_item *item;

    if (!call->seen) {
        col_set_str(call->pinfo->cinfo, COL_PROTOCOL, "RPCH");
        col_set_str(call->pinfo->cinfo, COL_INFO, "RPC over HTTP channel");
    }
    if (!call->has_item)
        return;
    proto_item_set_len(call->item, call->offset - call->item_start);
    if (use->channel != RPCH_CHANNEL_UNKNOWN) {
        proto_item_append_text(call->item, ", %s channel", val_to_str_const(use->channel, rpch_channels, "?"));
        item = proto_tree_add_uint(call->item_tree, hf_rpch_channel, call->tvb, 0, 0, use->channel);
        proto_item_set_generated(item);
    }
    if (use->virtual_connection) {
        proto_item_append_text(call->item, ", virtual connection %u", use->virtual_connection->number);
        item = proto_tree_add_uint(call->item_tree, hf_rpch_virtual_connection, call->tvb, 0, 0,
                                   use->virtual_connection->number);
        proto_item_set_generated(item);
        item = proto_tree_add_guid(call->item_tree, hf_rpch_cookie, call->tvb, 0, 0, &use->virtual_connection->cookie);
        proto_item_set_generated(item);
    }
}

/* Follow HTTP Stream is to have the body, too. */
static void
tell_follow_tap(rpch_call_t *call, tvbuff_t *data)
{
    if (!call->position.tapped && http_follow_tap > 0 && have_tap_listener(http_follow_tap))
        tap_queue_packet(http_follow_tap, call->pinfo, data);
}

static void
show_data(rpch_call_t *call, int length, expert_field *why)
{
    proto_tree *tree = channel_item(call, call->offset);
    proto_item *item = proto_tree_add_item(tree, hf_rpch_data, call->tvb, call->offset, length, ENC_NA);

    if (why)
        expert_add_info(call->pinfo, item, why);
    tell_follow_tap(call, tvb_new_subset_length(call->tvb, call->offset, length));
    call->offset += length;
}

http_conv_t *
rpch_http_of(const conversation_t *conversation)
{
    return conversation ? (http_conv_t *)conversation_get_proto_data(conversation, proto_http) : NULL;
}

bool
rpch_takes_body(void)
{
    return takes_body;
}

/*
 * Hands length bytes to HTTP. desegment: HTTP may ask for more of them. body: bytes of a whole body behind them, which
 * HTTP gets for Follow Stream and Export Objects, and which are dissected here.
 */
static void
call_http(rpch_call_t *call, int length, bool desegment, int body)
{
    packet_info *pinfo = call->pinfo;
    tvbuff_t *tvb = tvb_new_subset_length(call->tvb, call->offset, length + body);
    uint16_t can_desegment = pinfo->can_desegment;
    http_conv_t *http = rpch_http_of(find_conversation_pinfo(pinfo, 0));
    uint32_t start = 0;

    /* HTTP gets what it hands to us because of these fields back again, so hide them. */
    if (http && http->next_handle == upgrade_handle) {
        start = http->startframe;
        http->startframe = 0;
    }
    pinfo->can_desegment = desegment && can_desegment ? can_desegment + 1 : 0;
    takes_body = body > 0;
    TRY {
        call_dissector_with_data(call->http, tvb, pinfo, call->tree, call->offset ? NULL : call->data);
    }
    FINALLY {
        takes_body = false;
        pinfo->can_desegment = can_desegment;
        if (start && !http->startframe)
            http->startframe = start;
    }
    ENDTRY;
    call->seen = true;
    if (desegment && pinfo->desegment_len) {
        call->need = pinfo->desegment_len;
        call->offset += pinfo->desegment_offset;
    } else {
        call->offset += length;
    }
    col_set_fence(pinfo->cinfo, COL_INFO);
}

/* The name of an RTS PDU that has no commands ([MS-RPCH] 2.2.4), or NULL. */
static const char *
commandless_rts(tvbuff_t *pdu)
{
    oxc_rpc_pdu_t header;

    if (!oxc_rpc_read_header(pdu, 0, &header) || header.ptype != PDU_RTS || header.length != RPC_HEADER_SIZE + 4
        || !tvb_bytes_exist(pdu, 0, header.length))
        return NULL;
    switch (tvb_get_uint16(pdu, RPC_HEADER_SIZE, header.encoding)) {
    case RTS_FLAG_PING:
        return "Ping";
    case RTS_FLAG_ECHO:
        return "Echo";
    }
    return "RTS PDU without commands";
}

/* Hands one PDU to DCE/RPC, in the name of the virtual connection. */
static void
call_dcerpc(rpch_call_t *call, tvbuff_t *pdu)
{
    packet_info *pinfo = call->pinfo;
    conversation_element_t *elements = pinfo->conv_elements;
    uint16_t can_desegment = pinfo->can_desegment;
    const char *protocol = pinfo->current_proto, *list = pinfo->heur_list_name;
    const char *name = commandless_rts(pdu);
    heur_dtbl_entry_t *entry = exchange_entry && exchange_entry->enabled ? exchange_entry : dcerpc_entry;
    const rpch_use_t *use;

    if (name)               /* the only one that lets exceptions pass */
        entry = lone_entry;
    tell_follow_tap(call, pdu);
    if (call->learn)
        rpch_learn(call->connection, pinfo, pdu);
    use = rpch_current_use(call->connection, pinfo->num);
    if (use->virtual_connection) {
        rpch_name_conversation(pinfo, use->virtual_connection);
        /* DCE/RPC makes one for a bind only; calls whose bind was not captured need one too. */
        if (call->learn)
            find_or_create_conversation(pinfo);
    }
    pinfo->can_desegment = 0;       /* the PDU is complete, or will never be */
    TRY {
        call_heur_dissector_direct(entry, pdu, pinfo, call->tree, NULL);
    }
    CATCH_NONFATAL_ERRORS {
        /* Nothing is wrong with an RTS PDU without commands; DCE/RPC stumbles when all of it has been shown. */
        if (name) {
            col_set_str(pinfo->cinfo, COL_PROTOCOL, "RPCH");
            col_add_fstr(pinfo->cinfo, COL_INFO, "%s, ", name);
            col_set_fence(pinfo->cinfo, COL_INFO);
        } else {
            show_exception(pdu, pinfo, call->tree, EXCEPT_CODE, GET_MESSAGE);
        }
    }
    FINALLY {
        pinfo->heur_list_name = list;
        pinfo->current_proto = protocol;
        pinfo->can_desegment = can_desegment;
        pinfo->conv_elements = elements;
    }
    ENDTRY;
    call->seen = true;
}

/* --- the stream --- */

/* Here is a PDU, so that it is a channel, whatever was captured of its HTTP messages. */
static void
claim(rpch_call_t *call)
{
    rpch_connection_t *connection = call->connection;

    if (call->learn && !connection->claimed && connection->suspected != RPCH_CHANNEL_UNKNOWN)
        rpch_set_use(connection, call->pinfo->num, connection->suspected, NULL);
    connection->claimed = true;
    if (call->position.suspected)
        expert_add_info(call->pinfo, (channel_item(call, call->offset), call->item), &ei_rpch_begun_late);
    call->position.suspected = false;
}

/* The length of the PDU that begins here, by a stricter test as long as nothing else tells of a channel; 0 if none. */
static uint16_t
recognize_pdu(const rpch_call_t *call, int offset)
{
    return call->position.suspected ? oxc_rpc_sure_length(call->tvb, offset) : oxc_rpc_pdu_length(call->tvb, offset);
}

/* Goes to the next byte of the body, or to the message after it, and shows the chunks. */
static rpch_result_t
skip_framing(rpch_call_t *call, int *offset, rpch_position_t *at)
{
    rpch_result_t result = RPCH_GO_ON;

    while (result == RPCH_GO_ON && rpch_at_framing(at)) {
        int start = *offset;
        uint64_t size;

        result = rpch_step(call->tvb, offset, at, &size);
        if (size)
            proto_tree_add_uint64(channel_item(call, start), hf_rpch_chunk_size, call->tvb, start, *offset - start,
                                  size);
    }
    return result;
}

/* The length of the body if all of it is there and HTTP would ask us about it; else 0. */
static int
whole_body(const rpch_head_t *head, int left)
{
    if (!body_entry)
        body_entry = find_heur_dissector_by_unique_short_name("rpch_http");
    return body_entry && body_entry->enabled && !head->chunked && head->has_length && head->body <= (unsigned)(left - head->length) ? (int)head->body : 0;
}

static rpch_result_t
dissect_message(rpch_call_t *call)
{
    rpch_position_t *at = &call->position;
    int left = tvb_reported_length_remaining(call->tvb, call->offset);
    bool bodiless;
    rpch_head_t head;
    rpch_result_t result = rpch_get_head(call->tvb, call->pinfo->pool, call->offset, &head);

    if (result == RPCH_NEED_MORE && call->pinfo->can_desegment) {
        call->need = DESEGMENT_ONE_MORE_SEGMENT;
        return RPCH_NEED_MORE;
    }
    if (result != RPCH_GO_ON) {
        if (rpch_current_use(call->connection, call->pinfo->num)->channel != RPCH_CHANNEL_UNKNOWN ||
            oxc_rpc_sure_length(call->tvb, call->offset)) {
            at->mode = RPCH_LOST;
            return RPCH_GO_ON;
        }
        call_http(call, left, true, 0);
        return RPCH_THE_END;
    }
    if (head.request && call->learn)
        rpch_set_use(call->connection, call->pinfo->num, head.channel, NULL);
    /* Of responses without a request, those for an OUT channel are so long ([MS-RPCH] 2.1.2.1), or have no end. */
    if (!head.request && head.rpc_type && head.status / 100 == 2 && call->learn &&
        (!head.has_length || head.body >= MIN_CHANNEL_LENGTH) &&
        rpch_current_use(call->connection, call->pinfo->num)->channel == RPCH_CHANNEL_UNKNOWN)
        rpch_set_use(call->connection, call->pinfo->num, RPCH_CHANNEL_OUT, NULL);
    bodiless = head.request || head.status / 100 == 1 || head.status == 204 || head.status == 304;
    if (head.request ? head.channel != RPCH_CHANNEL_UNKNOWN : head.rpc_type && head.status / 100 == 2) {
        call->connection->claimed = true;
        at->suspected = false;
        at->tapped = whole_body(&head, left) > 0;
        call_http(call, head.length, false, whole_body(&head, left));
        at->mode = RPCH_IN_BODY;
        at->chunk = head.chunked ? RPCH_CHUNK_SIZE : RPCH_NOT_CHUNKED;
        at->left = head.chunked ? 0 : head.has_length ? head.body : bodiless ? 0 : RPCH_NO_END;
        /* An echo request has a body of up to 16 bytes, in which nothing is prescribed ([MS-RPCH] 2.1.2.1.5). */
        at->echo = head.request && at->left <= RPC_HEADER_SIZE;
        return RPCH_GO_ON;
    }
    /* HTTP takes a body to the end of what it is given, so it is given the message alone if its end is known. */
    if (!head.chunked && (head.has_length || bodiless) && head.body <= (unsigned)(left - head.length))
        call_http(call, head.length + (int)head.body, false, 0);
    else
        call_http(call, left, true, 0);
    return call->need ? RPCH_NEED_MORE : RPCH_GO_ON;
}

/* The next bytes of the body, which are known to be there, out of their chunks. */
static tvbuff_t *
dechunk(const rpch_call_t *call, int length)
{
    uint8_t *copy = (uint8_t *)wmem_alloc(call->pinfo->pool, length);
    rpch_position_t at = call->position;
    int offset = call->offset;
    uint32_t missing;
    bool contiguous;

    rpch_gather(call->tvb, &offset, &at, length, copy, &contiguous, &missing);
    return tvb_new_child_real_data(call->tvb, copy, length, length);
}

/* The PDU that comes next and lies in several chunks up to end. */
static tvbuff_t *
dechunk_pdu(rpch_call_t *call, uint16_t length, int end)
{
    tvbuff_t *pdu = dechunk(call, length);
    rpch_position_t at = call->position;
    int offset = call->offset;

    add_new_data_source(call->pinfo, pdu, "De-chunked PDU");
    while (offset < end) {
        int n = at.left < (unsigned)(end - offset) ? (int)at.left : end - offset;

        offset += n;
        at.left -= n;
        if (offset < end && skip_framing(call, &offset, &at) != RPCH_GO_ON)
            break;
    }
    return pdu;
}

static rpch_result_t
dissect_body(rpch_call_t *call)
{
    rpch_position_t *at = &call->position, after;
    rpch_result_t result = skip_framing(call, &call->offset, at);
    int left = tvb_reported_length_remaining(call->tvb, call->offset), end;
    uint32_t missing;
    uint16_t length = 0;
    bool contiguous;
    tvbuff_t *pdu;

    if (left <= 0)              /* of the framing, too, nothing is left over */
        return RPCH_GO_ON;
    if (result == RPCH_NEED_MORE)
        call->need = DESEGMENT_ONE_MORE_SEGMENT;
    if (result == RPCH_GIVE_UP) {
        proto_tree_add_expert(channel_item(call, call->offset), call->pinfo, &ei_rpch_chunk, call->tvb, call->offset,
                              1);
        at->mode = RPCH_LOST;
        return RPCH_GO_ON;
    }
    if (result != RPCH_GO_ON || at->mode != RPCH_IN_BODY)
        return result;

    end = call->offset;
    after = *at;
    result = rpch_gather(call->tvb, &end, &after, RPC_HEADER_SIZE, NULL, &contiguous, &missing);
    if (result == RPCH_GO_ON)
        length = contiguous ? oxc_rpc_pdu_length(call->tvb, call->offset)
            : oxc_rpc_pdu_length(dechunk(call, RPC_HEADER_SIZE), 0);
    if (length) {
        end = call->offset;
        after = *at;
        result = rpch_gather(call->tvb, &end, &after, length, NULL, &contiguous, &missing);
    }
    if (result == RPCH_NEED_MORE) {
        call->need = length ? missing : DESEGMENT_ONE_MORE_SEGMENT;
        return RPCH_NEED_MORE;
    }
    if (result != RPCH_GO_ON || !length) {
        /* Not a PDU, or more of it than there is body. Perhaps the next chunk or segment begins with one. */
        int n = at->left < (unsigned)left ? (int)at->left : left;

        show_data(call, n, at->echo ? NULL : &ei_rpch_not_pdu);
        if (at->left != RPCH_NO_END)
            at->left -= n;
        return RPCH_GO_ON;
    }
    channel_item(call, call->offset);
    pdu = contiguous ? tvb_new_subset_length(call->tvb, call->offset, length) : dechunk_pdu(call, length, end);
    call->offset = end;
    *at = after;
    call_dcerpc(call, pdu);
    return RPCH_GO_ON;
}

/*
 * Recognizes what comes next when bytes are missing or the channel is older than the capture: a PDU, a chunk that
 * begins with one, or an HTTP message.
 */
static rpch_result_t
find_place(rpch_call_t *call)
{
    rpch_position_t *at = &call->position;
    tvbuff_t *tvb = call->tvb;
    int left = tvb_reported_length_remaining(tvb, call->offset), offset = call->offset, next;
    uint16_t pdu = recognize_pdu(call, offset);
    uint64_t size;

    if (pdu) {
        if (pdu > left) {
            call->need = pdu - left;
            return RPCH_NEED_MORE;
        }
        claim(call);
        channel_item(call, call->offset);
        call->offset += pdu;
        call_dcerpc(call, tvb_new_subset_length(tvb, offset, pdu));
        return RPCH_GO_ON;
    }
    if (left < RPC_HEADER_SIZE && call->connection->claimed && tvb_get_uint8(tvb, offset) == 5) {
        call->need = DESEGMENT_ONE_MORE_SEGMENT;
        return RPCH_NEED_MORE;
    }
    if (call->http && g_ascii_isupper(tvb_get_uint8(tvb, offset))) {
        rpch_head_t head;
        rpch_result_t result = rpch_get_head(tvb, call->pinfo->pool, offset, &head);

        /* HTTP goes on without us on a connection that was only suspected. */
        if (!call->connection->claimed
            && (result != RPCH_GO_ON || (head.channel == RPCH_CHANNEL_UNKNOWN && !head.rpc_type)))
            return RPCH_GIVE_UP;
        if (result == RPCH_NEED_MORE && call->pinfo->can_desegment) {
            call->need = DESEGMENT_ONE_MORE_SEGMENT;
            return RPCH_NEED_MORE;
        }
        if (result == RPCH_GO_ON) {
            at->mode = RPCH_AT_MESSAGE;
            return RPCH_GO_ON;
        }
    }
    at->chunk = RPCH_CHUNK_SIZE;
    if (left > 2 && tvb_get_uint16(tvb, offset, ENC_BIG_ENDIAN) == 0x0d0a) {
        at->chunk = RPCH_CHUNK_END;
        offset += 2;
    }
    if (rpch_get_chunk_size(tvb, offset, &size, &next) == RPCH_GO_ON && size >= RPC_HEADER_SIZE
        && recognize_pdu(call, next)) {
        claim(call);
        at->mode = RPCH_IN_BODY;
        at->left = 0;
        return RPCH_GO_ON;
    }
    return RPCH_GIVE_UP;
}

/* Dissects the call to its end, or to where more is needed; false if the first byte is nothing of ours. */
static bool
dissect_stream(rpch_call_t *call)
{
    int start = call->offset;
    rpch_result_t result = RPCH_GO_ON;

    while (result == RPCH_GO_ON && tvb_reported_length_remaining(call->tvb, call->offset) > 0) {
        switch (call->position.mode) {
        case RPCH_AT_MESSAGE:
            result = dissect_message(call);
            break;
        case RPCH_IN_BODY:
            result = dissect_body(call);
            break;
        case RPCH_LOST:
            result = find_place(call);
            break;
        }
    }
    if (result == RPCH_GIVE_UP) {
        if (call->offset == start && !call->connection->claimed)
            return false;
        show_data(call, tvb_reported_length_remaining(call->tvb, call->offset), &ei_rpch_lost);
    }
    return true;
}

/* What is left when more bytes are needed and cannot be asked for. */
static void
keep_or_show_rest(rpch_call_t *call, bool keep)
{
    rpch_position_t *at = &call->position;
    int left = tvb_reported_length_remaining(call->tvb, call->offset);
    uint16_t length = oxc_rpc_pdu_length(call->tvb, call->offset);

    if (keep && tvb_bytes_exist(call->tvb, call->offset, left)) {
        at->carry = (const uint8_t *)tvb_memdup(wmem_file_scope(), call->tvb, call->offset, left);
        at->carried = left;
        call->offset += left;
    } else if (length) {
        tvbuff_t *pdu = tvb_new_subset_length_caplen(call->tvb, call->offset, -1, length);

        tvb_set_fragment(pdu);
        claim(call);
        channel_item(call, call->offset);
        call->offset += left;
        call_dcerpc(call, pdu);
    } else {
        show_data(call, left, NULL);
    }
    call->need = 0;
    if (!at->carry)
        at->mode = RPCH_LOST;
}

/* --- calls --- */

static int
direction(const packet_info *pinfo)
{
    int order = cmp_address(&pinfo->src, &pinfo->dst);

    if (order == 0)
        order = pinfo->srcport < pinfo->destport ? -1 : 1;
    return order < 0 ? 0 : 1;
}

/* TCP's numbers of bytes begin with 0 or are those of the segments, as the user wants; the nearer is meant. */
static void
adopt_numbering(rpch_connection_t *connection, int d, uint32_t seq)
{
    uint32_t as_it_is = connection->next_seq[d], relative = as_it_is - connection->seq_base;

    if (MIN(seq - relative, relative - seq) < MIN(seq - as_it_is, as_it_is - seq))
        connection->next_seq[d] = relative;
    connection->seq_base = 0;
}

/*
 * The place at which a call begins is remembered with its frame, by the order of the calls in it, so that a later visit
 * begins where the first did. A call that used nothing because it needs more bytes does not count: TCP and TLS do not
 * repeat it.
 */
int
rpch_dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data, dissector_handle_t http,
             const uint32_t *seq)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    rpch_connection_t *connection = rpch_connection_of(conversation);
    int d = direction(pinfo), length = tvb_reported_length(tvb), used = 0;
    bool first_visit = !PINFO_FD_VISITED(pinfo), repeated = false;
    uint32_t *count = (uint32_t *)p_get_proto_data(pinfo->pool, pinfo, proto_rpch, 0);
    rpch_position_t begin, *remembered;
    rpch_call_t call = { .tvb = tvb, .pinfo = pinfo, .tree = tree, .data = data, .connection = connection };
    volatile bool ours = false, complete = false;

    if (!connection || connection->busy)    /* busy: HTTP asks about a body that we gave it */
        return 0;
    if (!count) {
        count = wmem_new0(pinfo->pool, uint32_t);
        p_add_proto_data(pinfo->pool, pinfo, proto_rpch, 0, count);
    }
    if (first_visit) {
        begin = connection->position[d];
        if (seq && connection->have_seq[d])
            adopt_numbering(connection, d, *seq);
        if (seq && connection->have_seq[d] && *seq != connection->next_seq[d]) {
            repeated = LT_SEQ(*seq, connection->next_seq[d]);
            memset(&begin, 0, sizeof begin);
            begin.mode = RPCH_LOST;
        }
        begin.suspected = !connection->claimed;
        call.learn = !repeated;
    } else {
        remembered = (rpch_position_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_rpch, *count + 1);
        if (!remembered)
            return 0;
        begin = *remembered;
    }
    call.http = http;
    call.position = begin;
    if (begin.carry) {
        uint8_t *both = (uint8_t *)wmem_alloc(pinfo->pool, begin.carried + tvb_captured_length(tvb));

        memcpy(both, begin.carry, begin.carried);
        tvb_memcpy(tvb, both + begin.carried, 0, tvb_captured_length(tvb));
        call.tvb = tvb_new_child_real_data(tvb, both, begin.carried + tvb_captured_length(tvb), begin.carried + length);
        add_new_data_source(pinfo, call.tvb, "Continued PDU");
        call.position.carry = NULL;
        call.position.carried = 0;
    }
    connection->busy = true;
    TRY {
        ours = dissect_stream(&call);
        if (ours && call.need && (!http || !pinfo->can_desegment))
            keep_or_show_rest(&call, !http);
        complete = true;
    }
    FINALLY {
        connection->busy = false;
        used = MAX(0, call.offset - (int)begin.carried);
        if (first_visit && !complete) {         /* an exception: whatever comes next, it has to be recognized */
            call.position.mode = RPCH_LOST;
            used = length;
            ours = true;
        }
        if (first_visit && ours && !repeated) {
            if (used)
                connection->position[d] = call.position;
            connection->have_seq[d] = seq != NULL;
            if (seq)
                connection->next_seq[d] = *seq + used;
        }
        if (ours && used) {
            ++*count;
            if (first_visit)
                p_add_proto_data(wmem_file_scope(), pinfo, proto_rpch, *count,
                                 wmem_memdup(wmem_file_scope(), &begin, sizeof begin));
        }
    }
    ENDTRY;
    if (!ours)
        return 0;
    if (call.need) {
        pinfo->desegment_offset = used;
        pinfo->desegment_len = call.need;
    }
    if (used)
        finish_item(&call);
    return tvb_captured_length(tvb);
}

void
rpch_register_stream(int proto)
{
    static hf_register_info hf[] = {
        { &hf_rpch_channel,
            { "Channel", "rpch.channel", FT_UINT8, BASE_DEC, VALS(rpch_channels), 0, NULL, HFILL } },
        { &hf_rpch_chunk_size,
            { "Chunk size", "rpch.chunk_size", FT_UINT64, BASE_DEC, NULL, 0,
                "Size of the HTTP chunk that begins here", HFILL } },
        { &hf_rpch_cookie,
            { "Virtual connection cookie", "rpch.cookie", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_rpch_data,
            { "Data", "rpch.data", FT_BYTES, BASE_NONE, NULL, 0, "Bytes of a channel that are not in a PDU", HFILL } },
        { &hf_rpch_virtual_connection,
            { "Virtual connection", "rpch.virtual_connection", FT_UINT32, BASE_DEC, NULL, 0,
                "A number for the virtual connection cookie, the same on all its channels", HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_rpch_begun_late,
            { "rpch.begun_late", PI_SEQUENCE, PI_NOTE,
                "The beginning of the channel was not captured, or only one direction is; calls may lack their request",
                EXPFILL } },
        { &ei_rpch_chunk,
            { "rpch.chunk.malformed", PI_MALFORMED, PI_WARN,
                "No chunk begins here; looking for the next PDU", EXPFILL } },
        { &ei_rpch_lost,
            { "rpch.lost", PI_SEQUENCE, PI_NOTE,
                "Bytes of the channel are missing before these (the capture began too late or segments were lost)",
                EXPFILL } },
        { &ei_rpch_not_pdu,
            { "rpch.not_pdu", PI_MALFORMED, PI_WARN, "Not a DCE/RPC PDU", EXPFILL } },
    };
    static int *ett[] = { &ett_rpch };

    proto_rpch = proto;
    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}

bool
rpch_handoff_stream(dissector_handle_t upgrade)
{
    upgrade_handle = upgrade;
    proto_http = proto_get_id_by_filter_name("http");
    http_follow_tap = find_tap_id("http_follow");
    exchange_entry = find_heur_dissector_by_unique_short_name("emsmdb_tcp");
    dcerpc_entry = find_heur_dissector_by_unique_short_name("dcerpc_tcp");
    lone_entry = find_heur_dissector_by_unique_short_name("dcerpc_netbios");
    return dcerpc_entry && lone_entry;
}
