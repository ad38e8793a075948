// What all kernels are made of: vectors of four numbers, as every browser has them, and functions that pages may call.
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(16), aligned(4)));

INLINE vec load(const float *from) { return *(const vec *)from; }
INLINE void store(float *to, vec x) { *(vec *)to = x; }
INLINE vec splat(float x) { return (vec){x, x, x, x}; }
INLINE int least(int a, int b) { return a < b ? a : b; }
INLINE int most(int a, int b) { return a > b ? a : b; }
INLINE float sum4(vec x) { return x[0] + x[1] + x[2] + x[3]; }
