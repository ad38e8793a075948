// What does a layer do, number by number? The kernels of the networks that run inside a page.
//
// One image at a time, on one thread, in float32. A map is [channel][row][column]. The vectors are the 128 bits that
// every browser has: four numbers. Built by make.py into kernels.js.
//
// Two habits keep the loops short. Vectors may read up to 64 bytes behind the end of a map, where worker.js leaves
// room. And they may write up to three numbers behind the end of a row: maps are written from front to back, so the
// next row overwrites them.
#include "vectors.h"

// An activation is a pair of bounds: ReLU is 0 and infinity, ReLU6 is 0 and 6.
INLINE vec clamp(vec x, float low, float high) {
  x = (vec)wasm_f32x4_pmax((v128_t)splat(low), (v128_t)x);
  return (vec)wasm_f32x4_pmin((v128_t)splat(high), (v128_t)x);
}

// ---------------------------------------------------------------------------------------------- numbers from nowhere

// An integer hash by C. Wellons (lowbias32): every bit of the place decides over every bit of the result.
INLINE unsigned mix(unsigned x) {
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}
// From -bound to bound; weights.py computes the same numbers.
INLINE float hashed(unsigned place, double bound) { return (float)((mix(place) / 2147483648.0 - 1) * bound); }

EXPORT(fill)
void fill(int count, unsigned place, double bound, float *to) {
  for (int i = 0; i < count; i++) to[i] = hashed(place + i, bound);
}

// ---------------------------------------------------------------------------------- convolution as a matrix product
//
// The filters are a matrix with a row for each output channel. The windows of the map are a matrix with a column for
// each output pixel. Their product is the convolution. It is computed in tiles of 4 rows and 8 columns, whose 32 sums
// stay in registers: each number that is read is used 4 or 8 times. Larger tiles need more registers than a processor
// with vectors of 128 bits has.
enum { ROWS = 4, COLUMNS = 8 };
// So much of the windows' matrix is copied at a time, strip by strip of 8 columns, and then stays in the cache. The 16
// numbers between the strips keep them from all falling on the same lines of the cache.
enum { DEPTH = 256, WIDTH = 512, STRIP = DEPTH * COLUMNS + 16 };
static float strips[WIDTH / COLUMNS * STRIP] __attribute__((aligned(64)));
static float line[WIDTH + COLUMNS] __attribute__((aligned(64)));

// The hashed filters in the order in which the tiles read them: 4 rows side by side, zeros below the last.
EXPORT(fill_rows)
void fill_rows(int rows, int depth, unsigned place, double bound, float *to) {
  for (int i = 0; i < rows; i += ROWS)
    for (int p = 0; p < depth; p++)
      for (int r = i; r < i + ROWS; r++) *to++ = r < rows ? hashed(place + r * depth + p, bound) : 0;
}

typedef struct {
  int height, width, out_width, kernel, stride, padding;
} Geometry;

// One row of the windows' matrix, `count` columns from `first`: the pixels that one weight of the filter meets.
static void windows(const float *map, Geometry g, int dy, int dx, int first, int count, float *to) {
  for (int done = 0; done < count;) {
    int row = (first + done) / g.out_width, column = (first + done) % g.out_width;
    int length = least(g.out_width - column, count - done);  // to the end of this row of the output
    int y = row * g.stride + dy - g.padding, x = column * g.stride + dx - g.padding;
    const float *from = map + y * g.width;
    float *out = to + done;
    done += length;
    int i = 0;
    if (y < 0 || y >= g.height) {
      for (; i < length; i++) out[i] = 0;
      continue;
    }
    for (; i < length && x < 0; i++, x += g.stride) out[i] = 0;
    int inside = least(length, i + (g.width - x + g.stride - 1) / g.stride);
    if (g.stride == 1)
      for (; i < inside; i++, x++) out[i] = from[x];
    else
      for (; i < inside; i++, x += g.stride) out[i] = from[x];
    for (; i < length; i++) out[i] = 0;
  }
}

static void pack(const float *x, Geometry g, int first_row, int depth, int first_column, int width) {
  int area = g.height * g.width, window = g.kernel * g.kernel;
  for (int p = 0; p < depth; p++) {
    int channel = (first_row + p) / window, weight = (first_row + p) % window;
    const float *from = x + channel * area + first_column;  // all there is to a 1x1 convolution
    if (window > 1 || g.stride > 1) {
      windows(x + channel * area, g, weight / g.kernel, weight % g.kernel, first_column, width, line);
      from = line;
    }
    float *to = strips + p * COLUMNS;
    for (int j = 0; j < width; j += COLUMNS, to += STRIP) {
      store(to, load(from + j));
      store(to + 4, load(from + j + 4));
    }
  }
}

// What happens to a tile when its sums are done.
typedef struct {
  int begin, end;  // whether this is the first, the last part of the sums
  const float *bias;
  float low, high;
} Finish;

INLINE void finish_row(vec a, vec b, int row, int columns, Finish f, float *y) {
  if (columns == COLUMNS) {
    if (!f.begin) a += load(y), b += load(y + 4);
    if (f.end) {
      a = clamp(a + splat(f.bias[row]), f.low, f.high);
      b = clamp(b + splat(f.bias[row]), f.low, f.high);
    }
    store(y, a);
    store(y + 4, b);
    return;
  }
  float sums[COLUMNS];
  store(sums, a);
  store(sums + 4, b);
  for (int j = 0; j < columns; j++) {
    float sum = sums[j] + (f.begin ? 0 : y[j]);
    if (f.end) {
      sum += f.bias[row];
      sum = sum < f.low ? f.low : sum > f.high ? f.high : sum;
    }
    y[j] = sum;
  }
}

static void tile(int depth, const float *a, const float *b, int rows, int columns, Finish f, float *y, int pixels) {
  vec s00 = {}, s01 = {}, s10 = {}, s11 = {}, s20 = {}, s21 = {}, s30 = {}, s31 = {};
  for (int p = 0; p < depth; p++, a += ROWS, b += COLUMNS) {
    vec b0 = load(b), b1 = load(b + 4);
    vec a0 = splat(a[0]), a1 = splat(a[1]), a2 = splat(a[2]), a3 = splat(a[3]);
    s00 += a0 * b0, s01 += a0 * b1;
    s10 += a1 * b0, s11 += a1 * b1;
    s20 += a2 * b0, s21 += a2 * b1;
    s30 += a3 * b0, s31 += a3 * b1;
  }
  finish_row(s00, s01, 0, columns, f, y);
  if (rows > 1) finish_row(s10, s11, 1, columns, f, y + pixels);
  if (rows > 2) finish_row(s20, s21, 2, columns, f, y + 2 * pixels);
  if (rows > 3) finish_row(s30, s31, 3, columns, f, y + 3 * pixels);
}

// A convolution, grouped or not; `rows` as fill_rows lays them out, for each group its own.
EXPORT(convolution)
void convolution(int channels, int height, int width, int out_channels, int out_height, int out_width, int kernel,
                 int stride, int padding, int groups, const float *x, const float *rows, const float *bias, float low,
                 float high, float *y) {
  Geometry g = {height, width, out_width, kernel, stride, padding};
  int pixels = out_height * out_width, outs = out_channels / groups, ins = channels / groups;
  int sum = ins * kernel * kernel, strips_of_rows = (outs + ROWS - 1) / ROWS;
  for (int group = 0; group < groups; group++) {
    for (int j0 = 0; j0 < pixels; j0 += WIDTH)
      for (int p0 = 0; p0 < sum; p0 += DEPTH) {
        int columns = least(WIDTH, pixels - j0), depth = least(DEPTH, sum - p0);
        pack(x, g, p0, depth, j0, columns);
        // 32 strips of filters, 128 kB at most, are used for all columns before the next ones are read.
        for (int i0 = 0; i0 < strips_of_rows; i0 += 32)
          for (int j = 0; j < columns; j += COLUMNS)
            for (int i = i0; i < least(i0 + 32, strips_of_rows); i++) {
              Finish f = {p0 == 0, p0 + depth == sum, bias + i * ROWS, low, high};
              const float *a = rows + (i * sum + p0) * ROWS, *b = strips + j / COLUMNS * STRIP;
              float *to = y + i * ROWS * pixels + j0 + j;
              tile(depth, a, b, least(ROWS, outs - i * ROWS), least(COLUMNS, columns - j), f, to, pixels);
            }
      }
    x += ins * height * width;
    y += outs * pixels;
    rows += strips_of_rows * ROWS * sum;
    bias += outs;
  }
}

// A linear layer, or a 1x1 convolution of one pixel: there is nothing to be used twice but x, and four rows share it.
EXPORT(linear)
void linear(int ins, int outs, const float *x, const float *rows, const float *bias, float low, float high, float *y) {
  for (int i = 0; i < outs; i += ROWS, rows += ins * ROWS) {
    vec even = {}, odd = {};  // two sums, so that one addition need not wait for the one before
    int p = 0;
    for (; p + 2 <= ins; p += 2) {
      even += splat(x[p]) * load(rows + p * ROWS);
      odd += splat(x[p + 1]) * load(rows + p * ROWS + ROWS);
    }
    if (p < ins) even += splat(x[p]) * load(rows + p * ROWS);
    store(y + i, clamp(even + odd + load(bias + i), low, high));
  }
}

// ------------------------------------------------------------------------------------------- depthwise convolution
//
// One filter a map, so no matrix product: nothing is shared between maps. Each map is copied into a frame of zeros,
// after which no window needs to ask where it is.

// Four pixels of a row, `stride` apart.
INLINE vec four(const float *from, int stride) {
  if (stride == 1) return load(from);
  if (stride == 2) return __builtin_shufflevector(load(from), load(from + 4), 0, 2, 4, 6);
  return (vec){from[0], from[stride], from[2 * stride], from[3 * stride]};
}

// Inlined with numbers for kernel and stride, so that the two inner loops are unrolled.
INLINE void filter(int kernel, int stride, int frame, int out_height, int out_width, const float *x, const float *w,
                   float bias, float low, float high, float *y) {
  for (int row = 0; row < out_height; row++, y += out_width)
    for (int column = 0; column < out_width; column += 4) {
      vec sum = splat(bias);
      const float *from = x + row * stride * frame + column * stride;
      for (int dy = 0; dy < kernel; dy++)
        for (int dx = 0; dx < kernel; dx++)
          sum += splat(w[dy * kernel + dx]) * four(from + dy * frame + dx, stride);
      store(y + column, clamp(sum, low, high));
    }
}

// `scratch` holds the frame: height and width with `padding` zeros before and `kernel` behind, and the room of a row.
EXPORT(depthwise)
void depthwise(int channels, int height, int width, int out_channels, int out_height, int out_width, int kernel,
               int stride, int padding, const float *x, const float *w, const float *bias, float low, float high,
               float *y, float *scratch) {
  int frame = width + padding + kernel, copies = out_channels / channels;
  for (int i = 0; i < (height + padding + kernel) * frame; i++) scratch[i] = 0;
  for (int i = 0; i < out_channels; i++, w += kernel * kernel, y += out_height * out_width) {
    if (i % copies == 0)
      for (int row = 0; row < height; row++, x += width)
        __builtin_memcpy(scratch + (row + padding) * frame + padding, x, width * sizeof(float));
#define CASE(k, s) \
  if (kernel == k && stride == s) filter(k, s, frame, out_height, out_width, scratch, w, bias[i], low, high, y)
    CASE(3, 1);
    else CASE(3, 2);
    else CASE(5, 1);
    else CASE(5, 2);
    else filter(kernel, stride, frame, out_height, out_width, scratch, w, bias[i], low, high, y);
  }
}

// ------------------------------------------------------------------------------------------------------- the others

// y = x * scale + shift, with one of each a map (a null pointer: none): batch norms that no convolution took in, the
// gates of squeeze-and-excitation, and activations alone.
EXPORT(affine)
void affine(int maps, int size, const float *x, const float *scale, const float *shift, float low, float high,
            float *y) {
  for (int i = 0; i < maps; i++, x += size, y += size) {
    vec a = splat(scale ? scale[i] : 1), b = splat(shift ? shift[i] : 0);
    for (int j = 0; j < size; j += 4) store(y + j, clamp(load(x + j) * a + b, low, high));
  }
}

EXPORT(add)
void add(int count, const float *a, const float *b, float low, float high, float *y) {
  for (int i = 0; i < count; i += 4) store(y + i, clamp(load(a + i) + load(b + i), low, high));
}

EXPORT(mean)
void mean(int maps, int size, const float *x, float *y) {
  for (int i = 0; i < maps; i++, x += size) {
    vec sums = {};
    int j = 0;
    for (; j + 4 <= size; j += 4) sums += load(x + j);
    float sum = sums[0] + sums[1] + sums[2] + sums[3];
    for (; j < size; j++) sum += x[j];
    y[i] = sum / size;
  }
}

INLINE vec larger(vec a, vec b) { return (vec)wasm_f32x4_pmax((v128_t)a, (v128_t)b); }

// The largest number of each window, or the mean with zeros around the map: first down the columns, then along the row.
EXPORT(pool)
void pool(int maps, int height, int width, int out_height, int out_width, int kernel, int stride, int padding,
          int average, const float *x, float *y, float *scratch) {
  for (int i = 0; i < maps; i++, x += height * width)
    for (int row = 0; row < out_height; row++, y += out_width) {
      int top = row * stride - padding, bottom = least(height, top + kernel);
      top = most(top, 0);
      for (int q = 0; q < width; q += 4) {
        vec found = load(x + top * width + q);
        for (int r = top + 1; r < bottom; r++) {
          vec next = load(x + r * width + q);
          found = average ? found + next : larger(found, next);
        }
        store(scratch + q, found);
      }
      for (int column = 0; column < out_width; column++) {
        int left = column * stride - padding, right = least(width, left + kernel);
        left = most(left, 0);
        float found = scratch[left];
        for (int q = left + 1; q < right; q++)
          found = average ? found + scratch[q] : scratch[q] > found ? scratch[q] : found;
        y[column] = average ? found / (kernel * kernel) : found;
      }
    }
}

// AlexNet's norm among neighbouring channels: x / (k + alpha / neighbours * the sum of their squares) ** 0.75.
EXPORT(response_norm)
void response_norm(int maps, int size, int neighbours, float alpha, float k, const float *x, float *y) {
  for (int i = 0; i < maps; i++, y += size) {
    int first = most(0, i - neighbours / 2), last = least(maps - 1, i + (neighbours - 1) / 2);
    for (int j = 0; j < size; j += 4) {
      vec sum = {};
      for (int c = first; c <= last; c++) {
        vec other = load(x + c * size + j);
        sum += other * other;
      }
      vec root = __builtin_elementwise_sqrt(splat(k) + splat(alpha / neighbours) * sum);
      store(y + j, load(x + i * size + j) / (root * __builtin_elementwise_sqrt(root)));
    }
  }
}

// The channels as a table with a row for each group, read column by column.
EXPORT(shuffle)
void shuffle(int groups, int channels, int size, const float *x, float *y) {
  int columns = channels / groups;
  for (int column = 0; column < columns; column++)
    for (int group = 0; group < groups; group++, y += size)
      __builtin_memcpy(y, x + (group * columns + column) * size, size * sizeof(float));
}
