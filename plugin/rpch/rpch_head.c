/* rpch_head.c
 * Heads of HTTP messages on channels, and where a channel stands [MS-RPCH 2.1.2.1]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpch/rpch_head.h"

#include "http/http_message.h"

#include <string.h>

oxc_http_result_t
rpch_get_head(tvbuff_t *tvb, packet_info *pinfo, int offset, uint32_t *scanned, rpch_head_t *head)
{
    static const char in_data[] = "RPC_IN_DATA ", out_data[] = "RPC_OUT_DATA ";
    const oxc_http_message_t *message;
    const char *length;
    int end;
    oxc_http_result_t result = oxc_http_head_end(tvb, offset, scanned, &end);

    memset(head, 0, sizeof *head);
    if (result != OXC_HTTP_GO_ON)
        return result;
    *scanned = 0;
    message = oxc_http_read(pinfo, tvb, offset);
    if (!message)
        return OXC_HTTP_GIVE_UP;
    head->length = end - offset;
    head->request = message->is_request;
    head->status = message->status;
    if (tvb_strneql(tvb, offset, in_data, sizeof in_data - 1) == 0)
        head->channel = RPCH_CHANNEL_IN;
    else if (tvb_strneql(tvb, offset, out_data, sizeof out_data - 1) == 0)
        head->channel = RPCH_CHANNEL_OUT;
    length = oxc_http_value(message, OXC_HEADER_CONTENT_LENGTH);
    head->has_length = length != NULL;
    head->body = length ? g_ascii_strtoull(length, NULL, 10) : 0;
    head->chunked = oxc_http_is_chunked(message);
    head->rpc_type = oxc_http_is_type(message, "application/rpc");
    return OXC_HTTP_GO_ON;
}
