# Where Debian expects things.  Units, sysusers.d and tmpfiles.d go to lib whatever
# the architecture's library folder is, and under /usr the configuration goes to
# /etc, not to /usr/etc: CMAKE_INSTALL_FULL_SYSCONFDIR knows that rule.
if(TARGET sallyport)
    install(TARGETS sallyport RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
endif()

# The certificates that the examples name are made where they are installed: a key
# that is in a package is no secret.
install(DIRECTORY conf/examples
        DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.ini")
install(PROGRAMS conf/make-certs
        DESTINATION ${CMAKE_INSTALL_DATADIR}/sallyport)
set(SALLYPORT_EXAMPLE_CERTS
    ${CMAKE_INSTALL_FULL_LOCALSTATEDIR}/lib/sallyport/example-certs)

# As they lie in the tree, so that links between them lead somewhere.
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN man EXCLUDE)

foreach(unit sallyport.service sallyport@.service)
    configure_file(systemd/${unit}.in ${PROJECT_BINARY_DIR}/${unit} @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${unit}
            DESTINATION lib/systemd/system)
endforeach()
install(FILES systemd/sallyport.socket
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES systemd/sallyport.sysusers.conf
        DESTINATION lib/sysusers.d RENAME sallyport.conf)
install(FILES systemd/sallyport.tmpfiles.conf
        DESTINATION lib/tmpfiles.d RENAME sallyport.conf)

# zsh as Debian has it looks at the first folder for packages, and at the second
# one below /usr/local.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(zsh_folder zsh/vendor-completions)
else()
    set(zsh_folder zsh/site-functions)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/conf/completion)
    install(FILES conf/completion/sallyport.bash
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
            RENAME sallyport)
    install(FILES conf/completion/_sallyport
            DESTINATION ${CMAKE_INSTALL_DATADIR}/${zsh_folder})
endif()

foreach(section 1 5 8)
    file(GLOB pages CONFIGURE_DEPENDS docs/man/*.${section})
    if(pages)
        install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endif()
endforeach()

# Last: the configuration and the accounts, with a look at what is there.
configure_file(cmake/install_system.cmake.in
               ${PROJECT_BINARY_DIR}/install_system.cmake @ONLY)
install(SCRIPT ${PROJECT_BINARY_DIR}/install_system.cmake)
