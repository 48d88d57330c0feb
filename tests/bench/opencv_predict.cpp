// A contender of predict_speed.py: pictures of a folder by OpenCV, scores by LibTorch, one line of CSV each.
//
//   opencv_predict MODEL.pt FOLDER OUT.csv

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/script.h>

namespace {

constexpr std::size_t batch = 16;

torch::Tensor read(const std::vector<std::string>& files, std::size_t begin, std::size_t end) {
  std::vector<torch::Tensor> pictures;
  for (std::size_t index = begin; index < end; ++index) {
    cv::Mat picture = cv::imread(files[index], cv::IMREAD_COLOR);
    cv::cvtColor(picture, picture, cv::COLOR_BGR2RGB);
    pictures.push_back(torch::from_blob(picture.data, {picture.rows, picture.cols, 3}, torch::kUInt8).clone());
  }
  return torch::stack(pictures);
}

}  // namespace

int main(int, char** argv) {
  at::set_num_threads(1);
  cv::setNumThreads(1);
  const torch::InferenceMode no_gradients;
  auto model = torch::jit::load(argv[1]);
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[2])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::ofstream out(argv[3]);
  out.precision(9);
  for (std::size_t begin = 0; begin < files.size(); begin += batch) {
    const auto scores = model.forward({read(files, begin, std::min(begin + batch, files.size()))}).toTensor().contiguous();
    for (std::int64_t row = 0; row < scores.size(0); ++row) {
      for (std::int64_t column = 0; column < scores.size(1); ++column) {
        out << (column == 0 ? "" : ",") << scores[row][column].item<float>();
      }
      out << '\n';
    }
  }
}
