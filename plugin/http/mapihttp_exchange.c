/* mapihttp_exchange.c
 * Requests, responses, and what is known of them (MS-OXCMAPIHTTP 3.1.5, 3.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_exchange.h"

#include "foreign_text.h"

#include <string.h>

char *
oxc_mapihttp_keep_header(const oxc_http_message_t *message, oxc_http_name_t name)
{
    const char *value = oxc_http_value(message, name);

    return value ? wmem_strdup(wmem_file_scope(), value) : NULL;
}

const char *
oxc_mapihttp_keep_type(const oxc_http_message_t *message, const oxc_request_type_t **type)
{
    const char *value = oxc_http_value(message, OXC_HEADER_X_REQUESTTYPE);

    *type = oxc_mapihttp_request_type(value);
    if (*type && strcmp((*type)->name, value) == 0)
        return (*type)->name;
    return value ? oxc_shown_text(wmem_file_scope(), wmem_strdup(wmem_file_scope(), value)) : NULL;
}

bool
oxc_mapihttp_is_request(const oxc_http_message_t *message)
{
    return message->is_request &&
           (oxc_http_value(message, OXC_HEADER_X_REQUESTTYPE) || oxc_http_is_type(message, "application/mapi-http"));
}

bool
oxc_mapihttp_is_response(const oxc_http_message_t *message)
{
    return oxc_http_value(message, OXC_HEADER_X_REQUESTTYPE) || oxc_http_value(message, OXC_HEADER_X_RESPONSECODE) ||
           oxc_http_is_type(message, "application/mapi-http");
}
