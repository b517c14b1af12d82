/* http_framing.c
 * Where the body of an HTTP/1.1 message goes on, and where it ends (RFC 9112 6, 7.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/http_framing.h"

#define MAX_CHUNK_LINE 1024
#define MAX_SIZE_DIGITS 15      /* of a chunk's size; more would not fit an int64_t */

oxc_http_result_t
oxc_http_line(tvbuff_t *tvb, int offset, int limit, int *length, int *next)
{
    int there = MIN(tvb_reported_length_remaining(tvb, offset), limit);

    *length = there > 0 ? tvb_find_line_end(tvb, offset, there, next, true) : -1;
    if (*length >= 0)
        return OXC_HTTP_GO_ON;
    return there < limit ? OXC_HTTP_NEED_MORE : OXC_HTTP_GIVE_UP;
}

/* No control characters but those of white space, as in a head (RFC 9110 5.5). */
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

/* Whole lines end there, unless the bytes are others than those that were looked at. */
static bool
is_line_end(tvbuff_t *tvb, int offset)
{
    return tvb_captured_length_remaining(tvb, offset) > 0 && tvb_get_uint8(tvb, offset) == '\n';
}

oxc_http_result_t
oxc_http_head_end(tvbuff_t *tvb, int offset, uint32_t *scanned, int *end)
{
    oxc_http_result_t result;
    int at = offset, length, next;

    if (*scanned > 0 && *scanned < OXC_HTTP_MAX_HEAD && is_line_end(tvb, offset + (int)*scanned - 1))
        at += (int)*scanned;
    for (;; at = next) {
        result = oxc_http_line(tvb, at, OXC_HTTP_MAX_HEAD - (at - offset), &length, &next);
        *scanned = (uint32_t)(at - offset);
        if (result == OXC_HTTP_NEED_MORE)
            length = MAX(tvb_captured_length_remaining(tvb, at), 0);
        if (result == OXC_HTTP_GIVE_UP || !is_text(tvb, at, length))
            return OXC_HTTP_GIVE_UP;
        if (result == OXC_HTTP_NEED_MORE)
            return OXC_HTTP_NEED_MORE;
        if (length == 0)
            break;
    }
    *end = next;
    return at == offset ? OXC_HTTP_GIVE_UP : OXC_HTTP_GO_ON;
}

oxc_http_result_t
oxc_http_chunk_size(tvbuff_t *tvb, int offset, uint64_t *size, int *next)
{
    int length, digits = 0;
    oxc_http_result_t result = oxc_http_line(tvb, offset, MAX_CHUNK_LINE, &length, next);

    *size = 0;
    if (result == OXC_HTTP_NEED_MORE && tvb_captured_length_remaining(tvb, offset) > 0
        && !g_ascii_isxdigit(tvb_get_uint8(tvb, offset)))
        return OXC_HTTP_GIVE_UP;
    if (result != OXC_HTTP_GO_ON)
        return result;
    for (; digits < length; digits++) {
        int value = g_ascii_xdigit_value(tvb_get_uint8(tvb, offset + digits));

        if (value < 0)
            break;
        *size = *size << 4 | (unsigned)value;
    }
    if (digits == 0 || digits > MAX_SIZE_DIGITS)
        return OXC_HTTP_GIVE_UP;
    if (digits < length) {
        uint8_t c = tvb_get_uint8(tvb, offset + digits);

        if (c != ';' && c != ' ' && c != '\t')
            return OXC_HTTP_GIVE_UP;
    }
    return OXC_HTTP_GO_ON;
}

bool
oxc_http_at_framing(const oxc_http_framing_t *at)
{
    return at->chunk != OXC_HTTP_BODY_END && at->left == 0;
}

oxc_http_result_t
oxc_http_step(tvbuff_t *tvb, int *offset, oxc_http_framing_t *at, uint64_t *size)
{
    oxc_http_result_t result = OXC_HTTP_GO_ON;
    int length, next = *offset;

    *size = 0;
    switch (at->chunk) {
    case OXC_HTTP_NOT_CHUNKED:
    case OXC_HTTP_BODY_END:
        at->chunk = OXC_HTTP_BODY_END;
        break;
    case OXC_HTTP_CHUNK_DATA:
        at->chunk = OXC_HTTP_CHUNK_END;
        break;
    case OXC_HTTP_CHUNK_END:
        result = oxc_http_line(tvb, *offset, 2, &length, &next);
        if (result == OXC_HTTP_GO_ON && length != 0)
            result = OXC_HTTP_GIVE_UP;
        if (result == OXC_HTTP_GO_ON)
            at->chunk = OXC_HTTP_CHUNK_SIZE;
        break;
    case OXC_HTTP_CHUNK_SIZE:
        result = oxc_http_chunk_size(tvb, *offset, size, &next);
        if (result == OXC_HTTP_GO_ON) {
            at->chunk = *size ? OXC_HTTP_CHUNK_DATA : OXC_HTTP_CHUNK_TRAILER;
            at->left = *size;
        }
        break;
    case OXC_HTTP_CHUNK_TRAILER:
        result = oxc_http_line(tvb, *offset, OXC_HTTP_MAX_HEAD, &length, &next);
        if (result == OXC_HTTP_GO_ON && length == 0)
            at->chunk = OXC_HTTP_BODY_END;
        break;
    }
    if (result == OXC_HTTP_GO_ON)
        *offset = next;
    return result;
}

void
oxc_http_pass(oxc_http_framing_t *at, int *offset, int length)
{
    *offset += length;
    if (at->left != OXC_HTTP_NO_END)
        at->left -= (unsigned)length;
}

oxc_http_result_t
oxc_http_gather(tvbuff_t *tvb, int offset, oxc_http_gathered_t *gathered, int want, uint8_t *buffer, uint32_t *missing)
{
    oxc_http_framing_t *at = &gathered->at;
    oxc_http_result_t result = OXC_HTTP_GO_ON;

    while (gathered->got < want) {
        uint64_t size;
        int n, left = want - gathered->got, here = offset + gathered->passed;

        while (result == OXC_HTTP_GO_ON && oxc_http_at_framing(at))
            result = oxc_http_step(tvb, &here, at, &size);
        gathered->passed = here - offset;
        if (result != OXC_HTTP_GO_ON) {
            *missing = DESEGMENT_ONE_MORE_SEGMENT;
            return result;
        }
        if (at->chunk == OXC_HTTP_BODY_END)
            return OXC_HTTP_THE_END;
        n = MIN(left, tvb_reported_length_remaining(tvb, here));
        if (at->left < (unsigned)n)
            n = (int)at->left;
        if (n <= 0) {
            *missing = at->left >= (unsigned)left ? (uint32_t)left : DESEGMENT_ONE_MORE_SEGMENT;
            return OXC_HTTP_NEED_MORE;
        }
        if (buffer)
            tvb_memcpy(tvb, buffer + gathered->got, here, n);
        oxc_http_pass(at, &gathered->passed, n);
        gathered->got += n;
    }
    return OXC_HTTP_GO_ON;
}

int
oxc_http_chunked_end(tvbuff_t *tvb, int offset, wmem_array_t *data)
{
    oxc_http_framing_t at = { OXC_HTTP_CHUNK_SIZE, 0 };

    while (at.chunk != OXC_HTTP_BODY_END) {
        uint64_t size;

        if (oxc_http_at_framing(&at)) {
            if (oxc_http_step(tvb, &offset, &at, &size) != OXC_HTTP_GO_ON)
                return -1;
            continue;
        }
        if (at.left >= (uint64_t)MAX(tvb_captured_length_remaining(tvb, offset), 0))
            return -1;
        if (data)
            wmem_array_append(data, tvb_get_ptr(tvb, offset, (int)at.left), (unsigned)at.left);
        oxc_http_pass(&at, &offset, (int)at.left);
    }
    return offset;
}
