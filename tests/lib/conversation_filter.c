/* conversation_filter.c
 * Loaded before tshark: prints of each frame the filter of Conversation Filter ▸ Exchange session, which only the GUI offers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>
#include <ws_version.h>

#include <epan/epan_dissect.h>
#include <epan/packet.h>
#include <epan/conversation_filter.h>

#define VERSION (WIRESHARK_VERSION_MAJOR * 100 + WIRESHARK_VERSION_MINOR)
#if VERSION < 404
#define DATA(filter)
#else
#define DATA(filter) , (filter)->user_data
#endif
#if VERSION < 406
#define TVB_TYPE tvbuff_t *,
#define TVB_PARAMETER tvbuff_t *tvb,
#define TVB tvb,
#else
#define TVB_TYPE
#define TVB_PARAMETER
#define TVB
#endif

void
epan_dissect_run_with_taps(epan_dissect_t *edt, int type, wtap_rec *rec, TVB_PARAMETER frame_data *fd,
                           struct epan_column_info *cinfo)
{
    void (*next)(epan_dissect_t *, int, wtap_rec *, TVB_TYPE frame_data *, struct epan_column_info *);
    char *text;

    *(void **)&next = dlsym(RTLD_NEXT, "epan_dissect_run_with_taps");
    next(edt, type, rec, TVB fd, cinfo);
    for (GList *at = packet_conv_filter_list; at; at = at->next) {
        conversation_filter_t *filter = (conversation_filter_t *)at->data;

        if (strcmp(filter->proto_name, "oxcnotif") != 0 || !filter->is_filter_valid(&edt->pi DATA(filter)))
            continue;
        text = filter->build_filter_string(&edt->pi DATA(filter));
        fprintf(stderr, "filter %u %s: %s\n", edt->pi.num, filter->display_name, text);
        g_free(text);
    }
}
