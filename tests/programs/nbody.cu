// SPDX-License-Identifier: Apache-2.0
// Gravity between bodies in double precision, tiles of positions in shared memory; compared with the same sum on the
// CPU, and the total momentum must stay what it was.
#include "check.h"

#include <cmath>
#include <vector>

constexpr int kBodies = 256, kBlock = 64, kSteps = 4;
constexpr double kSoftening = 0.01, kStep = 1e-3;

struct alignas(16) Body {
  double x, y, z, w;  // Position and mass.
};

__host__ __device__ inline void pull(double3& acceleration, double3 self, Body other) {
  const double x = other.x - self.x, y = other.y - self.y, z = other.z - self.z;
  const double square = x * x + y * y + z * z + kSoftening;
  const double scale = other.w / (square * sqrt(square));
  acceleration.x += x * scale;
  acceleration.y += y * scale;
  acceleration.z += z * scale;
}

__global__ void accelerate(const Body* bodies, double3* velocities) {
  __shared__ Body tile[kBlock];
  const int i = blockIdx.x * kBlock + threadIdx.x;
  const double3 self = make_double3(bodies[i].x, bodies[i].y, bodies[i].z);
  double3 sum = make_double3(0, 0, 0);
  for (int first = 0; first < kBodies; first += kBlock) {
    tile[threadIdx.x] = bodies[first + threadIdx.x];
    __syncthreads();
    for (int j = 0; j < kBlock; ++j) pull(sum, self, tile[j]);
    __syncthreads();
  }
  velocities[i].x += sum.x * kStep;
  velocities[i].y += sum.y * kStep;
  velocities[i].z += sum.z * kStep;
}

__global__ void move(Body* bodies, const double3* velocities) {
  const int i = blockIdx.x * kBlock + threadIdx.x;
  bodies[i].x += velocities[i].x * kStep;
  bodies[i].y += velocities[i].y * kStep;
  bodies[i].z += velocities[i].z * kStep;
}

static void step_on_cpu(std::vector<Body>& bodies, std::vector<double3>& velocities) {
  for (int i = 0; i < kBodies; ++i) {
    double3 sum = make_double3(0, 0, 0);
    for (int j = 0; j < kBodies; ++j) pull(sum, make_double3(bodies[i].x, bodies[i].y, bodies[i].z), bodies[j]);
    velocities[i].x += sum.x * kStep;
    velocities[i].y += sum.y * kStep;
    velocities[i].z += sum.z * kStep;
  }
  for (int i = 0; i < kBodies; ++i) {
    bodies[i].x += velocities[i].x * kStep;
    bodies[i].y += velocities[i].y * kStep;
    bodies[i].z += velocities[i].z * kStep;
  }
}

int main() {
  std::vector<Body> bodies(kBodies), result(kBodies);
  std::vector<double3> velocities(kBodies, make_double3(0, 0, 0)), speeds(kBodies);
  Random random;
  for (Body& b : bodies) b = Body{random.unit(), random.unit(), random.unit(), 0.5 + random.unit()};
  DeviceArray<Body> dbodies(kBodies);
  DeviceArray<double3> dvelocities(kBodies);
  dbodies.set(bodies.data());
  dvelocities.clear();
  for (int s = 0; s < kSteps; ++s) {
    accelerate<<<kBodies / kBlock, kBlock>>>(dbodies.get(), dvelocities.get());
    move<<<kBodies / kBlock, kBlock>>>(dbodies.get(), dvelocities.get());
    step_on_cpu(bodies, velocities);
  }
  CHECK_LAUNCH();
  dbodies.read(result.data());
  dvelocities.read(speeds.data());
  double worst = 0, momentum = 0;
  for (int i = 0; i < kBodies; ++i) {
    // Fused multiply-add on one side changes the last bits, nothing more.
    worst = std::fmax(worst, std::fabs(result[i].x - bodies[i].x) + std::fabs(speeds[i].y - velocities[i].y));
    momentum += speeds[i].x * bodies[i].w;
  }
  EXPECT(worst < 1e-9, "the GPU and the CPU differ by %g", worst);
  EXPECT(std::fabs(momentum) < 1e-9, "the total momentum became %g", momentum);
  std::printf("%d bodies, %d steps, difference %.1e, momentum %.1e\n", kBodies, kSteps, worst, momentum);
  return pass();
}
