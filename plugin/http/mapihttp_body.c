/* mapihttp_body.c
 * Request and response bodies of MAPI/HTTP (MS-OXCMAPIHTTP 2.2.4, 2.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_body.h"

#include <string.h>

#include <epan/expert.h>

#include "rop/nspi_body.h"
#include "ropdefs.h"
#include "payload/extended_buffer.h"

typedef enum {
    BODY_END,
    BODY_U32,
    BODY_STRING_8,              /* NUL-terminated */
    BODY_STRING_16,
    BODY_ROPS,                  /* RopBufferSize and RopBuffer */
    BODY_AUX                    /* AuxiliaryBufferSize and AuxiliaryBuffer */
} body_kind_t;

typedef struct oxc_body_field {
    body_kind_t kind;
    const char *name;           /* as the specification has it, for messages */
    int *hf;
} body_field_t;

static int hf_status_code = -1;
static int hf_error_code = -1;
static int hf_user_dn = -1;
static int hf_flags = -1;
static int hf_flags_no_compression = -1;
static int hf_flags_no_xor_magic = -1;
static int hf_flags_chain = -1;
static int hf_default_code_page = -1;
static int hf_lcid_sort = -1;
static int hf_lcid_string = -1;
static int hf_polls_max = -1;
static int hf_retry_count = -1;
static int hf_retry_delay = -1;
static int hf_dn_prefix = -1;
static int hf_display_name = -1;
static int hf_rop_buffer_size = -1;
static int hf_rop_buffer_text = -1;
static int hf_max_rop_out = -1;
static int hf_event_pending = -1;
static int hf_auxiliary_buffer_size = -1;
static int hf_data = -1;

static int ett_flags = -1;
static int ett_rop_buffer = -1;

static expert_field ei_truncated = EI_INIT;
static expert_field ei_size = EI_INIT;
static expert_field ei_trailing = EI_INIT;
static expert_field ei_string = EI_INIT;
static expert_field ei_status_code = EI_INIT;
static expert_field ei_error_code = EI_INIT;
static expert_field ei_unknown_type = EI_INIT;

static const value_string event_pending_values[] = {
    { 0, "No event" },
    { 1, "Event pending" },
    { 0, NULL }
};

/* ---- the bodies; every one ends with the auxiliary buffer ---- */

static const body_field_t aux_only[] = {
    { BODY_AUX, "AuxiliaryBufferSize", &hf_auxiliary_buffer_size },
    { BODY_END, NULL, NULL }
};

static const body_field_t connect_request[] = {
    { BODY_STRING_8, "UserDn", &hf_user_dn },
    { BODY_U32, "Flags", &hf_flags },
    { BODY_U32, "DefaultCodePage", &hf_default_code_page },
    { BODY_U32, "LcidSort", &hf_lcid_sort },
    { BODY_U32, "LcidString", &hf_lcid_string },
    { BODY_AUX, "AuxiliaryBufferSize", &hf_auxiliary_buffer_size },
    { BODY_END, NULL, NULL }
};

static const body_field_t connect_response[] = {
    { BODY_U32, "PollsMax", &hf_polls_max },
    { BODY_U32, "RetryCount", &hf_retry_count },
    { BODY_U32, "RetryDelay", &hf_retry_delay },
    { BODY_STRING_8, "DnPrefix", &hf_dn_prefix },
    { BODY_STRING_16, "DisplayName", &hf_display_name },
    { BODY_AUX, "AuxiliaryBufferSize", &hf_auxiliary_buffer_size },
    { BODY_END, NULL, NULL }
};

static const body_field_t execute_request[] = {
    { BODY_U32, "Flags", &hf_flags },
    { BODY_ROPS, "RopBufferSize", &hf_rop_buffer_size },
    { BODY_U32, "MaxRopOut", &hf_max_rop_out },
    { BODY_AUX, "AuxiliaryBufferSize", &hf_auxiliary_buffer_size },
    { BODY_END, NULL, NULL }
};

static const body_field_t execute_response[] = {
    { BODY_U32, "Flags", &hf_flags },
    { BODY_ROPS, "RopBufferSize", &hf_rop_buffer_size },
    { BODY_AUX, "AuxiliaryBufferSize", &hf_auxiliary_buffer_size },
    { BODY_END, NULL, NULL }
};

static const body_field_t wait_request[] = {
    { BODY_U32, "Flags", &hf_flags },
    { BODY_AUX, "AuxiliaryBufferSize", &hf_auxiliary_buffer_size },
    { BODY_END, NULL, NULL }
};

static const body_field_t wait_response[] = {
    { BODY_U32, "EventPending", &hf_event_pending },
    { BODY_AUX, "AuxiliaryBufferSize", &hf_auxiliary_buffer_size },
    { BODY_END, NULL, NULL }
};

static const body_field_t nothing[] = { { BODY_END, NULL, NULL } };

static const oxc_request_type_t mailbox_types[] = {
    { "Connect", OXC_CALL_CONNECT, false, connect_request, connect_response },
    { "Execute", OXC_CALL_FETCH, false, execute_request, execute_response },
    { "Disconnect", OXC_CALL_DISCONNECT, false, aux_only, aux_only },
    { "NotificationWait", OXC_CALL_WAIT, false, wait_request, wait_response },
    { "PING", OXC_CALL_OTHER, false, nothing, nothing },
};

/* Those of the address book: every message that is defined. */
static oxc_request_type_t *address_book_types;
static unsigned address_book_count;

static const oxc_request_type_t *
find_type(const oxc_request_type_t *types, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (g_ascii_strcasecmp(types[i].name, name) == 0)
            return &types[i];
    }
    return NULL;
}

const oxc_request_type_t *
oxc_mapihttp_request_type(const char *name)
{
    const oxc_request_type_t *type;

    if (!name)
        return NULL;
    /* The section titles of MS-OXCMAPIHTTP 2.2.5 spell two of them in another way than 2.2.3.3.1. */
    if (g_ascii_strcasecmp(name, "CompareMinIds") == 0)
        name = "CompareMIds";
    else if (g_ascii_strcasecmp(name, "DnToMinId") == 0)
        name = "DNToMId";
    type = find_type(mailbox_types, G_N_ELEMENTS(mailbox_types), name);
    return type ? type : find_type(address_book_types, address_book_count, name);
}

static void
collect_address_book_types(void)
{
    while (ropdef_messages[address_book_count].name)
        address_book_count++;
    address_book_types = wmem_alloc0_array(wmem_epan_scope(), oxc_request_type_t, address_book_count);
    for (unsigned i = 0; i < address_book_count; i++) {
        address_book_types[i].name = ropdef_messages[i].name;
        address_book_types[i].kind = OXC_CALL_OTHER;
        address_book_types[i].address_book = true;
    }
}

const char *
oxc_mapihttp_error_name(packet_info *pinfo, uint32_t error)
{
    const char *name = try_val_to_str_ext(error, &ropdef_error_vals_ext);

    return name ? name : wmem_strdup_printf(pinfo->pool, "0x%08x", error);
}

/* ---- guessing ---- */

/* Offset behind a NUL-terminated string, -1 when it has no end. */
static int
skip_string(tvbuff_t *tvb, int offset, int unit)
{
    for (; tvb_captured_length_remaining(tvb, offset) >= unit; offset += unit) {
        if (unit == 2 ? tvb_get_letohs(tvb, offset) == 0 : tvb_get_uint8(tvb, offset) == 0)
            return offset + unit;
    }
    return -1;
}

/* Offset behind a buffer with its size in front, -1 when it is none: an RPC_HEADER_EXT must stand at its beginning. */
static int
skip_buffer(tvbuff_t *tvb, int offset)
{
    uint32_t size;

    if (tvb_captured_length_remaining(tvb, offset) < 4)
        return -1;
    size = tvb_get_letohl(tvb, offset);
    offset += 4;
    if (size > (uint32_t)tvb_captured_length_remaining(tvb, offset))
        return -1;
    if (size != 0 && (size < 8 || tvb_get_letohs(tvb, offset) != 0 || tvb_get_letohs(tvb, offset + 4) > size - 8))
        return -1;
    return offset + (int)size;
}

static bool
fields_fit(tvbuff_t *tvb, int offset, const body_field_t *fields)
{
    for (const body_field_t *field = fields; field->kind != BODY_END; field++) {
        switch (field->kind) {
        case BODY_U32:
            if (tvb_captured_length_remaining(tvb, offset) < 4 ||
                (field->hf == &hf_event_pending && tvb_get_letohl(tvb, offset) > 1))
                return false;
            offset += 4;
            break;
        case BODY_STRING_8:
            if (field->hf == &hf_user_dn && tvb_strneql(tvb, offset, "/", 1) != 0)
                return false;
            offset = skip_string(tvb, offset, 1);
            break;
        case BODY_STRING_16:
            offset = skip_string(tvb, offset, 2);
            break;
        case BODY_ROPS:
        case BODY_AUX:
            offset = skip_buffer(tvb, offset);
            break;
        case BODY_END:
            break;
        }
        if (offset < 0)
            return false;
    }
    return tvb_reported_length_remaining(tvb, offset) == 0;
}

const oxc_request_type_t *
oxc_mapihttp_guess_type(tvbuff_t *tvb, bool is_request)
{
    if (!is_request && (tvb_captured_length(tvb) < 8 || tvb_get_letohl(tvb, 0) != 0))
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(mailbox_types); i++) {
        const oxc_request_type_t *type = &mailbox_types[i];

        /* StatusCode and ErrorCode are in front of a response. */
        if (type->request != nothing &&
            (is_request ? fields_fit(tvb, 0, type->request) : fields_fit(tvb, 8, type->response)))
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

/* Says that the body ends before a field is complete, over what is left of it; returns false. */
static bool
truncated(reader_t *r, const char *name)
{
    int left = tvb_reported_length_remaining(r->tvb, r->offset);
    proto_item *item = r->tree;

    if (left > 0)
        item = proto_tree_add_item(r->tree, hf_data, r->tvb, r->offset, left, ENC_NA);
    expert_add_info_format(r->pinfo, item, &ei_truncated, "The body ends before %s is complete", name);
    r->offset += left;
    return false;
}

static bool
read_u32(reader_t *r, const body_field_t *field, uint32_t *value, proto_item **item)
{
    static int *const flags[] = { &hf_flags_no_compression, &hf_flags_no_xor_magic, &hf_flags_chain, NULL };

    if (tvb_reported_length_remaining(r->tvb, r->offset) < 4)
        return truncated(r, field->name);
    *value = tvb_get_letohl(r->tvb, r->offset);
    if (field->hf == &hf_flags && r->pdu && r->pdu->call->kind == OXC_CALL_FETCH)
        *item = proto_tree_add_bitmask(r->tree, r->tvb, r->offset, hf_flags, ett_flags, flags, ENC_LITTLE_ENDIAN);
    else
        *item = proto_tree_add_item(r->tree, *field->hf, r->tvb, r->offset, 4, ENC_LITTLE_ENDIAN);
    r->offset += 4;
    return true;
}

static bool
read_string(reader_t *r, const body_field_t *field)
{
    int left = tvb_reported_length_remaining(r->tvb, r->offset);
    unsigned unit = field->kind == BODY_STRING_16 ? 2 : 1;
    unsigned encoding = unit == 2 ? ENC_UTF_16 | ENC_LITTLE_ENDIAN : ENC_ASCII | ENC_NA;
    const uint8_t *value = NULL;
    proto_item *item;
    int length;

    for (length = 0; length + (int)unit <= left; length += (int)unit) {
        if (unit == 2 ? tvb_get_letohs(r->tvb, r->offset + length) == 0
                      : tvb_get_uint8(r->tvb, r->offset + length) == 0)
            break;
    }
    if (length + (int)unit > left) {
        item = proto_tree_add_item(r->tree, hf_data, r->tvb, r->offset, left, ENC_NA);
        expert_add_info_format(r->pinfo, left > 0 ? item : r->tree, &ei_string, "%s has no NUL at its end",
                               field->name);
        r->offset += left;
        return false;
    }
    length += (int)unit;
    item = proto_tree_add_item_ret_string(r->tree, *field->hf, r->tvb, r->offset, length, encoding, r->pinfo->pool,
                                          &value);
    (void)item;
    if (field->hf == &hf_user_dn)
        r->body->user_dn = (const char *)value;
    else if (field->hf == &hf_display_name)
        r->body->display_name = (const char *)value;
    r->offset += length;
    return true;
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

/* A buffer with its size in front. */
static bool
read_buffer(reader_t *r, const body_field_t *field)
{
    proto_item *item = NULL;
    proto_tree *tree;
    tvbuff_t *buffer;
    uint32_t size = 0;
    int left;
    bool whole = true;

    if (!read_u32(r, field, &size, &item))
        return false;
    left = tvb_reported_length_remaining(r->tvb, r->offset);
    if (size > (uint32_t)left) {
        expert_add_info_format(r->pinfo, item, &ei_size, "%s is %u, but only %d bytes are left", field->name, size,
                               left);
        size = (uint32_t)left;
        whole = false;
    }
    if (size > 0) {
        buffer = tvb_new_subset_length(r->tvb, r->offset, (int)size);
        if (field->kind == BODY_ROPS && r->body->error_code != 0 && is_text(buffer, r->pinfo)) {
            proto_tree_add_item(r->tree, hf_rop_buffer_text, buffer, 0, (int)size, ENC_UTF_8);
        } else if (field->kind == BODY_ROPS) {
            tree = proto_tree_add_subtree(r->tree, buffer, 0, (int)size, ett_rop_buffer, NULL, "RopBuffer");
            oxc_dissect_rop_chain(buffer, r->pinfo, tree, r->pdu);
        } else {
            oxc_dissect_aux(buffer, r->pinfo, r->tree);
        }
        r->offset += (int)size;
    }
    return whole;
}

/* The fields in order, as far as the body goes, and what is left behind them. */
static void
read_fields(reader_t *r, const body_field_t *fields)
{
    for (const body_field_t *field = fields; field->kind != BODY_END; field++) {
        proto_item *item = NULL;
        uint32_t value = 0;
        bool there = false;

        switch (field->kind) {
        case BODY_U32:
            there = read_u32(r, field, &value, &item);
            if (there && field->hf == &hf_event_pending) {
                r->body->has_event_pending = true;
                r->body->event_pending = value;
            } else if (there && field->hf == &hf_max_rop_out) {
                r->pdu->max_out = value;
            }
            break;
        case BODY_STRING_8:
        case BODY_STRING_16:
            there = read_string(r, field);
            break;
        case BODY_ROPS:
        case BODY_AUX:
            there = read_buffer(r, field);
            break;
        case BODY_END:
            break;
        }
        if (!there)
            return;
    }
    if (tvb_reported_length_remaining(r->tvb, r->offset) > 0) {
        proto_item *item = proto_tree_add_item(r->tree, hf_data, r->tvb, r->offset, -1, ENC_NA);

        expert_add_info(r->pinfo, item, &ei_trailing);
    }
}

/* A body of the address book endpoint: what its definition says, then the auxiliary buffer. */
static void
read_definition(reader_t *r, const char *name, bool is_response)
{
    int next = oxc_dissect_nspi_body(r->tvb, r->pinfo, r->tree, name, is_response, r->offset);

    /* If not, the reason stands in the tree. */
    if (next >= 0) {
        r->offset = next;
        read_fields(r, aux_only);
    }
}

/* A body of a type that nobody knows: as bytes, said to be so. */
static void
read_unknown(reader_t *r)
{
    proto_item *item;

    if (tvb_reported_length_remaining(r->tvb, r->offset) <= 0)
        return;
    item = proto_tree_add_item(r->tree, hf_data, r->tvb, r->offset, -1, ENC_NA);
    expert_add_info(r->pinfo, item, &ei_unknown_type);
}

void
oxc_mapihttp_request_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_request_type_t *type,
                          oxc_pdu_t *pdu, oxc_body_t *body)
{
    reader_t r = { tvb, pinfo, tree, pdu, body, 0 };

    if (!type)
        read_unknown(&r);
    else if (type->address_book)
        read_definition(&r, type->name, false);
    else
        read_fields(&r, type->request);
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

void
oxc_mapihttp_response_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_request_type_t *type,
                           oxc_pdu_t *pdu, oxc_body_t *body)
{
    static const body_field_t status_code = { BODY_U32, "StatusCode", &hf_status_code };
    static const body_field_t error_code = { BODY_U32, "ErrorCode", &hf_error_code };
    reader_t r = { tvb, pinfo, tree, pdu, body, 0 };
    proto_item *item = NULL;

    if (!type) {
        read_unknown(&r);
        return;
    }
    if (type->response == nothing) {
        read_fields(&r, nothing);
        return;
    }
    if (!read_u32(&r, &status_code, &body->status_code, &item))
        return;
    body->has_status_code = true;
    if (body->status_code != 0) {
        expert_add_info_format(pinfo, item, &ei_status_code, "StatusCode 0x%08x: the request failed",
                               body->status_code);
        if (!failure_has_error_code(tvb)) {
            read_fields(&r, aux_only);
            return;
        }
    }
    if (!read_u32(&r, &error_code, &body->error_code, &item))
        return;
    body->has_error_code = true;
    if (body->error_code != 0)
        expert_add_info_format(pinfo, item, &ei_error_code, "ErrorCode %s",
                               oxc_mapihttp_error_name(pinfo, body->error_code));
    if (body->status_code != 0)
        read_fields(&r, aux_only);
    else if (type->address_book)
        read_definition(&r, type->name, true);
    else
        read_fields(&r, type->response);
}

void
oxc_register_mapihttp_body(int proto)
{
    static hf_register_info hf[] = {
        { &hf_status_code, { "StatusCode", "mapihttp.status_code", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_error_code,
          { "ErrorCode", "mapihttp.error_code", FT_UINT32, BASE_HEX | BASE_EXT_STRING, &ropdef_error_vals_ext, 0, NULL,
            HFILL } },
        { &hf_user_dn, { "UserDn", "mapihttp.user_dn", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_flags, { "Flags", "mapihttp.flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_flags_no_compression,
          { "NoCompression", "mapihttp.flags.no_compression", FT_BOOLEAN, 32, NULL, 0x00000001, NULL, HFILL } },
        { &hf_flags_no_xor_magic,
          { "NoXorMagic", "mapihttp.flags.no_xor_magic", FT_BOOLEAN, 32, NULL, 0x00000002, NULL, HFILL } },
        { &hf_flags_chain, { "Chain", "mapihttp.flags.chain", FT_BOOLEAN, 32, NULL, 0x00000004, NULL, HFILL } },
        { &hf_default_code_page,
          { "DefaultCodePage", "mapihttp.default_code_page", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_lcid_sort, { "LcidSort", "mapihttp.lcid_sort", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_lcid_string, { "LcidString", "mapihttp.lcid_string", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_polls_max,
          { "PollsMax", "mapihttp.polls_max", FT_UINT32, BASE_DEC, NULL, 0, "Polling interval in milliseconds",
            HFILL } },
        { &hf_retry_count, { "RetryCount", "mapihttp.retry_count", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_retry_delay,
          { "RetryDelay", "mapihttp.retry_delay", FT_UINT32, BASE_DEC, NULL, 0, "in milliseconds", HFILL } },
        { &hf_dn_prefix, { "DnPrefix", "mapihttp.dn_prefix", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_display_name, { "DisplayName", "mapihttp.display_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_rop_buffer_text,
          { "RopBuffer", "mapihttp.rop_buffer_text", FT_STRING, BASE_NONE, NULL, 0,
            "Text of the server in place of ROPs", HFILL } },
        { &hf_rop_buffer_size,
          { "RopBufferSize", "mapihttp.rop_buffer_size", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_max_rop_out, { "MaxRopOut", "mapihttp.max_rop_out", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_event_pending,
          { "EventPending", "mapihttp.event_pending", FT_UINT32, BASE_DEC, VALS(event_pending_values), 0, NULL,
            HFILL } },
        { &hf_auxiliary_buffer_size,
          { "AuxiliaryBufferSize", "mapihttp.auxiliary_buffer_size", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_data, { "Data", "mapihttp.data", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_flags, &ett_rop_buffer };
    static ei_register_info ei[] = {
        { &ei_truncated,
          { "mapihttp.body_truncated", PI_PROTOCOL, PI_ERROR, "The body ends before its fields do", EXPFILL } },
        { &ei_size,
          { "mapihttp.size_wrong", PI_PROTOCOL, PI_ERROR, "The buffer is said to be larger than the body", EXPFILL } },
        { &ei_trailing,
          { "mapihttp.trailing_data", PI_PROTOCOL, PI_WARN, "Bytes behind the end of the body", EXPFILL } },
        { &ei_string,
          { "mapihttp.string_unterminated", PI_PROTOCOL, PI_ERROR, "A string has no NUL at its end", EXPFILL } },
        { &ei_status_code,
          { "mapihttp.status_code_failure", PI_RESPONSE_CODE, PI_WARN, "StatusCode says that the request failed",
            EXPFILL } },
        { &ei_error_code, { "mapihttp.error_code_failure", PI_RESPONSE_CODE, PI_NOTE, "ErrorCode is not 0", EXPFILL } },
        { &ei_unknown_type,
          { "mapihttp.request_type_unknown", PI_UNDECODED, PI_NOTE, "Unknown request type, the body is shown as bytes",
            EXPFILL } },
    };

    oxc_nspi_body_register();
    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
    collect_address_book_types();
}
