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

#include "rpc/rpc_pdu.h"
#include "rpch/rpch_call.h"
#include "tcp/segment.h"

#define MIN_CHANNEL_LENGTH 131072       /* Content-Length of a channel ([MS-RPCH] 2.1.2.1) */

static int proto_rpch = -1;

static int hf_rpch_chunk_size = -1;

static expert_field ei_rpch_begun_late = EI_INIT;
static expert_field ei_rpch_chunk = EI_INIT;
static expert_field ei_rpch_lost = EI_INIT;
static expert_field ei_rpch_not_pdu = EI_INIT;

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
        expert_add_info(call->pinfo, (rpch_channel_item(call, call->offset), call->item), &ei_rpch_begun_late);
    call->position.suspected = false;
}

/* The length of the PDU that begins here, by a stricter test as long as nothing else tells of a channel; 0 if none. */
static uint16_t
recognize_pdu(const rpch_call_t *call, int offset)
{
    return call->position.suspected ? oxc_rpc_sure_length(call->tvb, offset) : oxc_rpc_pdu_length(call->tvb, offset);
}

/* Goes to the next byte of the body, or to the message after it, and shows the chunks. */
static oxc_http_result_t
skip_framing(rpch_call_t *call, int *offset, oxc_http_framing_t *at)
{
    oxc_http_result_t result = OXC_HTTP_GO_ON;

    while (result == OXC_HTTP_GO_ON && oxc_http_at_framing(at)) {
        int start = *offset;
        uint64_t size;

        result = oxc_http_step(call->tvb, offset, at, &size);
        if (size)
            proto_tree_add_uint64(rpch_channel_item(call, start), hf_rpch_chunk_size, call->tvb, start, *offset - start,
                                  size);
    }
    return result;
}

static oxc_http_result_t
dissect_message(rpch_call_t *call)
{
    rpch_position_t *at = &call->position;
    int left = tvb_reported_length_remaining(call->tvb, call->offset);
    bool bodiless;
    rpch_head_t head;
    oxc_http_result_t result = rpch_get_head(call->tvb, call->pinfo, call->offset, &at->scanned, &head);

    if (result == OXC_HTTP_NEED_MORE && call->pinfo->can_desegment) {
        call->need = DESEGMENT_ONE_MORE_SEGMENT;
        return OXC_HTTP_NEED_MORE;
    }
    if (result != OXC_HTTP_GO_ON) {
        if (rpch_current_use(call->connection, call->pinfo->num).channel != RPCH_CHANNEL_UNKNOWN ||
            oxc_rpc_sure_length(call->tvb, call->offset)) {
            at->mode = RPCH_LOST;
            return OXC_HTTP_GO_ON;
        }
        rpch_call_http(call, left, true, 0);
        return OXC_HTTP_THE_END;
    }
    if (head.request && call->learn)
        rpch_set_use(call->connection, call->pinfo->num, head.channel, NULL);
    /* Of responses without a request, those for an OUT channel are so long ([MS-RPCH] 2.1.2.1), or have no end. */
    if (!head.request && head.rpc_type && head.status / 100 == 2 && call->learn &&
        (!head.has_length || head.body >= MIN_CHANNEL_LENGTH) &&
        rpch_current_use(call->connection, call->pinfo->num).channel == RPCH_CHANNEL_UNKNOWN)
        rpch_set_use(call->connection, call->pinfo->num, RPCH_CHANNEL_OUT, NULL);
    bodiless = head.request || head.status / 100 == 1 || head.status == 204 || head.status == 304;
    if (head.request ? head.channel != RPCH_CHANNEL_UNKNOWN : head.rpc_type && head.status / 100 == 2) {
        call->connection->claimed = true;
        at->suspected = false;
        at->tapped = rpch_whole_body(&head, left) > 0;
        rpch_call_http(call, head.length, false, rpch_whole_body(&head, left));
        at->mode = RPCH_IN_BODY;
        at->framing.chunk = head.chunked ? OXC_HTTP_CHUNK_SIZE : OXC_HTTP_NOT_CHUNKED;
        at->framing.left = head.chunked ? 0 : head.has_length ? head.body : bodiless ? 0 : OXC_HTTP_NO_END;
        /* An echo request has a body of up to 16 bytes, in which nothing is prescribed ([MS-RPCH] 2.1.2.1.5). */
        at->echo = head.request && at->framing.left <= RPC_HEADER_SIZE;
        return OXC_HTTP_GO_ON;
    }
    /* HTTP takes a body to the end of what it is given, so it is given the message alone if its end is known. */
    if (!head.chunked && (head.has_length || bodiless) && head.body <= (unsigned)(left - head.length))
        rpch_call_http(call, head.length + (int)head.body, false, 0);
    else
        rpch_call_http(call, left, true, 0);
    return call->need ? OXC_HTTP_NEED_MORE : OXC_HTTP_GO_ON;
}

/* The next bytes of the body, which are known to be there, out of their chunks. */
static tvbuff_t *
dechunk(const rpch_call_t *call, int length)
{
    uint8_t *copy = (uint8_t *)wmem_alloc(call->pinfo->pool, length);
    oxc_http_gathered_t gathered = { .at = call->position.framing };
    uint32_t missing;

    oxc_http_gather(call->tvb, call->offset, &gathered, length, copy, &missing);
    return tvb_new_child_real_data(call->tvb, copy, length, length);
}

/* The PDU that comes next and lies in several chunks up to end. */
static tvbuff_t *
dechunk_pdu(rpch_call_t *call, uint16_t length, int end)
{
    tvbuff_t *pdu = dechunk(call, length);
    oxc_http_framing_t at = call->position.framing;
    int offset = call->offset;

    add_new_data_source(call->pinfo, pdu, "De-chunked PDU");
    while (offset < end) {
        int n = at.left < (unsigned)(end - offset) ? (int)at.left : end - offset;

        oxc_http_pass(&at, &offset, n);
        if (offset < end && skip_framing(call, &offset, &at) != OXC_HTTP_GO_ON)
            break;
    }
    return pdu;
}

/* The PDU that comes next and is there. One alone, as most are, needs no other tvb. */
static tvbuff_t *
whole_pdu(const rpch_call_t *call, uint16_t length)
{
    return call->offset == 0 && tvb_reported_length(call->tvb) == length
               ? call->tvb : tvb_new_subset_length(call->tvb, call->offset, length);
}

/* By its header, which is there; 0 if it is none. */
static uint16_t
pdu_length(const rpch_call_t *call)
{
    bool is_in_one_piece = call->position.framing.left >= RPC_HEADER_SIZE;

    return is_in_one_piece ? oxc_rpc_pdu_length(call->tvb, call->offset) : oxc_rpc_pdu_length(dechunk(call, RPC_HEADER_SIZE), 0);
}

static oxc_http_result_t
dissect_body(rpch_call_t *call)
{
    rpch_position_t *at = &call->position;
    oxc_http_gathered_t gathered = at->gathered;
    oxc_http_result_t result = skip_framing(call, &call->offset, &at->framing);
    int left = tvb_reported_length_remaining(call->tvb, call->offset), end;
    uint32_t missing;
    uint16_t length = 0;
    tvbuff_t *pdu;

    memset(&at->gathered, 0, sizeof at->gathered);
    if (at->framing.chunk == OXC_HTTP_BODY_END)
        at->mode = RPCH_AT_MESSAGE;
    if (left <= 0)              /* of the framing, too, nothing is left over */
        return OXC_HTTP_GO_ON;
    if (result == OXC_HTTP_NEED_MORE)
        call->need = DESEGMENT_ONE_MORE_SEGMENT;
    if (result == OXC_HTTP_GIVE_UP) {
        proto_tree_add_expert(rpch_channel_item(call, call->offset), call->pinfo, &ei_rpch_chunk, call->tvb,
                              call->offset, 1);
        at->mode = RPCH_LOST;
        return OXC_HTTP_GO_ON;
    }
    if (result != OXC_HTTP_GO_ON || at->mode != RPCH_IN_BODY)
        return result;

    if (gathered.passed == 0)
        gathered.at = at->framing;
    result = oxc_http_gather(call->tvb, call->offset, &gathered, RPC_HEADER_SIZE, NULL, &missing);
    if (result == OXC_HTTP_GO_ON)
        length = pdu_length(call);
    if (length)
        result = oxc_http_gather(call->tvb, call->offset, &gathered, length, NULL, &missing);
    if (result == OXC_HTTP_NEED_MORE) {
        at->gathered = gathered;
        call->need = length ? missing : DESEGMENT_ONE_MORE_SEGMENT;
        return OXC_HTTP_NEED_MORE;
    }
    if (result != OXC_HTTP_GO_ON || !length) {
        /* Not a PDU, or more of it than there is body. Perhaps the next chunk or segment begins with one. */
        int n = at->framing.left < (unsigned)left ? (int)at->framing.left : left, end_of_data = call->offset;

        oxc_http_pass(&at->framing, &end_of_data, n);
        rpch_show_data(call, n, at->echo ? NULL : &ei_rpch_not_pdu);
        return OXC_HTTP_GO_ON;
    }
    rpch_channel_item(call, call->offset);
    end = call->offset + gathered.passed;
    pdu = gathered.passed == gathered.got ? whole_pdu(call, length) : dechunk_pdu(call, length, end);
    call->offset = end;
    at->framing = gathered.at;
    rpch_call_dcerpc(call, pdu);
    return OXC_HTTP_GO_ON;
}

/*
 * Recognizes what comes next when bytes are missing or the channel is older than the capture: a PDU, a chunk that
 * begins with one, or an HTTP message.
 */
static oxc_http_result_t
find_place(rpch_call_t *call)
{
    rpch_position_t *at = &call->position;
    tvbuff_t *tvb = call->tvb;
    int left = tvb_reported_length_remaining(tvb, call->offset), offset = call->offset, next;
    uint16_t pdu = recognize_pdu(call, offset);
    uint64_t size;

    if (pdu) {
        tvbuff_t *whole;

        if (pdu > left) {
            call->need = pdu - left;
            return OXC_HTTP_NEED_MORE;
        }
        claim(call);
        rpch_channel_item(call, call->offset);
        whole = whole_pdu(call, pdu);
        call->offset += pdu;
        rpch_call_dcerpc(call, whole);
        return OXC_HTTP_GO_ON;
    }
    if (left < RPC_HEADER_SIZE && call->connection->claimed && tvb_get_uint8(tvb, offset) == 5) {
        call->need = DESEGMENT_ONE_MORE_SEGMENT;
        return OXC_HTTP_NEED_MORE;
    }
    if (call->http && g_ascii_isupper(tvb_get_uint8(tvb, offset))) {
        rpch_head_t head;
        oxc_http_result_t result = rpch_get_head(tvb, call->pinfo, offset, &at->scanned, &head);

        /* HTTP goes on without us on a connection that was only suspected. */
        if (!call->connection->claimed
            && (result != OXC_HTTP_GO_ON || (head.channel == RPCH_CHANNEL_UNKNOWN && !head.rpc_type)))
            return OXC_HTTP_GIVE_UP;
        if (result == OXC_HTTP_NEED_MORE && call->pinfo->can_desegment) {
            call->need = DESEGMENT_ONE_MORE_SEGMENT;
            return OXC_HTTP_NEED_MORE;
        }
        if (result == OXC_HTTP_GO_ON) {
            at->mode = RPCH_AT_MESSAGE;
            return OXC_HTTP_GO_ON;
        }
    }
    at->framing.chunk = OXC_HTTP_CHUNK_SIZE;
    if (left > 2 && tvb_get_uint16(tvb, offset, ENC_BIG_ENDIAN) == 0x0d0a) {
        at->framing.chunk = OXC_HTTP_CHUNK_END;
        offset += 2;
    }
    if (oxc_http_chunk_size(tvb, offset, &size, &next) == OXC_HTTP_GO_ON && size >= RPC_HEADER_SIZE
        && recognize_pdu(call, next)) {
        claim(call);
        at->mode = RPCH_IN_BODY;
        at->framing.left = 0;
        return OXC_HTTP_GO_ON;
    }
    return OXC_HTTP_GIVE_UP;
}

/* Dissects the call to its end, or to where more is needed; false if the first byte is nothing of ours. */
static bool
dissect_stream(rpch_call_t *call)
{
    int start = call->offset;
    oxc_http_result_t result = OXC_HTTP_GO_ON;

    while (result == OXC_HTTP_GO_ON && tvb_reported_length_remaining(call->tvb, call->offset) > 0) {
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
    if (result == OXC_HTTP_GIVE_UP) {
        if (call->offset == start && !call->connection->claimed)
            return false;
        rpch_show_data(call, tvb_reported_length_remaining(call->tvb, call->offset), &ei_rpch_lost);
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
        rpch_channel_item(call, call->offset);
        call->offset += left;
        rpch_call_dcerpc(call, pdu);
    } else {
        rpch_show_data(call, left, NULL);
    }
    call->need = 0;
    if (!at->carry) {
        at->mode = RPCH_LOST;
        memset(&at->gathered, 0, sizeof at->gathered);
    }
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
 * The place at which a call begins is remembered, by its frame and the order of the calls in it, so that a later visit
 * begins where the first did. A call that used nothing because it needs more bytes does not count: TCP and TLS do not
 * repeat it.
 */
static bool
find_beginning(rpch_call_t *call, int d, const uint32_t *seq, uint32_t count)
{
    rpch_connection_t *connection = call->connection;

    if (PINFO_FD_VISITED(call->pinfo))
        return rpch_recall_place(&connection->places, call->pinfo, count, &call->position);
    call->position = connection->position[d];
    call->learn = true;
    if (seq && connection->have_seq[d])
        adopt_numbering(connection, d, *seq);
    if (seq && connection->have_seq[d] && *seq != connection->next_seq[d]) {
        call->learn = !LT_SEQ(*seq, connection->next_seq[d]);       /* else it is repeated */
        memset(&call->position, 0, sizeof call->position);
        call->position.mode = RPCH_LOST;
    }
    call->position.suspected = !connection->claimed;
    return true;
}

/* Puts what was held back in front of the bytes. */
static void
join_carried(rpch_call_t *call)
{
    rpch_position_t *at = &call->position;
    unsigned there = tvb_captured_length(call->tvb);
    uint8_t *both;

    if (!at->carry)
        return;
    both = (uint8_t *)wmem_alloc(call->pinfo->pool, at->carried + there);
    memcpy(both, at->carry, at->carried);
    tvb_memcpy(call->tvb, both + at->carried, 0, there);
    call->tvb = tvb_new_child_real_data(call->tvb, both, at->carried + there,
                                        (int)(at->carried + tvb_reported_length(call->tvb)));
    add_new_data_source(call->pinfo, call->tvb, "Continued PDU");
    at->carry = NULL;
    at->carried = 0;
}

/* What was looked at in vain is not looked at again. */
static void
go_on_from(rpch_position_t *same, const rpch_position_t *position)
{
    same->scanned = position->scanned;
    same->gathered = position->gathered;
}

/* What the next call of the direction begins with. First pass only. */
static void
keep_place(const rpch_call_t *call, int d, int used, const uint32_t *seq)
{
    rpch_connection_t *connection = call->connection;

    if (used)
        connection->position[d] = call->position;
    else
        go_on_from(&connection->position[d], &call->position);
    connection->have_seq[d] = seq != NULL;
    if (seq)
        connection->next_seq[d] = *seq + (uint32_t)used;
}

int
rpch_dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data, dissector_handle_t http,
             const uint32_t *seq)
{
    rpch_connection_t *connection = rpch_connection_of(oxc_segment_conversation(pinfo));
    int d = direction(pinfo), used = 0;
    bool first_visit = !PINFO_FD_VISITED(pinfo);
    uint32_t *count = (uint32_t *)p_get_proto_data(pinfo->pool, pinfo, proto_rpch, 0);
    rpch_position_t begin;
    rpch_call_t call = { .tvb = tvb, .pinfo = pinfo, .tree = tree, .data = data, .connection = connection,
                         .http = http };
    volatile bool ours = false, complete = false;

    if (!connection || connection->busy)    /* busy: HTTP asks about a body that we gave it */
        return 0;
    if (!count) {
        count = wmem_new0(pinfo->pool, uint32_t);
        p_add_proto_data(pinfo->pool, pinfo, proto_rpch, 0, count);
    }
    if (!find_beginning(&call, d, seq, *count))
        return 0;
    rpch_is_read(pinfo, connection);
    begin = call.position;
    join_carried(&call);
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
            used = (int)tvb_reported_length(tvb);
            ours = true;
        }
        if (call.learn && ours)
            keep_place(&call, d, used, seq);
        if (ours && used) {
            if (first_visit)
                rpch_note_place(&connection->places, pinfo, *count, tvb_reported_length(tvb), &begin);
            ++*count;
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
        rpch_finish_item(&call);
    return tvb_captured_length(tvb);
}

void
rpch_register_stream(int proto)
{
    static hf_register_info hf[] = {
        { &hf_rpch_chunk_size,
            { "Chunk size", "rpch.chunk_size", FT_UINT64, BASE_DEC, NULL, 0,
                "Size of the HTTP chunk that begins here", HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_rpch_begun_late,
            { "rpch.begun_late", PI_SEQUENCE, PI_NOTE, "Start of the channel not captured", EXPFILL } },
        { &ei_rpch_chunk,
            { "rpch.chunk.malformed", PI_MALFORMED, PI_WARN, "Malformed chunk", EXPFILL } },
        { &ei_rpch_lost,
            { "rpch.lost", PI_SEQUENCE, PI_NOTE, "Data of the channel missing before this", EXPFILL } },
        { &ei_rpch_not_pdu,
            { "rpch.not_pdu", PI_MALFORMED, PI_WARN, "Not a DCE/RPC PDU", EXPFILL } },
    };

    proto_rpch = proto;
    rpch_register_places();
    proto_register_field_array(proto, hf, array_length(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
