# The three programs. Binaries land directly in the build folder: build/release/remora, and so on.

# translate calls the filter registry through include/ only: neither library names the other, so they are linked as one group.
remora_program(remora FOLDER proxy SOURCES proxy/main.cc
  LINK remora_proxy "$<LINK_GROUP:RESCAN,remora_xds_client,remora_translate,remora_filters>" remora_core)

remora_program(remora-control FOLDER xds SOURCES xds/control_plane/main.cc
  LINK remora_control_plane remora_istio remora_core)

remora_program(remoractl FOLDER xds SOURCES xds/ctl/*.cc
  LINK remora_inject remora_kube remora_capture remora_identity remora_istio remora_store remora_web
  "$<LINK_GROUP:RESCAN,remora_translate,remora_filters>" remora_proxy remora_core remora_asio)
