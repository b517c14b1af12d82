/* mapihttp_headers.c
 * Headers of MAPI/HTTP (MS-OXCMAPIHTTP 2.2.3.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_body.h"

#include <string.h>

#include <epan/expert.h>
#include <wsutil/strtoi.h>

#include "foreign_text.h"

static int hf_request_type = -1;
static int hf_request_id = -1;
static int hf_response_code = -1;
static int hf_client_info = -1;
static int hf_pending_period = -1;
static int hf_client_application = -1;
static int hf_server_application = -1;
static int hf_expiration_info = -1;
static int hf_elapsed_time = -1;
static int hf_start_time = -1;
static int hf_device_info = -1;
static int hf_cookie = -1;
static int hf_set_cookie = -1;
static int hf_header = -1;

static expert_field ei_header_value = EI_INIT;
static expert_field ei_response_code = EI_INIT;

static const value_string response_codes[] = {
    { 0, "Success" },
    { 1, "Unknown Failure" },
    { 2, "Invalid Verb" },
    { 3, "Invalid Path" },
    { 4, "Invalid Header" },
    { 5, "Invalid Request Type" },
    { 6, "Invalid Context Cookie" },
    { 7, "Missing Header" },
    { 8, "Anonymous Not Allowed" },
    { 9, "Too Large" },
    { 10, "Context Not Found" },
    { 11, "No Privilege" },
    { 12, "Invalid Request Body" },
    { 13, "Missing Cookie" },
    { 14, "Reserved" },
    { 15, "Invalid Sequence" },
    { 16, "Endpoint Disabled" },
    { 17, "Invalid Response" },
    { 18, "Endpoint Shutting Down" },
    { 0, NULL }
};

typedef struct {
    const char *name;
    int *hf;
    bool number;
} header_field_t;

static const header_field_t header_fields[] = {
    { "x-requesttype", &hf_request_type, false },
    { "x-requestid", &hf_request_id, false },
    { "x-responsecode", &hf_response_code, true },
    { "x-clientinfo", &hf_client_info, false },
    { "x-pendingperiod", &hf_pending_period, true },
    { "x-clientapplication", &hf_client_application, false },
    { "x-serverapplication", &hf_server_application, false },
    { "x-expirationinfo", &hf_expiration_info, true },
    { "x-elapsedtime", &hf_elapsed_time, true },
    { "x-starttime", &hf_start_time, false },
    { "x-deviceinfo", &hf_device_info, false },
    { "cookie", &hf_cookie, false },
    { "set-cookie", &hf_set_cookie, false },
};

bool
oxc_mapihttp_number(const char *value, uint32_t *number)
{
    return value && ws_strtou32(value, NULL, number);
}

const char *
oxc_mapihttp_response_code_name(uint32_t code)
{
    return val_to_str_const(code, response_codes, "Unknown");
}

static const header_field_t *
header_field(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(header_fields); i++) {
        if (header_fields[i].name[0] == name[0] && strcmp(header_fields[i].name, name) == 0)
            return &header_fields[i];
    }
    return NULL;
}

static const char *
shown_header(packet_info *pinfo, const char *name, const char *value)
{
    return oxc_shown_text(pinfo->pool, wmem_strdup_printf(pinfo->pool, "%s: %s", name, value));
}

void
oxc_mapihttp_header(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *name, const char *value,
                    int offset, int length, bool all)
{
    const header_field_t *field = header_field(name);
    proto_item *item;
    uint32_t number;

    /* The http dissector told name and value, not where they are. */
    if (offset < 0)
        offset = length = 0;
    if (!field) {
        if (all)
            proto_tree_add_string_format(tree, hf_header, tvb, offset, length, value, "%s",
                                         shown_header(pinfo, name, value));
        return;
    }
    if (!field->number) {
        proto_tree_add_string(tree, *field->hf, tvb, offset, length, value);
        return;
    }
    if (!oxc_mapihttp_number(value, &number)) {
        item = proto_tree_add_string_format(tree, hf_header, tvb, offset, length, value, "%s",
                                            shown_header(pinfo, name, value));
        expert_add_info(pinfo, item, &ei_header_value);
        return;
    }
    item = proto_tree_add_uint(tree, *field->hf, tvb, offset, length, number);
    if (field->hf == &hf_response_code && number != 0)
        expert_add_info_format(pinfo, item, &ei_response_code, "X-ResponseCode %u: %s", number,
                               oxc_mapihttp_response_code_name(number));
}

void
oxc_register_mapihttp_headers(int proto)
{
    static hf_register_info hf[] = {
        { &hf_request_type, { "X-RequestType", "mapihttp.request_type", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_request_id, { "X-RequestId", "mapihttp.request_id", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_response_code,
          { "X-ResponseCode", "mapihttp.response_code", FT_UINT32, BASE_DEC, VALS(response_codes), 0, NULL, HFILL } },
        { &hf_client_info, { "X-ClientInfo", "mapihttp.client_info", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_pending_period,
          { "X-PendingPeriod", "mapihttp.pending_period", FT_UINT32, BASE_DEC, NULL, 0,
            "Milliseconds between PENDING meta-tags", HFILL } },
        { &hf_client_application,
          { "X-ClientApplication", "mapihttp.client_application", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_server_application,
          { "X-ServerApplication", "mapihttp.server_application", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_expiration_info,
          { "X-ExpirationInfo", "mapihttp.expiration_info", FT_UINT32, BASE_DEC, NULL, 0,
            "Milliseconds until an idle session context expires", HFILL } },
        { &hf_elapsed_time,
          { "X-ElapsedTime", "mapihttp.elapsed_time", FT_UINT32, BASE_DEC, NULL, 0,
            "Milliseconds by the specification; some servers tell seconds", HFILL } },
        { &hf_start_time, { "X-StartTime", "mapihttp.start_time", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_device_info, { "X-DeviceInfo", "mapihttp.device_info", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_cookie, { "Cookie", "mapihttp.cookie", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_set_cookie, { "Set-Cookie", "mapihttp.set_cookie", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_header, { "Header", "mapihttp.header", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_header_value,
          { "mapihttp.header_value_wrong", PI_PROTOCOL, PI_WARN, "The value of the header is not a number", EXPFILL } },
        { &ei_response_code,
          { "mapihttp.response_code_failure", PI_RESPONSE_CODE, PI_WARN, "The server refused the request", EXPFILL } },
    };

    proto_register_field_array(proto, hf, array_length(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
