/* link_lines.c
 * By which keys a capture must not be taken apart, a JSON object a line: tshark -q -z oxcnotif,links[,time]
 *
 * For programs that decode the clients of a capture apart: oxcnotif fleet. docs/fleet.md describes the lines. The time is
 * the last one of the capture of which the file is a part.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "compat.h"

#include "notify/matcher.h"
#include "registration.h"
#include "session/links.h"

#include <stdio.h>
#include <string.h>

#include <epan/stat_tap_ui.h>
#include <epan/tap.h>
#include <wsutil/report_message.h>

static void
write_link(const oxc_link_t *link, void *user _U_)
{
    printf("{\"link\":\"%s\",\"frame\":%u,\"defines\":%s,\"key\":\"", link->kind, link->frame,
           link->defines ? "true" : "false");
    for (size_t i = 0; i < link->len; i++)
        printf("%02x", link->key[i]);
    puts("\"}");
}

static void
write_session(uint32_t session, uint32_t frame, void *user _U_)
{
    printf("{\"link\":\"session\",\"frame\":%u,\"session\":%u}\n", frame, session);
}

static void
links_draw(void *tapdata _U_)
{
    oxc_links_each(write_link, write_session, NULL);
    fflush(stdout);
}

static void
links_reset(void *tapdata _U_)
{
    oxc_links_forget();
}

static void
links_finish(void *tapdata _U_)
{
    oxc_links_record(false);
}

/* Seconds since 1970 with nine decimals, as events have them. */
static bool
read_time(const char *text, nstime_t *when)
{
    char *end;
    gint64 seconds = g_ascii_strtoll(text, &end, 10), nanoseconds = 0;

    if (end == text)
        return false;
    if (*end == '.') {
        const char *decimals = end + 1;

        nanoseconds = g_ascii_strtoll(decimals, &end, 10);
        if (end != decimals + 9 || nanoseconds < 0)
            return false;
    }
    when->secs = (time_t)seconds;
    when->nsecs = (int)nanoseconds;
    return *end == '\0';
}

static bool
links_init(const char *argument, void *user _U_)
{
    static char listener;
    static const char prefix[] = "oxcnotif,links,";
    nstime_t until = NSTIME_INIT_ZERO;
    GString *error;

    if (strncmp(argument, prefix, sizeof prefix - 1) == 0 && !read_time(argument + sizeof prefix - 1, &until)) {
        report_failure("-z oxcnotif,links: %s is no time (seconds since 1970, with no or nine decimals)",
                       argument + sizeof prefix - 1);
        return false;
    }
    error = register_tap_listener("oxcnotif", &listener, NULL, TL_REQUIRES_NOTHING, links_reset, NULL,
                                           links_draw, links_finish);

    if (error) {
        report_failure("-z oxcnotif,links: %s", error->str);
        g_string_free(error, true);
        return false;
    }
    oxc_links_record(true);
    oxc_matcher_set_end(&until);
    return true;
}

COMPAT_STAT_TAP_INIT(links_option, links_init)

void
proto_reg_handoff_oxc_link_lines(void)
{
    static stat_tap_ui ui = { REGISTER_STAT_GROUP_GENERIC, NULL, "oxcnotif,links", links_option, 0, NULL };

    register_stat_tap_ui(&ui, NULL);
}
