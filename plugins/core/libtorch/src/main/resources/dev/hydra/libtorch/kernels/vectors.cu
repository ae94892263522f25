// Elements in memory (float32 or bfloat16) and the vectors of them, at most 16 bytes an access, that
// a thread reads and writes. Arithmetic is float32 throughout.
//
// Chosen by the host when it compiles, each 0 or 1: ELEMENT_BF16, WEIGHT_BF16, STREAM_BF16,
// INPUT_BF16.

struct bf16 {
  unsigned short bits;
};

template <int IS_BF16>
struct Choose {
  typedef float type;
};
template <>
struct Choose<1> {
  typedef bf16 type;
};

#ifndef ELEMENT_BF16
#define ELEMENT_BF16 1
#endif
#ifndef WEIGHT_BF16
#define WEIGHT_BF16 0
#endif
#ifndef STREAM_BF16
#define STREAM_BF16 ELEMENT_BF16
#endif
#ifndef INPUT_BF16
#define INPUT_BF16 ELEMENT_BF16
#endif
typedef Choose<ELEMENT_BF16>::type Element;  // activations and their gradients
typedef Choose<WEIGHT_BF16>::type Weight;    // weights and their gradients
typedef Choose<STREAM_BF16>::type Stream;    // the residual stream and its gradient
typedef Choose<INPUT_BF16>::type Input;      // inputs of another type than what is made of them

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(bf16 x) { return low_bf16(x.bits); }

__device__ __forceinline__ void from_float(float x, float& to) { to = x; }
__device__ __forceinline__ void from_float(float x, bf16& to) {
  to.bits = (unsigned short)pack_bf16(x, 0.f);
}

// What a value becomes when it is stored as T and read again.
template <class T>
__device__ __forceinline__ float rounded(float x) {
  T stored;
  from_float(x, stored);
  return to_float(stored);
}

// N elements as they lie in memory. Kept so until used: packed bf16 take half the registers.
template <class T, int N>
struct __align__(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Vector {
  T at[N];

  __device__ __forceinline__ void unpack(float (&to)[N]) const {
#pragma unroll
    for (int i = 0; i < N; i++) to[i] = to_float(at[i]);
  }

  __device__ __forceinline__ void pack(const float (&from)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) from_float(from[i], at[i]);
  }
};

template <int N>
struct __align__(2 * N < 16 ? 2 * N : 16) PackedPairs {
  unsigned pairs[N / 2];

  __device__ __forceinline__ void unpack(float (&to)[N]) const {
#pragma unroll
    for (int i = 0; i < N / 2; i++) {
      to[2 * i] = __uint_as_float(pairs[i] << 16);
      to[2 * i + 1] = __uint_as_float(pairs[i] & 0xffff0000u);
    }
  }

  __device__ __forceinline__ void pack(const float (&from)[N]) {
#pragma unroll
    for (int i = 0; i < N / 2; i++) pairs[i] = pack_bf16(from[2 * i], from[2 * i + 1]);
  }
};

template <>
struct Vector<bf16, 2> : PackedPairs<2> {};
template <>
struct Vector<bf16, 4> : PackedPairs<4> {};
template <>
struct Vector<bf16, 8> : PackedPairs<8> {};

template <int N, class T>
__device__ __forceinline__ Vector<T, N> load(const T* from) {
  return *reinterpret_cast<const Vector<T, N>*>(from);
}

template <class T, int N>
__device__ __forceinline__ Vector<T, N> zeros() {
  Vector<T, N> none;
  float zero[N];
#pragma unroll
  for (int i = 0; i < N; i++) zero[i] = 0.f;
  none.pack(zero);
  return none;
}

template <class T, int N>
__device__ __forceinline__ void store(T* to, const float (&values)[N]) {
  Vector<T, N> packed;
  packed.pack(values);
  *reinterpret_cast<Vector<T, N>*>(to) = packed;
}

template <int N, class T>
__device__ __forceinline__ void load_floats(const T* from, float (&to)[N]) {
  load<N>(from).unpack(to);
}
