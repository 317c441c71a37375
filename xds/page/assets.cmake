# The page's files go into the library: embed.cmake turns them into a C++ file, again whenever one of them changes.
if(NOT TARGET remora_page)
  return()
endif()
set(folder "${PROJECT_SOURCE_DIR}/xds/page")
set(output "${PROJECT_BINARY_DIR}/page/embedded_assets.cc")
file(GLOB files CONFIGURE_DEPENDS "${folder}/assets/*")
add_custom_command(OUTPUT "${output}"
  COMMAND "${CMAKE_COMMAND}" "-DFOLDER=${folder}/assets" "-DOUTPUT=${output}" -P "${folder}/embed.cmake"
  DEPENDS ${files} "${folder}/embed.cmake"
  COMMENT "Embedding the page" VERBATIM)
target_sources(remora_page PRIVATE "${output}")
