# A .deb of what Install.cmake installs: scripts/package makes it.
#
# packaging/ has what only a package needs: the scripts that dpkg runs, the list
# of configuration files, the copyright.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sallyport)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "TLS-capable TCP relay daemon")
set(CPACK_PACKAGE_DESCRIPTION
"Listens for plain or TLS connections, connects onward in plain or TLS, and
carries the bytes both ways: TLS in front of a server that has none, a tunnel
for programs that know nothing of TLS, mutual TLS for a database.
.
It runs as several confined processes, private keys in one of their own, and
takes a new configuration, new certificates and a new binary without losing a
connection.")
set(CPACK_STRIP_FILES ON)
# /etc is not below the prefix: only with DESTDIR does it go into the package.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The Sallyport authors <authors@sallyport.invalid>"
    CACHE STRING "Who made the package")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# For the account, the folders, and the state of the units.
set(CPACK_DEBIAN_PACKAGE_PREDEPENDS "init-system-helpers (>= 1.54~)")
string(JOIN ", " CPACK_DEBIAN_PACKAGE_DEPENDS
    "systemd | systemd-standalone-sysusers | systemd-sysusers"
    "systemd | systemd-standalone-tmpfiles | systemd-tmpfiles"
    "openssl")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script conffiles postinst prerm postrm)
    list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
         ${PROJECT_SOURCE_DIR}/packaging/${script})
endforeach()

# What a package has beyond an installed tree is added to the tree that CPack
# packs: compressed pages, change logs, the copyright.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/packaging/finish.cmake)
set(CPACK_SALLYPORT_SOURCE ${PROJECT_SOURCE_DIR})
include(CPack)
