// On a real folder: each way in which people and tools change files.
#include "control_plane/directory_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace remora::xds {
namespace {

namespace fs = std::filesystem;

class DirectorySourceTest : public ::testing::Test {
 protected:
  DirectorySourceTest() {
    std::string pattern = (fs::temp_directory_path() / "remora-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~DirectorySourceTest() override { fs::remove_all(folder_); }

  static std::string rule(const std::string& name) {
    return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: " + name +
           "}\nspec: {host: h}\n";
  }

  fs::path write(const fs::path& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  void start(std::vector<std::string> paths) {
    source_ = std::make_unique<DirectorySource>(context_, std::move(paths));
    source_->watch([this] { ++changes_; });
  }
  void start() { start({folder_.string()}); }

  /// The names in the source, once they are as wanted; as they are after ten seconds otherwise.
  std::vector<std::string> names_when(const std::vector<std::string>& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (names() != wanted && std::chrono::steady_clock::now() < deadline) {
      context_.run_one_for(std::chrono::milliseconds(100));
    }
    return names();
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& resource : source_->list().resources) out.push_back(resource->name);
    return out;
  }

  using Names = std::vector<std::string>;
  fs::path folder_;
  boost::asio::io_context context_;
  std::unique_ptr<DirectorySource> source_;
  int changes_ = 0;
};

TEST_F(DirectorySourceTest, ReadsManifestsAtAnyDepthAndNothingElse) {
  write("a.yaml", rule("a"));
  write("b.yml", rule("b"));
  write("c.txt", "kind: [");
  write(".hidden.yaml", "kind: [");
  fs::create_directory(folder_ / "deep");
  write("deep/d.json",
        "{\"apiVersion\": \"networking.istio.io/v1\", \"kind\": \"DestinationRule\", "
        "\"metadata\": {\"name\": \"d\"}, \"spec\": {\"host\": \"h\"}}");
  start();
  EXPECT_EQ(names(), (Names{"a", "b", "d"}));
  EXPECT_TRUE(source_->list().findings.empty());
}

TEST_F(DirectorySourceTest, SeesFilesWrittenInPlaceAndAdded) {
  write("a.yaml", rule("a"));
  start();
  write("a.yaml", rule("a2"));
  EXPECT_EQ(names_when({"a2"}), Names{"a2"});
  write("b.yaml", rule("b"));
  EXPECT_EQ(names_when({"a2", "b"}), (Names{"a2", "b"}));
}

TEST_F(DirectorySourceTest, SeesAFileRenamedOver) {
  write("a.yaml", rule("a"));
  start();
  write("a.tmp", rule("a2"));
  fs::rename(folder_ / "a.tmp", folder_ / "a.yaml");
  EXPECT_EQ(names_when({"a2"}), Names{"a2"});
}

TEST_F(DirectorySourceTest, SeesRemoval) {
  write("a.yaml", rule("a"));
  write("b.yaml", rule("b"));
  start();
  fs::remove(folder_ / "a.yaml");
  EXPECT_EQ(names_when({"b"}), Names{"b"});
}

TEST_F(DirectorySourceTest, SeesNewFolders) {
  start();
  fs::create_directory(folder_ / "new");
  write("new/a.yaml", rule("a"));
  EXPECT_EQ(names_when({"a"}), Names{"a"});
  write("new/b.yaml", rule("b"));
  EXPECT_EQ(names_when({"a", "b"}), (Names{"a", "b"}));
}

/// What Kubernetes does to a mounted ConfigMap: the files are links into ..data, which is a link that is
/// swapped.
TEST_F(DirectorySourceTest, SeesAConfigMapSwapped) {
  fs::create_directory(folder_ / "..1");
  write("..1/a.yaml", rule("first"));
  fs::create_symlink("..1", folder_ / "..data");
  fs::create_symlink("..data/a.yaml", folder_ / "a.yaml");
  start();
  EXPECT_EQ(names(), Names{"first"});
  fs::create_directory(folder_ / "..2");
  write("..2/a.yaml", rule("second"));
  fs::create_symlink("..2", folder_ / "..data_tmp");
  fs::rename(folder_ / "..data_tmp", folder_ / "..data");
  EXPECT_EQ(names_when({"second"}), Names{"second"});
}

TEST_F(DirectorySourceTest, FollowsASingleFileThroughItsReplacement) {
  const std::string path = write("only.yaml", rule("a"));
  write("other.yaml", rule("other"));
  start({path});
  EXPECT_EQ(names(), Names{"a"});
  write("next", rule("b"));
  fs::rename(folder_ / "next", path);
  EXPECT_EQ(names_when({"b"}), Names{"b"});
}

TEST_F(DirectorySourceTest, MissingFileIsAnErrorUntilItIsThere) {
  start({(folder_ / "later.yaml").string()});
  ASSERT_EQ(source_->list().findings.size(), 1U);
  EXPECT_EQ(istio::to_string(source_->list().findings[0]),
            (folder_ / "later.yaml").string() + ": error: cannot be read: No such file or directory");
  write("later.yaml", rule("a"));
  EXPECT_EQ(names_when({"a"}), Names{"a"});
  EXPECT_TRUE(source_->list().findings.empty());
}

TEST_F(DirectorySourceTest, AVanishedFolderKeepsItsResources) {
  fs::create_directory(folder_ / "conf");
  write("conf/a.yaml", rule("a"));
  start({(folder_ / "conf").string()});
  fs::rename(folder_ / "conf", folder_ / "away");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (changes_ == 0 && std::chrono::steady_clock::now() < deadline) {
    context_.run_one_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(names(), Names{"a"});
  EXPECT_TRUE(istio::has_errors(source_->list().findings));
}

TEST_F(DirectorySourceTest, ABurstIsOneChange) {
  start();
  for (int i = 0; i < 20; ++i) write("f" + std::to_string(i) + ".yaml", rule("r" + std::to_string(i)));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (names().size() < 20 && std::chrono::steady_clock::now() < deadline) {
    context_.run_one_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(names().size(), 20U);
  EXPECT_EQ(changes_, 1);
}

}  // namespace
}  // namespace remora::xds
