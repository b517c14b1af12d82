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
#include <epan/dissectors/packet-dcerpc.h>
#include <epan/dissectors/packet-http.h>

#define OXC_WIRESHARK_VERSION (WIRESHARK_VERSION_MAJOR * 100 + WIRESHARK_VERSION_MINOR)

#if OXC_WIRESHARK_VERSION >= 404
#include <epan/dissectors/packet-media-type.h>
#include <wsutil/plugins.h>
#endif

#ifndef PINFO_FD_VISITED
#define PINFO_FD_VISITED(pinfo) ((pinfo)->fd->visited)
#endif

#if OXC_WIRESHARK_VERSION < 404
typedef gboolean ws_bool;               /* 4 bytes: a bool would let a preference write past it */
#define tvb_get_uint8 tvb_get_guint8
#define tvb_find_uint8 tvb_find_guint8
typedef http_message_info_t media_content_info_t;
#define MEDIA_CONTAINER_HTTP_REQUEST HTTP_REQUEST
#define MEDIA_CONTAINER_HTTP_RESPONSE HTTP_RESPONSE
#define DCERPC_PROCS static dcerpc_sub_dissector
#else
typedef bool ws_bool;
#define DCERPC_PROCS static const dcerpc_sub_dissector
#endif

#if OXC_WIRESHARK_VERSION < 406
#define dissector_try_uint_with_data dissector_try_uint_new
#define dissector_try_string_with_data dissector_try_string_new
#endif

#endif /* OXCNOTIF_COMPAT_H */
