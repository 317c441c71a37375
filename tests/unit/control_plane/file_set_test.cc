#include "control_plane/file_set.h"

#include <gtest/gtest.h>

namespace remora::xds {
namespace {

std::string rule(const std::string& name, const std::string& extra = "") {
  return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: " + name +
         "}\nspec: {host: h" + extra + "}\n";
}

std::vector<std::string> ids(const ResourceList& list) {
  std::vector<std::string> out;
  for (const auto& resource : list.resources) out.push_back(resource->name + "@" + resource->file);
  return out;
}

using Ids = std::vector<std::string>;

TEST(FileSet, GathersFiles) {
  FileSet files;
  files.update("b.yaml", rule("b"));
  files.update("a.yaml", rule("a1") + "---\n" + rule("a2"));
  EXPECT_EQ(ids(files.list()), (Ids{"a1@a.yaml", "a2@a.yaml", "b@b.yaml"}));
}

TEST(FileSet, ABadFileKeepsItsLastGoodContentsAndTouchesNoOther) {
  FileSet files;
  files.update("a.yaml", rule("a"));
  files.update("b.yaml", rule("b"));
  files.update("a.yaml", rule("new") + "---\n" + rule("a", ", hots: x"));
  const ResourceList list = files.list();
  EXPECT_EQ(ids(list), (Ids{"a@a.yaml", "b@b.yaml"}));
  ASSERT_EQ(list.findings.size(), 1U);
  EXPECT_EQ(istio::to_string(list.findings[0]),
            "a.yaml:9: error: DestinationRule default/a: spec.hots: unknown field; the file's last good "
            "contents stay");
}

TEST(FileSet, ABadFileThatWasNeverGoodGivesNothing) {
  FileSet files;
  files.update("a.yaml", "kind: [");
  const ResourceList list = files.list();
  EXPECT_TRUE(list.resources.empty());
  ASSERT_EQ(list.findings.size(), 1U);
  EXPECT_EQ(list.findings[0].message.find("last good"), std::string::npos);
}

TEST(FileSet, AnUnreadableFileKeepsItsContents) {
  FileSet files;
  files.update("a.yaml", rule("a"));
  files.fail("a.yaml", "cannot be read: Permission denied");
  const ResourceList list = files.list();
  EXPECT_EQ(ids(list), Ids{"a@a.yaml"});
  EXPECT_EQ(istio::to_string(list.findings.at(0)),
            "a.yaml: error: cannot be read: Permission denied; the file's last good contents stay");
}

TEST(FileSet, ARemovedFileTakesItsResourcesAndFaultsAlong) {
  FileSet files;
  files.update("a.yaml", rule("a"));
  files.update("a.yaml", "kind: [");
  files.remove("a.yaml");
  EXPECT_TRUE(files.list().resources.empty());
  EXPECT_TRUE(files.list().findings.empty());
}

TEST(FileSet, AMendedFileIsTaken) {
  FileSet files;
  files.update("a.yaml", "kind: [");
  files.update("a.yaml", rule("a"));
  EXPECT_EQ(ids(files.list()), Ids{"a@a.yaml"});
  EXPECT_TRUE(files.list().findings.empty());
}

TEST(FileSet, WhoHadAResourceFirstKeepsItUntilItLetsGo) {
  FileSet files;
  files.update("z.yaml", rule("x"));
  files.list();
  files.update("a.yaml", rule("x") + "---\n" + rule("y"));
  const ResourceList list = files.list();
  EXPECT_EQ(ids(list), (Ids{"y@a.yaml", "x@z.yaml"}));
  ASSERT_EQ(list.findings.size(), 1U);
  EXPECT_EQ(
      istio::to_string(list.findings[0]),
      "a.yaml:1: error: DestinationRule default/x: is defined in z.yaml already: this one has no effect");
  files.remove("z.yaml");
  EXPECT_EQ(ids(files.list()), (Ids{"x@a.yaml", "y@a.yaml"}));
}

TEST(FileSet, VersionsGrowWithChanges) {
  FileSet files;
  const uint64_t before = files.list().version;
  files.update("a.yaml", rule("a"));
  EXPECT_GT(files.list().version, before);
  EXPECT_EQ(files.list().version, files.list().version);
}

}  // namespace
}  // namespace remora::xds
