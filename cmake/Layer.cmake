# sallyport_layer(NAME [LIBRARY...])
#
# Makes folder NAME a static library that links the layer beneath it, which is
# the one named by the call before, and the libraries given.  A folder without
# sources is left out: what stands above it then rests on what lies below it.
set(SALLYPORT_TOP common)

function(sallyport_layer name)
    file(GLOB sources CONFIGURE_DEPENDS
         ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.c)
    if(NOT sources)
        return()
    endif()
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${SALLYPORT_TOP} ${ARGN})
    set(SALLYPORT_TOP ${name} PARENT_SCOPE)
endfunction()
