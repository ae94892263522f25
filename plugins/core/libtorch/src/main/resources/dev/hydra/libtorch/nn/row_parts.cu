// Where parts of groups of rows end: each group is cut into `parts` runs of rows that are about as
// long. Grid: ceil(groups * parts / 128). Block: 128 threads.
//
//   ends  int32 [groups]: where each group ends
//   cut   int32 [groups * parts]: where each part ends

extern "C" __global__ void __launch_bounds__(128) row_parts(
    const int* __restrict__ ends, int* __restrict__ cut, int groups, int parts) {
  int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= groups * parts) return;
  int group = i / parts, part = i % parts;
  int begin = group ? ends[group - 1] : 0;
  long long rows = ends[group] - begin;
  cut[i] = begin + (int)(rows * (part + 1) / parts);
}
