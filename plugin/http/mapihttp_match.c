/* mapihttp_match.c
 * Which request a response answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_match.h"

void
oxc_exchange_wait(wmem_list_t *open, mapihttp_exchange_t *exchange)
{
    wmem_list_append(open, exchange);
    if (wmem_list_count(open) > OXC_MAPIHTTP_MAX_OPEN)
        wmem_list_remove_frame(open, wmem_list_head(open));
}

mapihttp_exchange_t *
oxc_exchange_of_rest(wmem_list_t *open)
{
    wmem_list_frame_t *at = wmem_list_tail(open);
    mapihttp_exchange_t *exchange = at ? (mapihttp_exchange_t *)wmem_list_frame_data(at) : NULL;

    if (!exchange || !oxc_mapihttp_is_ours(exchange))
        return NULL;
    wmem_list_remove_frame(open, at);
    return exchange;
}

mapihttp_exchange_t *
oxc_exchange_of_stream(wmem_list_t *open, uint32_t stream)
{
    for (wmem_list_frame_t *at = wmem_list_head(open); at; at = wmem_list_frame_next(at)) {
        mapihttp_exchange_t *exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);

        if (exchange->stream == stream) {
            wmem_list_remove_frame(open, at);
            return exchange;
        }
    }
    return NULL;
}

mapihttp_exchange_t *
oxc_exchange_of_response(wmem_list_t *open, const oxc_http_message_t *message)
{
    const char *id = oxc_http_value(message, OXC_HEADER_X_REQUESTID);
    bool ours = oxc_mapihttp_is_response(message);
    mapihttp_exchange_t *exchange, *found = NULL;
    wmem_list_frame_t *at;

    for (at = wmem_list_head(open); id && at && !found; at = wmem_list_frame_next(at)) {
        exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);
        if (exchange->request_id && g_ascii_strcasecmp(exchange->request_id, id) == 0)
            found = exchange;
    }
    for (at = wmem_list_head(open); at && !found; at = wmem_list_frame_next(at)) {
        exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);
        if (oxc_mapihttp_is_ours(exchange) && id && exchange->request_id)
            break;              /* of a request that was not captured */
        if (oxc_mapihttp_is_ours(exchange) || !ours)
            found = exchange;
    }
    while (found && (at = wmem_list_head(open)) != NULL) {
        exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);
        wmem_list_remove_frame(open, at);
        if (exchange == found)
            break;
    }
    return found;
}

mapihttp_exchange_t *
oxc_exchange_of_type(wmem_list_t *open, const oxc_request_type_t *type)
{
    for (wmem_list_frame_t *at = wmem_list_head(open); at; at = wmem_list_frame_next(at)) {
        mapihttp_exchange_t *exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);

        if (!type || (oxc_mapihttp_is_ours(exchange) && exchange->request->type == type)) {
            wmem_list_remove_frame(open, at);
            return exchange;
        }
    }
    return NULL;
}
