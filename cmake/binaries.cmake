# The three programs. Binaries land directly in the build folder: build/release/remora, and so on.

remora_program(remora FOLDER proxy SOURCES proxy/main.cc
  LINK remora_proxy remora_filters remora_translate remora_xds_client remora_core)

remora_program(remora-control FOLDER xds SOURCES xds/control_plane/main.cc
  LINK remora_control_plane remora_istio remora_core)

remora_program(remoractl FOLDER xds SOURCES xds/ctl/*.cc
  LINK remora_istio remora_core remora_asio)
