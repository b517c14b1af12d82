/* mapihttp_preamble.c
 * Meta-tags and additional headers in front of a response body (MS-OXCMAPIHTTP 2.2.2.2, 2.2.7)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_body.h"

#include <string.h>

#include <epan/expert.h>
#include <wsutil/str_util.h>

#include "http/http_framing.h"

static int hf_meta_tag = -1;
static int hf_additional_header = -1;

static int ett_preamble = -1;
static int ett_additional_header = -1;

static expert_field ei_meta_tag_line = EI_INIT;
static expert_field ei_unterminated = EI_INIT;
static expert_field ei_additional_header = EI_INIT;

static const char *const meta_tags[] = { "PROCESSING", "PENDING", "DONE" };
#define DONE_TAG 2

/* Which meta-tag stands at offset; -1 for none. */
static int
meta_tag_at(tvbuff_t *tvb, int offset)
{
    for (int i = 0; i < (int)G_N_ELEMENTS(meta_tags); i++) {
        if (tvb_strneql(tvb, offset, meta_tags[i], strlen(meta_tags[i])) == 0)
            return i;
    }
    return -1;
}

static bool
crlf_at(tvbuff_t *tvb, int offset)
{
    return tvb_strneql(tvb, offset, "\r\n", 2) == 0;
}

/* The additional headers from offset up to the empty line; returns the offset behind that, or behind all there is. */
static int
additional_headers(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, int offset, oxc_preamble_t *preamble)
{
    while (tvb_captured_length_remaining(tvb, offset) > 0) {
        int next, length = tvb_find_line_end(tvb, offset, tvb_captured_length_remaining(tvb, offset), &next, true);
        oxc_http_header_t header;
        proto_item *item;
        char *line;

        if (length < 0)
            return offset;
        if (length == 0) {
            preamble->done = true;
            return next;
        }
        line = oxc_http_text(pinfo, tvb, offset, length);
        item = proto_tree_add_string(tree, hf_additional_header, tvb, offset, next - offset, line);
        header.offset = offset;
        header.length = next - offset;
        if (oxc_http_split_header(line, &header)) {
            oxc_mapihttp_header(tvb, pinfo, proto_item_add_subtree(item, ett_additional_header), &header);
            if (header.known == OXC_HEADER_X_RESPONSECODE)
                preamble->has_response_code = oxc_mapihttp_number(header.value, &preamble->response_code);
            if (header.known == OXC_HEADER_CONTENT_TYPE && g_ascii_strncasecmp(header.value, "text/", 5) == 0)
                preamble->is_text = true;
        } else {
            expert_add_info(pinfo, item, &ei_additional_header);
        }
        offset = next;
    }
    return offset;
}

bool
oxc_mapihttp_may_be_chunked_preamble(tvbuff_t *tvb, int offset)
{
    uint64_t size;
    int data;

    if (oxc_http_chunk_size(tvb, offset, &size, &data) != OXC_HTTP_GO_ON || !tvb_bytes_exist(tvb, data, 1))
        return false;
    for (int i = 0; i < (int)G_N_ELEMENTS(meta_tags); i++) {
        if (meta_tags[i][0] == tvb_get_uint8(tvb, data))
            return true;
    }
    return false;
}

int
oxc_mapihttp_preamble_size(tvbuff_t *tvb)
{
    int offset = 0, tag;

    do {
        tag = meta_tag_at(tvb, offset);
        if (tag < 0)
            return 0;
        offset += (int)strlen(meta_tags[tag]);
        if (crlf_at(tvb, offset))
            offset += 2;
    } while (tag != DONE_TAG);
    while (tvb_captured_length_remaining(tvb, offset) > 0) {
        int next, length = tvb_find_line_end(tvb, offset, tvb_captured_length_remaining(tvb, offset), &next, true);

        if (length <= 0)
            return length < 0 ? 0 : next;
        offset = next;
    }
    return 0;
}

int
oxc_mapihttp_preamble(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_preamble_t *preamble)
{
    proto_item *preamble_item;
    proto_tree *preamble_tree;
    int offset = 0, tag;

    memset(preamble, 0, sizeof *preamble);
    tag = meta_tag_at(tvb, 0);
    if (tag < 0)
        return 0;
    preamble->there = true;
    preamble_tree = proto_tree_add_subtree(tree, tvb, 0, -1, ett_preamble, &preamble_item, "Preamble");
    for (; tag >= 0; tag = meta_tag_at(tvb, offset)) {
        int length = (int)strlen(meta_tags[tag]);
        bool ended = crlf_at(tvb, offset + length);
        proto_item *item = proto_tree_add_string(preamble_tree, hf_meta_tag, tvb, offset, length + (ended ? 2 : 0),
                                                 meta_tags[tag]);

        offset += length + (ended ? 2 : 0);
        /* gromox leaves the line end out behind PENDING. */
        if (!ended && tvb_reported_length_remaining(tvb, offset) > 0)
            expert_add_info(pinfo, item, &ei_meta_tag_line);
        if (strcmp(meta_tags[tag], "PENDING") == 0)
            preamble->pending++;
        if (tag == DONE_TAG) {
            offset = additional_headers(tvb, pinfo, preamble_tree, offset, preamble);
            break;
        }
    }
    proto_item_set_len(preamble_item, offset);
    if (preamble->pending)
        proto_item_append_text(preamble_item, ", %u PENDING", preamble->pending);
    if (!preamble->done)
        expert_add_info(pinfo, preamble_item, &ei_unterminated);
    return offset;
}

void
oxc_register_mapihttp_preamble(int proto)
{
    static hf_register_info hf[] = {
        { &hf_meta_tag, { "Meta-tag", "mapihttp.meta_tag", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_additional_header,
          { "Additional header", "mapihttp.additional_header", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_preamble, &ett_additional_header };
    static ei_register_info ei[] = {
        { &ei_meta_tag_line,
          { "mapihttp.meta_tag_line", PI_PROTOCOL, PI_NOTE, "Meta-tag does not end with CRLF", EXPFILL } },
        { &ei_unterminated,
          { "mapihttp.preamble_unterminated", PI_PROTOCOL, PI_WARN,
            "Response ended before DONE and its headers", EXPFILL } },
        { &ei_additional_header,
          { "mapihttp.additional_header_wrong", PI_PROTOCOL, PI_WARN, "Line is not a header", EXPFILL } },
    };

    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
