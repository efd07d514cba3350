# One interface target, `common`, carries the flags that every file gets.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# CMake's own Release flags define NDEBUG; an assert that guards against our own
# mistakes is worth its nanosecond in production too.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")

add_library(common INTERFACE)
target_compile_definitions(common INTERFACE _GNU_SOURCE
    OPENSSL_NO_DEPRECATED OPENSSL_API_COMPAT=30000)
target_include_directories(common INTERFACE
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_BINARY_DIR}/generated)
target_compile_options(common INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2
    -Wno-sign-conversion -fno-strict-aliasing -fno-common)
if(WARNINGS_AS_ERRORS)
    target_compile_options(common INTERFACE -Werror)
endif()

if(SANITIZE OR FUZZING)
    target_compile_options(common INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    target_link_options(common INTERFACE -fsanitize=address,undefined)
endif()

if(FUZZING)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "FUZZING needs clang: -DCMAKE_C_COMPILER=clang")
    endif()
    target_compile_options(common INTERFACE -fsanitize=fuzzer-no-link)
    target_compile_definitions(common INTERFACE FUZZING)
endif()

if(COVERAGE)
    target_compile_options(common INTERFACE --coverage)
    target_link_options(common INTERFACE --coverage)
endif()

# Both write files, start threads and trace at a process's end: sandbox/sandbox.c
# leaves them be.
if(SANITIZE OR FUZZING OR COVERAGE)
    target_compile_definitions(common INTERFACE INSTRUMENTED)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT SANITIZE AND NOT FUZZING)
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES C)
    # Some compilers come with a level of their own: theirs must go first.
    target_compile_options(common INTERFACE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
        -fstack-protector-strong -fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|i.86")
        target_compile_options(common INTERFACE -fcf-protection)
    endif()
    target_link_options(common INTERFACE
        -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
    if(ENABLE_LTO)
        include(CheckIPOSupported)
        check_ipo_supported(RESULT lto_works LANGUAGES C)
        set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${lto_works})
    endif()
endif()
