/* registration.h
 * What each module registers with Wireshark
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_REGISTRATION_H
#define OXCNOTIF_REGISTRATION_H

void proto_register_oxc_session(void);
void proto_register_oxc_call(void);
void proto_register_oxc_rop(void);
void proto_register_oxc_rop_notify(void);
void proto_register_oxc_notify(void);
void proto_register_oxc_listener(void);
void proto_reg_handoff_oxc_notify(void);
void proto_reg_handoff_oxc_stats(void);
void proto_reg_handoff_oxc_table_wakeups(void);
void proto_reg_handoff_oxc_table_sessions(void);
void proto_reg_handoff_oxc_srt(void);
void proto_reg_handoff_oxc_events(void);
void proto_reg_handoff_oxc_link_lines(void);
void proto_reg_handoff_oxc_flow(void);
void proto_register_oxc_postdissector(void);
void proto_register_oxc_reassembly_overrun(void);
void proto_register_oxc_out_of_order(void);
void proto_register_oxc_segment_copy(void);
void proto_register_oxc_tls_undecrypted(void);
void proto_register_oxc_tls_connection(void);
void proto_reg_handoff_oxc_tls_connection(void);
void proto_register_oxc_payload(void);
void proto_register_mapihttp(void);
void proto_reg_handoff_mapihttp(void);
void proto_register_rpch(void);
void proto_reg_handoff_rpch(void);
void proto_register_emsmdb(void);
void proto_reg_handoff_emsmdb(void);
void proto_register_asyncemsmdb(void);
void proto_reg_handoff_asyncemsmdb(void);
void proto_register_oxc_rpc_fallback(void);
void proto_reg_handoff_oxc_rpc_fallback(void);
void proto_register_oxc_port_owner(void);
void proto_reg_handoff_oxc_port_owner(void);
void proto_register_oxc_rpc_overrun(void);
void proto_reg_handoff_oxc_rpc_overrun(void);
void proto_register_oxc_push(void);
void proto_reg_handoff_oxc_push(void);

#endif /* OXCNOTIF_REGISTRATION_H */
