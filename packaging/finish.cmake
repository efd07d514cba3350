# Run by CPack on the installed tree before it is packed.
#
# Debian wants manual pages and change logs compressed, without a time in them
# (gzip -n), so that the same source makes the same package.
set(tree ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
set(docs ${tree}/usr/share/doc/sallyport)

# CPack rounds what it is told of folders to what the umask of its caller is.
file(COPY ${CPACK_SALLYPORT_SOURCE}/packaging/copyright DESTINATION ${docs})
file(COPY ${CPACK_SALLYPORT_SOURCE}/CHANGELOG.md DESTINATION ${docs})
file(RENAME ${docs}/CHANGELOG.md ${docs}/changelog)

if(DEFINED ENV{SOURCE_DATE_EPOCH})
    set(when -d @$ENV{SOURCE_DATE_EPOCH})
endif()
execute_process(COMMAND date -R -u ${when}
    OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${docs}/changelog.Debian
"sallyport (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * A package for trying it; the changes are in changelog.gz.

 -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${date}
")

file(COPY ${CPACK_SALLYPORT_SOURCE}/packaging/lintian-overrides
     DESTINATION ${tree}/usr/share/lintian/overrides)
file(RENAME ${tree}/usr/share/lintian/overrides/lintian-overrides
            ${tree}/usr/share/lintian/overrides/sallyport)

# As dh_strip does, beyond what CPack's own strip leaves out.
execute_process(COMMAND strip --remove-section=.comment --remove-section=.note
                        ${tree}/usr/sbin/sallyport
    COMMAND_ERROR_IS_FATAL ANY)

file(GLOB compressed ${tree}/usr/share/man/man*/*[0-9] ${docs}/changelog*)
execute_process(COMMAND gzip -9nf ${compressed} COMMAND_ERROR_IS_FATAL ANY)
