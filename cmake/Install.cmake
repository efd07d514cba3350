# Where Debian expects things.  The unit goes to lib/systemd/system whatever the
# architecture's library folder is, and under /usr the configuration goes to
# /etc, not to /usr/etc: CMAKE_INSTALL_FULL_SYSCONFDIR knows that rule.
if(TARGET sallyport)
    install(TARGETS sallyport RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
endif()

install(FILES conf/sallyport.ini
        DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/sallyport OPTIONAL)
if(EXISTS ${PROJECT_SOURCE_DIR}/conf/examples)
    install(DIRECTORY conf/examples
            DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.ini")
endif()

if(EXISTS ${PROJECT_SOURCE_DIR}/systemd/sallyport.service.in)
    configure_file(systemd/sallyport.service.in
                   ${PROJECT_BINARY_DIR}/sallyport.service @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/sallyport.service
            DESTINATION lib/systemd/system)
endif()

foreach(section 1 5 8)
    file(GLOB pages CONFIGURE_DEPENDS docs/man/*.${section})
    if(pages)
        install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endif()
endforeach()
