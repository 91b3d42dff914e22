// SPDX-License-Identifier: Apache-2.0
// The survey of what PTX needs: it must find what the machine lacks, or its silence means nothing.
#include "tests/survey/survey.h"

#include <string>

#include "tests/support/test.h"

namespace {

std::string kernel(const std::string& body) {
  return ".version 7.5\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 p) {\n"
         ".reg .b32 %r<4>; .reg .b64 %rd<4>; .reg .f32 %f<6>;\n" +
         body + "\nret;\n}\n";
}

}  // namespace

TEST_CASE("a text whose every instruction runs has nothing to report", "[unit][survey]") {
  vgpu::survey::Survey survey;
  survey.add(kernel("mov.u32 %r1, %tid.x; add.s32 %r2, %r1, 1;"));
  CHECK(survey.missing().empty());
  CHECK(survey.refused().empty());
  CHECK(survey.kernels() == 1);
  CHECK(survey.instructions() == 3);
}

TEST_CASE("a form that the machine lacks is counted, with the kernel that uses it", "[unit][survey]") {
  vgpu::survey::Survey survey;
  survey.add(kernel("add.bogus.u32 %r1, %r2, %r3; add.bogus.u32 %r1, %r2, %r3;"));
  REQUIRE(survey.missing().count("add.bogus.u32") == 1);
  const vgpu::survey::Form& form = survey.missing().at("add.bogus.u32");
  CHECK(form.count == 2);
  CHECK(form.functions.count("k") == 1);
  CHECK(form.targets.count(75) == 1);
  CHECK(survey.refused().size() == 1);
}

TEST_CASE("a text that does not parse is a reason for refusal", "[unit][survey]") {
  vgpu::survey::Survey survey;
  survey.add("this is no PTX");
  CHECK(survey.missing().empty());
  CHECK(survey.refused().size() == 1);
}
