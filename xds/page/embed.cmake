# Writes OUTPUT, a C++ file that holds all files of FOLDER: cmake -DFOLDER=... -DOUTPUT=... -P embed.cmake
# As bytes in hexadecimal, so that no character of a page can end a literal.

set(type_html "text/html")
set(type_css "text/css")
set(type_js "text/javascript")
set(type_svg "image/svg+xml")

file(GLOB files LIST_DIRECTORIES false "${FOLDER}/*")
list(SORT files)
set(bodies "")
set(rows "")
set(number 0)
foreach(file ${files})
  get_filename_component(name "${file}" NAME)
  get_filename_component(extension "${file}" LAST_EXT)
  string(SUBSTRING "${extension}" 1 -1 extension)
  if(NOT type_${extension})
    message(FATAL_ERROR "${file}: embed.cmake does not know its content type")
  endif()
  file(READ "${file}" hex HEX)
  file(SHA256 "${file}" hash)
  string(SUBSTRING "${hash}" 0 32 hash)
  string(LENGTH "${hex}" digits)
  math(EXPR bytes "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" escaped "${hex}")
  string(APPEND bodies "constexpr char kBody${number}[] =\n    \"${escaped}\";\n")
  string(APPEND rows "    {\"${name}\", \"${type_${extension}}\", \"\\\"${hash}\\\"\", {kBody${number}, ${bytes}}},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUTPUT}.part" "#include \"page/assets.h\"

namespace remora::page {
namespace {

${bodies}
constexpr Asset kAssets[] = {
${rows}};

}  // namespace

std::span<const Asset> assets() { return kAssets; }

}  // namespace remora::page
")
file(RENAME "${OUTPUT}.part" "${OUTPUT}")
