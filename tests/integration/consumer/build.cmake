# Installs the client library into a prefix of its own, and builds and runs a foreign project against it:
#
#   cmake -DBUILD=build/dev -DWORK=build/dev/consumer -P tests/integration/consumer/build.cmake -- <cmake options>
#
# WORK is emptied at the beginning and removed at the end. What follows `--` goes to the project's configuration.
set(options)
set(after_dashes FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(after_dashes)
    list(APPEND options "${CMAKE_ARGV${i}}")
  elseif("${CMAKE_ARGV${i}}" STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()

file(REMOVE_RECURSE ${WORK})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --component client
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build
  -DCMAKE_PREFIX_PATH=${WORK}/prefix ${options}
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK}/build/consumer COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK}/build/consumer_local COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK}/build/consumer_fake COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE leaked ${WORK}/prefix/*.pb.h)
if(leaked)
  message(FATAL_ERROR "generated headers are installed: ${leaked}")
endif()
file(REMOVE_RECURSE ${WORK})
