/* tls_note.c
 * The note on a TLS connection that may be Exchange's and is not decrypted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/tls_note.h"

#include "foreign_text.h"
#include "oxcnotif_item.h"
#include "notify/tap.h"

#include <epan/expert.h>

static int hf_server_name = -1;
static int hf_evidence = -1;
static expert_field ei_undecrypted;
static expert_field ei_long_poll;

static const value_string evidence_vals[] = {
    { OXC_TLS_SERVER_NAME, "Server name (SNI)" },
    { OXC_TLS_CERTIFICATE, "Server certificate" },
    { OXC_TLS_SERVER_ADDRESS, "Server address and long poll" },
    { OXC_TLS_LONG_POLLS, "Long polls" },
    { 0, NULL }
};

const char *
oxc_tls_evidence_name(oxc_tls_evidence_t evidence)
{
    static const char *const names[] = { NULL, "server_name", "certificate", "server_address", "long_polls" };

    return evidence < G_N_ELEMENTS(names) ? names[evidence] : NULL;
}

static void
show(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, const oxc_tls_note_t *note)
{
    bool named = note->evidence != OXC_TLS_LONG_POLLS;
    proto_item *item;

    tree = oxc_item_tree(frame, pinfo, tree, named ? "Exchange over TLS, not decrypted" : "Long poll over TLS, not decrypted");
    if (note->name)
        proto_item_set_generated(proto_tree_add_string(tree, hf_server_name, frame, 0, 0, oxc_shown_text(pinfo->pool, note->name)));
    item = proto_tree_add_uint(tree, hf_evidence, frame, 0, 0, note->evidence);
    proto_item_set_generated(item);
    if (named)
        oxc_explain(frame, pinfo, item, &ei_undecrypted,
                    "The server is %s, a name of Exchange: notifications are not seen without the keys of the connection. Set "
                    "the preference tls.keylog_file to the key log of the client or of a proxy (docs/keys.md)",
                    note->name ? oxc_shown_text(pinfo->pool, note->name) : "not known");
    else
        oxc_explain(frame, pinfo, item, &ei_long_poll, "%s",
                    "Requests of one size, each answered after 20 s or more: if the server is Exchange, these are "
                    "NotificationWait. Set the preference tls.keylog_file to see (docs/keys.md)");
}

void
oxc_notify_tls(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, const oxc_tls_note_t *note)
{
    oxc_tap_t event = { .kind = OXC_TAP_TLS, .tls = note };

    col_append_str(pinfo->cinfo, COL_INFO, note->evidence == OXC_TLS_LONG_POLLS ? ", long polls, not decrypted"
                                                                                : ", Exchange, not decrypted");
    show(frame, pinfo, tree, note);
    oxc_tap_tell(pinfo, &event);
}

void
oxc_tls_note_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_server_name,
          { "Server name", "oxcnotif.tls.server_name", FT_STRING, BASE_NONE, NULL, 0,
            "Name that shows that the server is Exchange", HFILL } },
        { &hf_evidence,
          { "Recognized by", "oxcnotif.tls.evidence", FT_UINT8, BASE_DEC, VALS(evidence_vals), 0,
            "Why the connection may be Exchange's", HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_undecrypted,
          { "oxcnotif.tls.undecrypted", PI_DECRYPTION, PI_NOTE, "Exchange over TLS, not decrypted", EXPFILL } },
        { &ei_long_poll,
          { "oxcnotif.tls.long_poll", PI_DECRYPTION, PI_CHAT, "Long poll over TLS, not decrypted", EXPFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
