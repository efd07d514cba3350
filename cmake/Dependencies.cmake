# Everything comes from the system's packages, found through pkg-config.
find_package(PkgConfig REQUIRED)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl>=3.0)
pkg_check_modules(LIBEVENT REQUIRED IMPORTED_TARGET
                  libevent_core>=2.1 libevent_extra>=2.1)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
if(BUILD_TESTING AND NOT FUZZING)
    pkg_check_modules(CRITERION IMPORTED_TARGET criterion)
    if(NOT CRITERION_FOUND)
        message(WARNING "Without Criterion there are no unit tests.")
    endif()
endif()
