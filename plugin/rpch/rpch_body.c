/* rpch_body.c
 * Where HTTP messages, chunks and PDUs begin and end in a stream [MS-RPCH 2.1.2.1, RFC 9112]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpch/rpch_body.h"

#include "rpc/rpc_pdu.h"

#define MAX_CHUNK_LINE 1024

/*
 * A line of at most limit bytes from offset on: its length without its end, and where the next one begins.
 * RPCH_NEED_MORE if its end is not there, RPCH_GIVE_UP if it cannot come any more.
 */
static rpch_result_t
get_line(tvbuff_t *tvb, int offset, int limit, int *length, int *next)
{
    int there = MIN(tvb_reported_length_remaining(tvb, offset), limit);

    *length = there > 0 ? tvb_find_line_end(tvb, offset, there, next, true) : -1;
    if (*length >= 0)
        return RPCH_GO_ON;
    return there < limit ? RPCH_NEED_MORE : RPCH_GIVE_UP;
}

rpch_result_t
rpch_get_chunk_size(tvbuff_t *tvb, int offset, uint64_t *size, int *next)
{
    int length, digits = 0;
    rpch_result_t result = get_line(tvb, offset, MAX_CHUNK_LINE, &length, next);

    *size = 0;
    if (result == RPCH_NEED_MORE && tvb_reported_length_remaining(tvb, offset) > 0
        && !g_ascii_isxdigit(tvb_get_uint8(tvb, offset)))
        return RPCH_GIVE_UP;
    if (result != RPCH_GO_ON)
        return result;
    for (; digits < length; digits++) {
        int value = g_ascii_xdigit_value(tvb_get_uint8(tvb, offset + digits));

        if (value < 0)
            break;
        *size = *size << 4 | (unsigned)value;
    }
    if (digits == 0 || digits > 15)
        return RPCH_GIVE_UP;
    if (digits < length) {
        uint8_t c = tvb_get_uint8(tvb, offset + digits);

        if (c != ';' && c != ' ' && c != '\t')
            return RPCH_GIVE_UP;
    }
    return RPCH_GO_ON;
}

bool
rpch_at_framing(const rpch_position_t *at)
{
    return at->mode == RPCH_IN_BODY && at->left == 0;
}

rpch_result_t
rpch_step(tvbuff_t *tvb, int *offset, rpch_position_t *at, uint64_t *size)
{
    rpch_result_t result = RPCH_GO_ON;
    int length, next = *offset;

    *size = 0;
    switch (at->chunk) {
    case RPCH_NOT_CHUNKED:
        at->mode = RPCH_AT_MESSAGE;
        break;
    case RPCH_CHUNK_DATA:
        at->chunk = RPCH_CHUNK_END;
        break;
    case RPCH_CHUNK_END:
        result = get_line(tvb, *offset, 2, &length, &next);
        if (result == RPCH_GO_ON && length != 0)
            result = RPCH_GIVE_UP;
        if (result == RPCH_GO_ON)
            at->chunk = RPCH_CHUNK_SIZE;
        break;
    case RPCH_CHUNK_SIZE:
        result = rpch_get_chunk_size(tvb, *offset, size, &next);
        if (result == RPCH_GO_ON) {
            at->chunk = *size ? RPCH_CHUNK_DATA : RPCH_CHUNK_TRAILER;
            at->left = *size;
        }
        break;
    case RPCH_CHUNK_TRAILER:
        result = get_line(tvb, *offset, RPCH_MAX_HEAD, &length, &next);
        if (result == RPCH_GO_ON && length == 0)
            at->mode = RPCH_AT_MESSAGE;
        break;
    }
    if (result == RPCH_GO_ON)
        *offset = next;
    return result;
}

rpch_result_t
rpch_gather(tvbuff_t *tvb, int *offset, rpch_position_t *at, int want, uint8_t *buffer, bool *contiguous,
            uint32_t *missing)
{
    int first = *offset, got = 0;

    *contiguous = true;
    while (got < want) {
        rpch_result_t result = RPCH_GO_ON;
        uint64_t size;
        int n;

        while (result == RPCH_GO_ON && rpch_at_framing(at))
            result = rpch_step(tvb, offset, at, &size);
        if (result != RPCH_GO_ON) {
            *missing = DESEGMENT_ONE_MORE_SEGMENT;
            return result;
        }
        if (at->mode != RPCH_IN_BODY)
            return RPCH_THE_END;
        if (*offset != first + got)
            *contiguous = false;
        n = MIN(want - got, tvb_reported_length_remaining(tvb, *offset));
        if (at->left < (unsigned)n)
            n = (int)at->left;
        if (n <= 0) {
            *missing = at->left >= (unsigned)(want - got) ? (uint32_t)(want - got) : DESEGMENT_ONE_MORE_SEGMENT;
            return RPCH_NEED_MORE;
        }
        if (buffer)
            tvb_memcpy(tvb, buffer + got, *offset, n);
        got += n;
        *offset += n;
        if (at->left != RPCH_NO_END)
            at->left -= n;
    }
    return RPCH_GO_ON;
}

/* No control characters but those of white space, as in a header (RFC 9110 5.5). */
static bool
is_text(tvbuff_t *tvb, int offset, int length)
{
    for (int i = 0; i < length; i++) {
        uint8_t c = tvb_get_uint8(tvb, offset + i);

        if (c < ' ' && c != '\t' && c != '\r')
            return false;
    }
    return true;
}

rpch_result_t
rpch_get_head(tvbuff_t *tvb, wmem_allocator_t *scope, int offset, rpch_head_t *head)
{
    static const char in_data[] = "RPC_IN_DATA ", out_data[] = "RPC_OUT_DATA ";
    int at = offset, length, next;

    memset(head, 0, sizeof *head);
    for (;;) {
        rpch_result_t result = get_line(tvb, at, RPCH_MAX_HEAD - (at - offset), &length, &next);
        char *line;

        if (!is_text(tvb, at, result == RPCH_GO_ON ? length : tvb_captured_length_remaining(tvb, at)))
            return RPCH_GIVE_UP;
        if (result != RPCH_GO_ON)
            return result;
        if (length == 0)
            break;
        line = (char *)tvb_get_string_enc(scope, tvb, at, length, ENC_ASCII);
        if (at == offset) {
            if (g_str_has_prefix(line, "HTTP/1.")) {
                const char *status = strchr(line, ' ');

                head->status = status ? (unsigned)strtoul(status, NULL, 10) : 0;
            } else {
                if (!strstr(line, " HTTP/1."))
                    return RPCH_GIVE_UP;
                head->request = true;
                head->channel = g_str_has_prefix(line, in_data) ? RPCH_CHANNEL_IN
                    : g_str_has_prefix(line, out_data) ? RPCH_CHANNEL_OUT : RPCH_CHANNEL_UNKNOWN;
            }
        } else if (g_ascii_strncasecmp(line, "Content-Length:", 15) == 0) {
            head->has_length = true;
            head->body = g_ascii_strtoull(line + 15, NULL, 10);
        } else if (g_ascii_strncasecmp(line, "Transfer-Encoding:", 18) == 0) {
            size_t size = strlen(g_strchomp(line));

            head->chunked = g_ascii_strncasecmp(line + size - 7, "chunked", 7) == 0;     /* always the last coding */
        } else if (g_ascii_strncasecmp(line, "Content-Type:", 13) == 0) {
            head->rpc_type = g_ascii_strncasecmp(line + 13 + strspn(line + 13, " \t"), "application/rpc", 15) == 0;
        }
        at = next;
    }
    head->length = next - offset;
    return at == offset ? RPCH_GIVE_UP : RPCH_GO_ON;
}
