#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "kube/columns.h"

// Cells of Kubernetes' own kinds, computed as its tables do.
namespace remora::kube {

boost::json::value ready_cell(const store::Object& object, Column::Now now);
boost::json::value up_to_date_cell(const store::Object& object, Column::Now now);
boost::json::value available_cell(const store::Object& object, Column::Now now);
boost::json::value containers_cell(const store::Object& object, Column::Now now);
boost::json::value images_cell(const store::Object& object, Column::Now now);
boost::json::value deployment_selector_cell(const store::Object& object, Column::Now now);

boost::json::value service_type_cell(const store::Object& object, Column::Now now);
boost::json::value cluster_ip_cell(const store::Object& object, Column::Now now);
boost::json::value external_ip_cell(const store::Object& object, Column::Now now);
boost::json::value ports_cell(const store::Object& object, Column::Now now);
boost::json::value service_selector_cell(const store::Object& object, Column::Now now);

boost::json::value entries_cell(const store::Object& object, Column::Now now);
boost::json::value secret_type_cell(const store::Object& object, Column::Now now);

}  // namespace remora::kube
