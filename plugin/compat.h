/* compat.h
 * Lets source written for Wireshark 4.6 build against older releases
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_COMPAT_H
#define OXCNOTIF_COMPAT_H

/* The only file that names a Wireshark version: everything else is written as for 4.6. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include <ws_version.h>
#include <epan/packet.h>
#include <epan/conversation.h>
#include <epan/conversation_filter.h>
#include <epan/tap.h>
#include <epan/dissectors/packet-dcerpc.h>
#include <epan/dissectors/packet-http.h>

#define OXC_WIRESHARK_VERSION (WIRESHARK_VERSION_MAJOR * 100 + WIRESHARK_VERSION_MINOR)

#if OXC_WIRESHARK_VERSION >= 404
#include <epan/dissectors/packet-media-type.h>
#include <epan/dissectors/packet-tls.h>
#include <wsutil/plugins.h>
#endif

#ifndef PINFO_FD_VISITED
#define PINFO_FD_VISITED(pinfo) ((pinfo)->fd->visited)
#endif

#ifndef UNS
#define UNS(unit) (unit)                /* came with 4.4, as VALS() is for value strings */
#endif

#if OXC_WIRESHARK_VERSION < 404
typedef gboolean ws_bool;               /* 4 bytes: a bool would let a preference write past it */
#define tvb_get_uint8 tvb_get_guint8
#define tvb_get_uint16 tvb_get_guint16
#define tvb_get_uint32 tvb_get_guint32
#define tvb_get_uint64 tvb_get_guint64
#define tvb_find_uint8 tvb_find_guint8
typedef http_message_info_t media_content_info_t;
#define MEDIA_CONTAINER_HTTP_REQUEST HTTP_REQUEST
#define MEDIA_CONTAINER_HTTP_RESPONSE HTTP_RESPONSE
#define dissect_nttime(tvb, tree, offset, hf, enc) dissect_nt_64bit_time(tvb, tree, offset, hf)
#else
typedef bool ws_bool;
#endif

#if OXC_WIRESHARK_VERSION < 406
#define dissector_try_uint_with_data dissector_try_uint_new
#define dissector_try_string_with_data dissector_try_string_new
#endif

/*
 * Defines name, the callback of a statistic's -z option, from function, which returns whether the argument is valid.
 * Older releases take no answer.
 */
#if OXC_WIRESHARK_VERSION < 406
#define COMPAT_STAT_TAP_INIT(name, function) \
    static void name(const char *argument, void *user) { (void)function(argument, user); }
#else
#define COMPAT_STAT_TAP_INIT(name, function) \
    static bool name(const char *argument, void *user) { return function(argument, user); }
#endif

/*
 * Takes the registration of a DCE/RPC interface away. dcerpc_init_uuid() cannot replace one: dcerpc_uuids frees the new
 * key of a second insertion, which the table of dissectors then goes on to use. The table borrows its key from
 * dcerpc_uuids, so it is emptied first.
 */
static inline void
compat_dcerpc_delete_uuid(const e_guid_t *uuid, uint16_t version)
{
    guid_key key = { *uuid, version };
    dissector_handle_t handle = dissector_get_guid_handle(find_dissector_table("dcerpc.uuid"), &key);

    if (handle) {
#if OXC_WIRESHARK_VERSION < 404
        dissector_delete_all("dcerpc.uuid", handle);    /* all of its protocol: dissector_delete_guid() came later */
#else
        dissector_delete_guid("dcerpc.uuid", &key, handle);
        guids_delete_guid(uuid);
#endif
    }
    g_hash_table_remove(dcerpc_uuids, &key);
}

/*
 * Whether the layers of a frame may lack one whose dissector was there and showed nothing, as it does to wait for more.
 * Later releases take its number back, too, and nothing is left that tells.
 */
static inline bool
compat_layer_was_taken_away(const packet_info *pinfo)
{
#if OXC_WIRESHARK_VERSION < 404
    return pinfo->curr_layer_num > wmem_list_count(pinfo->layers);
#else
    return pinfo->curr_layer_num >= wmem_list_count(pinfo->layers);
#endif
}

/* The method of the last request on an HTTP connection, or NULL. First pass only. */
static inline const char *
compat_http_request_method(const http_conv_t *http)
{
#if OXC_WIRESHARK_VERSION < 404
    return http->request_method;
#else
    return http->req_res_tail ? http->req_res_tail->request_method : NULL;
#endif
}

/* From this frame on, what HTTP carries is not HTTP any more but the dissector's. First pass only. */
static inline void
compat_http_set_upgrade(http_conv_t *http, uint32_t frame, dissector_handle_t handle)
{
    http->startframe = frame;
    http->startoffset = 0;
    http->next_handle = handle;
#if OXC_WIRESHARK_VERSION >= 406
    if (!http->upgrade_info) {
        http->upgrade_info = wmem_new0(wmem_file_scope(), http_upgrade_info_t);
        http->upgrade_info->server_port = http->server_port;
        http->upgrade_info->http_version = 1;
    }
#endif
}

/* A heuristic below TLS says who shall get the session's data. data: what the heuristic was given. */
static inline void
compat_tls_set_app_handle(void *data, dissector_handle_t handle)
{
#if OXC_WIRESHARK_VERSION < 404
    *(dissector_handle_t *)data = handle;
#else
    *((struct tlsinfo *)data)->app_handle = handle;
#endif
}

/* What the application data dissector would be given in place of what the heuristic was. */
static inline void *
compat_tls_data(void *data)
{
#if OXC_WIRESHARK_VERSION < 404
    (void)data;
    return NULL;
#else
    return data;
#endif
}

/*
 * Flow graphs are open to plugins, but the header is not installed in any of the releases. What it would declare, as
 * far as it is used: Wireshark allocates both structures and has more behind these fields.
 */
#if __has_include(<epan/sequence_analysis.h>)
#include <epan/sequence_analysis.h>
#else
typedef struct register_analysis register_analysis_t;

typedef struct {
    uint32_t frame_number;
    address src_addr;
    uint16_t port_src;
    address dst_addr;
    uint16_t port_dst;
    char *frame_label;
    char *time_str;
    char *comment;
} seq_analysis_item_t;

typedef struct {
    const char *name;
    ws_bool any_addr;
    int nconv;
    GQueue *items;
} seq_analysis_info_t;

WS_DLL_PUBLIC void register_seq_analysis(const char *name, const char *ui_name, const int proto_id,
                                         const char *tap_listener, unsigned tap_flags, tap_packet_cb tap_func);
WS_DLL_PUBLIC register_analysis_t *sequence_analysis_find_by_name(const char *name);
WS_DLL_PUBLIC tap_packet_cb sequence_analysis_get_packet_func(register_analysis_t *analysis);
#endif

/* Filters of conversations have user data since 4.4 (conversation_filter.h). */
#if OXC_WIRESHARK_VERSION < 404
#define CONVERSATION_FILTER_USER
#define COMPAT_REGISTER_CONVERSATION_FILTER(proto, name, valid, build) register_conversation_filter(proto, name, valid, build)
#else
#define CONVERSATION_FILTER_USER , void *user _U_
#define COMPAT_REGISTER_CONVERSATION_FILTER(proto, name, valid, build) \
    register_conversation_filter(proto, name, valid, build, NULL)
#endif

#endif /* OXCNOTIF_COMPAT_H */
