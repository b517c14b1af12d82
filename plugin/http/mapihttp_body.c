/* mapihttp_body.c
 * Request and response bodies of MAPI/HTTP (MS-OXCMAPIHTTP 2.2.4, 2.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_body.h"

#include <string.h>

#include <epan/expert.h>

#include "foreign_text.h"
#include "payload/extended_buffer.h"
#include "rop/engine.h"
#include "ropdefs.h"

static int hf_status_code = -1;
static int hf_error_code = -1;
static int hf_auxiliary_buffer_size = -1;
static int hf_data = -1;
static int hf_rop_buffer_text = -1;

static int ett_rop_buffer = -1;

static expert_field ei_truncated = EI_INIT;
static expert_field ei_size = EI_INIT;
static expert_field ei_trailing = EI_INIT;
static expert_field ei_status_code = EI_INIT;
static expert_field ei_error_code = EI_INIT;
static expert_field ei_unknown_type = EI_INIT;

const oxc_request_type_t *
oxc_mapihttp_request_type(const char *name)
{
    if (!name)
        return NULL;
    /* The section titles of MS-OXCMAPIHTTP 2.2.5 spell two of them in another way than 2.2.3.3.1. */
    if (g_ascii_strcasecmp(name, "CompareMinIds") == 0)
        name = "CompareMIds";
    else if (g_ascii_strcasecmp(name, "DnToMinId") == 0)
        name = "DNToMId";
    for (const ropdef_message_t *type = ropdef_messages; type->name; type++) {
        if (((type->name[0] ^ name[0]) & ~0x20) == 0 && g_ascii_strcasecmp(type->name, name) == 0)
            return type;
    }
    return NULL;
}

const char *
oxc_mapihttp_error_name(packet_info *pinfo, uint32_t error)
{
    const char *name = try_val_to_str_ext(error, &ropdef_error_vals_ext);

    return name ? name : wmem_strdup_printf(pinfo->pool, "0x%08x", error);
}

/* ---- inference of the type ---- */

/* Offset behind a buffer of that size, -1 when it is none: an RPC_HEADER_EXT must stand at its beginning. */
static int
skip_buffer(oxc_read_t *r, proto_tree *tree _U_, const struct ropdef_field *f _U_, int offset, uint64_t size)
{
    if (size > (uint64_t)tvb_captured_length_remaining(r->tvb, offset))
        return -1;
    if (size != 0 && (size < 8 || tvb_get_letohs(r->tvb, offset) != 0 || tvb_get_letohs(r->tvb, offset + 4) > size - 8))
        return -1;
    return offset + (int)size;
}

/* Do the fields and the auxiliary buffer behind them end where the body does? */
static bool
body_fits(tvbuff_t *tvb, int offset, int form)
{
    oxc_read_t r;

    memset(&r, 0, sizeof r);
    r.tvb = tvb;
    r.end = (int)tvb_captured_length(tvb);
    r.measure = true;
    r.read_buffer = skip_buffer;
    offset = oxc_engine_form(&r, NULL, offset, (unsigned)form);
    if (offset < 0 || r.end - offset < 4)
        return false;
    offset = skip_buffer(&r, NULL, NULL, offset + 4, tvb_get_letohl(tvb, offset));
    return offset >= 0 && tvb_reported_length_remaining(tvb, offset) == 0;
}

/* Values that tell bodies of one layout apart, and from anything else. */
static bool
values_fit(tvbuff_t *tvb, const oxc_request_type_t *type, bool is_request)
{
    if (type->kind == OXC_CALL_CONNECT && is_request)
        return tvb_strneql(tvb, 0, "/", 1) == 0;                /* UserDn */
    if (type->kind == OXC_CALL_WAIT && !is_request)
        return tvb_captured_length(tvb) >= 12 && tvb_get_letohl(tvb, 8) <= 1;   /* EventPending */
    return true;
}

const oxc_request_type_t *
oxc_mapihttp_guess_type(tvbuff_t *tvb, bool is_request)
{
    if (!is_request && (tvb_captured_length(tvb) < 8 || tvb_get_letohl(tvb, 0) != 0))
        return NULL;
    for (const ropdef_message_t *type = ropdef_messages; type->name; type++) {
        int form = is_request ? type->request : type->response;

        /* StatusCode and ErrorCode are in front of a response. */
        if (!type->address_book && form >= 0 && values_fit(tvb, type, is_request) &&
            body_fits(tvb, is_request ? 0 : 8, form))
            return type;
    }
    return NULL;
}

/* ---- reading ---- */

typedef struct {
    tvbuff_t *tvb;
    packet_info *pinfo;
    proto_tree *tree;
    oxc_pdu_t *pdu;
    oxc_body_t *body;
    int offset;
} reader_t;

/* Shows what is left of the body as bytes; returns their item, or that of the tree when nothing is left. */
static proto_item *
show_rest(reader_t *r)
{
    int left = tvb_reported_length_remaining(r->tvb, r->offset);
    proto_item *item = r->tree;

    if (left > 0)
        item = proto_tree_add_item(r->tree, hf_data, r->tvb, r->offset, left, ENC_NA);
    r->offset += MAX(left, 0);
    return item;
}

/* A number that every body has; false, and shown, when the body ends before. */
static bool
read_u32(reader_t *r, int hf, const char *name, uint32_t *value, proto_item **item)
{
    if (tvb_reported_length_remaining(r->tvb, r->offset) < 4) {
        expert_add_info_format(r->pinfo, show_rest(r), &ei_truncated, "The body ends before %s is complete", name);
        return false;
    }
    *item = proto_tree_add_item_ret_uint(r->tree, hf, r->tvb, r->offset, 4, ENC_LITTLE_ENDIAN, value);
    r->offset += 4;
    return true;
}

/* True when a buffer of that size ends within the body; if not, that is shown at the item. */
static bool
check_size(reader_t *r, proto_item *item, const char *name, int offset, uint64_t size)
{
    int left = tvb_reported_length_remaining(r->tvb, offset);

    if (size <= (uint64_t)left)
        return true;
    expert_add_info_format(r->pinfo, item, &ei_size, "%s has %" PRIu64 " bytes, but only %d are left", name, size, left);
    return false;
}

/*
 * Servers explain some failures in text where ROPs should be. An extended buffer begins with its version, which is 0
 * (MS-OXCRPC 2.2.2.1).
 */
static bool
is_text(tvbuff_t *tvb, packet_info *pinfo)
{
    int size = tvb_captured_length(tvb);
    const char *text = (const char *)tvb_memdup(pinfo->pool, tvb, 0, size);

    while (size > 0 && text[size - 1] == '\0')
        size--;
    if (size == 0 || !g_utf8_validate(text, size, NULL))
        return false;
    for (int i = 0; i < size; i++) {
        if (g_ascii_iscntrl(text[i]) && !g_ascii_isspace(text[i]))
            return false;
    }
    return true;
}

static int
read_rop_buffer(oxc_read_t *read, proto_tree *tree, const struct ropdef_field *f, int offset, uint64_t size)
{
    reader_t *r = (reader_t *)read->owner;
    int left = tvb_reported_length_remaining(r->tvb, offset);
    int length = (int)MIN(size, (uint64_t)left);
    tvbuff_t *buffer;
    proto_item *item;
    proto_tree *sub;

    if (size == 0)
        return offset;
    buffer = tvb_new_subset_length(r->tvb, offset, length);
    if (r->body->error_code != 0 && is_text(buffer, r->pinfo)) {
        const char *text = (const char *)tvb_get_string_enc(r->pinfo->pool, buffer, 0, length, ENC_UTF_8);

        item = proto_tree_add_string(tree, hf_rop_buffer_text, buffer, 0, length, oxc_value_text(r->pinfo->pool, text));
    } else {
        sub = proto_tree_add_subtree(tree, r->tvb, offset, length, ett_rop_buffer, &item, f->name);
        if (length > 0)
            oxc_dissect_rop_chain(buffer, r->pinfo, sub, r->pdu);
    }
    return check_size(r, item, f->name, offset, size) ? offset + length : -1;
}

static void
keep_field(oxc_read_t *read, const struct ropdef_field *f, uint64_t value, int offset, int next)
{
    reader_t *r = (reader_t *)read->owner;

    switch (f->keep) {
    case ROPDEF_KEEP_USER_DN:
        r->body->user_dn = (const char *)tvb_get_string_enc(r->pinfo->pool, r->tvb, offset, next - offset - 1,
                                                            ENC_ASCII | ENC_NA);
        break;
    case ROPDEF_KEEP_CODE_PAGE:
        r->body->code_page = (uint32_t)value;
        break;
    case ROPDEF_KEEP_DISPLAY_NAME:
        r->body->display_name = oxc_utf16_text(r->pinfo->pool, r->tvb, offset, next - offset - 2);
        break;
    case ROPDEF_KEEP_EVENT_PENDING:
        r->body->has_event_pending = true;
        r->body->event_pending = (uint32_t)value;
        break;
    case ROPDEF_KEEP_MAX_ROP_OUT:
        if (r->pdu)
            r->pdu->max_out = (uint32_t)value;
        break;
    default:
        break;
    }
}

/* The fields of a definition; false when they cannot be followed to their end, which is shown. */
static bool
read_form(reader_t *r, bool address_book, bool is_response, int form)
{
    oxc_read_t read;
    int next;

    memset(&read, 0, sizeof read);
    read.pinfo = r->pinfo;
    read.tvb = r->tvb;
    read.end = (int)tvb_reported_length(r->tvb);
    read.counts = address_book ? OXC_COUNTS_ADDRESS_BOOK : OXC_COUNTS_ROP;
    read.is_response = is_response;
    read.info = wmem_strbuf_new(r->pinfo->pool, "");
    read.owner = r;
    read.keep = keep_field;
    read.read_buffer = read_rop_buffer;
    next = oxc_engine_form(&read, r->tree, r->offset, (unsigned)form);
    if (wmem_strbuf_get_len(read.info) > 0)
        col_append_fstr(r->pinfo->cinfo, COL_INFO, " %s", wmem_strbuf_get_str(read.info));
    r->offset = MAX(r->offset, next);
    return next >= 0;
}

/* The auxiliary buffer, which ends every body. */
static void
read_auxiliary_buffer(reader_t *r)
{
    proto_item *item = NULL;
    uint32_t size = 0;
    bool whole;
    int length;

    if (!read_u32(r, hf_auxiliary_buffer_size, "AuxiliaryBufferSize", &size, &item))
        return;
    whole = check_size(r, item, "AuxiliaryBuffer", r->offset, size);
    length = whole ? (int)size : tvb_reported_length_remaining(r->tvb, r->offset);
    if (length > 0)
        oxc_dissect_aux(tvb_new_subset_length(r->tvb, r->offset, length), r->pinfo, r->tree);
    r->offset += length;
    if (whole && tvb_reported_length_remaining(r->tvb, r->offset) > 0)
        expert_add_info(r->pinfo, show_rest(r), &ei_trailing);
}

/* A body without fields (PING). */
static void
read_nothing(reader_t *r)
{
    if (tvb_reported_length_remaining(r->tvb, r->offset) > 0)
        expert_add_info(r->pinfo, show_rest(r), &ei_trailing);
}

static void
read_unknown(reader_t *r)
{
    if (tvb_reported_length_remaining(r->tvb, r->offset) > 0)
        expert_add_info(r->pinfo, show_rest(r), &ei_unknown_type);
}

void
oxc_mapihttp_request_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_request_type_t *type,
                          oxc_pdu_t *pdu, oxc_body_t *body)
{
    reader_t r = { tvb, pinfo, tree, pdu, body, 0 };

    if (!type)
        read_unknown(&r);
    else if (type->request < 0)
        read_nothing(&r);
    else if (read_form(&r, type->address_book, false, type->request))
        read_auxiliary_buffer(&r);
}

/*
 * A failure body has no more than the auxiliary buffer (MS-OXCMAPIHTTP 2.2.4.1.3 and its likes), but that of Unbind has
 * an ErrorCode as well (2.2.5.2.3): its length tells.
 */
static bool
failure_has_error_code(tvbuff_t *tvb)
{
    unsigned size = tvb_reported_length(tvb);

    return size >= 12 && tvb_get_letohl(tvb, 4) != size - 8 && tvb_get_letohl(tvb, 8) == size - 12;
}

/* ErrorCode of Unbind is the return value of NspiUnbind, whose success is 1 (MS-OXNSPI 2.2.1.2). */
#define UNBIND_SUCCESS 1

/* StatusCode and ErrorCode; false when there is nothing to read behind them. */
static bool
read_codes(reader_t *r, const oxc_request_type_t *type)
{
    oxc_body_t *body = r->body;
    proto_item *item = NULL;

    if (!read_u32(r, hf_status_code, "StatusCode", &body->status_code, &item))
        return false;
    body->has_status_code = true;
    if (body->status_code != 0) {
        expert_add_info_format(r->pinfo, item, &ei_status_code, "StatusCode 0x%08x: the request failed",
                               body->status_code);
        if (!failure_has_error_code(r->tvb))
            return true;
    }
    if (!read_u32(r, hf_error_code, "ErrorCode", &body->error_code, &item))
        return false;
    body->has_error_code = true;
    if (body->error_code == UNBIND_SUCCESS && body->status_code == 0 && strcmp(type->name, "Unbind") == 0) {
        proto_item_append_text(item, ", of Unbind: UnbindSuccess");
        body->error_code = 0;
    }
    if (body->error_code != 0 && !oxc_call_is_given_up(r->pinfo, r->pdu->call, body->error_code))
        expert_add_info_format(r->pinfo, item, &ei_error_code, "ErrorCode %s",
                               oxc_mapihttp_error_name(r->pinfo, body->error_code));
    return true;
}

void
oxc_mapihttp_response_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_request_type_t *type,
                           oxc_pdu_t *pdu, oxc_body_t *body)
{
    reader_t r = { tvb, pinfo, tree, pdu, body, 0 };

    if (!type)
        read_unknown(&r);
    else if (type->response < 0)
        read_nothing(&r);
    else if (read_codes(&r, type) &&
             (body->status_code != 0 || read_form(&r, type->address_book, true, type->response)))
        read_auxiliary_buffer(&r);
}

void
oxc_register_mapihttp_body(int proto)
{
    static hf_register_info hf[] = {
        { &hf_status_code, { "StatusCode", "mapihttp.status_code", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_error_code,
          { "ErrorCode", "mapihttp.error_code", FT_UINT32, BASE_HEX | BASE_EXT_STRING, &ropdef_error_vals_ext, 0, NULL,
            HFILL } },
        { &hf_auxiliary_buffer_size,
          { "AuxiliaryBufferSize", "mapihttp.auxiliary_buffer_size", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_rop_buffer_text,
          { "RopBuffer", "mapihttp.rop_buffer_text", FT_STRING, BASE_NONE, NULL, 0,
            "Text of the server in place of ROPs", HFILL } },
        { &hf_data, { "Data", "mapihttp.data", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_rop_buffer };
    static ei_register_info ei[] = {
        { &ei_truncated,
          { "mapihttp.body_truncated", PI_PROTOCOL, PI_ERROR, "Body ends before its fields", EXPFILL } },
        { &ei_size, { "mapihttp.size_wrong", PI_PROTOCOL, PI_ERROR, "Size exceeds the body", EXPFILL } },
        { &ei_trailing,
          { "mapihttp.trailing_data", PI_PROTOCOL, PI_WARN, "Data after the end of the body", EXPFILL } },
        { &ei_status_code,
          { "mapihttp.status_code_failure", PI_RESPONSE_CODE, PI_WARN, "StatusCode reports a failure", EXPFILL } },
        { &ei_error_code, { "mapihttp.error_code_failure", PI_RESPONSE_CODE, PI_NOTE, "ErrorCode is not 0", EXPFILL } },
        { &ei_unknown_type,
          { "mapihttp.request_type_unknown", PI_UNDECODED, PI_NOTE, "Unknown request type", EXPFILL } },
    };

    ropdefs_register("mapihttp");
    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
