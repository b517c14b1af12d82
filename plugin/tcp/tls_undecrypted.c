/* tls_undecrypted.c
 * Where a TLS connection can be decrypted no further
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/tls_undecrypted.h"

#include "registration.h"

#include <epan/conversation.h>
#include <epan/proto_data.h>

#include "tcp/postdissector.h"
#include "tcp/segment.h"

#define RECORD_HEADER 5         /* type, version, length (RFC 8446 5.1) */
#define APPLICATION_DATA 23

static int proto_oxcnotif = -1;

typedef struct {
    bool said[2];               /* by direction */
} connection_t;

/* Do TLS records begin here? */
static bool
is_record(tvbuff_t *tvb)
{
    return tvb_bytes_exist(tvb, 0, RECORD_HEADER) && tvb_get_uint8(tvb, 0) >= 20 &&
           tvb_get_uint8(tvb, 0) <= APPLICATION_DATA && tvb_get_uint8(tvb, 1) == 3;
}

bool
oxc_tls_is_application_data(tvbuff_t *data)
{
    return is_record(data) && tvb_get_uint8(data, 0) == APPLICATION_DATA &&
           tvb_bytes_exist(data, RECORD_HEADER, tvb_get_ntohs(data, 3));
}

/* What was decrypted is a data source of the frame, as is a record that came in several segments. */
bool
oxc_tls_is_decrypted(const packet_info *pinfo)
{
    for (GSList *at = pinfo->data_src; at; at = at->next)
        if (at != pinfo->data_src && !is_record(get_data_source_tvb((const struct data_source *)at->data)))
            return true;        /* the first one is the frame itself */
    return false;
}

bool
oxc_tls_has_undecrypted(tvbuff_t *frame, packet_info *pinfo)
{
    uint32_t seq;
    tvbuff_t *payload = oxc_segment_payload(frame, pinfo, &seq);
    bool found = payload && oxc_tls_is_application_data(payload);

    for (GSList *at = pinfo->data_src; at && !found; at = at->next)
        found = at != pinfo->data_src && oxc_tls_is_application_data(get_data_source_tvb((const struct data_source *)at->data));
    return found && !oxc_tls_is_decrypted(pinfo);
}

static bool *
said_of(packet_info *pinfo)
{
    conversation_t *conversation = find_or_create_conversation(pinfo);
    connection_t *connection = (connection_t *)conversation_get_proto_data(conversation, proto_oxcnotif);

    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        conversation_add_proto_data(conversation, proto_oxcnotif, connection);
    }
    return &connection->said[pinfo->srcport < pinfo->destport];
}

static bool
is_noted(packet_info *pinfo, int proto)
{
    return p_get_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, (uint32_t)proto) != NULL;
}

bool
oxc_tls_note_undecrypted(tvbuff_t *frame, packet_info *pinfo, int proto, bool (*is_ours)(packet_info *pinfo))
{
    bool *said;

    if (!oxc_postdissector_expected() || (oxc_segment_layers(pinfo) & OXC_LAYER_TLS) == 0)
        return false;
    if (PINFO_FD_VISITED(pinfo))
        return is_noted(pinfo, proto);
    if (!is_ours(pinfo) || !oxc_tls_has_undecrypted(frame, pinfo))
        return false;
    said = said_of(pinfo);
    if (*said)
        return false;
    *said = true;
    p_add_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, (uint32_t)proto, said);
    return true;
}

void
oxc_tls_show_undecrypted(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, int proto, expert_field *ei)
{
    proto_item *item;

    if ((oxc_segment_layers(pinfo) & OXC_LAYER_TLS) == 0 || !is_noted(pinfo, proto))
        return;
    item = proto_tree_add_item(tree, proto, frame, 0, 0, ENC_NA);
    proto_item_set_generated(item);
    proto_item_append_text(item, ", TLS data not decrypted from here");
    expert_add_info(pinfo, item, ei);
}

void
proto_register_oxc_tls_undecrypted(void)
{
    proto_oxcnotif = proto_get_id_by_filter_name("oxcnotif");
}
