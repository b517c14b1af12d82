/* http_message.c
 * Start lines and headers of HTTP/1.1, as far as a protocol inside needs them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/http_message.h"

#include <stdlib.h>
#include <string.h>

#include "http/http_framing.h"

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

/* The shorter ones first, see find_name(). */
static const struct {
    size_t length;
    const char *name;
} known_names[OXC_HEADER_NAMES + 1] = {
    [OXC_HEADER_COOKIE] = { sizeof "cookie" - 1, "cookie" },
    [OXC_HEADER_SET_COOKIE] = { sizeof "set-cookie" - 1, "set-cookie" },
    [OXC_HEADER_X_REQUESTID] = { sizeof "x-requestid" - 1, "x-requestid" },
    [OXC_HEADER_X_STARTTIME] = { sizeof "x-starttime" - 1, "x-starttime" },
    [OXC_HEADER_CONTENT_TYPE] = { sizeof "content-type" - 1, "content-type" },
    [OXC_HEADER_X_CLIENTINFO] = { sizeof "x-clientinfo" - 1, "x-clientinfo" },
    [OXC_HEADER_X_DEVICEINFO] = { sizeof "x-deviceinfo" - 1, "x-deviceinfo" },
    [OXC_HEADER_X_ELAPSEDTIME] = { sizeof "x-elapsedtime" - 1, "x-elapsedtime" },
    [OXC_HEADER_X_REQUESTTYPE] = { sizeof "x-requesttype" - 1, "x-requesttype" },
    [OXC_HEADER_CONTENT_LENGTH] = { sizeof "content-length" - 1, "content-length" },
    [OXC_HEADER_X_RESPONSECODE] = { sizeof "x-responsecode" - 1, "x-responsecode" },
    [OXC_HEADER_X_PENDINGPERIOD] = { sizeof "x-pendingperiod" - 1, "x-pendingperiod" },
    [OXC_HEADER_CONTENT_ENCODING] = { sizeof "content-encoding" - 1, "content-encoding" },
    [OXC_HEADER_X_EXPIRATIONINFO] = { sizeof "x-expirationinfo" - 1, "x-expirationinfo" },
    [OXC_HEADER_TRANSFER_ENCODING] = { sizeof "transfer-encoding" - 1, "transfer-encoding" },
    [OXC_HEADER_X_CLIENTAPPLICATION] = { sizeof "x-clientapplication" - 1, "x-clientapplication" },
    [OXC_HEADER_X_SERVERAPPLICATION] = { sizeof "x-serverapplication" - 1, "x-serverapplication" },
};

/* A name compared with one in lower case: only letters, and a character that ends lines, differ by that bit. */
static bool
is_name(const char *name, const char *known, size_t length)
{
    const uint64_t lower_case = UINT64_C(0x2020202020202020);
    uint64_t these, those;
    size_t i = 0;

    for (; i + sizeof these <= length; i += sizeof these) {
        memcpy(&these, name + i, sizeof these);
        memcpy(&those, known + i, sizeof those);
        if ((these | lower_case) != those)
            return false;
    }
    for (; i < length; i++)
        if ((name[i] | 0x20) != known[i])
            return false;
    return true;
}

static oxc_http_name_t
find_name(const char *name, size_t length)
{
    static const uint8_t first[] = {
        [6] = OXC_HEADER_COOKIE,
        [10] = OXC_HEADER_SET_COOKIE,
        [11] = OXC_HEADER_X_REQUESTID,
        [12] = OXC_HEADER_CONTENT_TYPE,
        [13] = OXC_HEADER_X_ELAPSEDTIME,
        [14] = OXC_HEADER_CONTENT_LENGTH,
        [15] = OXC_HEADER_X_PENDINGPERIOD,
        [16] = OXC_HEADER_CONTENT_ENCODING,
        [17] = OXC_HEADER_TRANSFER_ENCODING,
        [19] = OXC_HEADER_X_CLIENTAPPLICATION,
    };
    unsigned i = length < G_N_ELEMENTS(first) ? first[length] : OXC_HEADER_OTHER;

    for (; i != OXC_HEADER_OTHER && known_names[i].length == length; i++)
        if (is_name(name, known_names[i].name, length))
            return (oxc_http_name_t)i;
    return OXC_HEADER_OTHER;
}

static bool
is_ascii(const uint8_t *bytes, size_t length)
{
    uint64_t all = 0, word;
    size_t i = 0;

    for (; i + sizeof word <= length; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        all |= word;
    }
    for (; i < length; i++)
        all |= bytes[i];
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

char *
oxc_http_text(packet_info *pinfo, tvbuff_t *tvb, int offset, int length)
{
    const uint8_t *bytes = tvb_get_ptr(tvb, offset, length);
    char *text;

    if (!is_ascii(bytes, (size_t)length))
        return (char *)tvb_get_string_enc(pinfo->pool, tvb, offset, length, ENC_ASCII | ENC_NA);
    text = (char *)wmem_alloc(pinfo->pool, (size_t)length + 1);
    if (length > 0)
        memcpy(text, bytes, (size_t)length);
    text[length] = '\0';
    return text;
}

static oxc_http_message_t *
message_new(packet_info *pinfo, bool is_request)
{
    oxc_http_message_t *message = wmem_new0(pinfo->pool, oxc_http_message_t);

    message->is_request = is_request;
    return message;
}

static void
add_header(wmem_allocator_t *scope, oxc_http_message_t *message, const oxc_http_header_t *header)
{
    if (message->header_count == message->header_room) {
        message->header_room = message->header_room ? 2 * message->header_room : 4;
        message->headers = (oxc_http_header_t *)wmem_realloc(scope, message->headers,
                                                             message->header_room * sizeof(oxc_http_header_t));
    }
    message->headers[message->header_count++] = *header;
    if (!message->values[header->known])
        message->values[header->known] = header->value;
}

/* Of bytes that are asked about, most are no message. */
static bool
may_begin_message(uint8_t first)
{
    return g_ascii_isupper(first) || first == '_' || first == '-';
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

bool
oxc_http_split_header(char *line, oxc_http_header_t *header)
{
    char *colon = strchr(line, ':'), *value, *end;

    if (!colon)
        return false;
    *colon = '\0';
    header->known = find_name(line, (size_t)(colon - line));
    header->name = header->known ? known_names[header->known].name : line;
    for (value = colon + 1; g_ascii_isspace(*value); value++)
        ;
    for (end = value + strlen(value); end > value && g_ascii_isspace(end[-1]); end--)
        ;
    *end = '\0';
    header->value = value;
    return true;
}

bool
oxc_http_is_chunked(const oxc_http_message_t *message)
{
    const char *codings = oxc_http_value(message, OXC_HEADER_TRANSFER_ENCODING);
    const char *last = codings ? strrchr(codings, ',') : NULL;

    for (last = last ? last + 1 : codings; last && g_ascii_isspace(*last); last++)
        ;
    return last && g_ascii_strcasecmp(last, "chunked") == 0;
}

/* How long the body is (RFC 9112 6.3). */
static void
find_end(oxc_http_message_t *message)
{
    const char *length_text = oxc_http_value(message, OXC_HEADER_CONTENT_LENGTH);
    int there = tvb_captured_length_remaining(message->tvb, message->body);
    uint64_t length;

    message->end = message->body + MAX(there, 0);
    if (!message->is_request && (message->status / 100 == 1 || message->status == 204 || message->status == 304)) {
        message->end = message->body;
        message->complete = true;
    } else if (oxc_http_is_chunked(message)) {
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
    } else {
        message->complete = message->is_request;
        message->until_close = !message->is_request;
        message->end = message->is_request ? message->body : message->end;
    }
}

/* ---- heads ---- */

/* Bytes, line by line. */
typedef struct {
    const uint8_t *next;        /* where the next line begins */
    const uint8_t *end;
    const uint8_t *newline;     /* the first one from there on, or end for none; NULL: not looked for */
    const uint8_t *line;
    size_t length;              /* without its end */
} lines_t;

/* As tvb_find_line_end() has lines: they end with CR, LF or both. False when the bytes end before the line does. */
static bool
next_line(lines_t *lines)
{
    const uint8_t *carriage;

    lines->line = lines->next;
    if (lines->line >= lines->end)
        return false;
    if (!lines->newline || lines->newline < lines->line) {
        lines->newline = (const uint8_t *)memchr(lines->line, '\n', (size_t)(lines->end - lines->line));
        if (!lines->newline)
            lines->newline = lines->end;
    }
    carriage = (const uint8_t *)memchr(lines->line, '\r', (size_t)(lines->newline - lines->line));
    if (carriage) {
        if (carriage + 1 == lines->end)
            return false;
        lines->length = (size_t)(carriage - lines->line);
        lines->next = carriage + 1 + (carriage[1] == '\n');
        return true;
    }
    lines->length = (size_t)(lines->newline - lines->line);
    lines->next = lines->newline + 1;
    return lines->newline != lines->end;
}

/* As text it has nothing in it. */
static bool
is_empty(const lines_t *lines)
{
    return lines->length == 0 || *lines->line == '\0';
}

/* The header lines from the one that comes next on, and the empty line behind them. False if that is not there. */
static bool
read_headers(packet_info *pinfo, oxc_http_message_t *message, lines_t *lines)
{
    const uint8_t *begin = lines->next, *start = lines->end - tvb_captured_length(message->tvb);
    oxc_http_header_t header = { OXC_HEADER_OTHER, NULL, NULL, 0, 0 };
    unsigned count;
    bool ascii;
    char *copy;

    /* Where the lines are, until it is known that all are there; the value is where the text of one ends. */
    message->header_room = 16;
    message->headers = wmem_alloc_array(pinfo->pool, oxc_http_header_t, message->header_room);
    for (;;) {
        if (!next_line(lines))
            return false;
        if (is_empty(lines))
            break;
        header.offset = (int)(lines->line - start);
        header.length = (int)(lines->next - lines->line);
        header.value = (const char *)lines->line + lines->length;
        add_header(pinfo->pool, message, &header);
    }
    count = message->header_count;
    message->header_count = 0;
    message->values[OXC_HEADER_OTHER] = NULL;
    copy = (char *)wmem_memdup(pinfo->pool, begin, (size_t)(lines->next - begin));
    ascii = is_ascii(begin, (size_t)(lines->next - begin));
    for (unsigned i = 0; i < count; i++) {
        char *line = copy + (start + message->headers[i].offset - begin);
        ptrdiff_t length = (const uint8_t *)message->headers[i].value - start - message->headers[i].offset;

        header = message->headers[i];
        line[length] = '\0';
        if (!ascii)
            line = oxc_http_text(pinfo, message->tvb, header.offset, (int)length);
        if (oxc_http_split_header(line, &header))
            add_header(pinfo->pool, message, &header);
    }
    return true;
}

oxc_http_message_t *
oxc_http_read(packet_info *pinfo, tvbuff_t *tvb, int offset)
{
    int left = tvb_captured_length_remaining(tvb, offset);
    oxc_http_message_t *message;
    const uint8_t *start;
    lines_t lines = { 0 };

    if (left <= 0)
        return NULL;
    lines.next = tvb_get_ptr(tvb, offset, left);
    lines.end = lines.next + left;
    start = lines.next - offset;
    /* Empty lines in front are to be ignored (RFC 9112 2.2). */
    if (!next_line(&lines) || (is_empty(&lines) && !next_line(&lines)))
        return NULL;
    if (!may_begin_message(*lines.line))
        return NULL;
    message = read_start_line(pinfo, oxc_http_text(pinfo, tvb, (int)(lines.line - start), (int)lines.length));
    if (!message)
        return NULL;
    message->tvb = tvb;
    message->offset = (int)(lines.line - start);
    if (!read_headers(pinfo, message, &lines))
        return NULL;
    message->body = (int)(lines.next - start);
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

    header.known = find_name(name, strlen(name));
    header.name = name;
    header.value = g_strstrip(wmem_strdup(to->pinfo->pool, value));
    header.offset = -1;
    header.length = 0;
    add_header(to->pinfo->pool, to->message, &header);
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
    if (to.message->header_count > 0)
        qsort(to.message->headers, to.message->header_count, sizeof(oxc_http_header_t), compare_names);
    return to.message;
}

oxc_http_message_t *
oxc_http_hint_from_map(packet_info *pinfo, bool is_request, wmem_map_t *map, oxc_http_name_t name)
{
    from_map_t to = { pinfo, message_new(pinfo, is_request) };
    void *value = map ? wmem_map_lookup(map, known_names[name].name) : NULL;

    if (value)
        append_header(&to, known_names[name].name, (const char *)value);
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
    oxc_http_header_t header = { OXC_HEADER_OTHER, NULL, NULL, -1, 0 };

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
        header.known = find_name(header.name, strlen(header.name));
        add_header(pinfo->pool, message, &header);
    }
    return end > 0 ? message : NULL;
}

void
oxc_http_append_headers(oxc_http_message_t *kept, const oxc_http_message_t *message)
{
    for (unsigned i = 0; i < message->header_count; i++) {
        oxc_http_header_t header = message->headers[i];

        header.name = wmem_strdup(wmem_file_scope(), header.name);
        header.value = wmem_strdup(wmem_file_scope(), header.value);
        header.offset = -1;
        header.length = 0;
        add_header(wmem_file_scope(), kept, &header);
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
    kept->headers = NULL;
    kept->header_count = kept->header_room = 0;
    memset(kept->values, 0, sizeof kept->values);
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
    wmem_array_t *data;

    if (!message->complete || message->end == message->body)
        return NULL;
    if (!oxc_http_is_chunked(message))
        return tvb_new_subset_length(message->tvb, message->body, message->end - message->body);
    data = wmem_array_new(pinfo->pool, 1);
    oxc_http_chunked_end(message->tvb, message->body, data);
    return wmem_array_get_count(data) > 0 ? tvb_of_chunks(message->tvb, data) : NULL;
}

/* may_be_open: the last chunk that is there need not be the empty one. */
static oxc_http_message_t *
read_rest(packet_info *pinfo, tvbuff_t *tvb, bool may_be_open, tvbuff_t **body)
{
    int length = (int)tvb_captured_length(tvb), end;
    oxc_http_message_t *message;
    wmem_array_t *data;

    if (length == 0 || !g_ascii_isxdigit(tvb_get_uint8(tvb, 0)))
        return NULL;
    data = wmem_array_new(pinfo->pool, 1);
    end = oxc_http_chunked_end(tvb, 0, data);
    if ((end != length && !(may_be_open && end < 0)) || wmem_array_get_count(data) == 0)
        return NULL;
    *body = tvb_of_chunks(tvb, data);
    message = message_new(pinfo, false);
    message->is_rest = true;
    message->is_old = may_be_open;
    return message;
}

oxc_http_message_t *
oxc_http_rest(packet_info *pinfo, tvbuff_t *tvb, tvbuff_t **body)
{
    return read_rest(pinfo, tvb, false, body);
}

oxc_http_message_t *
oxc_http_end(packet_info *pinfo, tvbuff_t *tvb, tvbuff_t **body)
{
    return tvb ? read_rest(pinfo, tvb, true, body) : NULL;
}

bool
oxc_http_is_type(const oxc_http_message_t *message, const char *media_type)
{
    const char *value = oxc_http_value(message, OXC_HEADER_CONTENT_TYPE);
    size_t length = strlen(media_type);

    return value && g_ascii_strncasecmp(value, media_type, length) == 0 &&
           (value[length] == '\0' || value[length] == ';' || g_ascii_isspace(value[length]));
}

const char *
oxc_http_status_name(unsigned status)
{
    return val_to_str_const(status, status_names, "unknown");
}
