/* target-mapihttp.c
 * Fuzz target: a MAPI/HTTP request and its response, as the http dissector hands them over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "harness.h"

/* X-RequestType (MS-OXCMAPIHTTP 2.2.3.3.1); the first byte of the input is an index. The seeds know the order from here. */
static const char *const types[] = {
    "Connect", "Execute", "NotificationWait", "Disconnect", "PING", "Bind", "Unbind", "CompareMinIds", "DnToMinId", "GetMatches",
    "GetPropList", "GetProps", "GetSpecialTable", "GetTemplateInfo", "ModLinkAtt", "ModProps", "QueryColumns", "QueryRows",
    "ResolveNames", "ResortRestriction", "SeekEntries", "UpdateStat", "GetMailboxUrl", "GetAddressBookUrl", "Unheard of"
};

#define KIND            0x3FFF  /* of a frame: both bytes, without what is about frames */

/* Second byte of the input. */
#define NO_REQUEST      0x01
#define NO_HEADERS      0x02    /* HTTP/2 */
#define NO_TYPE         0x04
#define CODE            0x08    /* X-ResponseCode of a failure */
#define COOKIES         0x10
#define TWICE           0x20
#define CUT             0x40
#define SNAPLEN         100
#define FROM_SERVER     0x100   /* of a frame */

static void
dissect_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, unsigned kind)
{
    bool from_server = kind >> 8 & FROM_SERVER;
    unsigned flags = kind >> 8;
    wmem_map_t *headers = wmem_map_new(pinfo->pool, g_str_hash, g_str_equal);
    media_content_info_t content = {
        .type = from_server ? MEDIA_CONTAINER_HTTP_RESPONSE : MEDIA_CONTAINER_HTTP_REQUEST, .data = headers
    };

    wmem_map_insert(headers, "content-type", "application/mapi-http");
    wmem_map_insert(headers, "x-requestid", "{E2EA6C1C-E61B-49E9-9CFB-38184F907552}:1");
    if (!(flags & NO_TYPE))
        wmem_map_insert(headers, "x-requesttype", (void *)types[(kind & 0xFF) % G_N_ELEMENTS(types)]);
    if (from_server)
        wmem_map_insert(headers, "x-responsecode", flags & CODE ? "10" : "0");
    if (flags & COOKIES)
        wmem_map_insert(headers, from_server ? "set-cookie" : "cookie", "sid=a; path=/mapi");
    dissector_try_string(find_dissector_table("media_type"), "application/mapi-http", tvb, pinfo, tree,
                         flags & NO_HEADERS ? NULL : &content);
}

void (*const fuzz_dissect)(tvbuff_t *, packet_info *, proto_tree *, unsigned) = dissect_body;

void
fuzz_target(const uint8_t *data, size_t size)
{
    fuzz_input_t input = { data, size };
    unsigned kind = fuzz_u16(&input);
    unsigned flags = kind >> 8;
    const uint8_t *request;
    size_t length;

    request = fuzz_bytes(&input, &length);
    if (flags & CUT)
        fuzz_snaplen(SNAPLEN);
    if (!(flags & NO_REQUEST))
        fuzz_frame(kind & KIND, false, request, length);
    fuzz_frame((kind & KIND) | FROM_SERVER << 8, true, input.data, input.left);
    if (flags & TWICE) {
        fuzz_frame(kind & KIND, false, request, length);
        fuzz_frame((kind & KIND) | FROM_SERVER << 8, true, input.data, input.left);
    }
}
