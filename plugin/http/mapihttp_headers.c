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
    int *hf;                    /* NULL: it is not the protocol's */
    bool number;
} header_field_t;

static const header_field_t header_fields[OXC_HEADER_NAMES] = {
    [OXC_HEADER_X_REQUESTTYPE] = { &hf_request_type, false },
    [OXC_HEADER_X_REQUESTID] = { &hf_request_id, false },
    [OXC_HEADER_X_RESPONSECODE] = { &hf_response_code, true },
    [OXC_HEADER_X_CLIENTINFO] = { &hf_client_info, false },
    [OXC_HEADER_X_PENDINGPERIOD] = { &hf_pending_period, true },
    [OXC_HEADER_X_CLIENTAPPLICATION] = { &hf_client_application, false },
    [OXC_HEADER_X_SERVERAPPLICATION] = { &hf_server_application, false },
    [OXC_HEADER_X_EXPIRATIONINFO] = { &hf_expiration_info, true },
    [OXC_HEADER_X_ELAPSEDTIME] = { &hf_elapsed_time, true },
    [OXC_HEADER_X_STARTTIME] = { &hf_start_time, false },
    [OXC_HEADER_X_DEVICEINFO] = { &hf_device_info, false },
    [OXC_HEADER_COOKIE] = { &hf_cookie, false },
    [OXC_HEADER_SET_COOKIE] = { &hf_set_cookie, false },
};

bool
oxc_mapihttp_number(const char *value, uint32_t *number)
{
    uint32_t sum = 0;
    int digits = 0;

    if (!value)
        return false;
    for (; digits < 9 && g_ascii_isdigit(value[digits]); digits++)
        sum = sum * 10 + (uint32_t)(value[digits] - '0');
    if (digits == 0 || value[digits] != '\0')
        return ws_strtou32(value, NULL, number);
    *number = sum;
    return true;
}

const char *
oxc_mapihttp_response_code_name(uint32_t code)
{
    return val_to_str_const(code, response_codes, "Unknown");
}

static const char *
shown_header(packet_info *pinfo, const char *name, const char *value)
{
    return oxc_shown_text(pinfo->pool, wmem_strdup_printf(pinfo->pool, "%s: %s", name, value));
}

void
oxc_mapihttp_header(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_http_header_t *header)
{
    const header_field_t *field = &header_fields[header->known];
    /* The http dissector told name and value, not where they are. */
    int offset = header->offset < 0 ? 0 : header->offset, length = header->offset < 0 ? 0 : header->length;
    proto_item *item;
    uint32_t number;

    if (!field->hf)
        return;
    if (!field->number) {
        if (tree && proto_field_is_referenced(tree, *field->hf))
            proto_tree_add_string(tree, *field->hf, tvb, offset, length, header->value);
        return;
    }
    if (!oxc_mapihttp_number(header->value, &number)) {
        item = proto_tree_add_string_format(tree, hf_header, tvb, offset, length, header->value, "%s",
                                            shown_header(pinfo, header->name, header->value));
        expert_add_info(pinfo, item, &ei_header_value);
        return;
    }
    item = proto_tree_add_uint(tree, *field->hf, tvb, offset, length, number);
    if (header->known == OXC_HEADER_X_RESPONSECODE && number != 0)
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
          { "mapihttp.header_value_wrong", PI_PROTOCOL, PI_WARN, "Header value is not a number", EXPFILL } },
        { &ei_response_code,
          { "mapihttp.response_code_failure", PI_RESPONSE_CODE, PI_WARN, "Request refused by the server", EXPFILL } },
    };

    proto_register_field_array(proto, hf, array_length(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
