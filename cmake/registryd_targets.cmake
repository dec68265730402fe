# One helper for libraries, one for programs, one for tests. All of our code is built by them, so that
# warnings, sanitizers and the include path are said once.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(REGISTRYD_CCACHE ccache)
if(REGISTRYD_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${REGISTRYD_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${REGISTRYD_CCACHE})
endif()

if(CMAKE_EXPORT_COMPILE_COMMANDS AND PROJECT_IS_TOP_LEVEL)
  file(CREATE_LINK ${CMAKE_BINARY_DIR}/compile_commands.json
       ${CMAKE_SOURCE_DIR}/compile_commands.json SYMBOLIC)
endif()

# Flags that every object in the process must share (generated code too).
if(REGISTRYD_SANITIZE)
  add_compile_options(-fsanitize=${REGISTRYD_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${REGISTRYD_SANITIZE})
  # gcc 12 sees values that it thinks uninitialised in code that the sanitizers have instrumented.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  if(REGISTRYD_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

if(REGISTRYD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

set(REGISTRYD_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
set(REGISTRYD_CXX_WARNINGS -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND REGISTRYD_CXX_WARNINGS -Wthread-safety)
endif()

function(registryd_options target)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_compile_options(${target} PRIVATE ${REGISTRYD_WARNINGS}
    $<$<COMPILE_LANGUAGE:CXX>:${REGISTRYD_CXX_WARNINGS}>)
  if(REGISTRYD_TIDY)
    set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY "clang-tidy;--quiet")
  endif()
endfunction()

# registryd_library(NAME folder DEPS ...)  every .cc and .c of one folder (not of its subfolders).
function(registryd_library target folder)
  cmake_parse_arguments(arg "" "" "DEPS;PRIVATE_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
    target_link_libraries(${target} INTERFACE ${arg_DEPS} ${arg_PRIVATE_DEPS})
    return()
  endif()
  add_library(${target} STATIC ${sources})
  registryd_options(${target})
  target_link_libraries(${target} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
endfunction()

# registryd_program(NAME sources... DEPS ...)
function(registryd_program target)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS})
  registryd_options(${target})
  target_link_libraries(${target} PRIVATE ${arg_DEPS})
endfunction()

# registryd_test(NAME folder DEPS ... [LABELS ...] [TIMEOUT seconds] [PROGRAMS ...])
# One GoogleTest program from every .cc of a folder; each of its tests is a ctest entry.
# PROGRAMS are targets that the test starts; they are built first.
function(registryd_test target folder)
  cmake_parse_arguments(arg "" "TIMEOUT" "DEPS;LABELS;PROGRAMS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc)
  if(NOT sources)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${target} ${sources})
  registryd_options(${target})
  target_link_libraries(${target} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
  if(arg_PROGRAMS)
    add_dependencies(${target} ${arg_PROGRAMS})
  endif()
  # `cmake --build ... --target tests_unit` builds what `ctest -L unit` runs.
  foreach(label ${arg_LABELS})
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${target})
  endforeach()
  gtest_discover_tests(${target} TEST_PREFIX ${target}. DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endfunction()
