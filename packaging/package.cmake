# SPDX-License-Identifier: GPL-2.0-or-later
# cpack makes a Debian package for the Wireshark that the plugin was built with: plugin, profile, documents, the command oxcnotif.
if(OXCNOTIF_INSTALL_PERSONAL)
    return()
endif()
set(PACKAGE wireshark-oxcnotif)
set(DOC share/doc/${PACKAGE})
set(MADE ${PROJECT_BINARY_DIR}/packaging)
set(WIRESHARK_RELEASE ${Wireshark_MAJOR_VERSION}.${Wireshark_MINOR_VERSION})
set(OXCNOTIF_CONTACT "oxcnotif maintainers <maintainers@oxcnotif.invalid>" CACHE STRING "Maintainer of the package")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ${PACKAGE})
set(CPACK_PACKAGE_CONTACT ${OXCNOTIF_CONTACT})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Exchange notifications for Wireshark ${WIRESHARK_RELEASE}")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Dissects what Outlook and Microsoft Exchange, or servers like it, say to
each other (MAPI/HTTP, RPC, RPC over HTTP, push datagrams), and follows
each notification: who subscribed, how the client was woken, which call
fetched it, and what went wrong on the way.
.
With a configuration profile for Wireshark, and the command oxcnotif, which
reports what went wrong in captures, holds them against rules and makes
captures of proxies' traces.")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1+ws${WIRESHARK_RELEASE})      # an upgrade of Wireshark is one of the plugin, too
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "python3, python3-defusedxml, python3-dpkt, python3-jinja2, python3-libarchive-c")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "wireshark, tshark")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-distributed, python3-numpy")    # oxcnotif fleet
set(CPACK_DEBIAN_PACKAGE_ENHANCES "wireshark, tshark")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/postinst ${MADE}/triggers)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES TRUE)
set(PACKAGE_VERSION ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})

get_filename_component(WIRESHARK_PLUGINS "${Wireshark_PLUGIN_INSTALL_DIR}" DIRECTORY)
configure_file(packaging/triggers.in ${MADE}/triggers @ONLY)
configure_file(packaging/changelog.in ${MADE}/changelog.Debian @ONLY)
configure_file(CHANGELOG.md ${MADE}/changelog COPYONLY)
configure_file(packaging/oxcnotif.1 ${MADE}/oxcnotif.1 COPYONLY)
execute_process(COMMAND gzip -9nfk changelog changelog.Debian oxcnotif.1 WORKING_DIRECTORY ${MADE} COMMAND_ERROR_IS_FATAL ANY)

install(FILES ${MADE}/changelog.gz ${MADE}/changelog.Debian.gz packaging/copyright README.md DESTINATION ${DOC})
install(DIRECTORY docs DESTINATION ${DOC})
install(FILES ${MADE}/oxcnotif.1.gz DESTINATION share/man/man1)
install(PROGRAMS packaging/oxcnotif DESTINATION bin)
install(PROGRAMS scripts/check-plugin DESTINATION share/${PACKAGE})
install(DIRECTORY tools/oxcnotif DESTINATION share/${PACKAGE} FILES_MATCHING REGEX "\\.(py|j2|css|js)$"
    PATTERN __pycache__ EXCLUDE)             # folders are made even if nothing in them matches
include(CPack)
