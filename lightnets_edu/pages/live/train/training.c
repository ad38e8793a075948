// Training a small network inside a page: forward, backward and the step. Read it from top to bottom.
//
// All maps of a batch lie channel after channel: first those of channel 0, image after image, then those of channel 1.
// So a batch norm finds the numbers of a channel in one piece, a 1x1 convolution of the whole batch is one matrix
// product, and joining maps along their channels is copying. A "row" below is all that one channel has in the batch.
//
// Nothing is allocated here; trainer.js says where everything lies. Gradients are added to what is there, because a map
// that two others read gets two gradients; trainer.js clears them before each step.
#include "../vectors.h"

// ---------------------------------------------------------------------------------------------------- matrix products

// C += A B. A has m rows and k columns; the next row of A is `down` numbers away and the next column `right`, so that A
// can also be read as its transpose. B has k rows of n numbers, each `b_row` after the one before, and C likewise.
static void multiply(int m, int n, int k, const float *a, int down, int right, const float *b, int b_row, float *c,
                     int c_row) {
  for (int i = 0; i < m; i += 4) {
    int rows = least(4, m - i), j = 0;
    const float *a0 = a + i * down, *a1 = a0 + (rows > 1) * down, *a2 = a0 + (rows > 2) * 2 * down,
                *a3 = a0 + (rows > 3) * 3 * down;
    float *to = c + i * c_row;
    for (; j + 8 <= n; j += 8) {
      vec s00 = {}, s01 = {}, s10 = {}, s11 = {}, s20 = {}, s21 = {}, s30 = {}, s31 = {};
      const float *from = b + j;
      for (int p = 0; p < k; p++, from += b_row) {
        vec b0 = load(from), b1 = load(from + 4);
        int at = p * right;
        vec x0 = splat(a0[at]), x1 = splat(a1[at]), x2 = splat(a2[at]), x3 = splat(a3[at]);
        s00 += x0 * b0, s01 += x0 * b1;
        s10 += x1 * b0, s11 += x1 * b1;
        s20 += x2 * b0, s21 += x2 * b1;
        s30 += x3 * b0, s31 += x3 * b1;
      }
#define ADD(r, low, high) \
  if (rows > r) store(to + r * c_row + j, load(to + r * c_row + j) + low), \
      store(to + r * c_row + j + 4, load(to + r * c_row + j + 4) + high)
      ADD(0, s00, s01);
      ADD(1, s10, s11);
      ADD(2, s20, s21);
      ADD(3, s30, s31);
    }
    for (; j < n; j++)
      for (int r = 0; r < rows; r++) {
        float sum = 0;
        for (int p = 0; p < k; p++) sum += a[(i + r) * down + p * right] * b[p * b_row + j];
        to[r * c_row + j] += sum;
      }
  }
}

// C += A B', with rows of n numbers in A (m of them) and B (k of them): each number of C is the product of two rows.
static void multiply_rows(int m, int k, int n, const float *a, int a_row, const float *b, int b_row, float *c) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < k; j += 4) {
      int rows = least(4, k - j);
      const float *x = a + i * a_row, *y0 = b + j * b_row, *y1 = y0 + (rows > 1) * b_row,
                  *y2 = y0 + (rows > 2) * 2 * b_row, *y3 = y0 + (rows > 3) * 3 * b_row;
      vec s0 = {}, s1 = {}, s2 = {}, s3 = {};
      int p = 0;
      for (; p + 4 <= n; p += 4) {
        vec from = load(x + p);
        s0 += from * load(y0 + p), s1 += from * load(y1 + p), s2 += from * load(y2 + p), s3 += from * load(y3 + p);
      }
      float sums[4] = {sum4(s0), sum4(s1), sum4(s2), sum4(s3)};
      for (; p < n; p++) sums[0] += x[p] * y0[p], sums[1] += x[p] * y1[p], sums[2] += x[p] * y2[p], sums[3] += x[p] * y3[p];
      for (int r = 0; r < rows; r++) c[i * k + j + r] += sums[r];
    }
}

// --------------------------------------------------------------------------------------------------------- convolution

typedef struct {
  int images, channels, height, width, out_channels, out_height, out_width, kernel, stride, padding, groups;
} Shape;

// The windows of one image as a matrix: a row for each weight of a filter, a column for each pixel of the output.
static void windows(const float *x, Shape s, int channels, int channel_size, float *to) {
  int pixels = s.out_height * s.out_width;
  for (int c = 0; c < channels; c++, x += channel_size)
    for (int dy = 0; dy < s.kernel; dy++)
      for (int dx = 0; dx < s.kernel; dx++, to += pixels)
        for (int row = 0; row < s.out_height; row++) {
          int y = row * s.stride + dy - s.padding;
          float *out = to + row * s.out_width;
          for (int column = 0; column < s.out_width; column++) {
            int at = column * s.stride + dx - s.padding;
            out[column] = y < 0 || y >= s.height || at < 0 || at >= s.width ? 0 : x[y * s.width + at];
          }
        }
}

// The reverse: what the windows' gradients add to the pixels that they were copied from.
static void add_windows(const float *from, Shape s, int channels, int channel_size, float *dx_map) {
  int pixels = s.out_height * s.out_width;
  for (int c = 0; c < channels; c++, dx_map += channel_size)
    for (int dy = 0; dy < s.kernel; dy++)
      for (int dx = 0; dx < s.kernel; dx++, from += pixels)
        for (int row = 0; row < s.out_height; row++) {
          int y = row * s.stride + dy - s.padding;
          if (y < 0 || y >= s.height) continue;
          for (int column = 0; column < s.out_width; column++) {
            int at = column * s.stride + dx - s.padding;
            if (at >= 0 && at < s.width) dx_map[y * s.width + at] += from[row * s.out_width + column];
          }
        }
}

// A 1x1 convolution with stride 1 needs no windows: its map is their matrix already, that of the whole batch.
INLINE int is_pointwise(Shape s) { return s.kernel == 1 && s.stride == 1 && s.padding == 0; }

#define SHAPE \
  int images, int channels, int height, int width, int out_channels, int out_height, int out_width, int kernel, \
      int stride, int padding, int groups
#define SHAPE_OF \
  {images, channels, height, width, out_channels, out_height, out_width, kernel, stride, padding, groups}

// y = w * x + bias (a null pointer: no biases). `scratch` holds the windows of one image and one group.
EXPORT(convolve)
void convolve(SHAPE, const float *x, const float *w, const float *bias, float *y, float *scratch) {
  Shape s = SHAPE_OF;
  int area = height * width, pixels = out_height * out_width, ins = channels / groups, outs = out_channels / groups;
  int depth = ins * kernel * kernel, x_row = images * area, y_row = images * pixels;
  for (int c = 0; c < out_channels; c++)
    for (int p = 0; p < y_row; p++) y[c * y_row + p] = bias ? bias[c] : 0;
  for (int g = 0; g < groups; g++, x += ins * x_row, y += outs * y_row, w += outs * depth) {
    if (is_pointwise(s)) {
      multiply(outs, y_row, depth, w, depth, 1, x, x_row, y, y_row);
      continue;
    }
    for (int n = 0; n < images; n++) {
      windows(x + n * area, s, ins, x_row, scratch);
      multiply(outs, pixels, depth, w, depth, 1, scratch, pixels, y + n * pixels, y_row);
    }
  }
}

// The gradients of weights, biases and input (null pointers: not wanted) from that of the output. `scratch` holds twice
// the windows of one image and one group.
EXPORT(convolve_back)
void convolve_back(SHAPE, const float *x, const float *w, const float *dy, float *dw, float *dbias, float *dx,
                   float *scratch) {
  Shape s = SHAPE_OF;
  int area = height * width, pixels = out_height * out_width, ins = channels / groups, outs = out_channels / groups;
  int depth = ins * kernel * kernel, x_row = images * area, y_row = images * pixels;
  if (dbias)
    for (int c = 0; c < out_channels; c++) {
      float sum = 0;
      for (int p = 0; p < y_row; p++) sum += dy[c * y_row + p];
      dbias[c] += sum;
    }
  for (int g = 0; g < groups; g++, x += ins * x_row, dy += outs * y_row, w += outs * depth, dw += outs * depth) {
    if (is_pointwise(s)) {
      multiply_rows(outs, depth, y_row, dy, y_row, x, x_row, dw);
      if (dx) multiply(depth, y_row, outs, w, 1, depth, dy, y_row, dx, x_row);
    } else
      for (int n = 0; n < images; n++) {
        windows(x + n * area, s, ins, x_row, scratch);
        multiply_rows(outs, depth, pixels, dy + n * pixels, y_row, scratch, pixels, dw);
        if (!dx) continue;
        float *gradients = scratch + depth * pixels;
        for (int p = 0; p < depth * pixels; p++) gradients[p] = 0;
        multiply(depth, pixels, outs, w, 1, depth, dy + n * pixels, y_row, gradients, pixels);
        add_windows(gradients, s, ins, x_row, dx + n * area);
      }
    if (dx) dx += ins * x_row;
  }
}

// One filter a channel. For each weight the map is shifted, multiplied and added, row by row.
EXPORT(depthwise)
void depthwise(SHAPE, const float *x, const float *w, const float *bias, float *y) {
  int area = height * width, pixels = out_height * out_width, copies = out_channels / channels;
  for (int c = 0; c < out_channels; c++)
    for (int n = 0; n < images; n++) {
      const float *from = x + (c / copies * images + n) * area;
      float *to = y + (c * images + n) * pixels;
      for (int p = 0; p < pixels; p++) to[p] = bias ? bias[c] : 0;
      for (int dy = 0; dy < kernel; dy++)
        for (int dx = 0; dx < kernel; dx++) {
          float weight = w[(c * kernel + dy) * kernel + dx];
          // The columns and rows of the output whose pixel lies inside of the map.
          int first = most(0, (padding - dx + stride - 1) / stride);
          int last = least(out_width, (width - 1 + padding - dx) / stride + 1);
          for (int row = 0; row < out_height; row++) {
            int at = row * stride + dy - padding;
            if (at < 0 || at >= height) continue;
            const float *in = from + at * width + dx - padding;
            float *out = to + row * out_width;
            if (stride == 1)
              for (int q = first; q < last; q++) out[q] += weight * in[q];
            else
              for (int q = first; q < last; q++) out[q] += weight * in[q * stride];
          }
        }
    }
}

EXPORT(depthwise_back)
void depthwise_back(SHAPE, const float *x, const float *w, const float *dy_map, float *dw, float *dbias,
                    float *dx_map) {
  int area = height * width, pixels = out_height * out_width, copies = out_channels / channels;
  for (int c = 0; c < out_channels; c++)
    for (int n = 0; n < images; n++) {
      const float *from = x + (c / copies * images + n) * area, *gradient = dy_map + (c * images + n) * pixels;
      float *to = dx_map + (c / copies * images + n) * area;
      if (dbias) {
        float sum = 0;
        for (int p = 0; p < pixels; p++) sum += gradient[p];
        dbias[c] += sum;
      }
      for (int dy = 0; dy < kernel; dy++)
        for (int dx = 0; dx < kernel; dx++) {
          int place = (c * kernel + dy) * kernel + dx;
          float weight = w[place], sum = 0;
          int first = most(0, (padding - dx + stride - 1) / stride);
          int last = least(out_width, (width - 1 + padding - dx) / stride + 1);
          for (int row = 0; row < out_height; row++) {
            int at = row * stride + dy - padding;
            if (at < 0 || at >= height) continue;
            int begin = at * width + dx - padding;
            const float *out = gradient + row * out_width, *in = from + begin;
            float *back = to + begin;
            int q = first;
            if (stride == 1) {
              vec sums = {};
              for (; q + 4 <= last; q += 4) {
                sums += load(out + q) * load(in + q);
                if (dx_map) store(back + q, load(back + q) + splat(weight) * load(out + q));
              }
              sum += sum4(sums);
            }
            for (; q < last; q++) {
              sum += out[q] * in[q * stride];
              if (dx_map) back[q * stride] += weight * out[q];
            }
          }
          dw[place] += sum;
        }
    }
}

// ---------------------------------------------------------------------------------------------------------- batch norm

// In training: each channel is shifted and scaled to mean 0 and variance 1 over the batch, then by two learned numbers.
// `saved` keeps mean and 1 / deviation for the way back; the running statistics move a tenth of the way, PyTorch's
// momentum, with the unbiased variance.
EXPORT(norm)
void norm(int channels, int count, const float *x, const float *scale, const float *shift, float *mean, float *variance,
          float momentum, float epsilon, float *saved, float *y) {
  for (int c = 0; c < channels; c++, x += count, y += count) {
    double sum = 0, squares = 0;
    for (int p = 0; p < count; p++) sum += x[p];
    double middle = sum / count;
    for (int p = 0; p < count; p++) squares += (x[p] - middle) * (x[p] - middle);
    mean[c] += momentum * ((float)middle - mean[c]);
    variance[c] += momentum * ((float)(squares / (count - 1)) - variance[c]);
    float deviation = 1 / __builtin_sqrt(squares / count + epsilon);
    saved[2 * c] = middle;
    saved[2 * c + 1] = deviation;
    float factor = scale[c] * deviation, term = shift[c] - factor * (float)middle;
    for (int p = 0; p < count; p++) y[p] = factor * x[p] + term;
  }
}

// With the running statistics, as a trained network predicts.
EXPORT(norm_fixed)
void norm_fixed(int channels, int count, const float *x, const float *scale, const float *shift, const float *mean,
                const float *variance, float epsilon, float *y) {
  for (int c = 0; c < channels; c++, x += count, y += count) {
    float factor = scale[c] / __builtin_sqrtf(variance[c] + epsilon), term = shift[c] - factor * mean[c];
    for (int p = 0; p < count; p++) y[p] = factor * x[p] + term;
  }
}

EXPORT(norm_back)
void norm_back(int channels, int count, const float *x, const float *scale, const float *saved, const float *dy,
               float *dscale, float *dshift, float *dx) {
  for (int c = 0; c < channels; c++, x += count, dy += count, dx += count) {
    float middle = saved[2 * c], deviation = saved[2 * c + 1];
    double sum = 0, products = 0;
    for (int p = 0; p < count; p++) sum += dy[p], products += dy[p] * (x[p] - middle) * deviation;
    dshift[c] += sum;
    dscale[c] += products;
    // Through the mean and the deviation, which depend on every number of the channel.
    float factor = scale[c] * deviation, mean_dy = sum / count, mean_product = products / count;
    for (int p = 0; p < count; p++) dx[p] += factor * (dy[p] - mean_dy - (x[p] - middle) * deviation * mean_product);
  }
}

// -------------------------------------------------------------------------------------------------- number by number

EXPORT(relu)
void relu(int count, const float *x, float high, float *y) {
  for (int p = 0; p < count; p++) y[p] = x[p] < 0 ? 0 : x[p] > high ? high : x[p];
}
EXPORT(relu_back)
void relu_back(int count, const float *x, float high, const float *dy, float *dx) {
  for (int p = 0; p < count; p++) dx[p] += x[p] > 0 && x[p] < high ? dy[p] : 0;
}
EXPORT(sigmoid_back)
void sigmoid_back(int count, const float *y, const float *dy, float *dx) {
  for (int p = 0; p < count; p++) dx[p] += dy[p] * y[p] * (1 - y[p]);
}
EXPORT(add)
void add(int count, const float *a, const float *b, float *y) {
  for (int p = 0; p < count; p++) y[p] = a[p] + b[p];
}
EXPORT(accumulate)
void accumulate(int count, const float *from, float *to) {
  for (int p = 0; p < count; p++) to[p] += from[p];
}

// -------------------------------------------------------------------------------------------------- maps and numbers

// The mean of each map: `maps` is channels times images.
EXPORT(mean)
void mean(int maps, int size, const float *x, float *y) {
  for (int i = 0; i < maps; i++, x += size) {
    float sum = 0;
    for (int p = 0; p < size; p++) sum += x[p];
    y[i] = sum / size;
  }
}
EXPORT(mean_back)
void mean_back(int maps, int size, const float *dy, float *dx) {
  for (int i = 0; i < maps; i++, dx += size)
    for (int p = 0; p < size; p++) dx[p] += dy[i] / size;
}

// A map times one number.
EXPORT(gate)
void gate(int maps, int size, const float *x, const float *gates, float *y) {
  for (int i = 0; i < maps; i++, x += size, y += size)
    for (int p = 0; p < size; p++) y[p] = gates[i] * x[p];
}
EXPORT(gate_back)
void gate_back(int maps, int size, const float *x, const float *gates, const float *dy, float *dx, float *dgates) {
  for (int i = 0; i < maps; i++, x += size, dy += size, dx += size) {
    float sum = 0;
    for (int p = 0; p < size; p++) sum += dy[p] * x[p], dx[p] += gates[i] * dy[p];
    dgates[i] += sum;
  }
}

// The largest number of each window; `chosen` remembers which, for the way back.
EXPORT(max_pool)
void max_pool(int maps, int height, int width, int out_height, int out_width, int kernel, int stride, int padding,
              const float *x, float *y, int *chosen) {
  for (int i = 0; i < maps; i++, x += height * width)
    for (int row = 0; row < out_height; row++)
      for (int column = 0; column < out_width; column++) {
        int top = row * stride - padding, left = column * stride - padding, best = -1;
        for (int r = most(0, top); r < least(height, top + kernel); r++)
          for (int q = most(0, left); q < least(width, left + kernel); q++)
            if (best < 0 || x[r * width + q] > x[best]) best = r * width + q;
        *y++ = x[best];
        *chosen++ = best;
      }
}
EXPORT(max_pool_back)
void max_pool_back(int maps, int size, int out_size, const int *chosen, const float *dy, float *dx) {
  for (int i = 0; i < maps; i++, dx += size)
    for (int p = 0; p < out_size; p++) dx[*chosen++] += *dy++;
}

// The mean of each window; the zeros around the map are counted.
EXPORT(avg_pool)
void avg_pool(int maps, int height, int width, int out_height, int out_width, int kernel, int stride, int padding,
              const float *x, float *y) {
  for (int i = 0; i < maps; i++, x += height * width)
    for (int row = 0; row < out_height; row++)
      for (int column = 0; column < out_width; column++) {
        int top = row * stride - padding, left = column * stride - padding;
        float sum = 0;
        for (int r = most(0, top); r < least(height, top + kernel); r++)
          for (int q = most(0, left); q < least(width, left + kernel); q++) sum += x[r * width + q];
        *y++ = sum / (kernel * kernel);
      }
}
EXPORT(avg_pool_back)
void avg_pool_back(int maps, int height, int width, int out_height, int out_width, int kernel, int stride, int padding,
                   const float *dy, float *dx) {
  for (int i = 0; i < maps; i++, dx += height * width)
    for (int row = 0; row < out_height; row++)
      for (int column = 0; column < out_width; column++) {
        int top = row * stride - padding, left = column * stride - padding;
        float part = *dy++ / (kernel * kernel);
        for (int r = most(0, top); r < least(height, top + kernel); r++)
          for (int q = most(0, left); q < least(width, left + kernel); q++) dx[r * width + q] += part;
      }
}

// ------------------------------------------------------------------------------------------------------------ the step

// Stochastic gradient descent with Nesterov's momentum and weight decay, in PyTorch's order.
EXPORT(descend)
void descend(int count, float rate, float momentum, float decay, float *w, const float *dw, float *velocity) {
  for (int p = 0; p < count; p++) {
    float gradient = dw[p] + decay * w[p];
    velocity[p] = momentum * velocity[p] + gradient;
    w[p] -= rate * (gradient + momentum * velocity[p]);
  }
}
