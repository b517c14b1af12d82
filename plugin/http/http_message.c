/* http_message.c
 * Start lines and headers of HTTP/1.1, as far as a protocol inside needs them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/http_message.h"

#include "http/http_framing.h"

#include <string.h>

#include <wsutil/str_util.h>

/*
 * Statuses that end a call otherwise than with its answer (RFC 9110 15), as the servers and what stands before them
 * send them.
 */
static const value_string status_names[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 200, "OK" },
    { 204, "No Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 407, "Proxy Authentication Required" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 426, "Upgrade Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 440, "Login Timeout" },           /* not registered: Internet Information Services */
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 511, "Network Authentication Required" },
    { 0, NULL }
};

/* The bytes as text of our own. What is no ASCII becomes what Wireshark makes of it; nearly always there is none. */
static char *
copy_text(packet_info *pinfo, tvbuff_t *tvb, int offset, int length)
{
    const uint8_t *bytes = tvb_get_ptr(tvb, offset, length);
    uint8_t all = 0;
    char *text;

    for (int i = 0; i < length; i++)
        all |= bytes[i];
    if (all & 0x80)
        return (char *)tvb_get_string_enc(pinfo->pool, tvb, offset, length, ENC_ASCII | ENC_NA);
    text = (char *)wmem_alloc(pinfo->pool, (size_t)length + 1);
    if (length > 0)
        memcpy(text, bytes, (size_t)length);
    text[length] = '\0';
    return text;
}

/* A line from offset without its end; NULL when the tvb ends before the line does. */
static char *
read_line(packet_info *pinfo, tvbuff_t *tvb, int offset, int *next)
{
    int length;

    if (tvb_captured_length_remaining(tvb, offset) <= 0)
        return NULL;
    length = tvb_find_line_end(tvb, offset, tvb_captured_length_remaining(tvb, offset), next, true);
    if (length < 0)
        return NULL;
    return copy_text(pinfo, tvb, offset, length);
}

static oxc_http_message_t *
message_new(packet_info *pinfo, bool is_request)
{
    oxc_http_message_t *message = wmem_new0(pinfo->pool, oxc_http_message_t);

    message->is_request = is_request;
    message->headers = wmem_array_new(pinfo->pool, sizeof(oxc_http_header_t));
    return message;
}

/* "POST /mapi/emsmdb/ HTTP/1.1" or "HTTP/1.1 200 OK" (RFC 9112 2.1); NULL for anything else. */
static oxc_http_message_t *
read_start_line(packet_info *pinfo, const char *line)
{
    oxc_http_message_t *message;
    const char *target, *version;

    if (g_str_has_prefix(line, "HTTP/1.")) {
        const char *status = strchr(line, ' ');

        message = message_new(pinfo, false);
        if (status)
            message->status = (unsigned)g_ascii_strtoull(status + 1, NULL, 10);
        return message;
    }
    target = strchr(line, ' ');
    version = strrchr(line, ' ');
    if (!target || target == line || version <= target || !g_str_has_prefix(version + 1, "HTTP/1."))
        return NULL;
    for (const char *c = line; c < target; c++) {
        if (!g_ascii_isupper(*c) && *c != '_' && *c != '-')
            return NULL;
    }
    message = message_new(pinfo, true);
    message->target = wmem_strndup(pinfo->pool, target + 1, (size_t)(version - target - 1));
    return message;
}

/* Name and value stay in the line, which nobody else needs. */
static void
add_header(oxc_http_message_t *message, char *line, int offset, int length)
{
    char *colon = strchr(line, ':');
    oxc_http_header_t header;

    if (!colon)
        return;
    *colon = '\0';
    for (char *c = line; c < colon; c++)
        *c = g_ascii_tolower(*c);
    header.name = line;
    header.value = g_strstrip(colon + 1);
    header.offset = offset;
    header.length = length;
    wmem_array_append_one(message->headers, header);
}

/* How long the body is (RFC 9112 6.3). */
static void
find_end(oxc_http_message_t *message)
{
    const char *encoding = oxc_http_value(message, "transfer-encoding");
    const char *length_text = oxc_http_value(message, "content-length");
    int there = tvb_captured_length_remaining(message->tvb, message->body);
    uint64_t length;

    message->end = message->body + MAX(there, 0);
    if (!message->is_request && (message->status / 100 == 1 || message->status == 204 || message->status == 304)) {
        message->end = message->body;
        message->complete = true;
    } else if (encoding && g_ascii_strcasecmp(encoding, "chunked") == 0) {
        int end = oxc_http_chunked_end(message->tvb, message->body, NULL);

        if (end >= 0) {
            message->end = end;
            message->complete = true;
        }
    } else if (length_text) {
        length = g_ascii_strtoull(length_text, NULL, 10);
        if (length <= (uint64_t)MAX(there, 0)) {
            message->end = message->body + (int)length;
            message->complete = true;
        }
    } else if (message->is_request) {
        message->end = message->body;
        message->complete = true;
    }
    /* A response without either ends with the connection. */
}

oxc_http_message_t *
oxc_http_read(packet_info *pinfo, tvbuff_t *tvb, int offset)
{
    oxc_http_message_t *message;
    int next;
    char *line = read_line(pinfo, tvb, offset, &next);

    /* Empty lines in front are to be ignored (RFC 9112 2.2). */
    if (line && *line == '\0') {
        offset = next;
        line = read_line(pinfo, tvb, offset, &next);
    }
    if (!line)
        return NULL;
    message = read_start_line(pinfo, line);
    if (!message)
        return NULL;
    message->tvb = tvb;
    message->offset = offset;
    for (;;) {
        offset = next;
        line = read_line(pinfo, tvb, offset, &next);
        if (!line)
            return NULL;
        if (*line == '\0')
            break;
        add_header(message, line, offset, next - offset);
    }
    message->body = next;
    find_end(message);
    return message;
}

typedef struct {
    packet_info *pinfo;
    oxc_http_message_t *message;
} from_map_t;

static void
append_header(const from_map_t *to, const char *name, const char *value)
{
    oxc_http_header_t header;

    header.name = name;
    header.value = g_strstrip(wmem_strdup(to->pinfo->pool, value));
    header.offset = -1;
    header.length = 0;
    wmem_array_append_one(to->message->headers, header);
}

static void
add_from_map(void *key, void *value, void *user_data)
{
    append_header((const from_map_t *)user_data, (const char *)key, (const char *)value);
}

/* The map is in no order that would be the same in another run. */
static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const oxc_http_header_t *)a)->name, ((const oxc_http_header_t *)b)->name);
}

oxc_http_message_t *
oxc_http_from_map(packet_info *pinfo, bool is_request, wmem_map_t *map)
{
    from_map_t to = { pinfo, message_new(pinfo, is_request) };

    if (map)
        wmem_map_foreach(map, add_from_map, &to);
    wmem_array_sort(to.message->headers, compare_names);
    return to.message;
}

oxc_http_message_t *
oxc_http_hint_from_map(packet_info *pinfo, bool is_request, wmem_map_t *map, const char *name)
{
    from_map_t to = { pinfo, message_new(pinfo, is_request) };
    void *value = map ? wmem_map_lookup(map, name) : NULL;

    if (value)
        append_header(&to, name, (const char *)value);
    return to.message;
}

/* A text behind its length of four bytes; NULL if it does not fit. */
static const char *
read_counted(packet_info *pinfo, tvbuff_t *tvb, int *offset)
{
    int length;
    uint32_t said;

    if (tvb_captured_length_remaining(tvb, *offset) < 4)
        return NULL;
    said = tvb_get_ntohl(tvb, *offset);
    length = tvb_captured_length_remaining(tvb, *offset + 4);
    if (length < 0 || said > (uint32_t)length)
        return NULL;
    *offset += 4 + (int)said;
    return (const char *)tvb_get_string_enc(pinfo->pool, tvb, *offset - (int)said, (int)said, ENC_ASCII | ENC_NA);
}

oxc_http_message_t *
oxc_http_from_list(packet_info *pinfo, tvbuff_t *list)
{
    oxc_http_message_t *message = message_new(pinfo, false);
    int offset = 0, end = (int)tvb_captured_length(list);
    oxc_http_header_t header = { NULL, NULL, -1, 0 };

    while (offset < end) {
        header.name = read_counted(pinfo, list, &offset);
        header.value = header.name ? read_counted(pinfo, list, &offset) : NULL;
        if (!header.value || *header.name == '\0')
            return NULL;
        if (strcmp(header.name, ":status") == 0)
            message->status = (unsigned)g_ascii_strtoull(header.value, NULL, 10);
        else if (strcmp(header.name, ":path") == 0)
            message->target = header.value;
        message->is_request = message->is_request || strcmp(header.name, ":method") == 0;
        wmem_array_append_one(message->headers, header);
    }
    return end > 0 ? message : NULL;
}

void
oxc_http_append_headers(oxc_http_message_t *kept, const oxc_http_message_t *message)
{
    unsigned count = wmem_array_get_count(message->headers);

    for (unsigned i = 0; i < count; i++) {
        oxc_http_header_t header = *(const oxc_http_header_t *)wmem_array_index(message->headers, i);

        header.name = wmem_strdup(wmem_file_scope(), header.name);
        header.value = wmem_strdup(wmem_file_scope(), header.value);
        header.offset = -1;
        header.length = 0;
        wmem_array_append_one(kept->headers, header);
    }
    if (message->status)
        kept->status = message->status;
    kept->is_request = kept->is_request || message->is_request;
}

oxc_http_message_t *
oxc_http_keep(const oxc_http_message_t *message)
{
    oxc_http_message_t *kept = (oxc_http_message_t *)wmem_memdup(wmem_file_scope(), message, sizeof(*message));

    kept->tvb = NULL;
    if (message->target)
        kept->target = wmem_strdup(wmem_file_scope(), message->target);
    kept->headers = wmem_array_sized_new(wmem_file_scope(), sizeof(oxc_http_header_t),
                                         MAX(wmem_array_get_count(message->headers), 1));
    oxc_http_append_headers(kept, message);
    return kept;
}

oxc_http_message_t *
oxc_http_without_headers(packet_info *pinfo, bool is_request)
{
    oxc_http_message_t *message = message_new(pinfo, is_request);

    message->no_headers = true;
    return message;
}

static tvbuff_t *
tvb_of_chunks(tvbuff_t *parent, wmem_array_t *data)
{
    unsigned length = wmem_array_get_count(data);

    return tvb_new_child_real_data(parent, (const uint8_t *)wmem_array_get_raw(data), length, (int)length);
}

tvbuff_t *
oxc_http_body(packet_info *pinfo, const oxc_http_message_t *message)
{
    const char *encoding = oxc_http_value(message, "transfer-encoding");
    wmem_array_t *data;

    if (!message->complete || message->end == message->body)
        return NULL;
    if (!encoding || g_ascii_strcasecmp(encoding, "chunked") != 0)
        return tvb_new_subset_length(message->tvb, message->body, message->end - message->body);
    data = wmem_array_new(pinfo->pool, 1);
    oxc_http_chunked_end(message->tvb, message->body, data);
    return wmem_array_get_count(data) > 0 ? tvb_of_chunks(message->tvb, data) : NULL;
}

oxc_http_message_t *
oxc_http_rest(packet_info *pinfo, tvbuff_t *tvb, tvbuff_t **body)
{
    int length = (int)tvb_captured_length(tvb);
    oxc_http_message_t *message;
    wmem_array_t *data;

    if (length == 0 || !g_ascii_isxdigit(tvb_get_uint8(tvb, 0)))
        return NULL;
    data = wmem_array_new(pinfo->pool, 1);
    if (oxc_http_chunked_end(tvb, 0, data) != length || wmem_array_get_count(data) == 0)
        return NULL;
    *body = tvb_of_chunks(tvb, data);
    message = message_new(pinfo, false);
    message->is_rest = true;
    return message;
}

static const oxc_http_header_t *
find_header(const oxc_http_message_t *message, const char *name)
{
    unsigned count = wmem_array_get_count(message->headers);

    for (unsigned i = 0; i < count; i++) {
        const oxc_http_header_t *header = (const oxc_http_header_t *)wmem_array_index(message->headers, i);

        if (header->name[0] == name[0] && strcmp(header->name, name) == 0)
            return header;
    }
    return NULL;
}

const char *
oxc_http_value(const oxc_http_message_t *message, const char *name)
{
    const oxc_http_header_t *header = find_header(message, name);

    return header ? header->value : NULL;
}

bool
oxc_http_is_type(const oxc_http_message_t *message, const char *media_type)
{
    const char *value = oxc_http_value(message, "content-type");
    size_t length = strlen(media_type);

    return value && g_ascii_strncasecmp(value, media_type, length) == 0 &&
           (value[length] == '\0' || value[length] == ';' || g_ascii_isspace(value[length]));
}

const char *
oxc_http_status_name(unsigned status)
{
    return val_to_str_const(status, status_names, "unknown");
}
